"""Few atoms that stand for many."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from divkit.emd._column_generation.coarse import bisect, representatives


@pytest.mark.parametrize(("n", "groups"), [(1, 1), (10, 10), (10, 3), (1000, 250), (997, 100)])
def test_groups_are_alike_in_size(rng, n, groups):
    order, starts = bisect(rng.random((n, 3)), groups)
    assert sorted(order) == list(range(n))
    sizes = np.diff(starts)
    assert (starts[0], starts[-1]) == (0, n)
    assert sizes.min() >= 1
    assert sizes.max() <= 2 * -(-n // groups)


def test_groups_on_a_line_are_stretches_of_it(rng):
    x = rng.permutation(400).astype(float)[:, None]
    order, starts = bisect(x, 100)
    values = [x[order[s:e], 0] for s, e in pairwise(starts)]
    np.testing.assert_array_equal([v.min() for v in values], np.arange(0, 400, 4))
    np.testing.assert_array_equal([v.max() for v in values], np.arange(3, 400, 4))


def test_ties(rng):
    order, starts = bisect(np.zeros((100, 2)), 30)
    assert sorted(order) == list(range(100))
    assert np.diff(starts).min() >= 1


def test_representatives_are_the_medoids(rng):
    features, weights = rng.random((300, 4)), rng.random(300)
    order, starts = bisect(features, 60)
    atoms, mass = representatives(features, weights, 60)
    assert mass.sum() == pytest.approx(weights.sum())
    for group, atom in enumerate(atoms):
        members = order[starts[group] : starts[group + 1]]
        assert mass[group] == pytest.approx(weights[members].sum())
        centroid = np.average(features[members], axis=0, weights=weights[members])
        distance = np.abs(features[members] - centroid).sum(axis=1)
        assert atom == members[np.argmin(distance)]
