"""All histograms against all: each entry is the distance of that pair."""

from __future__ import annotations

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog
from scipy.spatial.distance import cdist

from divkit import emd
from divkit.emd import _pairwise
from divkit.emd._small import small
from tests.emd.small.test_small import choose_plain

LOOPS = ["plain", "compiled"]


@pytest.fixture(autouse=True, params=LOOPS)
def loops(request, monkeypatch):
    """Solve one by one in plain loops, or in compiled ones."""
    if request.param == "plain":
        choose_plain(monkeypatch)
    else:
        small.load()
    return request.param


def metric(rng, n):
    points = rng.random((n, 2))
    return cdist(points, points)


def by_program(a, b, M):
    """Return the optimum of the primal linear program."""
    n, m = M.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    return linprog(M.ravel(), A_eq=np.concatenate((rows, columns)), b_eq=np.concatenate((a, b))).fun


def require_same(W, M, P, Q):
    expected = [[emd.distance(p, q, M) for q in Q] for p in P]
    assert_allclose(W, expected, rtol=1e-13, atol=1e-15)


def test_every_entry_is_a_distance(rng):
    P, Q, M = rng.dirichlet(np.ones(5), 4), rng.dirichlet(np.ones(7), 3), rng.random((5, 7))
    W = emd.pairwise(P, Q, M).values
    assert W.shape == (4, 3)
    assert_allclose(W, [[by_program(p, q, M) for q in Q] for p in P], rtol=1e-9)
    require_same(W, M, P, Q)


@pytest.mark.parametrize("power", [1, 2], ids=["metric", "squared"])
def test_symmetric_costs(rng, power):
    P = rng.dirichlet(np.ones(8), 9)
    P[0, :5] = 0
    P[3] = P[4]
    P /= P.sum(axis=1, keepdims=True)
    M = metric(rng, 8) ** power
    W = emd.pairwise(P, None, M).values
    assert_array_equal(W, W.T)
    assert_array_equal(W.diagonal(), np.zeros(9))
    assert W[3, 4] == 0
    require_same(W, M, P, P)
    assert_allclose(emd.pairwise(P, P, M).values, W, rtol=1e-13, atol=1e-15)


def test_costs_that_are_not_symmetric(rng):
    P, M = rng.dirichlet(np.ones(6), 5), rng.random((6, 6))
    require_same(emd.pairwise(P, None, M).values, M, P, P)


def test_costs_of_staying(rng):
    P, M = rng.dirichlet(np.ones(6), 5), metric(rng, 6) - 0.3 * np.eye(6)
    W = emd.pairwise(P, None, M).values
    require_same(W, M, P, P)
    assert W[0, 0] == pytest.approx(-0.3)
    require_same(emd.pairwise(P, None, M + 1).values, M + 1, P, P)


def test_values_come_with_bounds(rng):
    P, M = rng.dirichlet(np.ones(10), 8), metric(rng, 10)
    found = emd.pairwise(P, None, M)
    values, dual_values = found.values, found.dual_values
    assert_array_equal(found.gaps, values - dual_values)
    assert_array_equal(values, emd.pairwise(P, None, M).values)
    assert (values > 0).sum() == (dual_values > 0).sum() == 56
    assert_allclose(dual_values, values, rtol=1e-14)
    assert_array_equal(dual_values, dual_values.T)


def test_histograms_that_hardly_differ(rng):
    p = rng.dirichlet(np.ones(12))
    moved = p.copy()
    moved[3] += 2.0**-40
    moved[7] -= 2.0**-40
    M = metric(rng, 12)
    W = emd.pairwise([p, moved], None, M).values
    assert W[0, 1] == pytest.approx(2.0**-40 * M[3, 7], rel=1e-3)


def test_a_detour_is_no_metric(rng, loops):
    M = np.array([[0.0, 1.0, 5.0], [1.0, 0.0, 1.0], [5.0, 1.0, 0.0]])
    assert not _pairwise._is_metric(M)
    P = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]])
    W = emd.pairwise(P, None, M).values
    assert W[0, 1] == 1.0  # over the middle, where 2.5 is without it
    require_same(W, M, P, P)


def test_metrics(rng):
    M = metric(rng, 30)
    assert _pairwise._is_metric(M)
    assert _pairwise._is_metric(np.minimum(M, 0.3))
    assert _pairwise._is_metric(np.where(np.kron(np.eye(2), np.ones((15, 15))), M, np.inf))
    assert not _pairwise._is_metric(M**2)
    assert not _pairwise._is_metric(M + 1e-3)
    assert not _pairwise._is_metric(M[:20])
    M[4, 9] = M[4, 9] * (1 + 1e-9) + M[:, 9].max()
    assert not _pairwise._is_metric(M)


@pytest.mark.parametrize("n", [257, 300])
def test_metrics_on_many_bins(rng, n):
    M = metric(rng, n)
    assert _pairwise._is_metric(M)
    assert _pairwise._is_metric(np.where(np.add.outer(range(n), range(n)) % 2, np.inf, M))
    for i, j in ((0, 1), (n - 2, n - 1), (n - 1, 0), (n // 2, 255)):
        wrong = M.copy()
        wrong[i, j] = (M[i] + M[:, j])[np.arange(n) != i].min() * (1 + 1e-9) + M[i].max()
        assert not _pairwise._is_metric(wrong)


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e300, 4e307])
def test_counts_of_any_size(size):
    P = np.array([[1.0, 0.0], [3.0, 1.0], [1.0, 1.0]]) * size
    M = np.array([[0.0, 1.0], [1.0, 0.0]])
    expected = [[0.0, 0.25, 0.5], [0.25, 0.0, 0.25], [0.5, 0.25, 0.0]]
    assert_allclose(emd.pairwise(P, None, M, normalize=True).values, expected, rtol=1e-15)


def test_forbidden_pairs(rng):
    M = metric(rng, 6)
    M[:3, 3:] = M[3:, :3] = np.inf
    P = np.concatenate([rng.dirichlet(np.ones(3), (4, 2)).reshape(4, 6) / 2])
    require_same(emd.pairwise(P, None, M).values, M, P, P)
    P[2] = [1, 0, 0, 0, 0, 0]
    with pytest.raises(ValueError, match=r"histogram 0 to histogram 2: no plan .* row 3"):
        emd.pairwise(P, None, M)
    with pytest.raises(ValueError, match=r"histogram 2 to histogram 0: no plan"):
        emd.pairwise(P[:3], P[1:2], M)


def test_counts(rng):
    P, M = rng.integers(0, 9, (5, 7)), metric(rng, 7)
    W = emd.pairwise(P, None, M, normalize=True).values
    shares = P / P.sum(axis=1, keepdims=True)
    require_same(W, M, shares, shares)
    with pytest.raises(ValueError, match=r"rows of equal mass, got .* pass `normalize=True`"):
        emd.pairwise(P, None, M)


def test_masses(rng):
    P, Q, M = rng.dirichlet(np.ones(5), 3), rng.dirichlet(np.ones(5), 3), metric(rng, 5)
    W = emd.pairwise(P, Q, M).values
    assert_allclose(emd.pairwise(2.0**30 * P, 2.0**30 * Q, M).values, 2.0**30 * W, rtol=1e-13)
    assert_allclose(emd.pairwise(1e-9 * P, 1e-9 * Q, M).values, 1e-9 * W, rtol=1e-13)
    assert_allclose(emd.pairwise(P, Q, 1e150 * M).values, 1e150 * W, rtol=1e-13)
    single = emd.pairwise(P.astype(np.float32), Q.astype(np.float32), M.astype(np.float32)).values
    assert single.dtype == np.float64
    assert_allclose(single, W, rtol=1e-5)


def test_inputs_stay_as_they_are(rng):
    P, M = rng.dirichlet(np.ones(5), 4), metric(rng, 5)
    kept = P.copy(), M.copy()
    P.setflags(write=False)
    M.setflags(write=False)
    W = emd.pairwise(P, None, M).values
    assert_array_equal(P, kept[0])
    assert_array_equal(M, kept[1])
    assert_array_equal(emd.pairwise(np.asfortranarray(P), None, np.asfortranarray(M)).values, W)
    assert_array_equal(emd.pairwise(P.tolist(), None, M.tolist()).values, W)


def test_one_histogram(rng):
    p, M = rng.dirichlet(np.ones(4)), metric(rng, 4)
    assert_array_equal(emd.pairwise([p], None, M).values, [[0.0]])
    assert emd.pairwise([p], None, M + 1.0).values[0, 0] == pytest.approx(1.0)


def test_many_bins(rng, monkeypatch):
    monkeypatch.setattr(small, "_MOST_PAIRS", 30)
    P, M = rng.dirichlet(np.ones(20), 3), metric(rng, 20)
    require_same(emd.pairwise(P, None, M).values, M, P, P)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_tasks(rng, monkeypatch, size):
    P, Q, M = rng.dirichlet(np.ones(6), 6), rng.dirichlet(np.ones(6), 4), metric(rng, 6)
    whole = emd.pairwise(P, None, M).values, emd.pairwise(P, Q, M).values
    monkeypatch.setattr(_pairwise, "_MOST_WEIGHTS", 6 * size)
    assert_array_equal(emd.pairwise(P, None, M).values, whole[0])
    assert_array_equal(emd.pairwise(P, Q, M).values, whole[1])


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_backends_of_joblib(rng, backend, loops):
    if backend == "loky" and loops == "plain":
        pytest.skip("new processes start with plain loops anyway")
    P, M = rng.dirichlet(np.ones(6), 6), metric(rng, 6)
    whole = emd.pairwise(P, None, M).values
    with parallel_config(backend=backend, n_jobs=2):
        assert_allclose(emd.pairwise(P, None, M).values, whole, rtol=1e-14)


def test_a_bar(rng, capsys):
    P, M = rng.dirichlet(np.ones(6), 6), metric(rng, 6)
    W = emd.pairwise(P, None, M, progress=True).values
    assert "15/15" in capsys.readouterr().err
    assert_array_equal(W, emd.pairwise(P, None, M).values)
    assert capsys.readouterr().err == ""


# From 3.12 on Python warns of forks of a process with threads.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # where other tests have used JAX
def test_a_bar_where_all_answers_come_at_the_end(rng, capsys):
    P, M = rng.dirichlet(np.ones(6), 6), metric(rng, 6)
    with parallel_config(backend="multiprocessing", n_jobs=2):
        W = emd.pairwise(P, None, M, progress=True).values
    assert "15/15" in capsys.readouterr().err
    assert_allclose(W, emd.pairwise(P, None, M).values, rtol=1e-14)


def test_as_a_metric_of_scikit_learn(rng):
    from sklearn.neighbors import KNeighborsClassifier

    line = np.abs(np.arange(10.0)[:, None] - np.arange(10.0))
    low, high = rng.dirichlet([8.0] * 3 + [0.1] * 7, 20), rng.dirichlet([0.1] * 7 + [8.0] * 3, 20)
    X, y = np.concatenate((low[:10], high[:10])), np.repeat([0, 1], 10)
    nearest = KNeighborsClassifier(3, metric="precomputed").fit(
        emd.pairwise(X, None, line).values, y
    )
    new = np.concatenate((low[10:], high[10:]))
    assert_array_equal(nearest.predict(emd.pairwise(new, X, line).values), y)


def test_the_limit_is_on_each_pair(rng):
    P, M = rng.dirichlet(np.ones(20), 3), rng.random((20, 20))
    with pytest.raises(emd.ConvergenceError, match=r"0 to histogram 0: .* limit of 2 iter"):
        emd.pairwise(P, None, M, max_iter=2)
    with pytest.raises(TypeError, match="`max_iter` must be an integer"):
        emd.pairwise(P, None, M, max_iter=2.5)


TWO = np.ones((2, 2))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([[1.0]], None, [[0.0, 1.0]]), r"`M` must be square .* got shape \(1, 2\): pass `Q`"),
        (([0.5, 0.5], None, TWO), r"`P` must have shape \(k, 2\), .* got \(2,\)"),
        (([[1, 0]], [[1, 0]], np.ones((2, 3))), r"`Q` must have shape \(k, 3\), .*column"),
        ((np.ones((0, 2)), None, TWO), r"`P` must have shape .* got \(0, 2\)"),
        (
            ([[1, -1]], None, TWO),
            r"`P` must be finite and at least 0, got P\[0, 1\] = -1",
        ),
        (([[1, 0], [0, 0]], None, TWO), r"`P` must have positive mass, .* in row 1"),
        (([[1, 0]], [[1, 1]], TWO), r"1 in row 0 of P and 2 in row 0 of Q"),
        (
            ([[1, 0], [8e307, 8e307]], None, TWO),
            r"below 2\*\*1000, got 1.6e\+308 in row 1",
        ),
        (
            ([[1, 0]], None, [[0.0, np.nan], [1, 0]]),
            r"`M` must be finite, or \+inf .* M\[0, 1\] = nan",
        ),
    ],
    ids=["rectangle", "vector", "bins", "none", "negative", "empty", "masses", "huge", "nan"],
)
def test_errors(given, message):
    with pytest.raises(ValueError, match=message):
        emd.pairwise(*given)


def test_types(rng):
    with pytest.raises(TypeError, match=r"`P` .* complex128"):
        emd.pairwise([[1j, 1.0]], None, np.ones((2, 2)))
    with pytest.raises(TypeError, match=r"`M` .* bool"):
        emd.pairwise([[1.0, 0.0]], None, np.ones((2, 2)) > 0)
