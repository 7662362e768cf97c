"""Divergences and transport in convex problems: the numbers of fdiv and emd, and their optima."""

from __future__ import annotations

import builtins
import warnings
from dataclasses import replace

import numpy as np
import pytest

from divkit import cvx, emd, fdiv

cp = pytest.importorskip("cvxpy")

N = 6
# Interior-point methods reach some eight digits.
CLOSE = {"rel": 2e-6, "abs": 2e-7}
FAMILIES = {
    "alpha": [-1.5, -1, 0.3, 0.5, 2, 3.5],
    "tsallis": [0.4, 2],
    "cressie_read": [-2.5, -0.5, 1.5],
    "weighted_jensen_shannon": [0.2, 0.6],
    "hockey_stick": [1, 1.5],
}
MEMBERS = [getattr(fdiv, name)(x) for name, members in FAMILIES.items() for x in members]
COMPOSED = [
    2.5 * fdiv.jensen_shannon,
    fdiv.kl + 0.5 * fdiv.squared_hellinger,
    fdiv.tsallis(1.5).adjoint,
    fdiv.kl.symmetrized(),
    fdiv.pearson.skewed(0.3),
    (fdiv.total_variation + fdiv.neyman).adjoint.skewed(0.7),
]
EVERY = pytest.mark.parametrize(
    "D", [D for D in [*fdiv.CATALOGUE.values(), *MEMBERS, *COMPOSED] if D.formulas.cone], ids=str
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def solve(problem):
    with warnings.catch_warnings():
        # "inaccurate" where a cone of powers is hard; the comparisons judge.
        warnings.simplefilter("ignore")
        problem.solve(solver="CLARABEL")
    return problem.value


def least(expression, constraints=()):
    return solve(cp.Problem(cp.Minimize(expression), list(constraints)))


def test_all_of_the_catalogue_has_a_cone_form():
    assert [D for D in fdiv.CATALOGUE.values() if D.formulas.cone is None] == []


@EVERY
def test_values(rng, D):
    p, q = rng.dirichlet(3 * np.ones(N), 2)
    assert least(cvx.divergence(D, p, q)) == pytest.approx(float(D(p, q)), **CLOSE)
    # Another shape; a mass that is not 1.
    shaped = cvx.divergence(D, 2 * p.reshape(2, 3), 2 * q.reshape(2, 3))
    assert least(shaped) == pytest.approx(2 * float(D(p, q)), **CLOSE)


@EVERY
def test_jointly_convex(D):
    p, q = cp.Variable(3, nonneg=True), cp.Variable(3, nonneg=True)
    expression = cvx.divergence(D, p, q)
    assert expression.is_scalar()
    assert expression.is_convex()
    assert cp.Problem(cp.Minimize(expression)).is_dcp()


@EVERY
def test_no_neighbor_of_a_minimum_is_lower(rng, D):
    # The closest distribution to q with a given mean, by what fdiv says.
    q, x = rng.dirichlet(3 * np.ones(N)), np.linspace(0, 1, N)
    p = cp.Variable(N, nonneg=True)
    mean = 0.5 * q @ x + 0.3
    found = least(cvx.divergence(D, p, q), [cp.sum(p) == 1, p @ x == mean])
    best = np.maximum(p.value, 0)
    assert found == pytest.approx(float(D(best, q, normalize=True)), rel=1e-4, abs=1e-6)
    compared = 0
    for _ in range(20):
        move = rng.normal(size=N)
        for direction in np.linalg.qr(np.stack([np.ones(N), x]).T)[0].T:
            move -= (move @ direction) * direction
        near = best + 0.02 * move
        if near.min() >= 0:
            compared += 1
            assert float(D(near, q, normalize=True)) >= found - 1e-5
    assert compared > 0


def test_a_cone_form_of_ones_own(rng):
    def cone(p, q, xp):
        return xp.length(p, q) - 0.5**0.5 * (p + q)

    own = fdiv.custom(lambda u, xp: (1 + u**2) ** 0.5 - (1 + u) / 2**0.5)
    own = replace(own, formulas=replace(own.formulas, cone=cone))
    p, q = rng.dirichlet(3 * np.ones(N), 2)
    expected = np.hypot(p, q).sum() - 2**0.5
    assert float(own(p, q)) == pytest.approx(expected, rel=1e-9)
    assert least(cvx.divergence(own, p, q)) == pytest.approx(expected, **CLOSE)


def test_zeros():
    p, q = [0.5, 0.5, 0.0], [0.25, 0.5, 0.25]
    for D in (fdiv.total_variation, fdiv.jensen_shannon, fdiv.squared_hellinger, fdiv.pearson):
        assert least(cvx.divergence(D, p, q)) == pytest.approx(float(D(p, q)), **CLOSE)


def test_information_projection(rng):
    # Csiszár (1975): the closest by KL is an exponential tilt.
    q, x = rng.dirichlet(np.ones(N)), rng.normal(size=N)
    p = cp.Variable(N, nonneg=True)
    least(cvx.divergence(fdiv.kl, p, q), [cp.sum(p) == 1, p @ x >= q @ x + 0.1])
    tilt = np.polyfit(x, np.log(p.value / q), 1)
    np.testing.assert_allclose(np.polyval(tilt, x), np.log(p.value / q), atol=1e-4)
    assert tilt[0] > 0


def test_a_ball_of_divergence(rng):
    # The worst mean within a distance: on the boundary.
    q, x = rng.dirichlet(np.ones(N)), rng.normal(size=N)
    p = cp.Variable(N, nonneg=True)
    inside = [cp.sum(p) == 1, cvx.divergence(fdiv.jensen_shannon, p, q) <= 0.01]
    worst = solve(cp.Problem(cp.Maximize(p @ x), inside))
    assert worst > q @ x
    assert float(fdiv.jensen_shannon(np.maximum(p.value, 0), q, normalize=True)) == pytest.approx(
        0.01, rel=1e-4
    )


# --- transport ---


def problem(rng, n=5, m=4):
    return rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m)), rng.random((n, m))


def test_values_of_transport(rng):
    a, b, M = problem(rng)
    assert least(cvx.emd(a, b, M)) == pytest.approx(emd.distance(a, b, M), rel=1e-6)
    M[:2, 1] = np.inf
    assert least(cvx.emd(a, b, M)) == pytest.approx(emd.distance(a, b, M), rel=1e-6)


def test_free_marginals(rng):
    a, _, M = problem(rng)
    b = cp.Variable(4)
    assert least(cvx.emd(a, b, M)) == pytest.approx(a @ M.min(axis=1), rel=1e-6)
    expected = np.bincount(M.argmin(axis=1), a, 4)
    np.testing.assert_allclose(b.value, expected, atol=1e-6)


def test_barycenter(rng):
    # On a line with squared costs the barycenter of two points is between them.
    x = np.arange(7.0)
    M = (x[:, None] - x) ** 2
    b = cp.Variable(7)
    left, right = np.eye(7)[1], np.eye(7)[5]
    value = least(0.5 * cvx.emd(left, b, M) + 0.5 * cvx.emd(right, b, M))
    assert value == pytest.approx(4.0, rel=1e-6)
    np.testing.assert_allclose(b.value, np.eye(7)[3], atol=1e-5)


def test_unbalanced_transport(rng):
    # Both kinds in one problem; fdiv and emd agree with the parts.
    a, b, M = problem(rng)
    moved = cp.Variable(4, nonneg=True)
    found = least(cvx.emd(a, moved, M) + 0.1 * cvx.divergence(fdiv.kl, moved, b))
    there = np.maximum(moved.value, 0)
    there *= a.sum() / there.sum()
    assert found == pytest.approx(emd.distance(a, there, M) + 0.1 * float(fdiv.kl(there, b)), 1e-4)
    assert found <= emd.distance(a, b, M)


def test_no_plan(rng):
    a, b, M = problem(rng)
    assert least(cvx.emd(a, 2 * b, M)) == np.inf
    M[1] = np.inf
    assert least(cvx.emd(a, b, M)) == np.inf


# --- errors ---


def test_errors(rng):
    a, b, M = problem(rng)
    x = cp.Variable(4)
    own = fdiv.custom(lambda u, xp: (u - 1) ** 4)
    for call, message in (
        (lambda: cvx.divergence(own, b, b), "has no cone form: give its formulas one"),
        (lambda: cvx.divergence(fdiv.kl, a, b), r"the same shape, got \(5,\) and \(4,\)"),
        (lambda: cvx.divergence(fdiv.kl, cp.square(x), b), r"`p` must be affine .* convex"),
        (lambda: cvx.emd(b, b, M), r"`a` must have shape \(5,\), one weight per row"),
        (lambda: cvx.emd(a, a, M), r"`b` must have shape \(4,\), one weight per column"),
        (lambda: cvx.emd(a, cp.exp(x), M), r"`b` must be affine"),
        (lambda: cvx.emd(a, b, np.full((5, 4), np.nan)), r"M\[0, 0\] = nan"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="`D` must be a Divergence, got 'kl'"):
        cvx.divergence("kl", b, b)
    with pytest.raises(TypeError, match=r"`p` must be an array of real numbers"):
        cvx.divergence(fdiv.kl, [1j, 0], [1, 0])


def test_without_cvxpy(monkeypatch):
    real_import = builtins.__import__

    def without(name, *arguments):
        if name == "cvxpy":
            raise ImportError(name)
        return real_import(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'divkit\[cvxpy\]'"):
        cvx.emd([1], [1], [[0.0]])
