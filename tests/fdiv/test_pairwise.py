"""All pairs: each entry is what the divergence of the two rows is, by whichever way."""

from dataclasses import replace

import numpy as np
import pytest

from divkit import fdiv
from divkit.fdiv import _pairwise as module
from tests import naive

pairwise = fdiv.pairwise
EVERY = pytest.mark.parametrize("D", [*fdiv.CATALOGUE.values(), fdiv.alpha(0.3)], ids=str)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    P, Q = rng.random((9, 40)), rng.random((7, 40))
    P[1, 3] = P[2, 5] = Q[2, 5] = Q[4, 7] = P[3, 3] = 0
    # Some pairs nearly equal, one equal, one subnormal.
    Q[0] = P[0] * (1 + 1e-9 * rng.standard_normal(40))
    Q[1] = P[4]
    Q[5] = P[5] * (1 + 1e-3 * rng.standard_normal(40))
    Q[6, 0] = 1e-310
    return P, Q


@EVERY
@pytest.mark.parametrize("loop", [True, False])
def test_entries(D, rows, loop, monkeypatch):
    if loop:
        monkeypatch.setattr(module, "_SMALL", 0)
    P, Q = rows
    found = pairwise(D, P, Q, normalize=True)
    expected = np.array([[D(p, q, normalize=True) for q in Q] for p in P])
    assert found.shape == (9, 7)
    assert np.allclose(found, expected, rtol=5e-14, atol=1e-30)
    assert found.dtype == np.float64


@EVERY
@pytest.mark.parametrize("loop", [True, False])
def test_rows_against_themselves(D, rows, loop, monkeypatch):
    if loop:
        monkeypatch.setattr(module, "_SMALL", 0)
    P, _ = rows
    found = pairwise(D, P, normalize=True)
    assert np.array_equal(np.diag(found), np.full(len(P), D.at_one))
    assert np.allclose(found, pairwise(D, P, P, normalize=True), rtol=5e-14, atol=1e-30)
    assert np.allclose(found.T, pairwise(D.adjoint, P, normalize=True), rtol=5e-14, atol=1e-30)
    if D.is_symmetric:
        assert np.array_equal(found, found.T)


@pytest.mark.parametrize(
    "name", ["kl", "reverse_kl", "pearson", "neyman", "squared_hellinger", "jensen_shannon"]
)
@pytest.mark.parametrize("step", [1.0, 0.1, 1e-3, 1e-8])
def test_cheap_forms_are_used_only_where_they_are_accurate(name, step, monkeypatch):
    monkeypatch.setattr(module, "_SMALL", 0)
    rng = np.random.default_rng(1)
    base = rng.random(100)
    P = base * np.exp(step * rng.standard_normal((3, 100)))
    Q = base * np.exp(step * rng.standard_normal((3, 100)))
    found = pairwise(fdiv.CATALOGUE[name], P, Q, normalize=True)
    for i in range(3):
        for j in range(3):
            exact = naive.divergence(name, P[i], Q[j])
            assert naive.relative_error(found[i, j], exact) < 5e-14


def test_a_name_alone_does_not_choose_a_cheap_form(monkeypatch):
    monkeypatch.setattr(module, "_SMALL", 0)
    P = np.random.default_rng(3).random((3, 20))
    impostor = replace(fdiv.pearson, name="kl")
    found = pairwise(impostor, P, normalize=True)
    assert np.allclose(found, pairwise(fdiv.pearson, P, normalize=True), rtol=5e-14, atol=1e-30)


def test_threads(monkeypatch):
    from divkit.fdiv import _fused

    rng = np.random.default_rng(2)
    P = rng.random((50, 30))
    monkeypatch.setattr(module, "_SMALL", 0)
    alone = pairwise(fdiv.jensen_shannon, P, normalize=True)
    monkeypatch.setattr(_fused, "PER_THREAD", 10)
    assert np.array_equal(pairwise(fdiv.jensen_shannon, P, normalize=True), alone)


def test_a_metric_for_neighbors():
    neighbors = pytest.importorskip("sklearn.neighbors")
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = datasets.load_digits(return_X_y=True)
    X, y = X[:400] + 0.1, y[:400]
    distances = np.sqrt(pairwise(fdiv.jensen_shannon, X, normalize=True))
    train, test = slice(0, 300), slice(300, 400)
    model = neighbors.KNeighborsClassifier(n_neighbors=3, metric="precomputed")
    model.fit(distances[train, train], y[train])
    assert model.score(distances[test, train], y[test]) > 0.9


GOOD = [[0.5, 0.5], [0.25, 0.75]]


@pytest.mark.parametrize(
    ("D", "P", "Q", "kind", "message"),
    [
        ("kl", GOOD, GOOD, TypeError, "`D` must be a Divergence, got 'kl'"),
        (fdiv.kl, [0.5, 0.5], GOOD, ValueError, r"`P` must be a matrix of rows, got shape \(2,\)"),
        (fdiv.kl, GOOD, [[0.2, 0.3, 0.5]], ValueError, "`P` and `Q` must have the same number"),
        (fdiv.kl, GOOD, [[0.5, -0.5]], ValueError, r"`Q` must be .* got Q\[0, 1\] = -0\.5"),
        (fdiv.kl, GOOD, [[0.5, np.nan]], ValueError, r"got Q\[0, 1\] = nan"),
        (fdiv.kl, GOOD, [[0.5, 0.6]], ValueError, r"got 1 in row 0 of P and 1\.1 in row 0 of Q"),
        (fdiv.kl, [[0.5, 0.5], [0.3, 0.3]], None, ValueError, r"got 0\.6 in row 1 of P and 1 in"),
        (fdiv.kl, [[0, 0], [0.5, 0.5]], None, ValueError, "`P` must have positive mass.* row 0"),
        (fdiv.kl, [[3, 7]], [[5, 5]], ValueError, "`P` must hold probabilities, got integer"),
        (fdiv.kl, np.zeros((2, 0)), None, ValueError, "`P` must have at least 1 atom"),
        (fdiv.kl, [[1j, 0]], None, TypeError, "`P` must be an array of real numbers"),
    ],
)
def test_refused(D, P, Q, kind, message):
    with pytest.raises(kind, match=message):
        pairwise(D, P, Q)
