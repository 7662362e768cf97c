"""Inputs that are known to mislead other libraries; `findings/` shows each of them there."""

import numpy as np
import pytest

from divkit import emd


@pytest.mark.parametrize(("dtype", "far"), [(np.int32, 60000), (np.int16, 30000), (np.uint8, 250)])
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cityblock"])
def test_whole_coordinates_do_not_wrap_around(dtype, far, metric):
    x, y = np.array([[far, 0]], dtype), np.array([[5, 0]], dtype)
    distance = float(far - 5)
    right = distance**2 if metric == "sqeuclidean" else distance
    assert emd.solve_points(x, y, metric=metric).value == right
    assert emd.wasserstein(x, y, p=2) == distance


def test_whole_costs_and_weights_in_lists():
    assert emd.distance([0.5, 0.5], [0.25, 0.75], np.array([[0, 1], [1, 0]])) == 0.25


@pytest.mark.parametrize("unit", [1e6, 1e-6, 1e-12, 1e-150])
def test_every_unit_of_length_has_the_same_digits(unit):
    x = np.random.default_rng(0).random((20, 2))
    y = x + np.array([3, 4])
    assert emd.wasserstein(x * unit, y * unit) == pytest.approx(5 * unit, rel=1e-14)
