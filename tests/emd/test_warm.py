"""A previous answer to start from: the same numbers, in fewer pivots."""

from __future__ import annotations

import numpy as np
import pytest

from divkit import emd


@pytest.fixture
def problem(rng):
    n, m = 300, 450
    M = np.hypot(*(rng.random((2, n, 1)) - rng.random((2, 1, m))))
    return rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m)), M


def test_from_its_own_answer_nothing_is_left_to_do(problem):
    t = emd.solve(*problem)
    again = emd.solve(*problem, start=t)
    assert again.value == pytest.approx(t.value, rel=1e-14)
    assert again.iterations <= 0.02 * t.iterations


@pytest.mark.parametrize("order", ["C", "F"])
def test_from_the_answer_to_a_similar_problem(problem, rng, order):
    a, b, M = problem
    t = emd.solve(*problem)
    near = a * (1 + 0.01 * rng.standard_normal(a.size))
    near[7] = 0.0
    near /= near.sum()
    costs = np.array(M * (1 + 1e-3 * rng.random(M.shape)), order=order)
    expected = emd.solve(near, b, costs, method="pot").value
    for start in (t, (t.f, t.g)):
        found = emd.solve(near, b, costs, start=start)
        assert found.value == pytest.approx(expected, rel=1e-12)
        assert abs(found.gap) <= 1e-14
        assert found.iterations < emd.solve(near, b, costs).iterations


def test_from_an_answer_that_is_now_forbidden(problem):
    a, b, M = problem
    t = emd.solve(*problem)
    M = M.copy()
    M[t.plan.nonzero()] = np.inf
    expected = emd.solve(a, b, M).value
    assert emd.solve(a, b, M, start=t).value == pytest.approx(expected, rel=1e-12)


def test_from_a_misleading_start(problem):
    a, b, M = problem
    wrong = 1e6 * np.arange(a.size), -1e6 * np.arange(b.size)
    t = emd.solve(a, b, M, start=wrong)
    assert t.value == pytest.approx(emd.solve(a, b, M).value, rel=1e-12)


def test_refused(problem):
    a, b, M = problem
    t = emd.solve(a[:20] / a[:20].sum(), None, M[:20])
    with pytest.raises(ValueError, match=r"shapes \(300,\) and \(450,\), got \(20,\) and \(450,\)"):
        emd.solve(a, b, M, start=t)
    with pytest.raises(ValueError, match="where the simplex starts, got it with method='highs'"):
        emd.solve(a, b, M, method="highs", start=t)
    with pytest.raises(TypeError, match="a Transport, or a pair"):
        emd.solve(a, b, M, start=1.0)
    with pytest.raises(ValueError, match=r"`start\[1\]` must be finite"):
        emd.solve(a, b, M, start=(np.zeros(300), np.full(450, np.nan)))
