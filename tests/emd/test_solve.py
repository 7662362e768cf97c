"""Every method against closed forms, exact arithmetic and the other methods."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from divkit import emd
from tests.emd import naive


def euclidean(x, y):
    return np.sqrt(((x[:, None] - y) ** 2).sum(-1))


def weights(rng, n):
    a = rng.random(n)
    return a / a.sum()


def require_certified(t, M, mass=1.0):
    """Check the bars for ordinary inputs; every number is relative to mass and cost."""
    scale = mass * np.abs(M[np.isfinite(M)]).max()
    assert abs(t.gap) <= 1e-14 * scale
    assert t.value - t.dual_value == pytest.approx(t.gap, abs=1e-14 * scale)
    assert t.primal_residual <= 1e-14
    assert t.dual_residual <= 1e-14
    assert t.plan.nnz <= sum(M.shape) - 1
    assert t.plan.data.min() > 0


# --- closed forms ---


def test_two_points(solver):
    # Of 0.5 at the first point only 0.2 is wanted there: 0.3 travels.
    t = solver([0.5, 0.5], [0.2, 0.8], [[0.0, 2.0], [2.0, 0.0]])
    assert t.value == pytest.approx(0.6, rel=1e-15)
    assert_allclose(t.plan.toarray(), [[0.2, 0.3], [0.0, 0.5]], rtol=1e-15)


def test_dirac_against_anything(solver, rng):
    b = weights(rng, 9)
    M = rng.random((1, 9))
    t = solver([1.0], b, M)
    assert t.value == pytest.approx(float(M[0] @ b), rel=1e-15)
    assert_allclose(t.plan.toarray()[0], b, rtol=1e-15)
    assert solver(b, [1.0], M.T).value == pytest.approx(t.value, rel=1e-15)


def two_sources(costs, m):
    """Return the value for two sources of one weight: half of the sinks go where they gain most."""
    gain = np.sort(costs[0] - costs[1])[: m // 2]
    return (math.fsum(costs[1]) + math.fsum(gain)) / m


@pytest.mark.parametrize("given", [True, False])
def test_very_many_equal_weights_add_up(rng, given):
    m = 150_000
    M = rng.random((2, m))
    a, b = (np.full(2, 1 / 2), np.full(m, 1 / m)) if given else (None, None)
    expected = pytest.approx(two_sources(M, m), rel=1e-13)
    for t in (emd.solve(a, b, M), emd.solve(b, a, M.T), emd.solve_batch(a, b, M)[0]):
        assert t.value == expected
        require_certified(t, M)


@pytest.mark.parametrize("dear", [1.0, 1e300])
def test_very_many_equal_weights_of_one_source(rng, dear):
    M = rng.random((1, 200_003))
    M[0, 5] = dear
    b = np.full(M.size, 1 / (M.size - 1))
    b[5] = 0.0
    t = emd.solve([1.0], b, M)
    assert t.value == pytest.approx(math.fsum(np.delete(M[0], 5)) / (M.size - 1), rel=1e-13)
    assert t.primal_residual <= 1e-15


def test_one_atom_each(solver):
    t = solver([3.0], [3.0], [[-2.0]])
    assert (t.value, t.dual_value, t.gap) == (-6.0, -6.0, 0.0)


@pytest.mark.parametrize("p", [1, 1.5, 2])
def test_sorted_samples_on_a_line(solver, rng, p):
    x, y = rng.normal(size=12), rng.normal(size=12) ** 3
    M = np.abs(x[:, None] - y) ** p
    assert solver(None, None, M).value == pytest.approx(naive.sorted_line(x, y, p), rel=1e-13)


def test_permutation_of_the_same_points(solver, rng):
    x = rng.normal(size=(15, 2))
    order = rng.permutation(15)
    t = solver(None, None, euclidean(x, x[order]))
    assert t.value == pytest.approx(0.0, abs=1e-15)
    assert_array_equal(np.argsort(order), t.plan.toarray().argmax(axis=1))


def test_translation_of_a_gaussian_sample(solver, rng):
    # For the squared distance the map x -> x + v is optimal (it is the gradient of a convex
    # function), whatever the sample.
    x, v = rng.normal(size=(30, 2)), np.array([3.0, -1.0])
    M = ((x[:, None] - (x + v)) ** 2).sum(-1)
    t = solver(None, None, M)
    assert t.value == pytest.approx(float(v @ v), rel=1e-13)
    require_certified(t, M)


def test_total_variation(solver, rng):
    a, b = weights(rng, 10), weights(rng, 10)
    value = solver(a, b, 1.0 - np.eye(10)).value
    assert value == pytest.approx(0.5 * np.abs(a - b).sum(), rel=1e-14)


def test_assignment_against_all_permutations(solver, rng):
    M = rng.random((6, 6))
    assert solver(None, None, M).value == pytest.approx(float(naive.assignment(M)), rel=1e-14)


# --- precision on ordinary problems, and agreement ---


@pytest.mark.parametrize("shape", [(20, 20), (7, 40), (40, 7)])
def test_certificate(solver, rng, shape):
    n, m = shape
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2)) + 1
    for M in (rng.random(shape), euclidean(x, y), euclidean(x, y) ** 2, rng.normal(size=shape)):
        require_certified(solver(weights(rng, n), weights(rng, m), M), M)


@pytest.mark.parametrize("method", ["highs", pytest.param("cvxpy")])
def test_primal_and_dual_agree(rng, method):
    pytest.importorskip("cvxpy") if method == "cvxpy" else None
    a, b, M = weights(rng, 25), weights(rng, 30), rng.random((25, 30))
    from_above, from_below = emd.primal(a, b, M, method), emd.dual(a, b, M, method)
    assert from_above.value == pytest.approx(from_below.dual_value, rel=1e-14)


def test_ties_and_constants(solver, rng):
    a, b = weights(rng, 12), weights(rng, 8)
    for M in (rng.integers(0, 3, (12, 8)), np.ones((12, 8)), np.zeros((12, 8))):
        t = solver(a, b, M)
        require_certified(t, M + 1.0)
    assert t.value == 0.0


def test_duplicate_points(solver, rng):
    x, y = rng.integers(0, 3, (2, 20, 2)).astype(float)
    M = euclidean(x, y)
    require_certified(solver(weights(rng, 20), weights(rng, 20), M), M)


# --- scales ---


@pytest.mark.parametrize("cost", [1e-150, 1e-9, 1e9, 1e150])
@pytest.mark.parametrize("mass", [1e-9, 1.0, 1e9])
def test_scales(solver, rng, cost, mass):
    a, b, M = weights(rng, 8), weights(rng, 9), rng.random((8, 9))
    t = solver(mass * a, mass * b, cost * M)
    assert t.value / mass / cost == pytest.approx(solver(a, b, M).value, rel=1e-13)
    require_certified(t, cost * M, mass)


def test_a_constant_in_a_row_moves_the_value_by_its_mass(solver, rng):
    a, b, M = weights(rng, 8), weights(rng, 9), rng.integers(0, 100, (8, 9)).astype(float)
    before = solver(a, b, M).value
    for constant in (-50.0, 1e6, 1e12):
        shifted = M.copy()
        shifted[2] += constant
        after = solver(a, b, shifted).value
        assert after == pytest.approx(before + constant * a[2], rel=1e-14)


@pytest.mark.parametrize("huge", [1e10, 1e12, 1e14, 1e16])
def test_huge_costs_do_not_drown_the_others(solver, rng, huge):
    # A tolerance relative to the largest cost stops far from the optimum here.
    n = 7
    M = rng.random((n, n))
    dear = rng.random((n, n)) < 0.4
    np.fill_diagonal(dear, False)
    M[dear] = huge * (1 + rng.random(dear.sum()))
    exact = float(naive.assignment(M))
    t = solver(None, None, M)
    assert t.value == pytest.approx(exact, rel=1e-14)
    assert t.dual_value == pytest.approx(exact, rel=1e-14)


def test_where_pot_alone_is_wrong(rng):
    ot = pytest.importorskip("ot")
    n = 30
    a = np.full(n, 1 / n)
    M = rng.random((n, n))
    M[rng.random((n, n)) < 0.3] += 1e14
    alone = float(np.sum(ot.emd(a, a, M) * M))
    t = emd.solve(a, a, M, "pot")
    assert alone > 1.1 * t.value
    assert t.value == pytest.approx(emd.dual(a, a, M).dual_value, rel=1e-14)
    assert abs(t.gap) <= 1e-14 * t.value


def test_light_atoms_are_served(solver, rng):
    a, b = rng.random(12) ** 20, rng.random(12) ** 20
    a, b = a / a.sum(), b / b.sum()
    t = solver(a, b, rng.random((12, 12)))
    assert_allclose(t.plan.sum(axis=1), a, rtol=1e-9, atol=1e-17)
    assert t.primal_residual <= 1e-15


# --- awkward input ---


def test_massless_atoms_have_tight_potentials(solver, rng):
    a, b, M = weights(rng, 8), weights(rng, 9), rng.random((8, 9))
    a[[0, 3]], b[8] = 0.0, 0.0
    a, b = a / a.sum(), b / b.sum()
    t = solver(a, b, M)
    require_certified(t, M)
    slack = M - t.f[:, None] - t.g
    assert_allclose(slack.min(axis=1), 0.0, atol=1e-15)
    assert_allclose(slack.min(axis=0), 0.0, atol=1e-15)
    inside = solver(a[a > 0], b[b > 0], M[np.ix_(a > 0, b > 0)])
    assert t.value == pytest.approx(inside.value, rel=1e-14)


def test_forbidden_pairs(solver, rng):
    M = rng.random((9, 9))
    M[~np.eye(9, dtype=bool) & (rng.random((9, 9)) < 0.6)] = np.inf
    t = solver(None, None, M)
    finite = np.where(np.isinf(M), 100.0, M)
    assert t.value == pytest.approx(solver(None, None, finite).value, rel=1e-14)
    assert np.isfinite(M[t.plan.nonzero()]).all()
    assert np.isfinite(t.f).all()
    assert np.isfinite(t.g).all()
    require_certified(t, M)


def test_blocks_whose_masses_agree_up_to_rounding(solver, rng):
    # Each block is a cut that holds with equality; the sums of its weights are rounded.
    a, b = rng.random(40), rng.random(40)
    M = np.full((40, 40), np.inf)
    for k in range(0, 40, 8):
        block = slice(k, k + 8)
        M[block, block] = rng.random((8, 8))
        b[block] *= a[block].sum() / b[block].sum()
    t = solver(a, b, M)
    require_certified(t, M, a.sum())


def test_blocks_whose_masses_agree_almost(solver):
    # More than the backends overlook, less than what counts as a violated cut.
    off = 4e-13
    M = np.kron(np.where(np.eye(2) > 0, 0.0, np.inf), np.ones((2, 2)))
    t = solver([0.25] * 4, [0.25 + off, 0.25, 0.25, 0.25 - off], M + 1.0)
    assert t.value == pytest.approx(1.0, rel=1e-12)
    assert t.primal_residual <= 1e-12


def test_triangular_support_has_one_plan(solver, rng):
    a = weights(rng, 30)
    M = np.where(np.tri(30) > 0, rng.random((30, 30)), np.inf)
    t = solver(a, a, M)
    assert_allclose(t.plan.toarray(), np.diag(a), atol=1e-15)


def test_forbidden_for_massless_atoms_only(solver):
    M = np.array([[0.0, 1.0, np.inf], [np.inf, np.inf, np.inf], [1.0, 0.0, np.inf]])
    t = solver([0.5, 0.0, 0.5], [0.5, 0.5, 0.0], M)
    assert t.value == 0.0
    assert (t.f[1], t.g[2]) == (0.0, 0.0)


def test_uniform_weights_take_the_other_mass(solver):
    M = [[0.0, 1.0], [1.0, 0.0]]
    assert solver(None, None, M).plan.sum() == 1.0
    assert solver(None, [1.0, 3.0], M).value == 1.0


def test_integers_give_a_float_plan(solver):
    t = solver([1, 2], [2, 1], [[0, 1], [3, 0]])
    assert t.plan.dtype == t.f.dtype == t.g.dtype == np.float64
    assert t.value == 3.0


def test_float32_computes_in_float64(solver, rng):
    a, b = (weights(rng, 6).astype(np.float32) for _ in range(2))
    M = rng.random((6, 6)).astype(np.float32)
    t = solver(a, b, M)
    exact_b = b.astype(float) * (a.astype(float).sum() / b.astype(float).sum())
    assert t.value == solver(a.astype(float), exact_b, M.astype(float)).value
    assert t.plan.dtype == t.f.dtype == np.float64


def test_inputs_are_left_alone(solver, rng):
    a, b, M = weights(rng, 6), weights(rng, 7), rng.random((6, 7))
    given = a.copy(), b.copy(), M.copy()
    for x in given:
        x.setflags(write=False)
    value = solver(*given).value
    for before, after in zip((a, b, M), given, strict=True):
        assert_array_equal(before, after)
    wide = np.repeat(np.repeat(M, 2, axis=0), 3, axis=1)
    assert solver(a, b, np.asfortranarray(M)).value == value
    assert solver(a, b, wide[::2, ::3]).value == value
    assert solver(np.repeat(a, 2)[::2], b, M).value == value
    assert solver(a.tolist(), tuple(b), M.tolist()).value == value


def test_distance_is_the_value(rng):
    a, b, M = weights(rng, 5), weights(rng, 6), rng.random((5, 6))
    distance = emd.distance(a, b, M)
    assert type(distance) is float
    assert distance == emd.solve(a, b, M).value


def test_method_says_what_was_used(rng):
    assert emd.solve(None, None, rng.random((5, 5))).method == "simplex"
    large = emd.solve(None, None, rng.random((200, 20)))
    assert large.method == "simplex"
    assert large.iterations > 0
    assert emd.solve(None, None, rng.random((5, 5)), "highs").method == "highs"
    pytest.importorskip("cvxpy")
    assert emd.solve(None, None, rng.random((5, 5)), "cvxpy").method == "cvxpy"
