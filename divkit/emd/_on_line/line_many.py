"""Many points on a line: the value and its certificate at once, plan and potentials on demand.

For the costs |x − y|^p, in compiled loops over the sorted points. Neither value nor certificate
needs to know where the points were before they were sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from divkit._cached import cached_property
from divkit.emd._certificate.acceptance import fine_rounding, is_rounding
from divkit.emd._certificate.measure import total
from divkit.emd._costs.costs import largest_violation
from divkit.emd._on_line import line_loops, staircase
from divkit.emd._on_line.line_costs import LineCosts, both
from divkit.emd._on_line.line_pairs import Pairs
from divkit.emd._on_line.line_stairs import Stairs
from divkit.emd._on_line.line_stretches import Measured
from divkit.emd._solver_types import Indices, Vector
from divkit.emd._transport import Transport

Orders = Callable[[], tuple[Indices, Indices]]

# How far potentials may be from feasible and tight, relative to the largest cost.
_ROUNDING = 64 * np.finfo(np.float64).eps
# If all costs are below this, the errors of their rounding may underflow.
_SMALLEST_POWER = 2.0**-900


def matched(
    costs: LineCosts, p: float, x: Vector, y: Vector, weight: float, mass: float
) -> Transport | None:
    """Return the answer for equally many points on both sides, all of equal weight.

    Parameters
    ----------
    costs : LineCosts
        |x − y|^p, of the sorted points, whose arrays are overwritten if there is an answer.
    p : float
        The power.
    x, y : ndarray
        The points as given.
    weight, mass : float
        Of a point, and of all points of a side.

    Returns
    -------
    Transport or None
        None if the potentials are not exact enough and have to be repaired.
    """
    pairs = Pairs(costs.x, costs.y, p)
    measure = pairs.measured if _is_exact(costs, p) else partial(_by_transforms, costs, pairs)
    answer = _Matched(costs.x, costs.y, pairs, weight)
    t = _transport(costs, p, measure(costs.x, costs.y), mass, answer)
    if t is not None:
        # The plan and potentials on demand need `x` and `y`, which the caller may have changed by
        # then. Copying into the sorted arrays is cheap: touching new memory would take as long as
        # measuring the potentials.
        both(np.copyto, (costs.x, x), (costs.y, y))
    return t


def weighted(
    costs: LineCosts, p: float, a: Vector, b: Vector, unit: float, orders: Orders
) -> Transport | None:
    """Return the answer for sorted points of positive weights `a` and `b`, in multiples of `unit`.

    `orders` returns the sorting order of each side. The rest is as for `matched`.
    """
    stairs = Stairs(costs.x, costs.y, p, a, b, unit)
    measured = stairs.measured()
    if not _is_exact(costs, p):
        violation = largest_violation(costs, *stairs.potentials())
        measured = measured._replace(violation=violation)
    return _transport(costs, p, measured, stairs.whole, _Served(orders, stairs))


def _is_exact(costs: LineCosts, p: float) -> bool:
    """Return whether the slacks along a staircase bound the violation of all pairs."""
    return p == 1 or (line_loops.has_exact_powers(p) and costs.largest > _SMALLEST_POWER)


def _by_transforms(costs: LineCosts, pairs: Pairs, x: Vector, y: Vector) -> Measured:
    f, g = pairs.potentials(x, y)
    n = f.size
    cost = costs.h(x - y)
    slack = cost - f - g
    crossing = costs.h(x[1:] - y[:-1]) - f[1:] - g[:-1]
    loosest = max(float(np.abs(slack).max()), float(np.abs(crossing).max()))
    violation = largest_violation(costs, f, g)
    return Measured(total(cost) / n, total(slack) / n, 0.0, violation, loosest, 0.0)


def _transport(
    costs: LineCosts, p: float, measured: Measured, mass: float, answer: _Matched | _Served
) -> Transport | None:
    value, fault = measured.value, measured.fault
    # No potential is larger: those of one side differ by no more than costs do.
    size = 2 * costs.largest
    if _is_exact(costs, p):
        # The potentials before rounding to float64 are tight and feasible.
        gap = fault + fine_rounding(value, size)
    else:
        gap = measured.slack + fault + measured.violation
    slack = max(measured.violation, measured.loosest)
    if not is_rounding(slack, fault, value, size, _ROUNDING * costs.largest):
        return None
    return Transport(
        value=mass * value,
        dual_value=mass * (value - gap),
        gap=mass * gap,
        primal_residual=measured.primal_residual,
        dual_residual=measured.violation / (costs.largest or 1.0),
        method="line",
        iterations=None,
        shape=costs.shape,
        _plan=answer.plan,
        _potentials=answer.potentials,
    )


@dataclass(frozen=True, eq=False)
class _Matched:
    """The plan and potentials of `matched`, on demand, from the points as given."""

    x: Vector
    y: Vector
    pairs: Pairs
    weight: float

    @cached_property
    def orders(self) -> Any:
        return both(np.argsort, (self.x,), (self.y,))

    def plan(self) -> Any:
        """Return the plan, a csr_array."""
        n = self.x.size
        rows, columns = self.orders
        return staircase.plan(rows, columns, np.arange(n), np.arange(n), np.full(n, self.weight))

    def potentials(self) -> tuple[Vector, Vector]:
        """Return the potentials."""
        rows, columns = self.orders
        f, g = np.empty_like(self.x), np.empty_like(self.y)
        f[rows], g[columns] = self.pairs.potentials(self.x[rows], self.y[columns])
        return f, g


@dataclass(frozen=True, eq=False)
class _Served:
    """The plan and potentials of `weighted`, on demand, from the sorted points."""

    find_orders: Orders
    stairs: Stairs

    @cached_property
    def orders(self) -> tuple[Indices, Indices]:
        return self.find_orders()

    def plan(self) -> Any:
        """Return the plan for the points as given, a csr_array."""
        rows, columns, mass = self.stairs.cells()
        return staircase.plan(*self.orders, rows, columns, mass)

    def potentials(self) -> tuple[Vector, Vector]:
        """Return the potentials for the points as given."""
        of_sorted = self.stairs.potentials()
        f, g = map(np.empty_like, of_sorted)
        f[self.orders[0]], g[self.orders[1]] = of_sorted
        return f, g
