"""Metrics pair by pair, all pairs and their gradients agree; what is no metric is refused."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from divkit.emd._costs.metrics import metric

ALL = ["sqeuclidean", "euclidean", "cityblock", "chebyshev", 1, 1.5, 2, 3, np.inf]


@pytest.mark.parametrize("name", ALL)
def test_one_pair_is_one_of_all_pairs(rng, name):
    x, y = rng.normal(size=(2, 20, 4))
    c = metric(name)
    assert_allclose(np.diagonal(c.all_pairs(x, y)), c.by_pair(x, y), rtol=1e-14)


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_difference_quotients(rng, name):
    x, y = rng.normal(size=(2, 20, 3))
    c, h = metric(name), 1e-6
    for k, step in enumerate(h * np.eye(3)):
        quotient = (c.by_pair(x + step, y) - c.by_pair(x - step, y)) / (2 * h)
        assert_allclose(c.gradient(x, y)[:, k], quotient, atol=1e-8)


@pytest.mark.parametrize("name", ALL)
def test_where_points_coincide(name):
    x = np.array([[1.0, 2.0], [0.0, 0.0]])
    c = metric(name)
    assert_array_equal(c.by_pair(x, x), [0.0, 0.0])
    assert_array_equal(c.gradient(x, x), np.zeros((2, 2)))


def test_powers_of_a_norm_do_not_overflow():
    x, y = np.array([[3e200, 0.0]]), np.array([[0.0, 4e200]])
    assert metric(3).by_pair(x, y)[0] == pytest.approx(91 ** (1 / 3) * 1e200, rel=1e-15)


@pytest.mark.parametrize("size", [1e-150, 1e-9, 1.0, 1e150])
@pytest.mark.parametrize("p", [1.1, 2, 3, 60, 1000])
def test_norms_of_numbers_of_any_size(rng, p, size):
    # Coordinates of very different sizes, too.
    x, y = (rng.normal(size=(n, 3)) * size * 10.0 ** rng.integers(-40, 1, (n, 3)) for n in (6, 5))
    cost = metric(p)
    found = cost.all_pairs(x, y)
    one_by_one = cost.by_pair(np.repeat(x, 5, axis=0), np.tile(y, (6, 1))).reshape(6, 5)
    with mpmath.workdps(40):
        for i, j in np.ndindex(6, 5):
            powers = [abs(mpmath.mpf(d)) ** p for d in (x[i] - y[j]).tolist()]
            expected = float(mpmath.fsum(powers) ** (1 / mpmath.mpf(p)))
            assert found[i, j] == pytest.approx(expected, rel=4e-15, abs=0)
            assert one_by_one[i, j] == pytest.approx(expected, rel=4e-15, abs=0)


def test_a_norm_beyond_all_floats_is_the_largest_coordinate():
    assert metric(10**400).name == "chebyshev"


def test_a_function_stands_for_itself():
    def cost(x, y):
        return np.abs(x[:, 0][:, None] - y[:, 0]) ** 3

    def gradient(x, y):
        return 3 * np.sign(x - y) * (x - y) ** 2

    c = metric(cost, gradient)
    x, y = np.arange(200.0)[:, None], np.zeros((200, 1))
    assert c.name == "cost"
    assert_array_equal(c.by_pair(x, y), x[:, 0] ** 3)
    assert c.gradient(x, y) is not None
    assert metric(cost).gradient is None


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("manhattan", ValueError, "`metric` must be one of 'sqeuclidean', .* 'manhattan'"),
        (0.5, ValueError, "`metric` must be at least 1 .* got 0.5"),
        (np.nan, ValueError, "`metric` must be at least 1 .* got nan"),
        (True, TypeError, "`metric` must be a name, .* got True"),
        (None, TypeError, "`metric` must be a name, .* got None"),
    ],
)
def test_what_is_no_metric(given, error, message):
    with pytest.raises(error, match=message):
        metric(given)


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (np.zeros((3, 3)), ValueError, r"all pairs, shape \(3, 2\) .* got \(3, 3\)"),
        (np.full((3, 2), np.nan), ValueError, "numbers or .inf, got nan or -inf"),
        (np.full((3, 2), -np.inf), ValueError, "numbers or .inf, got nan or -inf"),
        (np.zeros((3, 2), dtype=complex), TypeError, "real numbers"),
    ],
)
def test_functions_that_return_no_costs(returned, error, message):
    with pytest.raises(error, match=message):
        metric(lambda x, y: returned).all_pairs(np.zeros((3, 1)), np.zeros((2, 1)))
