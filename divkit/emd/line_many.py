"""Many points on a line: the value and its certificate at once, the rest when it is asked for.

For the costs |x − y|^p, in compiled loops over the sorted points. Neither value nor certificate
needs to know where the points were before they were sorted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, pairwise
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
    pairs = _Pairs(costs.x, costs.y, p)
    measured = pairs.measured() if _is_exact(costs, p) else _measured_by_transforms(costs, pairs)
    answer = _Sorted(orders, pairs.potentials, partial(_diagonal, costs.x.size))
    return _transport(costs, measured, answer)


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
    exact = p in (1, 2) and _is_exact(costs, p)
    measured = _Measured(
        value=unit * total(sums[:, line_loops.COST]),
        gap=unit * total(sums[:, line_loops.SLACK]),
        dual_value=unit * total(a * f, b * g),
        violation=max(0.0, most_f + most_g) if exact else largest_violation(costs, f, g),
        loosest=loosest,
        primal_residual=error / whole,
    )
    return _transport(
        costs,
        measured,
        _Sorted(orders, partial(_kept, f, g), partial(_carried, down, unit * mass)),
    )


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
    find_potentials: Callable[[], tuple[Vector, Vector]]
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
        of_sorted = self.find_potentials()
        f, g = map(np.empty_like, of_sorted)
        f[self.orders[0]], g[self.orders[1]] = of_sorted
        return f, g


def _kept(f: Vector, g: Vector) -> tuple[Vector, Vector]:
    return f, g


def _diagonal(n: int) -> tuple[Indices, Indices, Vector]:
    return np.arange(n), np.arange(n), np.full(n, 1 / n)


def _carried(down: Any, mass: Vector) -> tuple[Indices, Indices, Vector]:
    return *staircase.cells(down), mass


# --- potentials on the pairs (i, i) and (i + 1, i), and their measure ---


class _Pairs:
    """Sorted points, matched in order, and the potentials that are tight there, of equal sums.

    They are computed in stretches, in threads, and again whenever they are needed: that takes
    less than to keep them.
    """

    def __init__(self, x: Vector, y: Vector, p: float) -> None:
        self.x, self.y, self.p = x, y, p
        blocks = -(-x.size // line_loops.BLOCK)
        stretches = _threads.worth(blocks, _PER_THREAD)
        self.cuts = [k * blocks // stretches * line_loops.BLOCK for k in range(stretches)]
        self.cuts.append(x.size)
        found = self._of_stretches(partial(line_loops.pair_sums, x, y, p))
        # Each began at f = 0; where it should have begun, the ones before it say.
        gains = [gain for *gain, _ in found]
        offsets = [_in_two(*chain.from_iterable(gains[:k])) for k in range(stretches + 1)]
        apart = math.fsum(
            sums - 2 * (stop - start) * offset
            for (start, stop), (offset, _), (*_, sums) in zip(
                pairwise(self.cuts), offsets, found, strict=False
            )
        )
        self.bounds = [_in_two(*offset, apart / (2 * x.size)) for offset in offsets]

    def potentials(self) -> tuple[Vector, Vector]:
        f, g = np.empty_like(self.x), np.empty_like(self.y)

        def solve(start: int, stop: int) -> None:
            begin = self.bounds[self.cuts.index(start)]
            line_loops.pair_potentials(
                self.x, self.y, self.p, start, stop, *begin, f[start:], g[start:]
            )

        self._of_stretches(solve)
        return f, g

    def measured(self) -> _Measured:
        """Measure them without going through other pairs."""
        n = self.x.size
        sums = _sums(n)

        def measure(start: int, stop: int) -> tuple[float, float, float, float]:
            k = self.cuts.index(start)
            found: tuple[float, float, float, float] = line_loops.measured_pairs(
                self.x,
                self.y,
                self.p,
                start,
                stop,
                *self.bounds[k : k + 2],
                sums[start // line_loops.BLOCK :],
            )
            return found

        drift, most_f, most_g, loosest = 0.0, -np.inf, -np.inf, 0.0
        for of_f, of_g, further, loose in self._of_stretches(measure):
            most_f, most_g = max(most_f, drift + of_f), max(most_g, of_g - drift)
            drift, loosest = drift + further, max(loosest, loose)
        cost, slack, of_f, of_g = map(total, sums.T)
        # The marginals of a permutation are right.
        return _Measured(
            cost / n, slack / n, (of_f + of_g) / n, max(0.0, most_f + most_g), loosest, 0.0
        )

    def _of_stretches(self, piece: Callable[[int, int], Any]) -> list[Any]:
        stretches = list(pairwise(self.cuts))
        found = [None] * len(stretches)

        def pieces(first: int, last: int) -> None:
            for k in range(first, last):
                found[k] = piece(*stretches[k])

        _threads.run(pieces, len(stretches), len(stretches))
        return found


def _in_two(*terms: float) -> tuple[float, float]:
    """Return the sum as a rounded number and what is missing."""
    high = math.fsum(terms)
    return high, math.fsum([*terms, -high])


def _is_exact(costs: LineCosts, p: float) -> bool:
    """Tell whether slacks along a staircase say how far from feasible potentials are anywhere."""
    return p == 1 or (line_loops.has_exact_powers(p) and costs.largest > _SMALLEST_POWER)


def _measured_by_transforms(costs: LineCosts, pairs: _Pairs) -> _Measured:
    f, g = pairs.potentials()
    n = f.size
    cost = costs.h(costs.x - costs.y)
    slack = cost - f - g
    crossing = costs.h(costs.x[1:] - costs.y[:-1]) - f[1:] - g[:-1]
    loosest = max(float(np.abs(slack).max()), float(np.abs(crossing).max()))
    violation = largest_violation(costs, f, g)
    return _Measured(total(cost) / n, total(slack) / n, total(f, g) / n, violation, loosest, 0.0)


def _sums(n: int) -> Any:
    return np.empty((-(-n // line_loops.BLOCK), line_loops.SUMS))
