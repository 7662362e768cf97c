"""As many points on either side of a line, all of equal weight: many, matched in order.

Only the value and its certificate are computed at once, and neither needs to know where the
sorted points came from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from divkit import _threads
from divkit.emd.answer import Indices, Vector
from divkit.emd.costs import largest_violation
from divkit.emd.line_costs import LineCosts, both
from divkit.emd.transport import Transport, total

# Blocks of points that are worth a thread.
_PER_THREAD = 1 << 10
# How far potentials may be from feasible and tight, relative to the largest cost.
_ROUNDING = 64 * np.finfo(np.float64).eps


def solve(costs: LineCosts, p: float, x: Vector, y: Vector) -> Transport | None:
    """Return the answer for the costs |x − y|^p; None if its potentials have to be mended.

    Parameters
    ----------
    costs : LineCosts
        Of the sorted points.
    p : float
        The power.
    x, y : ndarray, shape (n,)
        The points as they were given; they are kept.
    """
    f, g = _potentials(costs, p)
    measured = _measure_distance(costs, f, g) if p == 1 else _measure(costs, f, g)
    unit = costs.largest or 1.0
    if max(measured.violation, measured.loosest) > _ROUNDING * unit:
        return None
    n = x.size
    matching = _Matching(x, y, f, g)
    return Transport(
        value=measured.cost / n,
        dual_value=measured.dual / n,
        gap=measured.slack / n,
        primal_residual=0.0,  # the marginals of a permutation
        dual_residual=measured.violation / unit,
        method="line",
        iterations=None,
        shape=(n, n),
        _plan=matching.plan,
        _potentials=matching.potentials,
    )


@dataclass(frozen=True, eq=False)
class _Matching:
    """Points as they were given, and potentials in ascending order of the points."""

    x: Vector
    y: Vector
    f: Vector
    g: Vector

    @cached_property
    def orders(self) -> tuple[Indices, Indices]:
        """Which point is the i-th."""
        return both(np.argsort, self.x, self.y)

    def plan(self) -> Any:
        """Return the permutation that matches the points, as a csr_array."""
        from scipy.sparse import csr_array

        n = self.x.size
        columns = np.empty(n, dtype=np.intp)
        columns[self.orders[0]] = self.orders[1]
        return csr_array((np.full(n, 1 / n), columns, np.arange(n + 1)), shape=(n, n))

    def potentials(self) -> tuple[Vector, Vector]:
        """Return the potentials of the points as given."""
        f, g = np.empty_like(self.f), np.empty_like(self.g)
        f[self.orders[0]], g[self.orders[1]] = self.f, self.g
        return f, g


class _Measured(NamedTuple):
    """Sums over the matched pairs, and what is wrong with the potentials."""

    cost: float
    slack: float
    dual: float
    violation: float
    loosest: float  # of the slacks on the matched pairs and on the pairs (i + 1, i)


def _potentials(costs: LineCosts, p: float) -> tuple[Vector, Vector]:
    """Return potentials that are tight on the matching and its neighbours, with equal sums."""
    from divkit.emd import line_loops

    n = costs.x.size
    f, g = np.empty((2, n))
    sums = _sums(n)
    gained: dict[tuple[int, int], float] = {}

    def solve(start: int, stop: int) -> None:
        gained[start, stop] = line_loops.pair_potentials(
            costs.x, costs.y, p, start, stop, f, g, sums
        )

    _in_stretches(solve, n)
    # Each stretch began at f = 0; where it should have begun, the one before it says.
    offset, moved = {}, 0.0
    for (start, stop), gain in sorted(gained.items()):
        offset[start, stop] = moved
        moved += gain
    f_sum, g_sum = total(sums[:, line_loops.F]), total(sums[:, line_loops.G])
    by_offset = sum((stop - start) * value for (start, stop), value in offset.items())
    shift = (g_sum - f_sum) / (2 * n) - by_offset / n
    for (start, stop), value in offset.items():
        f[start:stop] += value + shift
        g[start:stop] -= value + shift
    return f, g


def _measure_distance(costs: LineCosts, f: Vector, g: Vector) -> _Measured:
    """Measure potentials for the costs |x − y| without going through other pairs."""
    from divkit.emd import line_loops

    sums = _sums(f.size)
    found: dict[int, tuple[float, float, float, float]] = {}

    def measure(start: int, stop: int) -> None:
        found[start] = line_loops.measure_pairs(costs.x, costs.y, f, g, start, stop, sums)

    _in_stretches(measure, f.size)
    drift, most_f, most_g, loosest = 0.0, -np.inf, -np.inf, 0.0
    for _, (of_f, of_g, further, loose) in sorted(found.items()):
        most_f, most_g = max(most_f, drift + of_f), max(most_g, of_g - drift)
        drift, loosest = drift + further, max(loosest, loose)
    cost, slack, of_f, of_g = map(total, sums.T)
    return _Measured(cost, slack, of_f + of_g, max(0.0, most_f + most_g), loosest)


def _measure(costs: LineCosts, f: Vector, g: Vector) -> _Measured:
    cost = costs.h(costs.x - costs.y)
    slack = cost - f - g
    crossing = costs.h(costs.x[1:] - costs.y[:-1]) - f[1:] - g[:-1]
    return _Measured(
        total(cost),
        total(slack),
        total(f, g),
        largest_violation(costs, f, g),
        max(float(np.abs(slack).max()), float(np.abs(crossing).max())),
    )


def _sums(n: int) -> Any:
    from divkit.emd import line_loops

    return np.empty((-(-n // line_loops.BLOCK), line_loops.SUMS))


def _in_stretches(piece: Callable[[int, int], None], n: int) -> None:
    """Call ``piece(start, stop)`` on stretches of whole blocks, in threads."""
    from divkit.emd import line_loops

    blocks = -(-n // line_loops.BLOCK)

    def stretch(first: int, last: int) -> None:
        piece(first * line_loops.BLOCK, min(last * line_loops.BLOCK, n))

    _threads.run(stretch, blocks, _threads.worth(blocks, _PER_THREAD))
