"""Costs and masses down to the smallest numbers: the answer is that of 1, but for its size."""

from __future__ import annotations

from fractions import Fraction

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


def test_products_of_large_masses_and_the_smallest_costs_keep_their_digits():
    mass, cost = 1.018517988167243e91, 2.47e-321  # a subnormal cost, of 9 bits
    exact = float(Fraction(mass) * Fraction(cost))
    for method in ("auto", "highs", "pot"):
        t = emd.solve([mass], [0.0, mass, 0.0], [[0.0, cost, 0.0]], method=method)
        assert t.value == t.dual_value == exact
    claim = emd.certify([mass], [mass], [[-5e-324]], [[mass]], [0.0], [-5e-324], method="a claim")
    assert claim.value == claim.dual_value == float(Fraction(mass) * Fraction(-5e-324))


def test_masses_below_the_rounding_of_others_find_their_place():
    """What the heaviest atoms get too much or too little of is below their last digit."""
    unit = 2.0**-60
    a, b = [1.0, unit], [unit / 2, unit / 2, 1.0]
    costs = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0]])
    for M in (costs, csr_array(costs + 2.0)):
        t = emd.solve(a, b, M)
        assert t.gap <= 1e-12 * max(abs(t.value), unit)
    assert emd.solve(a, b, costs).value == -unit / 2


def test_masses_below_the_rounding_of_others_are_right_or_refused():
    a = [1.0, 2.0**-52]
    b = [2.0**-53, 2.0**-55, 2.0**-54, 2.0**-55, 1.0]
    M = np.array([[0.0, 0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0, 2.0]])
    exact = 2.0**-53 + 2.0**-55
    for start in (None, (np.zeros(2), np.zeros(5))):
        try:
            t = emd.solve(a, b, M, start=start)
        except emd.ConvergenceError as error:
            assert "in the weights" in str(error)  # noqa: PT017
        else:
            assert t.value == pytest.approx(exact, rel=1e-13)


def test_weights_far_smaller_than_the_largest():
    x = [[0.0, 0.0, 8.0], [0.0, 0.0, 0.0]]
    y = [[0.0, 0.0, 8.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    distance = emd.wasserstein(x, y, [1.0, 1e-300], [1.0, 5e-301, 5e-301], p=1)
    assert distance == pytest.approx(5e-301, rel=1e-13)


def test_a_heavy_atom_that_meets_a_large_potential_of_a_light_one():
    """The last digit of 1e5, times a mass of 1, is more than the dual value may be off."""
    unit = 2.0**-22
    a, b = [1.0, 4 * unit], [2 * unit, unit, unit / 2, unit / 2, 1.0]
    M = np.array([[0.0, 0.0, 0.0, -1e5, -0.002004008016032054], [0.0, 0.0, 0.0, -1e5, 0.0]])
    t = emd.solve(a, b, M)
    # Source 1 serves all sinks but the last.
    exact = Fraction(M[0, 4]) - Fraction(unit / 2) * 10**5
    assert t.dual_value <= exact + Fraction(1, 10**15)
    assert t.value == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.parametrize("mass", [1e-300, 1e-30])
def test_potentials_of_atoms_without_mass_cost_no_digits(mass):
    M = np.array([[0.0, 1.0], [0.0, 1.0], [1e15, 1e15], [0.0, 0.0], [0.0, 0.0]])
    t = emd.solve([mass, 1.0, 0.0, 0.0, 0.0], [1.0, mass], csr_array(M + 1))
    assert t.value == t.dual_value == 1.0
    for costs in (M, csr_array((M.ravel(), (np.arange(10) // 2, np.arange(10) % 2)))):
        t = emd.solve([mass, 1.0, 0.0, 0.0, 0.0], [1.0, mass], costs)
        assert t.value == pytest.approx(mass, rel=1e-13)
        assert t.dual_value == pytest.approx(mass, rel=1e-13)
