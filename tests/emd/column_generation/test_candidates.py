"""Passes over a matrix against sorting all of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from divkit.emd._column_generation import candidates

FACTOR = 1 + 1e-6


@pytest.fixture(params=[(7, 5), (30, 200), (90, 1000)], ids=str)
def problem(request, rng):
    n, m = request.param
    M = rng.random((n, m))
    M[rng.random((n, m)) < 0.2] = np.inf
    g = rng.random(m)
    g[::5] = -np.inf
    return M, g


def shortlist(M, rows, g, k, cuts):
    n, m = rows.size, M.shape[1]
    f, of_rows = np.empty(n), np.empty((n, k), np.int32)
    of_columns, least = np.full((m, k), -1, np.int32), np.full((m, k), np.inf)
    for start, stop in pairwise(cuts):
        candidates.shortlist(M, rows, g, FACTOR, k, start, stop, f, of_rows, of_columns, least)
    return f, of_rows, of_columns, least


@pytest.mark.parametrize("k", [1, 8])
def test_shortlist(problem, k):
    M, g = problem
    rows = np.arange(1, len(M))
    f, of_rows, of_columns, least = shortlist(M, rows, g, k, [0, rows.size])
    M = M[rows]
    np.testing.assert_array_equal(f, (M - g).min(axis=1))
    for i, picked in enumerate(of_rows):
        reduced = FACTOR * M[i] - g
        best = np.argsort(reduced)[:k]
        assert set(picked[picked >= 0]) == set(best[np.isfinite(reduced[best])])
    for j, picked in enumerate(of_columns):
        reduced = FACTOR * M[:, j] - f
        best = np.argsort(reduced)[:k]
        expected = best[np.isfinite(reduced[best])] if np.isfinite(g[j]) else []
        assert picked[picked >= 0].tolist() == list(expected)
        np.testing.assert_array_equal(least[j, : len(expected)], reduced[expected])


def test_a_row_without_pairs_has_no_potential(rng):
    M = np.full((3, 4), np.inf)
    f, of_rows, of_columns, _ = shortlist(M, np.arange(3), np.zeros(4), 2, [0, 3])
    assert np.isposinf(f).all()
    assert (of_rows == -1).all()
    assert (of_columns == -1).all()


@pytest.mark.parametrize("width", [1, 16, 256])
@pytest.mark.parametrize("k", [1, 3])
def test_violated(problem, width, k):
    M, g = problem
    rows = np.arange(1, len(M))
    f = np.quantile(np.where(np.isfinite(M), M, 2.0)[rows] - np.where(g > 0, g, -2.0), 0.05, axis=1)
    f[0], f[1] = -np.inf, np.inf
    found, excess = np.empty((rows.size, k), np.int32), np.empty((rows.size, k))
    middle = rows.size // 2
    for start, stop in ((0, middle), (middle, rows.size)):
        candidates.violated(M, rows, f, g, width, start, stop, found, excess)
    for i, row in enumerate(rows):
        reduced = M[row] - g
        stretches = [np.arange(s, min(s + width, g.size)) for s in range(0, g.size, width)]
        worst = [s[np.argmin(reduced[s])] for s in stretches]
        worst = sorted((j for j in worst if reduced[j] < f[i]), key=lambda j: reduced[j])[:k]
        # Against an infinite potential all are alike.
        if np.isfinite(f[i]):
            assert found[i][found[i] >= 0].tolist() == worst
        else:
            assert (found[i] >= 0).sum() == len(worst)
            assert np.isfinite(reduced[found[i][found[i] >= 0]]).all()


def test_column_minima(problem, rng):
    M, _ = problem
    rows = rng.permutation(len(M))[: len(M) // 2]
    f = rng.random(rows.size)
    minima = np.full(M.shape[1], np.inf)
    for start, stop in ((0, 1), (1, rows.size)):
        candidates.column_minima(M, rows, f, start, stop, minima)
    np.testing.assert_array_equal(minima, (M[rows] - f[:, None]).min(axis=0))


def test_single_precision_is_read_in_double(rng):
    M, g = rng.random((20, 70)).astype(np.float32), rng.random(70)
    rows = np.arange(20)
    for single, double in zip(
        shortlist(M, rows, g, 4, [0, 20]),
        shortlist(M.astype(np.float64), rows, g, 4, [0, 20]),
        strict=True,
    ):
        np.testing.assert_array_equal(single, double)
