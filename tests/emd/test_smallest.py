"""Costs and masses down to the smallest numbers: the answer is that of 1, but for its size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from divkit import emd

N, M = 7, 9


def _weights(rng, n):
    return rng.dirichlet(np.ones(n))


def _matrix(rng):
    a, b, costs = _weights(rng, N), _weights(rng, M), rng.random((N, M))
    return {
        "matrix": lambda mass, unit: emd.solve(mass * a, mass * b, unit * costs).value,
        "sparse": lambda mass, unit: emd.solve(mass * a, mass * b, csr_array(unit * costs)).value,
        "batch": lambda mass, unit: emd.solve_batch(mass * a, mass * b, unit * costs).values[0],
    }


def _points(rng):
    a, b = _weights(rng, N), _weights(rng, M)
    x, y = rng.random((N, 2)), rng.random((M, 2))

    def value(metric, mass, unit):
        return emd.solve_points(unit * x, unit * y, mass * a, mass * b, metric).value

    def line(mass, unit):
        return emd.solve_line(unit * x[:, 0], unit * y[:, 0], mass * a, mass * b).value

    return {
        "euclidean": lambda mass, unit: value("euclidean", mass, unit),
        "cityblock": lambda mass, unit: value("cityblock", mass, unit),
        "3-norm": lambda mass, unit: value(3, mass, unit),
        "line": line,
    }


def _graphs(rng):
    a, b = _weights(rng, N), _weights(rng, N)
    ring = csr_array(rng.random((N, N)) * (np.abs(np.subtract.outer(range(N), range(N))) % 5 == 1))
    return {
        "grid": lambda mass, unit: emd.solve_grid(mass * a, mass * b, spacing=unit).value,
        "graph": lambda mass, unit: emd.solve_graph(mass * a, mass * b, unit * ring).value,
    }


WAYS = ["matrix", "sparse", "batch", "euclidean", "cityblock", "3-norm", "line", "grid", "graph"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("mass", "unit"), [(0, -1005), (0, -1021), (-1005, 0), (-500, -510)])
def test_any_size(rng, way, mass, unit):
    value = {**_matrix(rng), **_points(rng), **_graphs(rng)}[way]
    expected = np.ldexp(value(1.0, 1.0), mass + unit)
    # What is below 2**-1022 is a multiple of 2**-1074.
    assert value(2.0**mass, 2.0**unit) == pytest.approx(expected, rel=1e-13, abs=2.0**-1070)


@pytest.mark.parametrize("way", WAYS)
def test_no_value_is_rounded_to_nothing(rng, way):
    value = {**_matrix(rng), **_points(rng), **_graphs(rng)}[way]
    with pytest.raises(ValueError, match=r"must fit into float64, got mass 1.*e-211 .* rescale"):
        value(2.0**-700, 2.0**-700)
