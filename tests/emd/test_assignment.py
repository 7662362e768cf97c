"""Assignment: the permutation that a plan is, exact to the last digit, and never a wrong one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, csr_array
from scipy.spatial.distance import cdist

from divkit import emd
from divkit.emd._small import small
from tests.emd import naive
from tests.emd.small.test_small import choose_plain

# As many atoms as make too many pairs for the loops of small problems.
MANY = 530


def whole_numbers(rng, n):
    return rng.integers(1, 100, (n, n)).astype(float)


def places(rng, n):
    x, y = rng.integers(0, 8, (2, n, 2)).astype(float)
    return cdist(x, y, "cityblock")


COSTS = {
    "without ties": lambda rng, n: rng.random((n, n)),
    "plane": lambda rng, n: cdist(rng.random((n, 2)), rng.random((n, 2))),
    "negative": lambda rng, n: -rng.random((n, n)),
    "whole numbers": whole_numbers,
    "places of a grid": places,
    "constant": lambda rng, n: np.ones((n, n)),
    "the same points": lambda rng, n: cdist(x := rng.random((n, 2)), x),
    "forbidden pairs": lambda rng, n: np.where(
        (rng.random((n, n)) < 0.7) & ~np.eye(n, dtype=bool), np.inf, rng.random((n, n))
    ),
}
WEIGHTS = {
    "None": lambda n: (None, None),
    "explicit": lambda n: (np.full(n, 1 / n), np.full(n, 1 / n)),
    "list and None": lambda n: ([0.1] * n, None),
    "None and a mass": lambda n: (None, np.full(n, 0.7)),
    "whole": lambda n: (np.full(n, 3), np.full(n, 3)),
    "single precision": lambda n: (np.full(n, 1 / n), np.full(n, 1 / n, np.float32)),
    "a rounding apart": lambda n: ([1 / 3] * n, [np.nextafter(1 / 3, 1)] * n),
}


def weight(a, b, n):
    """Return the weight of each source."""
    if a is not None:
        return float(a[0])
    return 1 / n if b is None else float(np.sum(b)) / n


def require_assignment(t, M, w, *, best=None):
    """Check that an answer is a permutation of entries `w`, and as cheap as SciPy's."""
    n = len(M)
    s = t.permutation
    assert s.dtype == np.intp
    assert_array_equal(np.sort(s), np.arange(n))
    assert t.plan.nnz == n
    assert_array_equal(t.plan.data, np.full(n, w))
    assert_array_equal(t.plan[np.arange(n), s], np.full(n, w))
    assert t.primal_residual == 0
    if best is None:
        best = M[linear_sum_assignment(M)]
    assert M[np.arange(n), s].sum() == pytest.approx(best.sum(), rel=1e-13)


# --- every way to solve ---


@pytest.mark.parametrize("costs", COSTS)
def test_every_solver(solver, costs, rng):
    M = COSTS[costs](rng, 8)
    require_assignment(solver(None, None, M), M, 1 / 8)


def test_the_only_optimum(solver, rng):
    M = rng.random((12, 12))
    assert_array_equal(solver(None, None, M).permutation, linear_sum_assignment(M)[1])


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_of_every_solver(solver, weights, rng):
    M, (a, b) = COSTS["without ties"](rng, 7), WEIGHTS[weights](7)
    require_assignment(solver(a, b, M), M, weight(a, b, 7))


@pytest.mark.parametrize("loops", ["plain", "compiled"])
@pytest.mark.parametrize("costs", COSTS)
def test_small(loops, costs, rng, monkeypatch):
    if loops == "plain":
        choose_plain(monkeypatch)
    else:
        small.load()
    for n in (1, 2, 3, 10, 33):
        M = COSTS[costs](rng, n)
        for a, b in (pair(n) for pair in WEIGHTS.values()):
            require_assignment(emd.solve(a, b, M), M, weight(a, b, n))
        assert_array_equal(emd.solve_batch(None, None, M)[0].permutation, _of(M))


def _of(M):
    return emd.solve(None, None, M).permutation


@pytest.mark.parametrize("costs", COSTS)
def test_column_generation(costs, rng):
    M = COSTS[costs](rng, MANY)
    best = M[linear_sum_assignment(M)]
    for a, b in (WEIGHTS[name](MANY) for name in ("None", "list and None", "a rounding apart")):
        require_assignment(emd.solve(a, b, M), M, weight(a, b, MANY), best=best)


def test_from_a_start(rng):
    M = COSTS["plane"](rng, MANY)
    before = emd.solve(None, None, M)
    M += 0.01 * rng.random(M.shape)
    require_assignment(emd.solve(None, None, M, start=before), M, 1 / MANY)


@pytest.mark.parametrize("n", [20, MANY])
def test_sparse_costs(n, rng):
    M = rng.random((n, n))
    M[(rng.random((n, n)) < 0.8) & ~np.eye(n, dtype=bool)] = np.inf
    rows, columns = np.nonzero(np.isfinite(M))
    sparse = coo_array((M[rows, columns], (rows, columns)), shape=M.shape)
    for a, b in (pair(n) for pair in WEIGHTS.values()):
        require_assignment(emd.solve(a, b, sparse), M, weight(a, b, n))


def angle(x, y):
    return cdist(x + 1, y + 1, "cosine")


@pytest.mark.parametrize("metric", ["sqeuclidean", "cityblock", "chebyshev", "function"])
@pytest.mark.parametrize("shape", [(30, 2), (MANY, 2), (MANY, 7)], ids=str)
def test_points(metric, shape, rng):
    n, _ = shape
    # On a grid, some of them twice.
    x, y = (rng.integers(0, 9, shape).astype(float) for _ in range(2))
    cost = angle if metric == "function" else metric
    M = angle(x, y) if metric == "function" else cdist(x, y, metric)
    for a, b in (WEIGHTS[name](n) for name in ("None", "a rounding apart")):
        require_assignment(emd.solve_points(x, y, a, b, cost), M, weight(a, b, n))


@pytest.mark.parametrize("n", [1, 40, 3000])
def test_line(n, rng):
    x, y = rng.random((2, n))
    expected = np.empty(n, np.intp)
    expected[np.argsort(x)] = np.argsort(y)
    weights = ((None, None), (np.full(n, 1 / n), np.full(n, 1 / n)))
    for a, b in weights:
        assert_array_equal(emd.solve_line(x, y, a, b).permutation, expected)
        assert_array_equal(emd.solve_points(x[:, None], y[:, None], a, b).permutation, expected)
    assert_array_equal(emd.solve_line(x, y).plan.data, np.full(n, 1 / n))


def test_batch(rng):
    M = rng.random((5, 9, 9))
    for b in (None, np.full(9, 1 / 9)):
        batch = emd.solve_batch(None, b, M)
        for cost, t in zip(M, batch, strict=True):
            require_assignment(t, cost, 1 / 9)
    assert_array_equal(emd.solve_batch([0.1] * 9, None, M)[-1].permutation, _of(M[-1]))


def test_against_all_permutations(rng):
    for n in range(1, 7):
        M = rng.integers(0, 9, (n, n)).astype(float)
        s = emd.solve(None, None, M).permutation
        assert M[np.arange(n), s].sum() == n * naive.assignment(M)


def test_it_is_computed_once(rng):
    t = emd.solve(None, None, rng.random((4, 4)))
    assert t.permutation is t.permutation


# --- what is no permutation ---


def certified(plan, a=None, b=None):
    n, m = plan.shape
    return emd.certify(a, b, np.ones((n, m)), plan, np.zeros(n), np.zeros(m), method="a guess")


def test_more_sinks_than_sources():
    t = emd.solve(None, None, np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"as many sinks as sources, got 3 and 2"):
        t.permutation  # noqa: B018


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0.5, 0.25, 0.25], None),
        (None, [0.25, 0.25, 0.5]),
        ([0.5, 0.25, 0.25], [0.5, 0.25, 0.25]),
        ([0.5, 0.5, 0.0], [0.5, 0.5, 0.0]),
        ([1 / 3 + 1e-7, 1 / 3, 1 / 3 - 1e-7], [1 / 3 + 1e-7, 1 / 3, 1 / 3 - 1e-7]),
    ],
    ids=["of sources", "of sinks", "of both", "without mass", "nearly equal"],
)
def test_unequal_weights(solver, a, b):
    t = solver(a, b, 1 - np.eye(3))
    with pytest.raises(ValueError, match=r"equal weights, got some from .* to .*: `plan`"):
        t.permutation  # noqa: B018


@given(
    st.integers(2, 6).flatmap(lambda n: st.lists(st.permutations(range(n)), min_size=2)),
    st.floats(1e-7, 1 - 1e-7),
)
def test_a_mixture_of_permutations(some, share):
    first, *_, last = (np.eye(len(s))[list(s)] / len(s) for s in some)
    t = certified(share * first + (1 - share) * last)
    if some[0] == some[-1]:
        assert t.permutation.tolist() == list(some[0])
    else:
        with pytest.raises(ValueError, match=r"whole weight .* to one sink, got one that does so"):
            t.permutation  # noqa: B018


def test_the_product_of_the_weights():
    with pytest.raises(ValueError, match=r"got one that does so for 0 of 5: method='simplex'"):
        certified(np.full((5, 5), 1 / 25)).permutation  # noqa: B018


def test_splitting_is_told_by_one_pair():
    plan = np.eye(3) / 3
    plan[:2, :2] = [[1 / 3 - 1e-6, 1e-6], [1e-6, 1 / 3 - 1e-6]]
    with pytest.raises(ValueError, match=r"got one that does so for 1 of 3"):
        certified(plan).permutation  # noqa: B018


@pytest.mark.parametrize(
    "plan",
    [np.eye(3) / 2, np.zeros((3, 3)), np.full((3, 3), 1 / 3), np.eye(3)[[0, 0, 2]] / 3],
    ids=["of another mass", "nothing", "three times the mass", "two to one"],
)
def test_a_plan_with_other_marginals(plan):
    with pytest.raises(ValueError, match=r"marginals `a` and `b`, got one with primal_residual="):
        certified(plan).permutation  # noqa: B018


def test_the_marginals_do_not_hide_the_weights():
    # The plan of an assignment problem, but of another one.
    with pytest.raises(ValueError, match=r"primal_residual="):
        certified(np.eye(2) / 2, [0.75, 0.25], [0.75, 0.25]).permutation  # noqa: B018


def test_a_source_is_not_served_twice():
    # Many negative entries, each as small as an error in a weight, make the marginals right.
    n = 3000
    plan = np.eye(n)
    plan[0, 1], plan[1, 1] = 1.0, 0.0
    plan[0, 2:], plan[1, 2:] = -1 / (n - 2), 1 / (n - 2)
    t = certified(csr_array(plan), np.ones(n), np.ones(n))
    assert n * t.primal_residual < 1e-3
    with pytest.raises(ValueError, match=r"got one that does so for 2998 of 3000"):
        t.permutation  # noqa: B018


def test_rounding_is_no_mass():
    plan = np.eye(4)[[2, 0, 3, 1]] / 4
    plan[0, 0], plan[1, 1], plan[2, 0] = 1e-17, -1e-18, 1e-15
    assert certified(plan).permutation.tolist() == [2, 0, 3, 1]
    assert certified(csr_array(plan)).permutation.tolist() == [2, 0, 3, 1]


def test_a_plan_of_single_precision():
    plan = (np.eye(3)[[2, 0, 1]] / 3).astype(np.float32)
    assert certified(plan).permutation.tolist() == [2, 0, 1]


def test_weights_that_rounding_made_unequal(rng):
    n = 300
    a = np.diff(np.linspace(0, 1, n + 1))
    assert np.ptp(a) > 0
    M = rng.random((n, n))
    t = emd.solve(a, np.full(n, 1 / n), M)
    assert_array_equal(t.permutation, linear_sum_assignment(M)[1])


def test_batches_whose_weights_are_a_rounding_apart(rng):
    a = np.full((20, 10), 0.1)
    batch = emd.solve_batch(a, None, rng.random((20, 10, 10)))
    assert batch.primal_residuals.max() == 0.0
    for t in batch:
        assert_array_equal(t.plan.data, np.full(10, 0.1))
