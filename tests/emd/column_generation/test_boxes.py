"""Points in boxes: what is skipped is never needed."""

from __future__ import annotations

import numpy as np
import pytest

from divkit.emd._column_generation.boxed import BoxedPairs
from divkit.emd._column_generation.cloud import Cloud
from divkit.emd._column_generation.tiled import TiledPairs
from divkit.emd._costs import metrics

METRICS = ["sqeuclidean", "euclidean", "cityblock", "chebyshev", 1.2, 3, np.inf]


def boxed(x, y, name):
    p = 0.0 if isinstance(name, str) else float(name)
    return BoxedPairs(Cloud(x), Cloud(y), metrics.metric(name), p)


def tiled(x, y, name):
    return TiledPairs(Cloud(x), Cloud(y), metrics.metric(name))


KINDS = [pytest.param((boxed, m), id=str(m)) for m in METRICS]


@pytest.fixture(params=[*KINDS, pytest.param((tiled, "euclidean"), id="in tiles")])
def kind(request):
    return request.param


@pytest.fixture(params=[(150, 333, 2), (333, 150, 3), (70, 70, 9), (1, 200, 2)], ids=str)
def pairs(request, rng, kind):
    """Return costs between clouds in several lumps, some points twice, and their matrix."""
    n, m, d = request.param
    x, y = (rng.normal(size=(k, d)) + 3 * rng.integers(0, 3, (k, 1)) for k in (n, m))
    x[1::3] = x[0]
    make, name = kind
    found = make(x, y, name)
    np.testing.assert_array_equal(found.x.points, x[found.x.order])
    return found, metrics.metric(name).all_pairs(found.x.points, found.y.points)


def potentials(rng, M):
    """Return potentials with differences as large as the costs, and some atoms left out."""
    f, g = M.max() * rng.random(M.shape[0]), M.max() * rng.random(M.shape[1]) / 3
    return f, np.where(rng.random(g.size) < 0.1, -np.inf, g)


def test_single_pairs(rng, pairs):
    pairs, M = pairs
    rows, columns = rng.integers(0, M.shape[0], 500), rng.integers(0, M.shape[1], 500)
    np.testing.assert_allclose(pairs.at(rows, columns), M[rows, columns], rtol=1e-14)
    np.testing.assert_allclose(pairs.block(rows, columns), M[np.ix_(rows, columns)], rtol=1e-14)


def test_minima(rng, pairs):
    pairs, M = pairs
    f, g = potentials(rng, M)
    expected = (M - g).min(axis=1), (M - f[:, None]).min(axis=0)
    atol = 1e-15 * M.max()
    for found, least in zip(pairs.minima(f, g), expected, strict=True):
        np.testing.assert_allclose(found, least, rtol=0, atol=atol)
    np.testing.assert_allclose(pairs.row_minima(g), expected[0], rtol=0, atol=atol)
    np.testing.assert_allclose(pairs.column_minima(f), expected[1], rtol=0, atol=atol)


def test_nothing_but_atoms_left_out(pairs):
    pairs, M = pairs
    assert (pairs.row_minima(np.full(M.shape[1], -np.inf)) == np.inf).all()


def test_shortlist(rng, pairs):
    pairs, M = pairs
    g = M.max() * rng.random(M.shape[1]) / 3
    k, tie = min(5, *M.shape), 1e-6
    f, rows, columns = pairs.shortlist(g, k, tie)
    np.testing.assert_allclose(f, (M - g).min(axis=1), rtol=0, atol=1e-15 * M.max())
    listed = np.zeros(M.shape, bool)
    listed[rows, columns] = True
    assert listed.sum() == rows.size
    assert (np.diff(rows * M.shape[1] + columns) > 0).all()
    for reduced, chosen in (((1 + tie) * M - g, listed), ((1 + tie) * M.T - f, listed.T)):
        kth = np.sort(reduced, axis=1)[:, k - 1]
        # Where a list is longer, the other side's atoms asked for it.
        assert chosen.sum(axis=1).min() >= k
        assert chosen[reduced < kth[:, None] - 1e-14 * M.max()].all()


@pytest.mark.parametrize("k", [1, 4])
def test_violated(rng, pairs, k):
    pairs, M = pairs
    f, g = potentials(rng, M)
    f = (M - g).min(axis=1) + 0.2 * M.max() * (rng.random(f.size) - 0.7)
    rows, columns = pairs.violated(f, g, k)
    slack = M - g - f[:, None]
    assert slack[rows, columns].max(initial=-np.inf) < 1e-14 * M.max()
    # Every row that is violated is told, by its worst pair at least.
    worst = np.full(M.shape[0], np.inf)
    np.minimum.at(worst, rows, slack[rows, columns])
    told = slack.min(axis=1) < -1e-14 * M.max()
    assert told.any()
    np.testing.assert_allclose(worst[told], slack.min(axis=1)[told], rtol=0, atol=1e-14 * M.max())
    rows, _ = pairs.violated((M - g).min(axis=1) - 1e-13 * M.max(), g, k)
    assert rows.size == 0


def test_violated_by_infinite_potentials(rng, pairs):
    # As when mass is placed: some rows ask for any pair, the others for none.
    pairs, M = pairs
    source = rng.random(M.shape[0]) < 0.5
    source[0] = True
    sink = rng.random(M.shape[1]) < 0.5
    rows, columns = pairs.violated(
        np.where(source, np.inf, -np.inf), np.where(sink, 0.0, -np.inf), 3
    )
    assert set(rows) == set(np.flatnonzero(source))
    assert sink[columns].all()


def test_largest(pairs):
    pairs, M = pairs
    i, j = np.unravel_index(np.argmin(np.abs(M - pairs.largest)), M.shape)
    assert pairs.largest == pytest.approx(M[i, j], rel=1e-14)
    assert M[i, j] == pytest.approx(max(M[i].max(), M[:, j].max()), rel=1e-14)


def test_few_points_stand_for_many(rng):
    x = rng.normal(size=(500, 2))
    weights = rng.random(500)
    cloud = Cloud(x)
    groups = cloud.groups(100)
    for by in (Cloud.centroids, Cloud.representatives):
        fewer, mass = by(cloud, weights, groups)
        assert fewer.points.shape == (100, 2)
        assert mass.sum() == pytest.approx(weights.sum(), rel=1e-14)
        order, starts = groups
        member = [order[starts[k] : starts[k + 1]] for k in range(100)]
        for point, w, k in zip(fewer.points, mass, fewer.order, strict=True):
            assert w == pytest.approx(weights[member[k]].sum(), rel=1e-14)
            centroid = np.average(cloud.points[member[k]], axis=0, weights=weights[member[k]])
            if by is Cloud.centroids:
                np.testing.assert_allclose(point, centroid, rtol=0, atol=1e-14)
            else:
                distance = np.abs(cloud.points[member[k]] - centroid).sum(axis=1)
                np.testing.assert_array_equal(point, cloud.points[member[k]][distance.argmin()])


def test_orders_are_permutations(rng):
    cloud = Cloud(rng.normal(size=(300, 3)))
    for rank in cloud.ranks:
        assert sorted(rank) == list(range(300))
    assert sorted(cloud.order) == list(range(300))
