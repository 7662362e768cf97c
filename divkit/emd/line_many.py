"""Many points on a line: the value and its certificate at once, the rest when it is asked for.

For the costs |x − y|^p, in compiled loops over the sorted points. Neither value nor certificate
needs to know where the points were before they were sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from divkit import _threads
from divkit.emd import line_loops, staircase
from divkit.emd.answer import Indices, Vector
from divkit.emd.costs import largest_violation
from divkit.emd.line_costs import LineCosts
from divkit.emd.record import Transport
from divkit.emd.transport import total

Orders = Callable[[], tuple[Indices, Indices]]

# Blocks of points that are worth a thread.
_PER_THREAD = 1 << 10
# How far potentials may be from feasible and tight, relative to the largest cost.
_ROUNDING = 64 * np.finfo(np.float64).eps
# Squares so small that what their rounding leaves may not be a number any more.
_SMALLEST_SQUARE = 2.0**-900


def matched(costs: LineCosts, p: float, orders: Orders) -> Transport | None:
    """Return the answer for as many points on either side, of equal weight.

    Parameters
    ----------
    costs : LineCosts
        |x − y|^p, of the sorted points.
    p : float
        The power.
    orders : callable
        Tells which point is the i-th, of either side.

    Returns
    -------
    Transport or None
        None if the potentials have to be mended.
    """
    f, g = _pair_potentials(costs, p)
    if _slacks_are_exact(costs, p):
        measured = _measure_pairs(costs, p, f, g)
    else:
        measured = _measure_all(costs, f, g)
    return _transport(costs, measured, _Sorted(orders, f, g, partial(_diagonal, f.size)))


def weighted(
    costs: LineCosts, p: float, a: Vector, b: Vector, unit: float, orders: Orders
) -> Transport | None:
    """Return the answer for sorted points of positive weights `a` and `b`, in multiples of `unit`.

    The rest is as for `matched`.
    """
    n, m = costs.shape
    down, mass = np.empty(n + m - 2, np.bool_), np.empty(n + m - 1)
    line_loops.north_west(a, b, down, mass)
    f, g = np.empty(n), np.empty(m)
    line_loops.power_potentials(costs.x, costs.y, p, down, f, g)
    whole = float(a.sum())
    shift = (total(b * g) - total(a * f)) / (2 * whole)
    f += shift
    g -= shift
    sums = _sums(mass.size)
    most_f, most_g, loosest, error = line_loops.measure_staircase(
        costs.x, costs.y, a, b, p, down, mass, f, g, sums
    )
    exact = _slacks_are_exact(costs, p)
    measured = _Measured(
        value=unit * total(sums[:, line_loops.COST]),
        gap=unit * total(sums[:, line_loops.SLACK]),
        dual_value=unit * total(a * f, b * g),
        violation=max(0.0, most_f + most_g) if exact else largest_violation(costs, f, g),
        loosest=loosest,
        primal_residual=error / whole,
    )
    return _transport(costs, measured, _Sorted(orders, f, g, partial(_carried, down, unit * mass)))


class _Measured(NamedTuple):
    """The certificate, and the largest slack on the cells where the potentials are tight."""

    value: float
    gap: float
    dual_value: float
    violation: float
    loosest: float
    primal_residual: float


def _transport(costs: LineCosts, measured: _Measured, answer: _Sorted) -> Transport | None:
    largest = costs.largest or 1.0
    if max(measured.violation, measured.loosest) > _ROUNDING * largest:
        return None
    return Transport(
        value=measured.value,
        dual_value=measured.dual_value,
        gap=measured.gap,
        primal_residual=measured.primal_residual,
        dual_residual=measured.violation / largest,
        method="line",
        iterations=None,
        shape=costs.shape,
        _plan=answer.plan,
        _potentials=answer.potentials,
    )


# --- what is put off ---


@dataclass(frozen=True, eq=False)
class _Sorted:
    """Potentials and the cells of a plan, for the sorted points."""

    find_orders: Orders
    f: Vector
    g: Vector
    cells: Callable[[], tuple[Indices, Indices, Vector]]

    @cached_property
    def orders(self) -> tuple[Indices, Indices]:
        return self.find_orders()

    def plan(self) -> Any:
        """Return the plan for the points as given, a csr_array."""
        rows, columns, mass = self.cells()
        return staircase.plan(*self.orders, rows, columns, mass)

    def potentials(self) -> tuple[Vector, Vector]:
        """Return the potentials for the points as given."""
        f, g = np.empty_like(self.f), np.empty_like(self.g)
        f[self.orders[0]], g[self.orders[1]] = self.f, self.g
        return f, g


def _diagonal(n: int) -> tuple[Indices, Indices, Vector]:
    return np.arange(n), np.arange(n), np.full(n, 1 / n)


def _carried(down: Any, mass: Vector) -> tuple[Indices, Indices, Vector]:
    return *staircase.cells(down), mass


# --- potentials on the pairs (i, i) and (i + 1, i), and their measure ---


def _pair_potentials(costs: LineCosts, p: float) -> tuple[Vector, Vector]:
    """Return potentials that are tight there, with equal sums."""
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
    f_sum, g_sum = sums[:, line_loops.F].sum(), sums[:, line_loops.G].sum()
    by_offset = sum((stop - start) * value for (start, stop), value in offset.items())
    shift = (g_sum - f_sum) / (2 * n) - by_offset / n
    for (start, stop), value in offset.items():
        f[start:stop] += value + shift
        g[start:stop] -= value + shift
    return f, g


def _slacks_are_exact(costs: LineCosts, p: float) -> bool:
    """Tell whether slacks along a staircase say how far from feasible potentials are anywhere."""
    return p == 1 or (p == 2 and costs.largest > _SMALLEST_SQUARE)


def _measure_pairs(costs: LineCosts, p: float, f: Vector, g: Vector) -> _Measured:
    """Measure potentials for the costs |x − y|^p, p = 1 or 2, without going through other pairs."""
    n = f.size
    sums = _sums(n)
    found: dict[int, tuple[float, float, float, float]] = {}

    def measure(start: int, stop: int) -> None:
        found[start] = line_loops.measure_pairs(costs.x, costs.y, p, f, g, start, stop, sums)

    _in_stretches(measure, n)
    drift, most_f, most_g, loosest = 0.0, -np.inf, -np.inf, 0.0
    for _, (of_f, of_g, further, loose) in sorted(found.items()):
        most_f, most_g = max(most_f, drift + of_f), max(most_g, of_g - drift)
        drift, loosest = drift + further, max(loosest, loose)
    cost, slack, of_f, of_g = map(total, sums.T)
    # The marginals of a permutation are right.
    return _Measured(
        cost / n, slack / n, (of_f + of_g) / n, max(0.0, most_f + most_g), loosest, 0.0
    )


def _measure_all(costs: LineCosts, f: Vector, g: Vector) -> _Measured:
    """Measure potentials by transforms of them."""
    n = f.size
    cost = costs.h(costs.x - costs.y)
    slack = cost - f - g
    crossing = costs.h(costs.x[1:] - costs.y[:-1]) - f[1:] - g[:-1]
    loosest = max(float(np.abs(slack).max()), float(np.abs(crossing).max()))
    violation = largest_violation(costs, f, g)
    return _Measured(total(cost) / n, total(slack) / n, total(f, g) / n, violation, loosest, 0.0)


def _sums(n: int) -> Any:
    return np.empty((-(-n // line_loops.BLOCK), line_loops.SUMS))


def _in_stretches(piece: Callable[[int, int], None], n: int) -> None:
    """Call ``piece(start, stop)`` on stretches of whole blocks, in threads."""
    blocks = -(-n // line_loops.BLOCK)

    def stretch(first: int, last: int) -> None:
        piece(first * line_loops.BLOCK, min(last * line_loops.BLOCK, n))

    _threads.run(stretch, blocks, _threads.worth(blocks, _PER_THREAD))
