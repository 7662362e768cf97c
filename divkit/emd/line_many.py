"""Many points on a line: the value and its certificate at once, the rest when it is asked for.

For the costs |x − y|^p, in compiled loops over the sorted points. Neither value nor certificate
needs to know where the points were before they were sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from divkit.emd import line_loops, staircase
from divkit.emd.answer import Indices, Vector
from divkit.emd.costs import largest_violation
from divkit.emd.line_costs import LineCosts
from divkit.emd.line_pairs import Pairs
from divkit.emd.line_stairs import Stairs
from divkit.emd.line_stretches import Measured
from divkit.emd.record import Transport
from divkit.emd.transport import total

Orders = Callable[[], tuple[Indices, Indices]]

# How far potentials may be from feasible and tight, relative to the largest cost.
_ROUNDING = 64 * np.finfo(np.float64).eps
# Powers so small that what their rounding leaves may not be a number any more.
_SMALLEST_POWER = 2.0**-900


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
    pairs = Pairs(costs.x, costs.y, p)
    measured = pairs.measured() if _is_exact(costs, p) else _by_transforms(costs, pairs)
    return _transport(costs, measured, _Sorted(orders, pairs))


def weighted(
    costs: LineCosts, p: float, a: Vector, b: Vector, unit: float, orders: Orders
) -> Transport | None:
    """Return the answer for sorted points of positive weights `a` and `b`, in multiples of `unit`.

    The rest is as for `matched`.
    """
    stairs = Stairs(costs.x, costs.y, p, a, b, unit)
    measured = stairs.measured()
    if not _is_exact(costs, p):
        violation = largest_violation(costs, *stairs.potentials())
        measured = measured._replace(violation=violation)
    return _transport(costs, measured, _Sorted(orders, stairs))


def _is_exact(costs: LineCosts, p: float) -> bool:
    """Tell whether slacks along a staircase say how far from feasible potentials are anywhere."""
    return p == 1 or (line_loops.has_exact_powers(p) and costs.largest > _SMALLEST_POWER)


def _by_transforms(costs: LineCosts, pairs: Pairs) -> Measured:
    f, g = pairs.potentials()
    n = f.size
    cost = costs.h(costs.x - costs.y)
    slack = cost - f - g
    crossing = costs.h(costs.x[1:] - costs.y[:-1]) - f[1:] - g[:-1]
    loosest = max(float(np.abs(slack).max()), float(np.abs(crossing).max()))
    violation = largest_violation(costs, f, g)
    return Measured(total(cost) / n, total(slack) / n, total(f, g) / n, violation, loosest, 0.0)


def _transport(costs: LineCosts, measured: Measured, answer: _Sorted) -> Transport | None:
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


@dataclass(frozen=True, eq=False)
class _Sorted:
    """The answer for the sorted points: what is put off."""

    find_orders: Orders
    of_sorted: Pairs | Stairs

    @cached_property
    def orders(self) -> tuple[Indices, Indices]:
        return self.find_orders()

    def plan(self) -> Any:
        """Return the plan for the points as given, a csr_array."""
        rows, columns, mass = self.of_sorted.cells()
        return staircase.plan(*self.orders, rows, columns, mass)

    def potentials(self) -> tuple[Vector, Vector]:
        """Return the potentials for the points as given."""
        of_sorted = self.of_sorted.potentials()
        f, g = map(np.empty_like, of_sorted)
        f[self.orders[0]], g[self.orders[1]] = of_sorted
        return f, g
