"""The start of the network simplex: a forest, and what it ships."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from divkit.emd._network_simplex.basis import match, ship


def require_forest(nodes, tails, heads):
    graph = coo_array((np.ones(tails.size), (tails, heads)), shape=(nodes, nodes))
    trees, _ = connected_components(graph, directed=False)
    assert tails.size == nodes - trees


def shipped_by_hand(order, tail, head, excess):
    left = excess.copy()
    used = []
    for arc in order:
        moved = min(left[tail[arc]], -left[head[arc]])
        if moved > 0:
            left[tail[arc]] -= moved
            left[head[arc]] += moved
            used.append(arc)
    return used, left


@pytest.mark.parametrize("weights", [lambda rng, n: rng.random(n), lambda rng, n: np.ones(n)])
def test_shipping(rng, weights):
    n, m = 12, 15
    tail, head = np.divmod(rng.permutation(n * m)[:80], m)
    head += n
    excess = np.concatenate([weights(rng, n), -weights(rng, m)])
    order = rng.permutation(80)
    used, expected = shipped_by_hand(order, tail, head, excess)
    left = excess.copy()
    np.testing.assert_array_equal(ship(order, tail, head, left), used)
    np.testing.assert_allclose(left, expected, atol=1e-15)
    assert (left[:n] >= 0).all()
    assert (left[n:] <= 0).all()
    require_forest(n + m, tail[used], head[used])


def test_the_rest_goes_to_the_cheapest_that_is_left():
    cost = np.array([[1.0, 3.0, 2.0], [0.0, 5.0, 9.0]])
    give, take = np.array([2.5, 1.0]), np.array([1.0, 1.5, 1.0])
    rows, columns, mass = match(cost, np.array([0.0, 2.0, 0.0]), give, take)
    # Row 0 by cost − potential: 1 at columns 0 and 1, 2 at column 2. Row 1 takes what is left.
    assert list(zip(rows, columns, mass, strict=True)) == [(0, 0, 1.0), (0, 1, 1.5), (1, 2, 1.0)]
    assert give.sum() == take.sum() == 0.0


def test_forbidden_pairs_are_left_alone():
    cost = np.array([[np.inf, 1.0], [np.inf, 2.0]])
    give, take = np.array([1.0, 1.0]), np.array([1.0, 1.0])
    rows, columns, _ = match(cost, np.zeros(2), give, take)
    assert (rows.tolist(), columns.tolist()) == ([0], [1])
    assert (give.tolist(), take.tolist()) == ([0.0, 1.0], [1.0, 0.0])


def test_matching_everything_is_a_forest(rng):
    give, take = rng.random(20), rng.random(30)
    take *= give.sum() / take.sum()
    rows, columns, _ = match(rng.random((20, 30)), np.zeros(30), give, take)
    require_forest(50, rows, columns + 20)
    assert min(give.max(), take.max()) == pytest.approx(0.0, abs=1e-15)
