"""Column generation over whatever knows the costs."""

from __future__ import annotations

import numpy as np
import pytest

from divkit.emd._column_generation import column_generation
from divkit.emd._solver_types import ConvergenceError, NoPlanError


class Reluctant:
    """Costs that are told a pair at a time: the slow and obvious pricing."""

    def __init__(self, M, listed=1):
        self.M, self.listed, self.calls = M, listed, 0

    @property
    def shape(self):
        return self.M.shape

    def at(self, rows, cols):
        return self.M[rows, cols]

    def block(self, rows, cols):
        return self.M[np.ix_(rows, cols)]

    def shortlist(self, g, k, tie):
        reduced = self.M - g
        best = np.argsort(reduced, axis=1)[:, : self.listed]
        rows = np.repeat(np.arange(len(self.M)), best.shape[1])
        allowed = np.isfinite(self.M[rows, best.ravel()])
        return reduced.min(axis=1), rows[allowed], best.ravel()[allowed]

    def violated(self, f, g, k):
        self.calls += 1
        reduced = self.M - g
        rows = np.flatnonzero(reduced.min(axis=1) < f)
        return rows, reduced[rows].argmin(axis=1)


def weights(rng, n, m):
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    return a, b * (a.sum() / b.sum())


def require_optimal(answer, a, b, M):
    n, m = M.shape
    np.testing.assert_allclose(np.bincount(answer.rows, answer.mass, n), a, rtol=0, atol=1e-15)
    np.testing.assert_allclose(np.bincount(answer.columns, answer.mass, m), b, rtol=0, atol=1e-15)
    slack = M - answer.f[:, None] - answer.g
    scale = np.abs(M[np.isfinite(M)]).max()
    assert slack.min() >= -1e-14 * scale
    assert np.abs(slack[answer.rows, answer.columns]).max() <= 1e-14 * scale


@pytest.mark.parametrize("listed", [0, 1, 5])
def test_from_few_pairs_to_enough(rng, listed):
    a, b = weights(rng, 40, 50)
    M = rng.random((40, 50))
    pricing = Reluctant(M, listed)
    answer = column_generation.solve(a, b, pricing, rng.random(50))
    require_optimal(answer, a, b, M)
    assert pricing.calls > 3


def test_the_start_does_not_matter(rng):
    a, b = weights(rng, 20, 20)
    M = rng.random((20, 20))
    values = [
        column_generation.solve(a, b, Reluctant(M), g)
        for g in (np.zeros(20), 1e3 * rng.normal(size=20))
    ]
    assert np.dot(values[0].mass, M[values[0].rows, values[0].columns]) == pytest.approx(
        np.dot(values[1].mass, M[values[1].rows, values[1].columns]), rel=1e-12
    )


def test_forbidden_pairs(rng):
    a, b = weights(rng, 30, 30)
    M = np.where(rng.random((30, 30)) < 0.7, np.inf, rng.random((30, 30)))
    M[:, 7] = M[3] = 1.0
    require_optimal(column_generation.solve(a, b, Reluctant(M), np.zeros(30)), a, b, M)


def test_no_plan(rng):
    M = np.ones((4, 4))
    M[:3, 1:] = np.inf
    with pytest.raises(NoPlanError):
        column_generation.solve(np.ones(4), np.ones(4), Reluctant(M), np.zeros(4))


def test_pairs_that_do_not_help_end_it(rng):
    # A pricing that sees violations where there is only rounding.
    a, b = weights(rng, 10, 10)
    M = rng.random((10, 10))

    class Pedantic(Reluctant):
        def violated(self, f, g, k):
            rows, cols = super().violated(f, g, k)
            return (rows, cols) if rows.size else (np.array([0]), np.array([0]))

    require_optimal(column_generation.solve(a, b, Pedantic(M), np.zeros(10)), a, b, M)


def test_the_limit_on_pivots(rng):
    a, b = weights(rng, 30, 30)
    with pytest.raises(ConvergenceError, match=r"limit of 5 iterations"):
        column_generation.solve(a, b, Reluctant(rng.random((30, 30))), np.zeros(30), limit=5)
