"""The certificate measures right and wrong answers alike; the c-transform."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import coo_array

from divkit import emd
from divkit.testing._problems import transport_problems
from tests.emd import naive

INF = np.inf
M = np.array([[0.0, 1.0], [1.0, 0.0]])
HALVES = [0.5, 0.5]


def certify(plan, f=(0.0, 0.0), g=(0.0, 0.0), cost=M, a=HALVES, b=HALVES):
    return emd.certify(a, b, cost, plan, f, g, method="by hand")


def test_an_optimal_answer():
    t = certify(np.eye(2) / 2)
    assert (t.value, t.dual_value, t.gap) == (0.0, 0.0, 0.0)
    assert (t.primal_residual, t.dual_residual) == (0.0, 0.0)
    assert (t.method, t.iterations) == ("by hand", None)


def test_a_plan_that_is_not_optimal_has_a_gap():
    t = certify((1 - np.eye(2)) / 2)
    assert (t.value, t.dual_value, t.gap) == (1.0, 0.0, 1.0)


def test_wrong_marginals_are_measured_relative_to_the_mass():
    for mass in (1.0, 1e9, 1e-9):
        half = np.array(HALVES) * mass
        t = certify(np.eye(2) / 4 * mass, a=half, b=half)
        assert t.primal_residual == pytest.approx(0.25, rel=1e-15)
        # The gap is value − dual_value whatever the plan.
        assert t.gap == pytest.approx(t.value - t.dual_value, abs=1e-15 * mass)


def test_many_small_shares_are_added_up_exactly():
    # Their sum, in order, is off by 1e-12.
    m = 100_000
    share, cost = np.full((1, m), 0.7 / m), np.ones((1, m))
    t = emd.certify([0.7], share[0], cost, share, [0], np.zeros(m), method="the only plan")
    assert t.primal_residual <= 1e-15
    assert abs(t.gap) <= 1e-15


def test_unequal_shares_are_added_up_exactly(rng):
    share = np.sort(rng.random(100_000) ** 8)
    cost, g = np.ones((1, share.size)), np.zeros(share.size)
    t = emd.certify([math.fsum(share)], share, cost, share[None], [0], g, method="the only plan")
    assert t.primal_residual <= 3e-16


def test_negative_entries_count():
    t = certify([[0.75, -0.25], [-0.25, 0.75]])
    assert t.primal_residual == 0.25


def test_mass_on_forbidden_pairs_counts():
    t = certify((1 - np.eye(2)) / 2, cost=[[0.0, INF], [INF, 0.0]])
    assert t.value == t.gap == INF
    assert t.primal_residual == 0.5


def test_infeasible_potentials_are_made_feasible():
    t = certify(np.eye(2) / 2, f=(5.0, -5.0), g=(7.0, 7.0))
    assert t.dual_residual == 0.0
    assert t.dual_value <= 0.0
    assert np.all(t.f[:, None] + t.g <= M)


def test_either_potential_may_be_the_good_one():
    optimum = emd.solve([0.7, 0.3], [0.1, 0.9], M)
    garbage = np.array([9.0, -3.0])
    for f, g in ((optimum.f, garbage), (garbage, optimum.g)):
        t = emd.certify([0.7, 0.3], [0.1, 0.9], M, optimum.plan, f, g, method="half")
        assert t.gap == pytest.approx(0.0, abs=1e-15)


def test_potentials_of_massless_atoms_do_no_harm():
    # f[1] belongs to an atom without mass, and would pull every g down.
    t = emd.certify([1.0, 0.0], HALVES, M, [[0.5, 0.5], [0, 0]], [0, 1e6], [0, 1], method="x")
    assert t.dual_value == t.value == 0.5
    assert (M - t.f[:, None] - t.g).min() == 0.0


def test_potentials_of_massless_rows_follow_the_better_pair():
    # g^cc exceeds g where no row with mass is tight, and g^c of row 2 would be too large for it.
    cost = np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 2.0], [2.0, 2.0, 1.0]])
    a, b = np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.25, 0.25])
    t = emd.certify(a, b, cost, np.outer(a, b), [1, 3, -1], [2, -2, -1], method="x")
    assert t.dual_residual == 0.0
    assert_array_equal((cost - t.f[:, None] - t.g).min(axis=1), 0.0)
    assert_array_equal((cost - t.f[:, None] - t.g).min(axis=0), 0.0)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(transport_problems(), st.integers(0, 2**32 - 1))
def test_certificate_of_random_answers(problem, seed):
    a, b, cost = problem
    rng = np.random.default_rng(seed)
    unit, mass = np.abs(cost).max() or 1.0, a.sum()
    f, g = rng.normal(size=a.size) * unit, rng.normal(size=b.size) * unit
    plan = np.outer(a, b / mass)
    t = emd.certify(a, b, cost, plan, f, g, method="independent")
    assert t.primal_residual <= 1e-15
    assert t.dual_residual <= 2e-15
    optimum = emd.solve(a, b, cost).value
    assert t.dual_value - 1e-14 * mass * unit <= optimum <= t.value + 1e-14 * mass * unit
    assert t.gap == pytest.approx(t.value - t.dual_value, abs=1e-14 * mass * unit)
    # Feasible potentials, and no worse: made feasible by hand they bound from below.
    g = np.array(naive.c_transform(cost, f))
    assert a @ f + b @ g <= t.dual_value + 1e-14 * mass * unit


def test_the_plan_may_be_dense_or_sparse_and_is_not_shared():
    dense = np.eye(2) / 2
    sparse = coo_array(([0.25, 0.25, 0.5, 0.0], ([0, 0, 1, 1], [0, 0, 1, 0])), shape=(2, 2))
    for plan in (dense, dense.tolist(), sparse):
        t = certify(plan)
        assert t.plan.nnz == 2
        assert t.primal_residual == 0.0
    dense[0, 0] = 9.0
    assert certify(np.eye(2) / 2).plan[0, 0] == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plan": np.eye(3)}, r"`plan` must have the shape \(2, 2\) of `M`, got \(3, 3\)"),
        ({"plan": [[np.nan, 0], [0, 0.5]]}, "`plan` must be finite"),
        ({"f": [0.0]}, r"`f` must have shape \(2,\) to match `M`, got \(1,\)"),
        ({"g": [0.0, np.nan]}, r"`g` must be finite, got g\[1\] = nan"),
        ({"a": [0.5, 0.6]}, "equal mass"),
    ],
)
def test_bad_answers(change, message):
    with pytest.raises(ValueError, match=message):
        certify(**{"plan": np.eye(2) / 2, **change})


def test_the_record_is_frozen_and_prints_its_certificate():
    t = certify(np.eye(2) / 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        t.value = 1.0
    assert repr(t).startswith("Transport(value=0, dual_value=0, gap=0.0e+00, ")
    assert "plan=<2x2, 2 entries>" in repr(t)


# --- the c-transform ---


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(transport_problems(), st.integers(0, 2**32 - 1))
def test_c_transform(problem, seed):
    cost = problem[2]
    unit = np.abs(cost).max() or 1.0
    f = np.random.default_rng(seed).normal(size=len(cost)) * unit
    once = emd.c_transform(f, cost)
    assert_array_equal(once, naive.c_transform(cost, f))
    twice = emd.c_transform(once, cost.T)
    thrice = emd.c_transform(twice, cost)
    # Each transform rounds a difference of numbers of this size.
    assert np.all(twice >= f - 1e-14 * unit)
    assert_allclose(thrice, once, atol=1e-14 * unit)
    assert_allclose(emd.c_transform(f + unit, cost), once - unit, atol=1e-14 * unit)


def test_c_transform_of_forbidden_pairs():
    cost = [[1.0, INF, INF], [INF, INF, 2.0], [INF, INF, INF]]
    g = emd.c_transform([0.5, 0.5, INF], cost)
    assert_array_equal(g, [0.5, INF, 1.5])
    back = emd.c_transform(g, np.transpose(cost))
    assert_array_equal(back, [0.5, 0.5, INF])


@pytest.mark.parametrize(
    ("f", "message"),
    [
        ([0.0], "shape"),
        ([0.0, np.nan], r"f\[1\] = nan"),
        ([0.0, -INF], "greater than -inf"),
        ([0.0, INF], r"f\[1\] = inf"),
    ],
)
def test_bad_potentials(f, message):
    with pytest.raises(ValueError, match=message):
        emd.c_transform(f, M)


def test_half_a_transform_where_little_is_to_be_gained(rng):
    cost = rng.random((30, 20))
    a, b = rng.dirichlet(np.ones(30)), rng.dirichlet(np.ones(20))
    a[::3] = b[::4] = 0.0
    b *= a.sum() / b.sum()
    t = emd.solve(a, b, cost, method="highs")
    for far in (1e-15, 4e-15, 3e-14, 1e-10):
        # A column that is priced too low, and one too high.
        g = t.g.copy()
        g[1] -= far
        g[2] += far
        c = emd.certify(a, b, cost, t.plan, t.f, g, method="nearly")
        slack = cost - c.f[:, None] - c.g
        assert c.dual_residual <= 1e-16
        assert slack.min() >= -1e-16
        assert np.abs(slack.min(axis=0)).max() <= 1e-15
        assert np.abs(slack[:, b > 0].min(axis=1)).max() <= 1e-15
        assert c.gap <= 1.1 * b[2] * far + 1e-16
