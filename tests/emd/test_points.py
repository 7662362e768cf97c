"""Transport between points: every metric against the matrix of its costs, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from divkit import emd
from divkit.emd import metrics

METRICS = ["sqeuclidean", "euclidean", "cityblock", "chebyshev", 1.5, 3, np.inf]


def costs(x, y, metric):
    return metrics.metric(metric).all_pairs(x, y)


def require_exact(t, x, y, a, b, metric):
    """Check the bars on the answer itself: nothing that the record says is believed."""
    M = costs(x, y, metric)
    scale = np.abs(M[np.isfinite(M)]).max()
    plan = t.plan.tocoo()
    assert plan.nnz <= len(x) + len(y) - 1
    assert (plan.data > 0).all()
    mass = a.sum()
    np.testing.assert_allclose(t.plan.sum(axis=1), a, rtol=0, atol=1e-14 * mass)
    np.testing.assert_allclose(t.plan.sum(axis=0), b, rtol=0, atol=1e-14 * mass)
    assert (t.f[:, None] + t.g - M).max() <= 1e-13 * scale
    cost = plan.data @ M[plan.coords]
    assert t.value == pytest.approx(cost, rel=1e-14, abs=1e-15 * mass * scale)
    assert t.dual_value == pytest.approx(a @ t.f + b @ t.g, rel=1e-13, abs=1e-15 * mass * scale)
    assert abs(t.gap) <= max(1e-12 * cost, 1e-15 * mass * scale)


def weights(rng, n):
    return rng.dirichlet(np.ones(n))


@pytest.mark.parametrize("d", [2, 3, 8])
@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_every_metric(rng, metric, d):
    x, y = rng.normal(size=(450, d)), 0.5 * rng.normal(size=(480, d)) + 1
    a, b = weights(rng, 450), weights(rng, 480)
    t = emd.solve_points(x, y, a, b, metric)
    require_exact(t, x, y, a, b, metric)
    assert t.value == pytest.approx(emd.solve(a, b, costs(x, y, metric)).value, rel=1e-12)


def test_metric_of_the_caller(rng):
    def concave(x, y):
        return np.sqrt(cdist(x, y))

    x, y = rng.random((430, 2)), rng.random((300, 2))
    a, b = weights(rng, 430), weights(rng, 300)
    t = emd.solve_points(x, y, a, b, concave)
    require_exact(t, x, y, a, b, concave)
    assert t.value == pytest.approx(emd.solve(a, b, concave(x, y)).value, rel=1e-12)
