"""The plan that serves sources and sinks in their order, and potentials tight along it.

The cells of that plan form a staircase from (0, 0) to (n − 1, m − 1), n + m − 1 in all: each step
goes down to the next row or right to the next column, as recorded in an array of n + m − 2
booleans. The loops run interpreted on lists and compiled on arrays
(`divkit.emd._on_line.staircase_loops`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from divkit._forks import loading
from divkit.emd._solver_types import Indices, Vector


def cells(down: Any) -> tuple[Indices, Indices]:
    """Return the rows and the columns of the cells."""
    rows = np.append(0, np.cumsum(down))
    return rows, np.arange(rows.size) - rows


def plan(x_order: Indices, y_order: Indices, rows: Indices, columns: Indices, mass: Vector) -> Any:
    """Return the plan for the points as given, a csr_array, from its cells for sorted points."""
    with loading:
        from scipy.sparse import coo_array

    carried = mass > 0
    if not carried.all():
        rows, columns, mass = rows[carried], columns[carried], mass[carried]
    shape = x_order.size, y_order.size
    return coo_array((mass, (x_order[rows], y_order[columns])), shape=shape).tocsr()


def north_west(
    a: Any, b: Any, i: int, j: int, high: float, low: float, stop: int, down: Any, mass: Any
) -> int:
    """Fill in the staircase of the north-west corner rule and the mass of its cells.

    It begins in the cell (i, j), entered from above, and ends where row `stop` is entered, in the
    column that is returned. high + low is the mass of the sources before i minus that of the sinks
    up to j. Where a source and a sink are exhausted at once, a cell has mass 0 (Peyré and Cuturi
    2019, section 3.4.2).
    """
    n, m, k = len(a), len(b), i + j
    while True:
        j = k - i
        of_row, of_column, from_above = a[i], b[j], high <= 0.0
        mass[k] = min(abs(high + low), of_row if from_above else of_column)
        # Two numbers, as a thousand roundings of a single one would be noticeable.
        change = of_row if from_above else -of_column
        total = high + change
        of_change = total - high
        low += (high - (total - of_change)) + (change - of_change)
        high = total
        if j == m - 1 or i == stop - 1 or abs(high) <= abs(low):
            if abs(high) <= abs(low):
                high, low = high + low, 0.0
            if j == m - 1 or (i == stop - 1 and (stop == n or high <= 0.0)):
                break
        down[k] = high <= 0.0
        i += high <= 0.0
        k += 1
    # The last source serves all sinks that are left, and the last sink takes all mass that is left:
    # the masses agree except for rounding.
    if i == n - 1:
        mass[k] += max(-high, 0.0)
        while j < m - 1:
            down[k] = False
            k, j = k + 1, j + 1
            mass[k] = b[j]
    elif j == m - 1:
        mass[k] += max(high, 0.0)
        while i < stop - 1:
            down[k] = True
            k, i = k + 1, i + 1
            mass[k] = a[i]
    if stop < n:
        down[k] = True
    return j


def potentials(down: Any, cost: Any, f: Any, g: Any) -> None:
    """Fill in the potentials with f_0 = 0 and f_i + g_j = cost on every cell.

    A step down changes only f, a step to the right only g.
    """
    # Each is the sum of two numbers: one would accumulate a rounding at every step.
    i, f_high, f_low = 0, 0.0, 0.0
    j, g_high, g_low = 0, cost[0], 0.0
    f[0], g[0] = f_high, g_high
    for k in range(len(down)):
        change = cost[k + 1] - cost[k]
        before = f_high if down[k] else g_high
        after = before + change
        of_change = after - before
        lost = (before - (after - of_change)) + (change - of_change)
        if down[k]:
            i, f_high, f_low = i + 1, after, f_low + lost
            f[i] = f_high + f_low
        else:
            j, g_high, g_low = j + 1, after, g_low + lost
            g[j] = g_high + g_low
