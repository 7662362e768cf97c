"""Variational bounds: they hold, they are ordered, and what one divergence implies is sharp."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from divkit import fdiv
from divkit.fdiv import bounds
from divkit.testing import pairs

RECORDS = [
    *fdiv.CATALOGUE.values(),
    *map(fdiv.alpha, (-1.0, 0.5, 3.0)),
]
every = pytest.mark.parametrize("D", RECORDS, ids=str)
MANY = settings(max_examples=15, deadline=None, derandomize=True, database=None)
critics = st.lists(st.floats(-5, 5).map(lambda x: round(x, 3)), min_size=8, max_size=8)


def finite(D, p, q):
    return math.isfinite(float(D(p, q)))


@every
@MANY
@given(pairs(), critics)
def test_the_bounds_are_ordered(D, pair, outputs):
    p, q = pair
    T = np.array(outputs[: len(p)])
    T = np.where(q > 0, T, np.minimum(T, D.slope))
    value = float(D(p, q))
    best = [f(D, p, q, T) for f in (bounds.plain, bounds.shifted, bounds.shifted_and_scaled)]
    values = [float(b.value) for b in best]
    assert not any(map(math.isnan, values))
    scale = 1e-12 * (10 + max(abs(v) for v in (*values, value) if math.isfinite(v)))
    assert values[0] <= values[1] + scale
    assert values[1] <= values[2] + scale
    assert values[2] <= value + scale
    # No other shift does better than the one that is told.
    nu = float(best[1].shift)
    top = float(np.max(T, where=(p > 0) | (q > 0), initial=-np.inf))
    for other in nu + np.array([-1.0, -1e-3, 1e-3, 1.0]):
        if top - other > D.slope:
            continue
        assert float(D.bound(p, q, T - other)) <= values[1] + scale
    again = float(D.bound(p, q, T - nu))
    if math.isfinite(again):
        assert again == pytest.approx(values[1], abs=1e-6 * (1 + abs(again)))


@MANY
@given(pairs(), critics)
def test_kl_is_donsker_varadhan(pair, outputs):
    p, q = pair
    for factor in (1.0, 100.0, 1e4):
        T = factor * np.array(outputs[: len(p)])
        exact = p @ T - logsumexp(T, b=q)
        found = bounds.shifted(fdiv.kl, p, q, T)
        assert float(found.value) == pytest.approx(exact, rel=1e-13, abs=1e-14 * factor)
        assert float(found.shift) == pytest.approx(logsumexp(T, b=q) - 1, rel=1e-12, abs=1e-13)


@MANY
@given(pairs(zeros=False), critics)
def test_pearson_is_at_least_chapman_robbins(pair, outputs):
    p, q = pair
    T = np.array(outputs[: len(p)])
    variance = q @ (T - q @ T) ** 2
    if variance > 1e-6:
        least = ((p - q) @ T) ** 2 / variance
        found = float(bounds.shifted_and_scaled(fdiv.pearson, p, q, T).value)
        assert found >= least * (1 - 1e-12) - 1e-14
        assert found <= float(fdiv.pearson(p, q)) * (1 + 1e-12) + 1e-14


@every
def test_a_moved_and_stretched_witness_is_found_again(D):
    rng = np.random.default_rng(0)
    p, q = rng.random((2, 5))
    p, q = p / p.sum(), q / q.sum()
    T = D.witness(p, q)
    value = float(D(p, q))
    assert float(bounds.shifted(D, p, q, T + 7).value) == pytest.approx(value, abs=1e-13)
    found = bounds.shifted_and_scaled(D, p, q, 3 - 5 * T)
    assert float(found.value) == pytest.approx(value, abs=1e-13)
    if D.name not in ("total_variation", "hockey_stick"):
        assert float(found.scale) == pytest.approx(-1 / 5, rel=1e-5)


@every
def test_batches_and_axes(D):
    rng = np.random.default_rng(1)
    p, q, T = rng.random((3, 4, 3, 5))
    p, q = (x / x.sum(axis=1, keepdims=True) for x in (p, q))
    for f in (bounds.plain, bounds.shifted, bounds.shifted_and_scaled):
        whole = f(D, p, q, T, axis=1)
        assert whole.value.shape == whole.shift.shape == whole.scale.shape == (4, 5)
        for i, j in ((0, 0), (3, 4)):
            alone = f(D, p[i, :, j], q[i, :, j], T[i, :, j])
            assert float(whole.value[i, j]) == pytest.approx(
                float(alone.value), rel=1e-12, abs=1e-13
            )
    one = bounds.shifted(D, p[0, :, 0], np.moveaxis(q, 1, -1), T[0, :, 0])
    assert one.value.shape == (4, 5)


def test_infinite_critics():
    p, q = [0.5, 0.5, 0.0], [0.5, 0.0, 0.5]
    assert bounds.shifted(fdiv.kl, p, q, [0.0, np.inf, -np.inf]).value == np.inf
    assert bounds.shifted(fdiv.kl, p, q, [-np.inf, 0.0, 0.0]).value == -np.inf
    assert bounds.shifted(fdiv.kl, p, q, [np.inf, 0.0, 0.0]).value == -np.inf
    js = bounds.shifted(fdiv.jensen_shannon, p, q, [0.0, math.log(2) / 2, -np.inf])
    assert js.value == pytest.approx(math.log(2) / 2, abs=1e-15)
    with pytest.raises(ValueError, match="`T` must be finite"):
        bounds.shifted_and_scaled(fdiv.kl, p, q, [0.0, 0.0, -np.inf])


def test_values_outside_the_domain_are_shifted_into_it():
    p, q = [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]
    T = np.array([50.0, 49.9, 49.8])
    for D in (fdiv.reverse_kl, fdiv.squared_hellinger, fdiv.neyman, fdiv.gan):
        assert D.bound(p, q, T) == -np.inf
        assert bounds.shifted(D, p, q, T).value > D.at_one


def test_critics_next_to_the_end_of_the_domain():
    # The best critic is nearer to the end than a double can be.
    p, q, T = [0.0, 0.0, 1.0], [0.0, 1.0, 1e-16], [0.0, 0.002, 0.0]
    for D in (fdiv.jensen_shannon, fdiv.squared_hellinger, fdiv.triangular_discrimination):
        value = D(p, q, normalize=True)
        best = bounds.shifted_and_scaled(D, p, q, T, normalize=True).value
        assert best == pytest.approx(value, rel=1e-3)
        assert best <= value * (1 + 1e-14) + 1e-14


def test_a_scaled_critic_is_no_worse_where_its_penalty_overflows():
    p, q, T = [0.0, 1.0, 0.0], [0.0, 5e-324, 1.0], [0.0, 0.0, 0.002]
    found = bounds.shifted_and_scaled(fdiv.kl, p, q, T).value
    assert found >= bounds.shifted(fdiv.kl, p, q, T).value
    assert found <= fdiv.kl(p, q)


def test_equal_critics_say_nothing():
    for D in RECORDS:
        found = bounds.shifted_and_scaled(D, [0.5, 0.5], [0.1, 0.9], [3.0, 3.0])
        assert float(found.value) == pytest.approx(D.at_one, abs=1e-14)
        assert float(found.scale) == 0


# --- inequalities and the joint range ---


@MANY
@given(pairs())
def test_inequalities(pair):
    values = {name: float(D(*pair)) for name, D in fdiv.CATALOGUE.items()}
    for inequality in bounds.INEQUALITIES:
        low, high = inequality.sides({name: values[name] for name in inequality.quantities})
        assert low <= high * (1 + 1e-12) + 2e-15, inequality.name


NAMES = ["kl", "squared_hellinger", "jensen_shannon", "pearson", "jeffreys", "reverse_kl", "gan"]


@pytest.mark.parametrize("tv", [1e-6, 0.01, 0.3, 0.9, 1 - 1e-6])
def test_implied_by_total_variation(tv):
    log2 = math.log(2)
    found = bounds.implied(tv=tv, of=[fdiv.CATALOGUE[name] for name in NAMES])
    assert found["squared_hellinger"] == pytest.approx(
        (2 * tv * tv / (1 + math.sqrt((1 - tv) * (1 + tv))), 2 * tv), rel=1e-9
    )
    odds = 4 * tv * math.atanh(tv)
    assert found["jeffreys"] == (pytest.approx(odds, rel=1e-10), math.inf)
    chi2 = 4 * tv * tv if tv < 0.5 else tv / (1 - tv)
    assert found["pearson"] == (pytest.approx(chi2, rel=1e-9), math.inf)
    low, high = found["jensen_shannon"]
    assert high == pytest.approx(tv * log2, rel=1e-10)
    half_sum = ((1 + tv) * math.log1p(tv) + (1 - tv) * math.log1p(-tv)) / 2
    if tv > 1e-3:  # this form cancels
        assert low == pytest.approx(half_sum, rel=1e-10)
    assert found["kl"][1] == found["reverse_kl"][1] == math.inf
    assert found["kl"][0] == pytest.approx(found["reverse_kl"][0], rel=1e-9)
    assert found["gan"] == pytest.approx((2 * low - 2 * log2, 2 * high - 2 * log2), rel=1e-10)


@pytest.mark.parametrize("tv", [1e-8, 1e-10, 1e-20, 1e-100])
def test_implied_by_very_small_total_variation(tv):
    """What differs is far below the last digit of the masses, 1."""
    names = ["squared_hellinger", "jensen_shannon", "triangular_discrimination", "kl"]
    found = bounds.implied(tv=tv, of=[fdiv.CATALOGUE[name] for name in names])
    largest = {"squared_hellinger": 2.0, "jensen_shannon": math.log(2)}
    largest |= {"triangular_discrimination": 2.0, "kl": math.inf}
    least = {"squared_hellinger": 1, "jensen_shannon": 0.5, "triangular_discrimination": 2, "kl": 2}
    for name in names:
        low, high = found[name]
        assert low == pytest.approx(least[name] * tv**2, rel=1e-9)
        assert high == pytest.approx(largest[name] * tv, rel=1e-13)


def test_implied_total_variation_by_very_small_values():
    low, high = bounds.implied(js=1e-20, of=[fdiv.total_variation])["total_variation"]
    assert low == pytest.approx(1e-20 / math.log(2), rel=1e-12)
    assert high == pytest.approx(math.sqrt(2e-20), rel=1e-9)


@pytest.mark.parametrize("t", [1e-3, 0.1, 1.0, 3.0, 10.0])
def test_vajdas_tight_lower_bound(t):
    """Fedotov, Harremoës & Topsøe (2003), Theorem 1: TV and the least KL as functions of t."""
    import mpmath as mp

    with mp.workdps(40):
        x = mp.mpf(t)
        tv = x * (1 - (mp.coth(x) - 1 / x) ** 2) / 2
        least = mp.log(x / mp.sinh(x)) + x * mp.coth(x) - (x / mp.sinh(x)) ** 2
    low, high = bounds.implied(tv=float(tv), of=[fdiv.kl])["kl"]
    assert low == pytest.approx(float(least), rel=1e-9)
    assert high == math.inf


def test_other_known_ranges():
    found = bounds.implied(kl=0.5, of=[fdiv.pearson, fdiv.squared_hellinger, fdiv.jeffreys])
    assert found["pearson"][0] == pytest.approx(math.expm1(0.5), rel=1e-10)
    assert found["squared_hellinger"] == pytest.approx((0, 2 - 2 * math.exp(-0.25)), rel=1e-9)
    assert found["jeffreys"] == (pytest.approx(0.5, rel=1e-10), math.inf)
    chi2 = bounds.implied(pearson=3.0, of=[fdiv.kl, fdiv.total_variation, fdiv.alpha(2)])
    assert chi2["kl"] == pytest.approx((0, math.log(4)), rel=1e-9)
    assert chi2["total_variation"] == pytest.approx((0, 0.75), rel=1e-9)
    assert bounds.implied(pearson=3.0, of=[fdiv.alpha(2)])["alpha"] == pytest.approx((1.5, 1.5))


def test_random_pairs_lie_in_the_range_that_they_imply():
    """A curve of ranges over 12 values of TV, and 10⁵ pairs against it."""
    rng = np.random.default_rng(0)
    known = np.linspace(0, 1, 13)
    targets = [fdiv.CATALOGUE[name] for name in NAMES]
    ranges = [bounds.implied(tv=float(x), of=targets) for x in known]
    n = 100_000
    weights = rng.gamma(10 ** rng.uniform(-1.5, 1, (n, 1)), size=(2, n, 3)) + 1e-12
    p, q = weights / weights.sum(axis=2, keepdims=True)
    tv = np.clip(fdiv.total_variation(p, q), 0, 1)
    for D in targets:
        low, high = (np.array([r[D.name][i] for r in ranges]) for i in (0, 1))
        values = D(p, q)
        # low is convex and high concave in TV: between knots the next knot, and the chord's end.
        below = np.searchsorted(known, tv, side="right") - 1
        above = np.minimum(below + 1, 12)
        assert np.all(values >= low[below] - 1e-9)
        assert np.all(values <= high[above] * (1 + 1e-9) + 1e-9)


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(pairs(), st.sampled_from(["kl", "squared_hellinger", "jensen_shannon", "pearson"]))
def test_a_pair_lies_in_the_range_that_it_implies(pair, name):
    p, q = pair
    known = float(fdiv.CATALOGUE[name](p, q))
    if math.isfinite(known) and known > 1e-9:
        known = min(known, fdiv.CATALOGUE[name].supremum)
        targets = [fdiv.kl, fdiv.jensen_shannon, fdiv.total_variation]
        ranges = bounds.implied(**{name: known}, of=targets)
        both = bounds.implied(
            **{name: known, "tv": min(float(fdiv.total_variation(p, q)), 1)}, of=targets
        )
        for D in targets:
            value = float(D(p, q))
            for low, high in (ranges[D.name], both[D.name]):
                assert low * (1 - 1e-8) - 1e-12 <= value <= high * (1 + 1e-8) + 1e-12


def test_no_difference_and_no_overlap():
    for name in ("tv", "kl", "squared_hellinger"):
        for key, (low, high) in bounds.implied(**{name: 0.0}).items():
            if key != "hockey_stick":
                assert low == high == fdiv.CATALOGUE[key].at_one
    for key, ends in bounds.implied(tv=1.0).items():
        assert ends == (fdiv.CATALOGUE[key].supremum,) * 2


@pytest.mark.parametrize(
    ("known", "kind", "message"),
    [
        ({}, ValueError, "needs a known value"),
        ({"nonsense": 1}, ValueError, "must be one of 'total_variation'"),
        ({"tv": 1.5}, ValueError, r"`total_variation` must lie in its range \[0, 1\], got 1.5"),
        ({"kl": math.inf}, ValueError, "`kl` must be finite"),
        ({"kl": "1"}, TypeError, "`kl` must be a real number"),
        ({"kl": np.complex128(1)}, TypeError, "`kl` must be a real number"),
        ({"tv": 5e-324}, ValueError, "`total_variation` must be 0 or at least 1e-290 more"),
        ({"tv": 0.9, "kl": 0.3}, ValueError, "some pair of distributions must have all known"),
        ({"tv": 1.0, "kl": 0.3}, ValueError, "some pair of distributions must have all known"),
    ],
)
def test_refused(known, kind, message):
    with pytest.raises(kind, match=message):
        bounds.implied(**known)


# --- Lipschitz critics ---


def line(n):
    x = np.arange(n) / n
    return np.abs(x[:, None] - x)


def wasserstein(p, q):
    return np.sum(np.abs(np.cumsum(p - q))[:-1]) / len(p)


@pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)
def test_lipschitz_critics_lie_between(D):
    rng = np.random.default_rng(0)
    p, q = rng.random((2, 5))
    p[0] = q[3] = 0
    p, q = p / p.sum(), q / q.sum()
    M, before = line(5), D.at_one
    for L in (0.1, 1.0, 5.0):
        found = bounds.interpolated(D, p, q, M, L)
        assert -1e-12 <= found.gap <= 1e-8 * (1 + abs(found.value))
        assert np.all(np.abs(found.critic[:, None] - found.critic) <= L * M + 1e-9)
        assert found.between.sum() == pytest.approx(1)
        assert before - 1e-9 <= found.value <= min(D(p, q), D.at_one + L * wasserstein(p, q)) + 1e-9
        before = found.value
    nearly = bounds.interpolated(D, p, q, M, 1e-4).value - D.at_one
    if D.name not in ("total_variation", "hockey_stick"):
        assert nearly / 1e-4 == pytest.approx(wasserstein(p, q), rel=1e-2)
    if math.isfinite(D(p, q)):
        r = 0.5 * p + 0.5 * q  # where the witness is Lipschitz
        far = bounds.interpolated(D, r, 0.9 * q + 0.1 * r, M, 1e3)
        assert far.value == pytest.approx(float(D(r, 0.9 * q + 0.1 * r)), abs=1e-8)


@pytest.mark.parametrize("L", [1j, np.array([]), "1", None, True])
def test_a_lipschitz_constant_is_a_number(L):
    with pytest.raises(TypeError, match="`lipschitz` must be a real number, got"):
        bounds.interpolated(fdiv.kl, [0.5, 0.5], [0.1, 0.9], line(2), L)


@pytest.mark.parametrize(
    ("M", "L", "message"),
    [
        (np.zeros((3, 3)), 1.0, r"`M` must have shape \(2, 2\)"),
        (np.ones((2, 2)), 1.0, "0 on the diagonal"),
        (line(2), 0.0, "`lipschitz` must be positive"),
    ],
)
def test_interpolation_refuses(M, L, message):
    with pytest.raises(ValueError, match=message):
        bounds.interpolated(fdiv.kl, [0.5, 0.5], [0.1, 0.9], M, L)
    squared = line(3) ** 2
    with pytest.raises(ValueError, match=r"triangle inequality, got M\[0, 2\]"):
        bounds.interpolated(fdiv.kl, [0.5, 0.5, 0], [0.1, 0.4, 0.5], squared)


def test_a_name_is_not_an_identity():
    mine = fdiv.custom(lambda u, xp: (u - 1) ** 2, name="kl")
    p, q, T = [0.5, 0.5], [0.25, 0.75], [1.0, 0.0]
    found, right = (bounds.shifted(D, p, q, T) for D in (mine, fdiv.pearson))
    assert float(found.value) == pytest.approx(float(right.value), rel=1e-12)
    with pytest.raises(ValueError, match="'kl' for two"):
        bounds.implied(tv=0.1, of=[fdiv.kl, mine])
    assert list(bounds.implied(tv=0.1, of=[fdiv.alpha(2), fdiv.alpha(3)])) == [
        "alpha(2)",
        "alpha(3)",
    ]


def test_no_infinite_value_ends_the_search_of_an_interpolation():
    """The first plan leaves an atom of Q empty, which costs infinitely much; others do not."""
    M = [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    found = bounds.interpolated(fdiv.reverse_kl, [0.0, 0.0, 1.0], [0.0, 1.0, 0.0], M, 100.0)
    # Least −log s + 100 s, at s = 1/100.
    assert found.value == pytest.approx(math.log(100) + 1, rel=1e-7)
    assert found.gap <= 1e-7 * found.value
