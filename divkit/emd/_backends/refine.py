"""From an approximate answer to an exact one: iterative refinement of a linear program.

A solver's answer is first made exact on the forest that carries its plan
(`divkit.emd._backends.forest`). If the potentials still leave a gap, the problem with the reduced
costs M − f − g has the same optimal plans, and its costs can be scaled up until the gap is as large
as the costs were before: the solver meets its own tolerance again, on a scale that much finer
(Gleixner, Steffy and Wolter 2016, "Iterative refinement for linear programming"). The potentials
have 32 digits, so that reduced costs are as accurate as costs, however large the terms that cancel.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from divkit._errors import ConvergenceError
from divkit.emd._backends import forest
from divkit.emd._certificate import tight_potentials
from divkit.emd._certificate.acceptance import LARGEST_ERROR, weights_are_right
from divkit.emd._certificate.certify import marginal_error
from divkit.emd._certificate.double_double import DoubleDouble, reduced
from divkit.emd._certificate.tight_potentials import Slacks
from divkit.emd._costs.costs import MatrixCosts
from divkit.emd._solver_types import Answer, Backend, Indices, Matrix, Vector

# Marginal errors up to this may come from the masses of both sides, which differ by rounding.
_SUMS = 2.0**-50
# The gap to reach, relative to the cost of the plan, and the most rounds to try.
GAP = 1e-15
ROUNDS = 60


def refine(
    a: Vector, b: Vector, M: Matrix, backend: Backend, limit: int | None, method: str
) -> Answer:
    """Return the best answer found by solving a problem on finer and finer scales.

    Whether it is optimal is for its certificate to tell.

    Raises
    ------
    ConvergenceError
        If the iterations run out, or the error in the marginals stays too large.
    """
    base = f, g = _least(M)
    costs = reduced(M, f[:, None], g)
    unit = _power_of_two(np.max(costs, where=np.isfinite(costs), initial=0.0))
    best: _Exact | None = None
    iterations: int | None = 0
    for _ in range(ROUNDS):
        # If all reduced costs are 0, so is `unit`, and the solver's potentials count for nothing.
        scaled = np.minimum(np.maximum(costs, 0.0), unit) / (unit or 1.0)
        scaled[np.isinf(M)] = np.inf
        answer = backend(a, b, scaled, limit)
        if iterations is not None:
            iterations = None if answer.iterations is None else iterations + answer.iterations
        now = _exact(a, b, M, answer, f.plus(unit * answer.f), g.plus(unit * answer.g))
        improved = best is None or now.badness <= best.badness / 2
        if best is None or now.badness < best.badness:
            best = now
        if best.gap <= GAP * best.cost or best.slack == 0:
            break
        # No optimal plan uses an arc whose reduced cost is above this: the cycle that it closes
        # saves at most min(n, m) times the largest slack of the plan at hand.
        f, g, slack = min((*base, now.slack_of(M, *base)), (best.f, best.g, best.slack), key=_last)
        finest = _power_of_two(2 * min(M.shape) * slack)
        if finest >= unit and not improved:
            break
        unit = min(unit, finest)
        costs = reduced(M, f[:, None], g)
    assert best is not None
    if not weights_are_right(best.error, 1.0):
        raise ConvergenceError(
            f"{method} left a gap of {best.gap:.1e} and an error of {best.error:.1e} in the "
            f"weights, for a mass near 1, where {LARGEST_ERROR:.0e} is accepted: try another "
            "method, for example 'highs'"
        )
    return Answer(best.rows, best.columns, best.mass, best.f.high, best.g.high, iterations)


class _Exact(NamedTuple):
    """A plan on a forest, feasible potentials, and what is wrong with them."""

    rows: Indices
    columns: Indices
    mass: Vector
    f: DoubleDouble
    g: DoubleDouble
    gap: float
    cost: float  # ⟨|M|, π⟩
    slack: float  # the largest reduced cost that carries mass
    error: float  # the largest error in a weight, of a mass near 1

    def slack_of(self, M: Matrix, f: DoubleDouble, g: DoubleDouble) -> float:
        """Return the largest reduced cost that carries mass, for other potentials."""
        rows, columns = self.rows, self.columns
        slack = reduced(M[rows, columns], f[rows], g[columns])
        return float(slack.max(initial=0.0))

    @property
    def badness(self) -> float:
        return max(self.gap, 0.0) if weights_are_right(self.error, 1.0) else math.inf


def _exact(
    a: Vector, b: Vector, M: Matrix, answer: Answer, f: DoubleDouble, g: DoubleDouble
) -> _Exact:
    found = forest.spanning(a, b, M, answer)
    rows, columns = found.rows, found.columns
    every = np.arange(a.size), np.arange(b.size)
    slacks = Slacks(MatrixCosts(M), *every)
    negligible = GAP * math.fsum(found.mass * np.abs(M[rows, columns]))
    pair = tight_potentials.tight(slacks, rows, columns, f.high, g.high, negligible)
    if pair is None:
        pair = tight_potentials.conjugate(slacks, a, b, f, g)
    f, g = slacks.feasible(*pair)

    def error(mass: Vector) -> float:
        of_rows, of_columns = marginal_error(rows, mass, a), marginal_error(columns, mass, b)
        return float(max(np.abs(of_rows).max(), np.abs(of_columns).max()))

    recomputed = np.maximum(forest.flows(a, b, found), 0.0)
    mass = recomputed
    if error(mass) > _SUMS:
        mass = min(mass, found.mass, key=error)
    left = error(mass)
    carried = mass > 0
    rows, columns, mass = rows[carried], columns[carried], mass[carried]
    slack = reduced(M[rows, columns], f[rows], g[columns])
    return _Exact(
        rows,
        columns,
        mass,
        f,
        g,
        gap=math.fsum(mass * slack),
        cost=math.fsum(mass * np.abs(M[rows, columns])),
        slack=float(slack.max(initial=0.0)),
        error=left,
    )


def _last(parts: tuple[DoubleDouble, DoubleDouble, float]) -> float:
    return parts[-1]


def _least(M: Matrix) -> tuple[DoubleDouble, DoubleDouble]:
    """Return potentials that reduce the least cost of every row and every column to 0."""
    of_rows = _finite_minimum(M, axis=1)
    f, none = DoubleDouble.of(of_rows), DoubleDouble.of(np.zeros(M.shape[1]))
    return f, DoubleDouble.of(_finite_minimum(reduced(M, f[:, None], none), axis=0))


def _finite_minimum(cost: Matrix, axis: int) -> Vector:
    minimum = np.min(cost, axis=axis)
    return np.where(np.isfinite(minimum), minimum, 0.0)


def _power_of_two(x: float) -> float:
    """Return the least power of two that is not below x, 0 for 0."""
    fraction, exponent = np.frexp(x)
    return float(np.ldexp(1.0, int(exponent) - (fraction == 0.5))) if x > 0 else 0.0
