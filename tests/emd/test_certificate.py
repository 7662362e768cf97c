"""Certificates hold for costs of any span: checked in rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from divkit import emd
from divkit.emd._certificate import rational
from divkit.emd._costs.costs import MatrixCosts
from tests.fuzz import honesty, oracles

STAND_INS = (1e12, 1e15, 1e17, 1e20, 1e50, 1e150, 1e300)


def spoiled(M, pattern, stand_in):
    """Return costs with a stand-in for what is forbidden, as people write it."""
    M = M.copy()
    n = len(M)
    if pattern == "block":
        M[: n // 2, n // 2 :] = M[n // 2 :, : n // 2] = stand_in
    elif pattern == "row":
        M[n // 2] = stand_in
    elif pattern == "single":
        M[0, -1] = stand_in
    else:
        M[-1, :-1] = M[:-1, -1] = stand_in
    return M


def small_problems(count):
    rng = np.random.default_rng(20)
    for k in range(count):
        n = int(rng.integers(2, 6))
        M = (rng.integers(0, 5, (n, n)) if k % 2 else 10 ** rng.uniform(-8, 8, (n, n))) * 1.0
        pattern = ("block", "row", "single", "arrow")[k % 4]
        a, b = (rng.multinomial(64, np.full(n, 1 / n)) / 64 for _ in range(2))
        if k % 3 == 0:
            a = b = np.full(n, 1 / n)
        yield a, b, spoiled(M, pattern, STAND_INS[k % len(STAND_INS)])


SOLVERS = {
    "simplex": emd.solve,
    "primal": emd.primal,
    "dual": emd.dual,
    "pot": lambda a, b, M: emd.solve(a, b, M, method="pot"),
    "sparse": lambda a, b, M: emd.solve(
        a, b, sp.coo_array((M.ravel(), np.indices(M.shape).reshape(2, -1)), shape=M.shape)
    ),
    "batch": lambda a, b, M: emd.solve_batch(a, b, M)[0],
}


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
def test_stand_ins_for_forbidden_pairs(solve):
    for a, b, M in small_problems(60):
        honesty.require_right(solve(a, b, M), oracles.Problem(a, b, M))


@pytest.mark.parametrize("method", ["auto", "highs", "pot", "cvxpy"])
def test_what_sums_of_potentials_cannot_tell_apart(method):
    B = 1e17
    M = [[3, 1, 1, B], [0, 3, 4, B], [1, 1, 2, B], [B, B, B, 4]]
    t = emd.solve(None, None, M, method=method)
    assert (t.value, t.gap) == (1.5, pytest.approx(0.0, abs=1e-12))
    assert t.dual_value == pytest.approx(1.5, rel=1e-12)


@pytest.mark.parametrize("g", [(0.0, 0.0, 1e17), (0.0, 0.0, 1e300), (1e17, -1e17, 0.0)])
@pytest.mark.parametrize("right", [True, False])
def test_adversarial_potentials(g, right):
    # The diagonal costs nothing; to go around costs 2 in the mean.
    M = np.array([[0.0, 2.0, 1e9], [1e9, 0.0, 2.0], [2.0, 1e9, 0.0]])
    plan = (np.eye(3) if right else np.roll(np.eye(3), 1, axis=1)) / 3
    t = emd.certify(None, None, M, plan, np.zeros(3), g, method="anybody's")
    assert t.value == pytest.approx(0.0 if right else 2.0)
    assert t.gap >= t.value
    assert t.dual_value <= 0.0
    assert t.value - t.dual_value == pytest.approx(t.gap, rel=1e-12)


def test_potentials_of_any_size_hide_no_gain():
    # 88.509 with a gap of 0 has been said of a problem whose optimum is 57.543.
    rng = np.random.default_rng(5)
    for stand_in in (1e20, 1e100, 1e300):
        M = spoiled(rng.integers(0, 200, (6, 6)) * 1.0, "arrow", stand_in)
        for method in ("pot", "highs", "simplex"):
            t = emd.solve(None, None, M, method=method)
            honesty.require_right(t, oracles.Problem(t.plan.sum(axis=1), t.plan.sum(axis=0), M))


def test_blocks_joined_by_large_costs(rng):
    for method in ("auto", "pot"):
        for n in (20, 120):
            blocks = np.kron(np.eye(n // 10), np.ones((10, 10))) > 0
            M = rng.random((n, n))
            right = emd.solve(None, None, np.where(blocks, M, np.inf)).value
            t = emd.solve(None, None, np.where(blocks, M, 1e17), method=method)
            assert t.value == pytest.approx(right, rel=1e-13)
            assert abs(t.gap) <= 2e-12 * t.value
            assert np.abs(t.f).max() < 1e3


@pytest.mark.parametrize("scale", [1e-308, 1e-302, 1e-300, 1e300])
def test_costs_of_any_size(scale):
    M = np.array([[3.0, 1.0, 1.0], [0.0, 3.0, 4.0], [1.0, 1.0, 2.0]]) * scale
    t = emd.solve(None, None, M)
    assert t.value == pytest.approx(2 / 3 * scale, rel=1e-12)
    assert abs(t.gap) <= 1e-12 * scale


def test_mass_below_the_rounding_of_the_rest_is_moved():
    t = emd.solve([0.5, 0.5, 1e-17], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0], [1e6, 1e6]])
    assert t.value == pytest.approx(1e-11, rel=1e-12)
    assert t.dual_value == pytest.approx(1e-11, rel=1e-12)
    assert t.plan.toarray()[2].sum() == 1e-17


def test_the_smallest_mass_moves_along_a_tight_pair():
    # A reduced cost of 2 weighs nothing at a mass of 5e-324, and is still not optimal.
    a, b = np.array([1.0, 5e-324]), np.array([5e-324, 1.0])
    M = np.array([[3.0, 1.0], [1.0, 0.0]])
    t = emd.solve(a, b, M)
    plan = t.plan.tocoo()
    slack = M[plan.coords] - t.f[plan.coords[0]] - t.g[plan.coords[1]]
    assert np.abs(slack).max() <= 1e-15


def test_lengths_over_many_decades(rng):
    for decades in (12, 16, 20, 140):
        n = 300
        tails, heads = rng.integers(0, n, (2, 4 * n))
        tails, heads = np.append(tails, np.arange(n)), np.append(heads, np.roll(np.arange(n), -1))
        keep = tails != heads
        lengths = 10.0 ** rng.uniform(-decades, decades, tails.size)
        G = sp.coo_array((lengths[keep], (tails[keep], heads[keep])), shape=(n, n)).tocsr()
        a, b = rng.multinomial(4 * n, np.full(n, 1 / n), 2) * 1.0
        t = emd.solve_graph(a, b, G)
        assert abs(t.gap) <= 2e-12 * t.value


def test_short_moves_between_far_places():
    # Potentials are of the size of the whole line, what is paid a millionth of a step.
    n = 400
    h = np.arange(1.0, n + 1)
    a, b = h.copy(), h.copy()
    b[n // 2] += 2.0**-20
    b[n // 2 + 1] -= 2.0**-20
    M = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) * 1.0
    t = emd.solve(a, b, M)
    assert t.value == 2.0**-20
    assert t.value - t.dual_value == pytest.approx(t.gap, rel=1e-12)
    assert -1e-9 <= t.gap <= 1e-9


def test_dual_values_are_below_the_optimum_of_wide_costs():
    rng = np.random.default_rng(3)
    for _ in range(40):
        n = int(rng.integers(2, 5))
        M = 10.0 ** rng.uniform(-300, 300, (n, n))
        a = np.full(n, 1 / n)
        problem = oracles.Problem(a, a, M)
        f, g = rng.normal(size=(2, n)) * 10.0 ** rng.uniform(0, 300)
        t = emd.certify(a, a, M, np.outer(a, np.full(n, 1.0)) / n, f, g, method="nobody's")
        assert Fraction(t.dual_value) <= problem.optimum.value * (1 + Fraction(1, 10**12))
        honesty.require_honest(t, problem)


def test_a_plan_without_tight_potentials_is_not_optimal_whatever_cannot_be_told():
    """Sentinels of 1e30 hide costs of 1 in float64, and nearly in 32 digits."""
    a = [0.328125, 0.65625, 0.0, 1.1484375, 1.3125]
    b = [0.0, 0.0, 0.1640625, 0.65625, 1.3125, 1.3125]
    M = np.zeros((5, 6))
    M[1, [2, 4]] = M[4, [2, 4]] = 1e30
    M[4, 5] = 1.0
    t = emd.solve(a, b, M)
    assert t.value == t.dual_value == 0.65625
    inf = np.inf
    a = [1e-30, 1.0, 2.0**-52, 2.0**-52, 1e-30]
    M = np.zeros((5, 5))
    M[0, 1:] = M[1:, 0] = inf
    M[[0, 1, 4], [0, 4, 4]] = 1.0
    for method in ("auto", "highs", "pot"):
        try:
            t = emd.solve(a, a, M, method=method)
        except emd.ConvergenceError:
            assert method != "auto"
        else:
            assert t.value == pytest.approx(1e-30, rel=1e-12)


def test_costs_that_cancel_leave_no_disagreement():
    """Nothing is left of the value, so that roundings of 32 digits are much against it."""
    M = np.array([[0.0, 0.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1e166, 0.0, 0.0, -1.0]])
    t = emd.solve(None, None, M)
    assert t.value == 0
    assert t.value - t.dual_value == t.gap <= 1e-30
    a = [0.0, 0.0, 1.1781824316714544e-89, 5.890912158357272e-90]
    M = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 1.0]])
    t = emd.solve_batch([a], [[0.0, *a[2:]]], [M])[0]
    assert t.value == 0
    assert t.value - t.dual_value == t.gap <= 1e-118


def test_a_dual_value_far_below_the_largest_cost_keeps_its_digits():
    a = np.array([1.0, 2.0**-52])
    b = np.array([1.0, 2.0**-53, 2.0**-54, 2.0**-54])
    M = np.array([[0.0, 0.0, 0.0, 0.0], [1e-26, 0.0, 0.0, 1e269]])
    f, g = [0.0, 1e-26], [0.0, -1e-26, -1e-26, 0.0]
    t = emd.certify(a, b, M, np.outer(a, b) / a.sum(), f, g, method="independent")
    assert t.dual_value == pytest.approx(2.0**-54 * 1e-26, rel=1e-15)


def test_what_32_digits_cannot_tell_is_told_by_rational_arithmetic():
    """Costs of 1e30 that cancel to 0 leave a plan that costs 0, where 1 is not optimal."""
    M = np.array([[0.0, 1e30], [-1e30, 1.0], [1e30, 0.0]])
    a, b = [1.0, 1.0, 0.0], [1.0, 1.0]
    t = emd.solve(a, b, M)
    for start in (None, t, (np.zeros(3), np.zeros(2)), (t.f, t.g)):
        assert emd.solve(a, b, M, start=start).value == 0


@pytest.mark.parametrize("seed", range(20))
def test_optimality_in_rational_arithmetic(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(2, 7, 2)
    M = rng.integers(0, 4, (n, m)) * 10.0 ** rng.integers(-3, 30, (n, m))
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    atoms = np.arange(n), np.arange(m)
    optimum = oracles.Problem(a, b, M).optimum
    best = np.array(sorted(ij for ij, x in optimum.plan.items() if x > 0)).T
    assert rational.is_optimal(MatrixCosts(M), *atoms, *best)
    # Mass on all pairs is optimal if and only if costs are sums of potentials.
    exact = [[Fraction(x) for x in row] for row in M.tolist()]
    of_sums = all(
        exact[i][j] + exact[0][0] == exact[i][0] + exact[0][j] for i in range(n) for j in range(m)
    )
    every = np.repeat(atoms[0], m), np.tile(atoms[1], n)
    assert rational.is_optimal(MatrixCosts(M), *atoms, *every) == of_sums


def test_a_gap_that_proves_enough_needs_no_tight_potentials():
    tiny = 2.0**-52
    a, b = [tiny, tiny, 1e-30], [tiny, 5e-31, 2.5e-31, tiny, 2.5e-31]
    M = np.zeros((3, 5))
    M[:2, 3], M[2] = 1.0, [1e17, 0.0, 1e17, 1e17, 1e17]
    t = emd.solve(a, b, M)
    optimum = oracles.Problem(a, b, M).optimum.value
    assert t.value == pytest.approx(float(optimum), rel=1e-13)
    assert 0 <= t.gap <= 1e-13 * t.value
