"""Potentials from few sweeps: the same as Sinkhorn's algorithm in full precision makes."""

from __future__ import annotations

import numpy as np
import pytest

from divkit.emd._column_generation.sinkhorn_start import refine


def problem(rng, n, m):
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    return a, b, rng.random((n, m)), rng.random((n, m)) < 0.4


def listed(M, known):
    rows, columns = np.nonzero(known)
    return rows, columns, M[known]


def power(x):
    """Return what stands for exp(x), for x up to 0."""
    return np.maximum(1 + x / 2**8, 0.0) ** 2**8


def log_of_sum(x, axis):
    most = x.max(axis=axis, keepdims=True)
    return np.squeeze(most, axis) + np.log(power(x - most).sum(axis=axis))


def test_powers_stand_for_exponentials():
    x = np.linspace(-30, 0, 1000)
    np.testing.assert_allclose(power(x), np.exp(x), rtol=0, atol=2e-3)
    np.testing.assert_allclose(power(x[x > -1]), np.exp(x[x > -1]), rtol=2e-3)


def test_against_dense_sweeps(rng):
    n, m = 30, 40
    a, b, M, known = problem(rng, n, m)
    known[0], known[:, 0] = True, True
    known[5] = known[:, 7] = False  # atoms of which nothing is known keep their potentials
    f, g = rng.random(n) / 4, rng.random(m) / 4
    before = f.copy(), g.copy()
    found_f, found_g = refine(a, b, *listed(M, known), f, g)
    np.testing.assert_array_equal(np.concatenate(before), np.concatenate([f, g]))

    cost = np.where(known, M, np.inf)
    epsilon = np.maximum(M - f[:, None] - g, 0.0)[known].mean()
    has_row, has_column = known.any(axis=1), known.any(axis=0)
    f, g = f.copy(), g.copy()
    for _ in range(5):
        for _ in range(3):
            of_rows = log_of_sum((g - cost[has_row]) / epsilon, axis=1)
            f[has_row] = epsilon * (np.log(a[has_row]) - of_rows)
            of_columns = log_of_sum((f[:, None] - cost[:, has_column]) / epsilon, axis=0)
            g[has_column] = epsilon * (np.log(b[has_column]) - of_columns)
        epsilon /= 2
    np.testing.assert_allclose(found_f, f, rtol=0, atol=1e-13)
    np.testing.assert_allclose(found_g, g, rtol=0, atol=1e-13)
    assert (found_f[5], found_g[7]) == (before[0][5], before[1][7])


def test_the_sinks_get_their_mass_in_the_end(rng):
    a, b, M, _ = problem(rng, 20, 20)
    rows, columns, costs = listed(M, np.ones(M.shape, bool))
    f, g = refine(a, b, rows, columns, costs, np.zeros(20), np.zeros(20))
    epsilon = M.mean() / 2**4
    # The column of the plan, by its largest entry and the shares of the others in that.
    most = (f[:, None] - M).max(axis=0)
    shares = power((f[:, None] - M - most) / epsilon)
    np.testing.assert_allclose(np.exp((g + most) / epsilon) * shares.sum(axis=0), b, rtol=1e-12)


def test_closer_to_the_optimum(rng):
    # The dual value of the c-transform says how close.
    n = 200
    x, y = rng.random((n, 2)), rng.random((n, 2))
    M = np.linalg.norm(x[:, None] - y, axis=2)
    a = b = np.full(n, 1 / n)

    def dual(g):
        return a @ (M - g).min(axis=1) + b @ g

    g = np.zeros(n)
    f = (M - g).min(axis=1)
    _, refined = refine(a, b, *listed(M, M < 0.3), f, g)
    assert dual(refined) > 1.2 * dual(g)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_scales(rng, scale):
    a, b, M, known = problem(rng, 10, 10)
    rows, columns, costs = listed(M, known)
    zero = np.zeros(10)
    for one, other in zip(
        refine(a, b, rows, columns, costs, zero, zero),
        refine(a, b, rows, columns, scale * costs, zero, zero),
        strict=True,
    ):
        np.testing.assert_allclose(other / scale, one, rtol=0, atol=1e-12)


def test_nothing_to_gain():
    # No costs at all, or all of them as the potentials say.
    f, g = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    rows, columns = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    half = np.full(2, 0.5)
    for pairs in ((rows[:0], columns[:0], f[:0]), (rows, columns, f[rows] + g[columns])):
        found = refine(half, half, *pairs, f, g)
        np.testing.assert_array_equal(found, [f, g])
