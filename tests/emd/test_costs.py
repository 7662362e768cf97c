"""Minima over costs in every layout and form, against a loop over all pairs."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from divkit import _threads, emd
from divkit.emd._costs import costs as costs_module
from divkit.emd._costs.costs import MatrixCosts, PointCosts, largest_violation
from divkit.emd._costs.metrics import metric

# On both sides of the size from where on the compiled pass reads the matrix, and of its few rows.
SHAPES = [(1, 1), (7, 5), (300, 401), (401, 300), (3, 70_000), (67, 9001)]


def forbidding(rng, shape):
    M = rng.normal(size=shape)
    M[rng.random(shape) < 0.2] = np.inf
    return M


def some_out(rng, n):
    potential = rng.normal(size=n)
    potential[rng.random(n) < 0.3] = -np.inf
    return potential


def layouts(M):
    yield M
    yield np.asfortranarray(M)
    yield np.repeat(np.repeat(M, 2, axis=0), 3, axis=1)[::2, ::3]
    read_only = M.copy()
    read_only.setflags(write=False)
    yield read_only


@pytest.mark.parametrize("shape", SHAPES)
def test_minima_of_a_matrix_in_every_layout(rng, shape):
    for dtype in (np.float64, np.float32):
        M = forbidding(rng, shape).astype(dtype)
        f, g = some_out(rng, shape[0]), some_out(rng, shape[1])
        wide = M.astype(np.float64)
        by_row, by_column = (wide - g).min(axis=1), (wide - f[:, None]).min(axis=0)
        for layout in layouts(M):
            costs = MatrixCosts(layout)
            assert costs.shape == shape
            assert_array_equal(costs.row_minima(g), by_row)
            assert_array_equal(costs.column_minima(f), by_column)
            of_rows, of_columns = costs.minima(f, g)
            assert_array_equal(of_rows, by_row)
            assert_array_equal(of_columns, by_column)
            assert costs.largest == np.abs(wide[np.isfinite(wide)]).max(initial=0.0)
            assert costs.at(np.array([0]), np.array([-1]))[0] == wide[0, -1]


def test_threads_give_the_same_minima(rng, monkeypatch):
    M, f, g = forbidding(rng, (300, 400)), some_out(rng, 300), some_out(rng, 400)
    alone = MatrixCosts(M).minima(f, g)
    monkeypatch.setattr(costs_module, "_PER_THREAD", 1000)
    monkeypatch.setattr(_threads, "available", lambda: 3)
    for costs in (MatrixCosts(M), MatrixCosts(np.repeat(M, 2, axis=1)[:, ::2])):
        for together, one in zip(costs.minima(f, g), alone, strict=True):
            assert_array_equal(together, one)
        assert costs.largest == np.abs(M[np.isfinite(M)]).max()


def test_nothing_finite():
    costs = MatrixCosts(np.full((2, 3), np.inf))
    assert costs.largest == 0.0
    assert_array_equal(costs.row_minima(np.zeros(3)), [np.inf, np.inf])


def test_the_largest_cost_may_be_known():
    assert MatrixCosts(np.ones((2, 2)), known_largest=1.5).largest == 1.5


@pytest.mark.parametrize("layout", range(3))
def test_no_copy_is_made(rng, layout):
    M = list(layouts(rng.random((1000, 1000))))[layout]
    f, g = rng.random(1000), rng.random(1000)
    MatrixCosts(M).minima(f, g)  # compiled here
    tracemalloc.start()
    costs = MatrixCosts(M)
    costs.minima(f, g)
    assert costs.largest < 1.0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * M.size / 4


def test_largest_violation():
    costs = MatrixCosts(np.array([[1.0, np.inf], [2.0, 3.0]]))
    assert largest_violation(costs, np.zeros(2), np.zeros(2)) == 0.0
    assert largest_violation(costs, np.array([0.0, 0.5]), np.array([0.0, 4.0])) == 1.5


METRICS = {
    "sqeuclidean": lambda d: (d**2).sum(-1),
    "euclidean": lambda d: np.sqrt((d**2).sum(-1)),
    "cityblock": lambda d: np.abs(d).sum(-1),
    "chebyshev": lambda d: np.abs(d).max(-1),
    1.5: lambda d: (np.abs(d) ** 1.5).sum(-1) ** (1 / 1.5),
    np.inf: lambda d: np.abs(d).max(-1),
}


@pytest.mark.parametrize("name", METRICS)
def test_costs_between_points(rng, monkeypatch, name):
    monkeypatch.setattr(costs_module, "TILE", 100)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(30, 3)) + 1
    M = METRICS[name](x[:, None] - y)
    f, g = some_out(rng, 40), some_out(rng, 30)
    costs = PointCosts(x, y, metric(name))
    assert costs.shape == (40, 30)
    assert_allclose(costs.row_minima(g), (M - g).min(axis=1), atol=1e-14)
    assert_allclose(costs.column_minima(f), (M - f[:, None]).min(axis=0), atol=1e-14)
    i, j = rng.integers(0, 40, 200), rng.integers(0, 30, 200)
    assert_allclose(costs.at(i, j), M[i, j], rtol=1e-14)
    assert M.max() / (9 if name == "sqeuclidean" else 3) <= costs.largest <= M.max() * (1 + 1e-15)


def test_a_function_of_points_is_called_tile_by_tile(rng, monkeypatch):
    monkeypatch.setattr(costs_module, "TILE", 100)
    sizes = []

    def cost(x, y):
        sizes.append(len(x) * len(y))
        return np.where(x[:, :1] > y[:, 0], np.inf, cdist(x, y) ** 3)

    x, y = rng.normal(size=(150, 2)), rng.normal(size=(30, 2))
    M, f, g = cost(x, y), rng.normal(size=150), rng.normal(size=30)
    sizes.clear()
    costs = PointCosts(x, y, metric(cost))
    of_rows, of_columns = costs.minima(f, g)
    assert_array_equal(of_rows, (M - g).min(axis=1))
    assert_array_equal(of_columns, (M - f[:, None]).min(axis=0))
    assert max(sizes) <= 100
    i, j = rng.integers(0, 150, 200), rng.integers(0, 30, 200)
    assert_array_equal(costs.at(i, j), M[i, j])
    assert costs.at(i[:0], j[:0]).shape == (0,)
    assert 0.0 < costs.largest <= M[np.isfinite(M)].max()


def test_points_that_all_coincide():
    assert PointCosts(np.ones((3, 2)), np.ones((4, 2)), metric("euclidean")).largest == 0.0


# --- what the certificate reads ---


class Counted(MatrixCosts):
    """Costs that count the passes over them."""

    passes = 0

    def minima(self, f, g):
        Counted.passes += 1
        return super().minima(f, g)


@pytest.mark.parametrize(("noise", "passes"), [(0.0, 2), (1e-6, 3)])
def test_tight_potentials_are_not_transformed_twice(rng, noise, passes):
    from divkit.emd._certificate.certify import judged

    M = cdist(rng.random((40, 2)), rng.random((40, 2)))
    a = np.full(40, 1 / 40)
    t = emd.solve(a, a, M)
    Counted.passes = 0
    f, g = t.f + noise * rng.random(40), t.g + noise * rng.random(40)
    again, _ = judged(a, a, Counted(M), t.plan, f, g, method="x", iterations=None)
    assert Counted.passes == passes
    assert again.gap == pytest.approx(0.0, abs=1e-15 + 2 * noise)
    assert again.dual_residual <= 1e-15
    slack = M - again.f[:, None] - again.g
    assert_allclose(slack.min(axis=0), 0.0, atol=2e-15)
    assert_allclose(slack.min(axis=1), 0.0, atol=2e-15)
