"""Column generation on matrices: every kind of cost, of a size at which all of it is at work."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from divkit import emd
from divkit.emd._column_generation import dense, initial_basis
from divkit.emd._solver_types import NoPlanError


def plane(rng, n, m, metric="euclidean"):
    return cdist(rng.random((n, 2)), rng.random((m, 2)), metric)


def gaussians(rng, n, m):
    return cdist(rng.normal(size=(n, 2)), 0.5 * rng.normal(size=(m, 2)) + [2, 1], "sqeuclidean")


def high_dimension(rng, n, m):
    return cdist(rng.normal(size=(n, 20)), rng.normal(size=(m, 20)) + 0.3, "sqeuclidean")


def same_points(rng, n, m):
    x = rng.random((max(n, m), 2))
    return cdist(x[:n], x[:m])


def line_in_the_plane(rng, n, m):
    s, t = np.linspace(0, 1, n)[:, None], np.linspace(0, 1, m)[:, None]
    return cdist(s * [1, 2], t**2 * [1, 2])


COSTS = {
    "plane": plane,
    "gaussians": gaussians,
    "20 dimensions": high_dimension,
    "uniform": lambda rng, n, m: rng.random((n, m)),
    "signed": lambda rng, n, m: rng.normal(size=(n, m)),
    "few different": lambda rng, n, m: rng.integers(0, 10, (n, m)).astype(float),
    "integers": lambda rng, n, m: rng.integers(0, 10 * n, (n, m)).astype(float),
    "constant": lambda rng, n, m: np.ones((n, m)),
    "zero": lambda rng, n, m: np.zeros((n, m)),
    "total variation": lambda rng, n, m: 1.0 - np.eye(n, m),
    "grid": lambda rng, n, m: cdist(*(rng.integers(0, 20, (k, 2)) for k in (n, m)), "cityblock"),
    "same points": same_points,
    "line in the plane": line_in_the_plane,
    "rank one": lambda rng, n, m: rng.random((n, 1)) * rng.random(m),
    "sizes": lambda rng, n, m: np.exp(20 * rng.random((n, m))),
    "cut off": lambda rng, n, m: np.minimum(plane(rng, n, m), 0.1),
    "constants in rows": lambda rng, n, m: plane(rng, n, m) + 1e6 * rng.random((n, 1)),
}
WEIGHTS = {
    "dirichlet": lambda rng, n: rng.dirichlet(np.ones(n)),
    "uniform": lambda rng, n: np.full(n, 1 / n),
    "heavy tail": lambda rng, n: rng.random(n) ** 20,
    "few whole": lambda rng, n: rng.integers(1, 4, n).astype(float),
}


def balanced(weights, rng, n, m):
    a, b = weights(rng, n), weights(rng, m)
    return a, b * (a.sum() / b.sum())


def require_exact(t, M, mass):
    """Check the bars, relative to mass and cost."""
    scale = np.abs(M[np.isfinite(M)]).max()
    plan = t.plan.tocoo()
    size = np.abs(plan.data * M[plan.coords]).sum()
    assert t.gap <= max(1e-12 * size, 1e-15 * mass * scale)
    assert t.dual_residual <= 1e-13
    assert t.primal_residual <= 1e-14
    assert t.plan.nnz <= sum(M.shape) - 1


@pytest.mark.parametrize("costs", COSTS)
def test_every_kind_of_cost(rng, costs):
    ot = pytest.importorskip("ot")
    n, m = 520, 450
    M = COSTS[costs](rng, n, m)
    a, b = balanced(WEIGHTS["dirichlet"], rng, n, m)
    t = emd.solve(a, b, M, "simplex")
    require_exact(t, M, a.sum())
    # POT's tolerance is relative to the largest cost.
    assert t.value == pytest.approx(ot.emd2(a, b, M, numItermax=10**7), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("shape", [(450, 450), (30, 1200), (1200, 30), (1, 70), (70, 1)], ids=str)
def test_every_kind_of_weight(rng, weights, shape):
    ot = pytest.importorskip("ot")
    M = plane(rng, *shape)
    a, b = balanced(WEIGHTS[weights], rng, *shape)
    t = emd.solve(a, b, M, "simplex")
    require_exact(t, M, a.sum())
    assert t.value == pytest.approx(ot.emd2(a, b, M, numItermax=10**7), rel=1e-11)


def test_any_array(rng):
    M = plane(rng, 500, 410)
    a, b = balanced(WEIGHTS["dirichlet"], rng, 500, 410)
    t = emd.solve(a, b, M, "simplex")
    wide = np.zeros((500, 820))
    wide[:, ::2] = M
    fixed = M.copy()
    fixed.flags.writeable = False
    for same in (np.asfortranarray(M), wide[:, ::2], fixed):
        other = emd.solve(a, b, same, "simplex")
        require_exact(other, M, 1.0)
        assert other.value == pytest.approx(t.value, rel=1e-15)
    single = M.astype(np.float32)
    for order in "CF":
        other = emd.solve(a, b, np.asarray(single, order=order), "simplex")
        assert other.value == pytest.approx(
            emd.solve(a, b, single.astype(float), "simplex").value, rel=1e-15
        )


def test_atoms_without_mass(rng):
    M = plane(rng, 900, 800)
    a, b = WEIGHTS["dirichlet"](rng, 900), WEIGHTS["dirichlet"](rng, 800)
    a[rng.random(900) < 0.4] = 0.0
    b[rng.random(800) < 0.7] = 0.0
    b *= a.sum() / b.sum()
    t = emd.solve(a, b, M, "simplex")
    require_exact(t, M, a.sum())
    inside = emd.solve(a[a > 0], b[b > 0], M[np.ix_(a > 0, b > 0)], "simplex")
    assert t.value == pytest.approx(inside.value, rel=1e-14)
    slack = M - t.f[:, None] - t.g
    np.testing.assert_allclose(slack.min(axis=1), 0.0, atol=1e-15)
    np.testing.assert_allclose(slack.min(axis=0), 0.0, atol=1e-15)


# --- forbidden pairs ---


def test_few_pairs_are_allowed(rng):
    # A ring: the shortlists alone cannot place all mass.
    n = 450
    M = np.full((n, n), np.inf)
    apart = (np.arange(n)[:, None] - np.arange(n)) % n
    M[apart < 40] = rng.random((apart < 40).sum())
    a = WEIGHTS["dirichlet"](rng, n)
    b = 0.5 * (np.roll(a, -3) + np.roll(a, -30))
    t = emd.solve(a, b, M, "simplex")
    require_exact(t, M, 1.0)
    assert np.isfinite(M[t.plan.nonzero()]).all()
    dear = np.where(np.isinf(M), 1e3, M)
    assert t.value == pytest.approx(emd.solve(a, b, dear, "simplex").value, rel=1e-12)


def test_only_one_plan_is_allowed(rng):
    a = WEIGHTS["dirichlet"](rng, 420)
    M = np.where(np.tri(420) > 0, rng.random((420, 420)), np.inf)
    t = emd.solve(a, a, M, "simplex")
    np.testing.assert_allclose(t.plan.toarray(), np.diag(a), atol=1e-15)


def test_no_plan_is_allowed(rng):
    a = np.full(410, 1 / 410)
    M = np.where(np.tri(410, k=-1) > 0, 1.0, np.inf)
    M[0, 0] = 1.0
    with pytest.raises(NoPlanError):
        dense.solve(a, a, M)
    with pytest.raises(ValueError, match=r"no plan avoids the forbidden pairs"):
        emd.solve(a, a, M, "simplex")


# --- what the columns are for ---


def test_few_pairs_are_looked_at(rng, monkeypatch):
    simplexes = []

    class Recorded(initial_basis.NetworkSimplex):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            simplexes.append(self)

    monkeypatch.setattr(initial_basis, "NetworkSimplex", Recorded)
    n = 1000
    a, b = balanced(WEIGHTS["dirichlet"], rng, n, n)
    dense.solve(a, b, plane(rng, n, n))
    # The coarse problem, and the problem.
    assert [s.nodes for s in simplexes] == [500, 2000]
    assert simplexes[-1].arcs < 30 * n


def test_pairs_that_are_never_needed_are_not_missed(rng):
    # All shortlists point to the same few columns; the plan needs all others.
    n = 450
    M = 1.0 + plane(rng, n, n)
    M[:, :10] *= 1e-3
    a, b = balanced(WEIGHTS["uniform"], rng, n, n)
    t = emd.solve(a, b, M, "simplex")
    require_exact(t, M, 1.0)


def test_no_copy_is_made(rng):
    n = 3000
    M = rng.random((n, n))
    a, b = balanced(WEIGHTS["dirichlet"], rng, n, n)
    emd.solve(a[:600] / a[:600].sum(), None, M[:600, :500], "simplex")  # compiled here
    tracemalloc.start()
    emd.solve(a, b, M, "simplex")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 0.15 * M.nbytes
