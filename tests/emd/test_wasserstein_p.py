"""W_p is a distance of points, in their units."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from divkit import emd

ORDERS = [1, 1.5, 2, 3, 10]


def by_assignment(x, y, p, distance=cdist):
    cost = distance(x, y) ** p
    return cost[linear_sum_assignment(cost)].mean() ** (1 / p)


@pytest.mark.parametrize("p", ORDERS)
def test_between_points(rng, p):
    x, y = rng.random((30, 3)), rng.random((30, 3)) + 0.2
    assert emd.wasserstein(x, y, p=p) == pytest.approx(by_assignment(x, y, p), rel=1e-12)
    assert emd.wasserstein(y, x, p=p) == pytest.approx(by_assignment(x, y, p), rel=1e-12)


def canberra(x, y):
    return cdist(x, y, "canberra")


@pytest.mark.parametrize(
    ("metric", "distance"),
    [
        ("cityblock", lambda x, y: cdist(x, y, "cityblock")),
        ("chebyshev", lambda x, y: cdist(x, y, "chebyshev")),
        (3, lambda x, y: cdist(x, y, "minkowski", p=3)),
        (canberra, canberra),
    ],
    ids=["cityblock", "chebyshev", "norm", "function"],
)
def test_metrics(rng, metric, distance):
    x, y = rng.random((20, 2)), rng.random((20, 2))
    for p in (1, 2, 3.5):
        expected = by_assignment(x, y, p, distance)
        assert emd.wasserstein(x, y, p=p, metric=metric) == pytest.approx(expected, rel=1e-12)


def test_on_a_line(rng):
    x, y = rng.normal(size=40), rng.normal(size=40) + 1
    assert emd.wasserstein(x, y) == pytest.approx(wasserstein_distance(x, y), rel=1e-13)
    for p in ORDERS:
        expected = np.mean(np.abs(np.sort(x) - np.sort(y)) ** p) ** (1 / p)
        assert emd.wasserstein(x, y, p=p) == pytest.approx(expected, rel=1e-12)
        assert emd.wasserstein(x[:, None], y[:, None], p=p) == pytest.approx(expected, rel=1e-12)
        assert emd.wasserstein(x, y, p=p, metric="chebyshev") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("p", ORDERS)
def test_a_shift_is_its_length(rng, p):
    x, a = rng.random((25, 2)), rng.dirichlet(np.ones(25))
    for scale in (1.0, 1e200, 1e-200):
        shifted = scale * x + scale * np.array([3.0, 4.0])
        assert emd.wasserstein(scale * x, shifted, a, a, p=p) == pytest.approx(
            5.0 * scale, rel=1e-13
        )
    assert emd.wasserstein(x, x[::-1], a, a[::-1], p=p) == 0.0


def test_weights(rng):
    x, y = rng.random((8, 2)), rng.random((5, 2))
    a, b = rng.dirichlet(np.ones(8)), rng.dirichlet(np.ones(5))
    expected = emd.solve(a, b, cdist(x, y) ** 3, method="highs").value ** (1 / 3)
    assert emd.wasserstein(x, y, a, b, p=3) == pytest.approx(expected, rel=1e-12)
    # A mass that is not 1 counts.
    assert emd.wasserstein(x, y, 8 * a, 8 * b, p=3) == pytest.approx(2 * expected, rel=1e-12)


def test_the_largest_distances_decide_high_orders():
    x, y = np.zeros((4, 2)), np.array([[0, 0], [0, 0], [0, 0], [3.0, 4.0]])
    assert emd.wasserstein(x, y, p=100) == pytest.approx(5 * 0.25 ** (1 / 100), rel=1e-14)
    far = np.array([[0.0, 0.0], [1e6, 0.0]])
    for points, near in ((far, [0.0, 1e-3]), (far[:, 0], 1e-3)):
        with pytest.raises(ValueError, match="power p = 120, times the mass, must stay within"):
            emd.wasserstein(points, points + near, p=120)
    with pytest.raises(ValueError, match="power p = 1000, times the mass, must stay within"):
        emd.wasserstein([[0.0] * 99], [[1.0] * 99], p=1000, metric="cityblock")
    assert emd.wasserstein([[0.0, 0.0]], [[3.0, 4.0]], p=1000) == pytest.approx(5, rel=1e-14)
    with pytest.raises(ValueError, match=r"power p = 1, times the mass, must stay within"):
        emd.wasserstein([[0.0, 0.0]], [[0.0, 1e100]], [8e270], [8e270], p=1)


def test_forbidden_pairs_stay_forbidden(rng):
    def within_two(x, y):
        d = cdist(x, y)
        return np.where(d < 2, d, np.inf)

    x = np.array([[0.0, 0.0], [3.0, 0.0]])
    assert emd.wasserstein(x, x + np.array([1, 0]), p=3, metric=within_two) == pytest.approx(
        1.0, rel=1e-15
    )
    with pytest.raises(ValueError, match="no plan avoids"):
        emd.wasserstein(x, x + np.array([9, 0]), p=3, metric=within_two)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"p": 0.5}, ValueError, r"`p` must be finite and at least 1, .* got 0.5"),
        ({"p": np.inf}, ValueError, r"`p` must be finite"),
        ({"p": np.nan}, ValueError, r"`p` must be finite"),
        ({"p": "2"}, TypeError, r"`p` must be a number, got '2'"),
        ({"metric": "sqeuclidean"}, ValueError, r"must be a distance, got 'sqeuclidean'"),
        ({"metric": "cosine"}, ValueError, r"`metric` must be one of"),
        ({"metric": lambda x, y: -cdist(x, y)}, ValueError, r"must return distances, at least 0"),
        ({"x": [[np.nan, 0.0]]}, ValueError, r"`x` must be finite, got x\[0, 0\] = nan"),
        ({"x": [0.0, 1.0]}, ValueError, r"`x` must hold at least one point, shape \(n, d\)"),
        ({"x": np.empty((0, 2))}, ValueError, r"`x` must hold at least one point"),
        ({"x": [[1j, 2.0]]}, TypeError, r"`x` must be an array of real numbers"),
        ({"x": np.zeros((3, 3))}, ValueError, r"same dimension, got 3 and 2"),
    ],
    ids=lambda x: x if isinstance(x, str) else None,
)
def test_errors(change, error, message):
    given = {"x": [[0.0, 1.0]], "y": [[1.0, 0.0]], "p": 2, **change}
    with pytest.raises(error, match=message):
        emd.wasserstein(**given)


@pytest.mark.parametrize("p", [1.5, 3])
def test_many_points_to_few(rng, p):
    x, y = rng.random((60_000, 2)), rng.random((5, 2))
    expected = emd.distance(None, None, cdist(x, y) ** p) ** (1 / p)
    assert emd.wasserstein(x, y, p=p) == pytest.approx(expected, rel=1e-13)
    a = np.zeros(1000)
    a[7] = 1.0
    assert emd.wasserstein(x[:1000], x[1000:2000], a, p=p) == pytest.approx(
        np.mean(cdist(x[7:8], x[1000:2000]) ** p) ** (1 / p), rel=1e-13
    )


@pytest.mark.parametrize("p", [1, 2])
def test_a_little_mass_that_moves_a_little(p):
    x, y = [[2.0**20, 0.0], [2.0**20, 0.0]], [[2.0**20 + 2.0**-9, 0.0], [2.0**20, 0.0]]
    for flat in (False, True):
        points = [[row[0] for row in side] for side in (x, y)] if flat else (x, y)
        found = emd.wasserstein(*points, [1e-300, 1.0], [1e-300, 1.0], p=p)
        assert found == pytest.approx(2.0**-9 * 1e-300 ** (1 / p), rel=1e-12)
