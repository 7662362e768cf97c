"""Closed forms, relations between divergences, and the inequalities of the field."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings

from divkit import fdiv
from divkit.testing import distributions, pairs

LOG2 = np.log(2)
MANY = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def test_two_coins():
    p, q = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    assert fdiv.total_variation(p, q) == 0.25
    assert fdiv.pearson(p, q) == 0.25
    assert fdiv.neyman(p, q) == pytest.approx(1 / 3, rel=1e-15)
    assert fdiv.kl(p, q) == pytest.approx(0.75 * np.log(3) - LOG2, rel=1e-14)
    assert fdiv.reverse_kl(p, q) == pytest.approx(LOG2 - 0.5 * np.log(3), rel=1e-14)
    assert fdiv.jeffreys(p, q) == pytest.approx(0.25 * np.log(3), rel=1e-15)
    assert fdiv.squared_hellinger(p, q) == pytest.approx(2 - np.sqrt(1.5) - np.sqrt(0.5), rel=1e-14)


def test_disjoint_supports():
    p, q = [1.0, 0.0], [0.0, 1.0]
    assert fdiv.total_variation(p, q) == 1
    assert fdiv.jensen_shannon(p, q) == LOG2
    assert fdiv.kl(p, q) == fdiv.reverse_kl(p, q) == fdiv.jeffreys(p, q) == np.inf
    assert fdiv.squared_hellinger(p, q) == 2
    assert fdiv.gan(p, q) == pytest.approx(0, abs=1e-15)


def test_partly_shared_supports():
    p, q = [0.5, 0.5, 0.0], [0.5, 0.0, 0.5]
    assert fdiv.total_variation(p, q) == 0.5
    assert fdiv.kl(p, q) == fdiv.pearson(p, q) == np.inf
    assert fdiv.jensen_shannon(p, q) == LOG2 / 2


def test_the_edge_of_the_doubles():
    assert fdiv.kl([0, 1.0], [5e-324, 1]) == pytest.approx(5e-324)
    assert fdiv.reverse_kl([0, 1.0], [5e-324, 1]) == np.inf


def test_geometric_laws():
    """KL between geometric laws a and b is log(a/b) + (1−a)/a · log((1−a)/(1−b))."""
    a, b, k = 0.5, 0.3, np.arange(200)
    value = fdiv.kl(a * (1 - a) ** k, b * (1 - b) ** k, normalize=True)
    assert value == pytest.approx(
        np.log(a / b) + (1 - a) / a * np.log((1 - a) / (1 - b)), rel=1e-12
    )


@MANY
@given(pairs())
def test_one_is_the_other(pair):
    p, q = pair

    def same(left, right):
        assert left == pytest.approx(right, rel=1e-12, abs=1e-30)

    same(fdiv.alpha(2)(p, q), fdiv.pearson(p, q) / 2)
    same(fdiv.alpha(-1)(p, q), fdiv.neyman(p, q) / 2)
    same(fdiv.alpha(0.5)(p, q), 2 * fdiv.squared_hellinger(p, q))
    same(fdiv.weighted_jensen_shannon(0.5)(p, q), fdiv.jensen_shannon(p, q))
    same(fdiv.jeffreys(p, q), fdiv.kl(p, q) + fdiv.reverse_kl(p, q))
    assert fdiv.gan(p, q) == pytest.approx(2 * fdiv.jensen_shannon(p, q) - np.log(4), abs=1e-14)
    m = (p + q) / 2
    assert fdiv.jensen_shannon(p, q) == pytest.approx(
        (fdiv.kl(p, m) + fdiv.kl(q, m)) / 2, abs=1e-14
    )


@MANY
@given(pairs(zeros=False))
def test_alpha_tends_to_both_kullback_leiblers(pair):
    p, q = pair
    for step in (1e-9, -1e-9):
        assert fdiv.alpha(1 + step)(p, q) == pytest.approx(fdiv.kl(p, q), rel=1e-6, abs=1e-300)
        assert fdiv.alpha(step)(p, q) == pytest.approx(fdiv.reverse_kl(p, q), rel=1e-6, abs=1e-300)


@MANY
@given(pairs(3), pairs(4))
def test_kl_adds_over_products(first, second):
    (p, q), (r, s) = first, second
    for D in (fdiv.kl, fdiv.reverse_kl, fdiv.jeffreys):
        product = D(np.outer(p, r).ravel(), np.outer(q, s).ravel())
        assert product == pytest.approx(D(p, q) + D(r, s), rel=1e-12, abs=1e-13)


@MANY
@given(pairs())
def test_inequalities(pair):
    p, q = pair
    tv, kl, jeffreys = fdiv.total_variation(p, q), fdiv.kl(p, q), fdiv.jeffreys(p, q)
    js, h2, chi2 = fdiv.jensen_shannon(p, q), fdiv.squared_hellinger(p, q), fdiv.pearson(p, q)
    positive = (p + q) > 0
    lc = np.sum((p - q)[positive] ** 2 / (p + q)[positive])

    def ordered(*values):
        for low, high in itertools.pairwise(values):
            assert low <= high * (1 + 1e-12) + 1e-28

    ordered(tv, np.sqrt(kl / 2))
    ordered(tv, np.sqrt(-np.expm1(-kl)))
    ordered(tv, 1 - np.exp(-kl) / 2)
    ordered(h2 / 2, tv, np.sqrt(h2 * (1 - h2 / 4)))
    ordered(h2, lc, 2 * h2)
    ordered(4 * tv**2, chi2)
    if h2 < 2:
        ordered(-2 * np.log1p(-h2 / 2), kl)
    ordered(kl, np.log1p(chi2))
    if tv >= 0.5 and tv < 1:
        ordered(tv / (1 - tv), chi2)
    if tv < 1:
        ordered(4 * tv * np.arctanh(tv), jeffreys)
    x = (1 - tv) / 2
    entropy = -sum(y * np.log(y) for y in (x, 1 - x) if y > 0)
    ordered(LOG2 - entropy - 1e-15, js, tv * LOG2)
    ordered(LOG2 / 2 * h2, js, h2 / 2)
    ordered(lc / 4, js, lc * LOG2 / 2)


@MANY
@given(distributions(min_size=2), distributions(min_size=2))
def test_a_critic_outside_its_domain_bounds_nothing(p, q):
    n = min(len(p), len(q))
    p, q = p[:n], q[:n]
    if p.sum() and q.sum():
        T = np.full(n, 5.0)  # past the end of the domain of reverse_kl
        assert fdiv.reverse_kl.bound(p, q, T, normalize=True) == -np.inf


def test_a_critic_past_the_domain_bounds_nothing_even_where_q_is_zero():
    p, q = [0.5, 0.5, 0.0], [0.5, 0.0, 0.5]
    assert fdiv.total_variation.bound(p, q, [0, 100, 0]) == -np.inf
    assert fdiv.total_variation.bound(p, q, [0, 0.5, -0.5]) == 0.5
    for dtype in (np.float32, np.float64):
        given = [np.array(x, dtype=dtype) for x in (p, q)]
        for D in fdiv.CATALOGUE.values():
            assert D.bound(*given, D.witness(*given)) == pytest.approx(D(*given), rel=1e-6)


def test_bound_at_infinite_critics():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.0, 0.5])
    T = fdiv.kl.witness(p, q)
    assert T.tolist() == [1.0, np.inf, -np.inf]
    assert fdiv.kl.bound(p, q, T) == np.inf
    assert fdiv.kl.bound(p, q, [-np.inf, np.inf, 0.0]) == -np.inf
    assert fdiv.kl.bound(p, q, [np.inf, 0.0, 0.0]) == -np.inf


def test_the_critic_stays_finite_where_the_ratio_is_beyond_a_double():
    p, q = np.array([0.5, 0.5]), np.array([5e-324, 1.0])
    T = fdiv.kl.witness(p, q)
    assert np.isfinite(T).all()
    assert fdiv.kl(p, q) > fdiv.kl.bound(p, q, T) > 300


@pytest.mark.parametrize(
    "D",
    [*fdiv.CATALOGUE.values(), *map(fdiv.alpha, (-0.5, 0.3)), fdiv.weighted_jensen_shannon(0.9)],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_witness_stays_inside_the_domain_at_any_ratio(D, dtype):
    for tiny in (1e-3, 1e-8, 1e-15, 1e-18, 1e-30):
        p, q = np.array([0.5, 0.5], dtype=dtype), np.array([tiny, 1 - tiny], dtype=dtype)
        bound = D.bound(p, q, D.witness(p, q))
        value = D(p, q)
        assert np.isfinite(bound) or value > 1e30
        assert bound <= value * (1 + 1e-6) + 1e-6
