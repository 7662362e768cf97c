"""The plan that serves sources and sinks in their order, and potentials tight along it."""

from __future__ import annotations

from typing import Any

import numpy as np

from divkit.emd.answer import Indices, Vector


def north_west(a: Any, b: Any, rows: Any, columns: Any, mass: Any) -> None:
    """Fill in the n + m − 1 cells of the staircase from (0, 0) to (n − 1, m − 1), and their mass.

    It is the plan of the north-west corner rule (Peyré and Cuturi 2019, section 3.4.2), with the
    cells of mass 0 that connect it. Each step goes on in a row or in a column. Plain loops over
    anything that has entries: for lists as it is, compiled for arrays.
    """
    n, m = len(a), len(b)
    i, j = 0, 0
    supply, demand = a[0], b[0]
    # What roundings take from the side that is served in parts: a thousand parts would show.
    rest, in_parts = 0.0, 0
    for k in range(n + m - 1):
        # The last source serves whatever sinks are left, and the last sink takes what is left:
        # the masses agree but for rounding.
        moved = demand if i == n - 1 else supply if j == m - 1 else min(supply, demand)
        rows[k], columns[k], mass[k] = i, j, moved
        down = i < n - 1 and (supply <= demand or j == m - 1)
        whole = demand if down else supply
        left = whole - moved
        side = 1 if down else -1
        rest = (whole - left) - moved + (rest if side == in_parts else 0.0)
        in_parts = side
        whole = left + rest
        rest += left - whole
        if down:
            i, demand = i + 1, whole
            supply = a[i]
        elif j < m - 1:
            j, supply = j + 1, whole
            demand = b[j]


def potentials(rows: Indices, columns: Indices, cost: Vector) -> tuple[Vector, Vector]:
    """Return the potentials with f_0 = 0 and f_i + g_j = cost on every cell of a staircase."""
    # A step to the next row changes only f, a step to the next column only g. Long doubles keep
    # the roundings of many steps from adding up, where there are such.
    step = np.diff(cost)
    down = np.diff(rows) > 0
    f = np.cumsum(np.append(0.0, step[down]), dtype=np.longdouble)
    g = np.cumsum(np.append(cost[0], step[~down]), dtype=np.longdouble)
    return f.astype(np.float64), g.astype(np.float64)
