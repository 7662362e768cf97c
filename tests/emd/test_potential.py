"""Potentials at new points: values over all pairs, gradients as difference quotients."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from divkit import _threads, emd
from divkit.emd._costs import costs

SCIPY = {
    "sqeuclidean": ("sqeuclidean", {}),
    "euclidean": ("euclidean", {}),
    "cityblock": ("cityblock", {}),
    "chebyshev": ("chebyshev", {}),
    1.5: ("minkowski", {"p": 1.5}),
    3: ("minkowski", {"p": 3}),
}


def cost(x, y):
    """Return an asymmetric cost that forbids going left too far."""
    return np.where(x[:, :1] > y[:, 0] + 2, np.inf, cdist(x, y, "sqeuclidean") + x[:, 1:] - y[:, 1])


def cost_gradient(x, y):
    return 2 * (x - y) + np.array([0.0, 1.0])


@pytest.mark.parametrize("metric", SCIPY)
def test_at_the_points_of_an_answer_it_is_the_answer(rng, metric):
    name, options = SCIPY[metric]
    x, y = rng.normal(size=(30, 2)), rng.normal(size=(40, 2)) + 1
    t = emd.solve(rng.dirichlet(np.ones(30)), None, cdist(x, y, name, **options))
    assert_allclose(emd.Potential(y, t.g, metric)(x), t.f, atol=1e-14)
    assert_allclose(emd.Potential(x, t.f, metric)(y), t.g, atol=1e-14)


@pytest.mark.parametrize("metric", SCIPY)
def test_anywhere_else_it_is_the_minimum_over_all(rng, monkeypatch, metric):
    name, options = SCIPY[metric]
    y, g, new = rng.normal(size=(300, 3)), rng.normal(size=300), rng.normal(size=(500, 3))
    slack = cdist(new, y, name, **options) - g
    f = emd.Potential(y, g, metric)
    assert_allclose(f(new), slack.min(axis=1), atol=1e-14)
    assert_array_equal(f.minimizer(new), slack.argmin(axis=1))
    # The same in small tiles, in threads.
    monkeypatch.setattr(costs, "TILE", 1000)
    monkeypatch.setattr(costs, "_PER_THREAD", 1000)
    monkeypatch.setattr(_threads, "available", lambda: 3)
    assert_allclose(f(new), slack.min(axis=1), atol=1e-14)
    assert_array_equal(f.minimizer(new), slack.argmin(axis=1))


@pytest.mark.parametrize("metric", [*SCIPY, cost])
def test_the_gradient_is_a_difference_quotient(rng, metric):
    y, g, new = rng.normal(size=(20, 2)), rng.normal(size=20), rng.normal(size=(50, 2))
    f = emd.Potential(y, g, metric, cost_gradient if metric is cost else None)
    gradient, h = f.gradient(new), 1e-6
    smooth = np.ones(50, dtype=bool)
    quotient = np.empty((50, 2))
    for k, step in enumerate(h * np.eye(2)):
        smooth &= f.minimizer(new + step) == f.minimizer(new - step)
        with np.errstate(invalid="ignore"):
            quotient[:, k] = (f(new + step) - f(new - step)) / (2 * h)
    smooth &= np.isfinite(f(new))
    assert smooth.sum() > 30
    assert_allclose(gradient[smooth], quotient[smooth], atol=1e-7)


def test_the_map_of_a_translation_is_the_translation(rng):
    x, v = rng.normal(size=(200, 2)), np.array([5.0, -3.0])
    y = x + v
    t = emd.solve(None, None, cdist(x, y, "sqeuclidean"))
    f = emd.Potential(y, t.g, "sqeuclidean")
    new = rng.normal(size=(100, 2))
    sent = new - f.gradient(new) / 2
    # Near a source, to near where that source goes.
    nearest = cdist(new, x).argmin(axis=1)
    assert np.median(np.linalg.norm(sent - y[nearest], axis=1)) < 0.2
    assert_allclose(f(x), t.f, atol=1e-13)


def test_kinks_and_forbidden_points():
    # Two sinks with equal potentials: on the line between them either will do.
    f = emd.Potential([[0.0], [2.0]], [0.0, 0.0])
    assert_array_equal(f.gradient([[1.0], [1.5], [0.0]]), [[1.0], [-1.0], [0.0]])
    forbidden = emd.Potential(np.zeros((2, 2)), [0.0, 1.0], cost, cost_gradient)
    assert forbidden([[3.0, 0.0]])[0] == np.inf
    assert np.isnan(forbidden.gradient([[3.0, 0.0]])).all()


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e200, 1e300])
@pytest.mark.parametrize("metric", ["euclidean", 3, 100, "cityblock", "chebyshev"])
def test_far_and_near(metric, size):
    f = emd.Potential([[size, 0.0], [0.0, 4 * size]], [0.0, 0.0], metric)
    assert f([[0.0, 0.0]])[0] == size
    assert_array_equal(f.gradient([[0.0, 0.0]]), [[-1.0, 0.0]])


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", 3])
def test_beyond_the_range_of_floats(metric):
    f = emd.Potential([[1e308, 1e308]], [0.0], metric)
    assert_array_equal(f([[-1e308, -1e308], [1e308, 1e308]]), [np.inf, 0.0])
    # 2 (x − y) is beyond float64; the norm's is (−1, −1)/‖(1, 1)‖ to the power p − 1.
    norm = {"euclidean": -(2**-0.5), "sqeuclidean": -np.inf, 3: -(2 ** (-2 / 3))}[metric]
    assert_allclose(f.gradient([[-1e308, -1e308]]), [[norm, norm]], rtol=1e-15)


def test_the_nearest_of_points_whose_costs_leave_float64():
    f = emd.Potential([[0.0, 0.0], [3e200, 0.0], [5e200, 0.0]], np.zeros(3), "sqeuclidean")
    far = [[4.5e200, 0.0], [1e200, 1e200], [3e200, 1e-20]]
    assert_array_equal(f.minimizer(far), [2, 0, 1])
    assert_array_equal(f(far), [np.inf, np.inf, 1e-40])
    # 4.5e200 − 5e200 cancels: its factors are rounded by up to 2⁻⁵³ each, of ten times its size.
    assert_allclose(f.gradient(far), [[-1e200, 0.0], [2e200, 2e200], [0.0, 2e-20]], rtol=1e-14)
    # 2e308·∛2 − 1e308 is a float64 again.
    f = emd.Potential([[-1e308, -1e308]], [1e308], 3)
    assert_allclose(f([[1e308, 1e308]]) / 1e308, 2 * 2 ** (1 / 3) - 1, rtol=1e-15)


@pytest.mark.parametrize("p", [1.5, 2, 30])
def test_gradients_at_points_of_any_size(p):
    x = np.array([[3.0, 4.0], [1.0, -1.0], [0.0, 2.0]])
    expected = np.sign(x) * (np.abs(x) / np.sum(np.abs(x) ** p, axis=1)[:, None] ** (1 / p)) ** (
        p - 1
    )
    for size in (1e-300, 1e-30, 1.0, 1e30, 1e300):
        found = emd.Potential([[0.0, 0.0]], [0.0], p).gradient(size * x)
        assert_allclose(found, expected, rtol=1e-14)


def test_gradients_of_functions_are_checked():
    with pytest.raises(TypeError, match="`metric_gradient` must be a function of points"):
        emd.Potential([[0.0]], [0.0], cost, 3)
    f = emd.Potential([[0.0, 0.0]], [0.0], cost, lambda x, y: x * np.nan)
    with pytest.raises(ValueError, match=r"numbers where the cost is finite, got .* at x\[1\]"):
        f.gradient([[3.0, 0.0], [1.0, 2.0]])  # the first is forbidden


@pytest.mark.parametrize("metric", ["euclidean", 3, cost])
def test_records_are_pickled(rng, metric):
    f = emd.Potential(rng.random((4, 2)), rng.random(4), metric)
    x = rng.random((3, 2))
    again = pickle.loads(pickle.dumps(f))
    assert_array_equal(again(x), f(x))
    assert repr(again) == repr(f)


def test_on_a_line(rng):
    x, y = rng.normal(size=30), rng.normal(size=25)
    for p, metric in ((1, "euclidean"), (2, "sqeuclidean")):
        t = emd.solve_line(x, y, p=p)
        f = emd.Potential(y, t.g, metric)
        assert_allclose(f(x), t.f, atol=1e-14)
        assert f.gradient(x).shape == (30,)
    u = emd.Potential(y, emd.solve_line(x, y).g)
    far = np.array([-100.0, 100.0])
    assert_array_equal(u.gradient(far), [-1.0, 1.0])


def test_the_record_keeps_what_it_was_given(rng):
    y, g = rng.normal(size=(5, 2)), rng.normal(size=5)
    f = emd.Potential(y, g)
    before = f(np.zeros((1, 2)))
    y[:] = g[:] = 0.0
    assert_array_equal(f(np.zeros((1, 2))), before)
    assert repr(f) == "Potential(points=<5x2>, metric='euclidean')"
    assert f(np.zeros((0, 2))).shape == (0,)
    assert f.gradient([[1, 2]]).dtype == np.float64


POINTS, VALUES = np.zeros((3, 2)), np.zeros(3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((0, 2)), []), ValueError, r"`points` must hold at least one .* got \(0, 2\)"),
        ((1.0, [1.0]), ValueError, r"`points` must hold at least one .* got \(\)"),
        ((POINTS, [0.0]), ValueError, r"`values` must have shape \(3,\), .* got \(1,\)"),
        ((POINTS, [0.0, np.nan, 0.0]), ValueError, r"`values` must be finite, got values\[1\]"),
        ((POINTS + np.inf, VALUES), ValueError, r"`points` must be finite"),
        ((POINTS, VALUES, "l2"), ValueError, "`metric` must be one of"),
        ((POINTS, VALUES, "euclidean", cost_gradient), ValueError, "`metric_gradient` belongs"),
    ],
)
def test_bad_potentials(arguments, error, message):
    with pytest.raises(error, match=message):
        emd.Potential(*arguments)


def test_costs_near_the_end_of_float64_are_told_from_forbidden_pairs():
    """The minimum over j of 1e308 |x − y_j| + 1e308, half of it beyond float64."""

    def far(x, y):
        return np.abs(x[:, 0, None] - y[:, 0]) * 1e308

    def slope(x, y):
        return np.sign(x - y) * 1e308

    f = emd.Potential([[0.0], [1.0]], [-1e308, -1.5e308], far, slope)
    x = [[0.25], [0.9], [1.5]]
    np.testing.assert_allclose(f(x), [1.25e308, 1.6e308, np.inf])
    assert f.minimizer(x).tolist() == [0, 1, 1]
    np.testing.assert_allclose(f.gradient(x)[:, 0], [1e308, -1e308, 1e308])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(2), r"`x` must have shape \(k, 2\) to match `points`, got \(2,\)"),
        (np.zeros((1, 3)), r"`x` must have shape \(k, 2\) to match `points`, got \(1, 3\)"),
        ([[np.nan, 0.0]], r"`x` must be finite, got x\[0, 0\] = nan"),
    ],
)
def test_bad_points(x, message):
    f = emd.Potential(POINTS, VALUES)
    for call in (f, f.gradient, f.minimizer):
        with pytest.raises(ValueError, match=message):
            call(x)
    with pytest.raises(ValueError, match=r"shape \(k,\) to match"):
        emd.Potential([1.0], [1.0])([[1.0]])


def test_bad_gradients():
    with pytest.raises(TypeError, match="gradient of the metric 'cost' is not known: pass"):
        emd.Potential(POINTS, VALUES, cost).gradient([[0.0, 0.0]])
    f = emd.Potential(POINTS, VALUES, cost, lambda x, y: np.zeros(2))
    with pytest.raises(ValueError, match=r"a gradient per pair, shape \(1, 2\), got \(2,\)"):
        f.gradient([[0.0, 0.0]])


def test_other_libraries():
    xp = pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match="`points` must be a NumPy array"):
        emd.Potential(xp.asarray([1.0]), [1.0])
