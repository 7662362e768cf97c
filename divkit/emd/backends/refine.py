"""From an approximate answer to an exact one: iterative refinement of a linear program.

A solver's answer is first made exact on the forest that carries its plan
(`divkit.emd.backends.forest`). If the potentials still leave a gap, the problem with the reduced
costs M − f − g has the same optimal plans, and its costs can be scaled up until the gap is as large
as the costs were before: the solver meets its own tolerance again, on a scale that much finer
(Gleixner, Steffy and Wolter 2016, "Iterative refinement for linear programming").
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from divkit.emd.answer import (
    Answer,
    Backend,
    ConvergenceError,
    Indices,
    Matrix,
    Vector,
)
from divkit.emd.backends import forest
from divkit.emd.costs import MatrixCosts
from divkit.emd.transport import feasible

# What is accepted: a gap that is small against the cost of the plan, or that is the rounding of
# potentials much larger than it; and the largest error in a weight against the mass.
LARGEST_GAP = 1e-11
LARGEST_ROUNDING = 1e-14
LARGEST_ERROR = 1e-12
# What is aimed at, as long as rounds at least halve the gap.
GAP = 1e-15
ROUNDS = 30


def refine(
    a: Vector, b: Vector, M: Matrix, backend: Backend, limit: int | None, method: str
) -> Answer:
    """Return an optimal answer to a scaled problem, by as many solves as it takes.

    Raises
    ------
    ConvergenceError
        If the iterations run out, or the gap or the error in the marginals stays too large.
    """
    f, g = np.zeros(a.size), np.zeros(b.size)
    reduced, unit = M, 1.0
    best: _Exact | None = None
    iterations: int | None = 0
    for _ in range(ROUNDS):
        answer = backend(a, b, reduced, limit)
        if iterations is not None:
            iterations = None if answer.iterations is None else iterations + answer.iterations
        now = _exact(a, b, M, answer._replace(f=f + unit * answer.f, g=g + unit * answer.g))
        if best is not None and now.badness > best.badness / 2:
            break
        best = now
        f, g = now.f, now.g
        if now.gap <= GAP * now.cost or now.slack == 0:
            break
        # No optimal plan uses an arc whose reduced cost is above this: the cycle that it closes
        # saves at most min(n, m) times the largest slack of the plan at hand.
        finest = 2.0 ** math.ceil(math.log2(2 * min(M.shape) * now.slack))
        if finest >= unit:
            break
        unit = finest
        reduced = np.clip(M - f[:, None] - g, 0.0, unit) / unit
        reduced[np.isinf(M)] = np.inf
    assert best is not None
    if best.error > LARGEST_ERROR or best.gap > max(
        LARGEST_GAP * best.cost, LARGEST_ROUNDING * best.size
    ):
        gap = best.gap / (best.size or 1.0)
        raise ConvergenceError(
            f"{method} left a gap of {gap:.1e} and an error of {best.error:.1e} in the weights, "
            f"both relative, where {LARGEST_GAP:.0e} and {LARGEST_ERROR:.0e} are accepted: "
            "try another method, for example 'highs'"
        )
    return Answer(best.rows, best.columns, best.mass, best.f, best.g, iterations)


class _Exact(NamedTuple):
    """A plan on a forest, conjugate potentials, and what is wrong with them."""

    rows: Indices
    columns: Indices
    mass: Vector
    f: Vector
    g: Vector
    gap: float
    cost: float  # ⟨M, π⟩
    size: float  # of the terms whose difference the gap is: cost and potentials
    slack: float  # the largest reduced cost that carries mass
    error: float  # the largest error in a weight, of a mass near 1

    @property
    def badness(self) -> float:
        return max(self.gap, 0.0) if self.error <= LARGEST_ERROR else math.inf


def _exact(a: Vector, b: Vector, M: Matrix, answer: Answer) -> _Exact:
    found = forest.spanning(a, b, M, answer)
    rows, columns = found.rows, found.columns
    tight, _ = forest.potentials(M, found, answer.f, answer.g)
    f, g = feasible(a, b, MatrixCosts(M), tight, answer.g)
    slack = M[rows, columns] - f[rows] - g[columns]

    def error(mass: Vector) -> float:
        of_rows = np.bincount(rows, mass, a.size) - a
        of_columns = np.bincount(columns, mass, b.size) - b
        return float(max(np.abs(of_rows).max(), np.abs(of_columns).max()))

    recomputed = np.maximum(forest.flows(a, b, found), 0.0)
    mass = min(recomputed, found.mass, key=error)
    carried = mass > 0
    cost = mass * M[rows, columns]
    potentials = mass * (np.abs(f[rows]) + np.abs(g[columns]))
    return _Exact(
        rows[carried],
        columns[carried],
        mass[carried],
        f,
        g,
        gap=math.fsum(mass * slack),
        cost=math.fsum(cost),
        size=math.fsum([*cost, *potentials]),
        slack=float(slack.max(where=carried, initial=0.0)),
        error=error(mass),
    )
