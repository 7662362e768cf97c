"""Numbers at the ends of double precision: the right value, or an error that says what to do."""

import mpmath as mp
import numpy as np
import pytest

from divkit import fdiv
from divkit.fdiv import _evaluate, _fused, bounds, closed_form


def test_a_bound_of_ones_own_divergence_is_one():
    p, q = np.array([1, 0, 1e-308, 1]), np.array([0, 0, 1, 1e-308])
    for f in (
        lambda u, xp: -xp.log(u),
        lambda u, xp: u * xp.log(u),
        lambda u, xp: (u - 1) ** 2,
        lambda u, xp: (u - 1) * xp.log(u),
    ):
        D = fdiv.custom(f)
        for x, y in ((p, q), (q, p), ([0.5, 0.5], [1e-308, 1.0]), ([1e-308, 1.0], [0.5, 0.5])):
            T = D.witness(x, y, normalize=True)
            value, bound = D(x, y, normalize=True), D.bound(x, y, T, normalize=True)
            assert bound <= value + 1e-12 * abs(value)
    D = fdiv.custom(lambda u, xp: u * xp.log(u))
    x, y = [0.5, 0.5], [1e-308, 1.0]
    assert D.bound(x, y, D.witness(x, y)) == pytest.approx(fdiv.kl(x, y), rel=1e-12)


def test_logarithms_of_affinities_far_apart():
    p, q = [1e-20, 1.0], [1.0, 0.0]
    value = fdiv.chernoff(p, q)
    assert value == pytest.approx(20 * np.log(10), rel=1e-14)
    assert fdiv.chernoff.bound(p, q, fdiv.chernoff.witness(p, q)) <= value * (1 + 1e-14)
    exact = mp.log((mp.mpf("0.5") ** 4) * (mp.mpf(1e-120) ** -3 + 1)) / 3
    assert fdiv.renyi(4)([0.5, 0.5], [1e-120, 1.0]) == pytest.approx(float(exact), rel=1e-14)
    assert fdiv.renyi(4)([0.5, 0.5], [0.0, 1.0]) == np.inf
    assert fdiv.renyi(2)([1e308, 1e308], [1e308, 1e308], normalize=True) == 0
    assert fdiv.chernoff(np.ones((0, 3)), np.ones((0, 3))).shape == (0,)


def test_what_underflows_by_half():
    assert fdiv.total_variation([0.0, 1.0], [5e-324, 1.0]) == 5e-324
    assert fdiv.total_variation([[0.0, 1.0]], [[5e-324, 1.0]]) == 5e-324
    assert fdiv.hockey_stick(1)([5e-324, 1.0], [0.0, 1.0]) == 5e-324
    assert fdiv.total_variation([1e-310, 1.0], [3e-310, 1.0]) == pytest.approx(2e-310, rel=1e-13)


@pytest.mark.parametrize("small", [1e-3, 1e-8, 1e-15, 1e-100, 1e-300])
@pytest.mark.parametrize("c", [1, 3])
def test_gan_close_to_its_maximum(small, c):
    p, q = [1.0, small, 0.0], [0.0, small, 1.0]
    with mp.workdps(60):
        x = mp.mpf(small)
        exact = c * 2 * x * mp.log(mp.mpf(1) / 2) / (1 + x)
    for found in ((c * fdiv.gan)(p, q), (c * fdiv.gan)([p], [q])[0]):
        assert found == pytest.approx(float(exact), rel=1e-14)
    p, q = [1 - small, small], [0.0, 1.0]
    with mp.workdps(400):
        x, y = mp.mpf(small) / (mp.mpf(p[0]) + mp.mpf(small)), mp.mpf(1)
        exact = c * (x * mp.log(x / (x + y)) + y * mp.log(y / (x + y)))
    assert (c * fdiv.gan)(p, q) == pytest.approx(float(exact), rel=1e-14)


def test_the_derivative_of_gan_at_large_ratios():
    u = np.array([1e-300, 1e-3, 0.5, 1.0, 2.0, 1e10, 1e300])
    exact = [float(mp.log(mp.mpf(x) / (1 + mp.mpf(x)))) for x in u[:-2]] + [-1e-10, -1e-300]
    np.testing.assert_allclose(fdiv.gan.derivative(u), exact, rtol=1e-10)


@pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)
def test_the_dual_side_is_never_nan(D):
    for v in (-np.inf, -1e300, -1e4, -800.0, 800.0, 1e4, 1e300, np.inf):
        for function in (D.activation, D.penalty, D.conjugate, D.ratio):
            assert not np.isnan(function(v)), (function, v)


def test_compiled_loops_leave_what_would_vanish(monkeypatch):
    monkeypatch.setattr(_evaluate, "_COMPILE_AFTER", 0)
    rng = np.random.default_rng(0)
    p, q = (10.0 ** rng.uniform(-299, -290, (2, 100)) for _ in "pq")
    p[:, 0], q[:, 0] = 1e-19, 1.0
    assert _fused.integral(fdiv.kl, p, q, equal=False) is None
    with mp.workdps(400):
        x, y = ([mp.mpf(float(a)) for a in row] for row in (p[0], q[0]))
        P, Q = sum(x), sum(y)
        exact = sum(a / P * mp.log((a / P) / (b / Q)) for a, b in zip(x, y, strict=True))
    assert fdiv.kl(p, q, normalize=True)[0] == pytest.approx(float(exact), rel=1e-13, abs=1e-290)
    pairs = fdiv.pairwise(fdiv.reverse_kl, p, q, normalize=True)
    expected = fdiv.reverse_kl(p[:, None], q[None], normalize=True)
    np.testing.assert_allclose(pairs, expected, rtol=1e-13)


@pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)
def test_no_shift_is_worse_than_none(D):
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.ones(4), (2, 50))
    T = D.witness(p, q)
    plain = bounds.plain(D, p, q, T).value
    for found in (bounds.shifted(D, p, q, T), bounds.shifted_and_scaled(D, p, q, T)):
        assert (found.value >= plain).all()


def test_bins_of_huge_ranges():
    x = np.concatenate([np.random.default_rng(0).normal(size=50) * 1e-5, [1e300]])
    for rule in ("auto", "doane", "scott", "stone", "sqrt", 5):
        h = fdiv.histograms(x, x, bins=rule)
        assert h.p.sum() == pytest.approx(1)
    for rule in ("fd", 10**9):
        with pytest.raises(ValueError, match="at most 10000000 bins, got"):
            fdiv.histograms(x, x, bins=rule)
    with pytest.raises(ValueError, match="over all columns"):
        fdiv.histograms(np.eye(6), np.eye(6), bins=100)
    h = fdiv.histograms([-1.7e308, 1.7e308], [0.0], bins=2)
    assert h.counts[0].tolist() == [1, 1]


def exactly(f, at_zero, slope, p, q):
    """Return Σ q f(p/q) of the normalized measures."""
    with mp.workdps(60):
        of_p, of_q = mp.fsum(map(mp.mpf, p)), mp.fsum(map(mp.mpf, q))
        total = mp.mpf(0)
        for x, y in zip(p, q, strict=True):
            x, y = mp.mpf(x) / of_p, mp.mpf(y) / of_q
            if x and y:
                total += y * f(x / y)
            elif x or y:
                total += x * slope if x else y * at_zero
        return float(total)


SQUARE = lambda u: (u - 1) ** 2, 1, mp.inf
TINY = {
    "pearson": (
        fdiv.pearson, SQUARE,
        [([1e-9, 2, 5e-324], [5e-324, 1, 1]), ([0, 0, 1e-33], [1e-44, 1e-45, 5e-324])],
    ),
    "kl": (
        fdiv.kl, (lambda u: u * mp.log(u), 0, mp.inf),
        [
            ([1e-9, 2, 5e-324], [2, 5e-324, 1]),
            ([0, 0, 1e-35], [1e-44, 1e-44, 5e-324]),
            ([1, 1, 1], [1e308, 1e308, 1e-300]),
            ([1e308, 1e308, 1e-300], [1, 1, 1]),
        ],
    ),
    "alpha": (
        fdiv.alpha(1.5), (lambda u: (u**1.5 - 1 - 1.5 * (u - 1)) / 0.75, mp.mpf(2) / 3, mp.inf),
        [([0, 1], [2, 5e-324]), ([3e-310, 1], [1, 7e-310])],
    ),
    "jensen_shannon": (
        fdiv.jensen_shannon,
        (
            lambda u: u * mp.log(u) / 2 - (1 + u) / 2 * mp.log((1 + u) / 2),
            mp.log(2) / 2,
            mp.log(2) / 2,
        ),
        [([1e308, 1e308, 1e-300], [1, 1, 1]), ([1e-310, 2, 1], [1, 3, 1e-323])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TINY)
def test_shares_that_are_no_normal_numbers(name):
    D, generator, pairs = TINY[name]
    for p, q in pairs:
        p, q = np.array(p, float), np.array(q, float)
        expected = pytest.approx(exactly(*generator, p, q), rel=1e-12)
        assert D(p, q, normalize=True) == expected
        assert D.adjoint(q, p, normalize=True) == expected
        ordinary = np.ones(len(p))
        rows = D(np.stack([ordinary, p]), np.stack([ordinary, q]), normalize=True)
        assert rows[0] == 0
        assert rows[1] == expected
        assert fdiv.pairwise(D, [p, ordinary], [q], normalize=True)[0, 0] == expected


def test_the_witness_of_a_share_that_is_no_normal_number():
    p, q = [1e-20, 1.0, 1e-320], [5e-324, 3.0, 1e-20]
    T = fdiv.kl.witness(p, q, normalize=True)
    with mp.workdps(30):
        expected = [1 + mp.log(3 * mp.mpf(x) / mp.mpf(y)) for x, y in zip(p, q, strict=True)]
    assert pytest.approx([float(x) for x in expected], rel=1e-14) == T


def test_a_mass_that_its_row_hides_is_still_a_mass():
    p, q = [1e200, 1e200], [1e200, 1e-200]
    for x, y in ((p, q), (np.array([p]), np.array([q]))):
        with mp.workdps(30):
            expected = mp.log(mp.mpf(1) / 2) / 2 + mp.log(mp.mpf("5e399")) / 2
        assert fdiv.kl(x, y, normalize=True) == pytest.approx(float(expected), rel=1e-13)


def test_generators_that_overflow_before_their_divergence():
    D = fdiv.custom(lambda u, xp: (u - 1) ** 2)
    for p, q in (
        ([1.0, 1.0], [1e-160, 2.0]),
        ([1.0, 1.0, 0.0], [1e-160, 1.0, 1.0]),
        ([1e-100, 1.0], [5e-324, 2.0]),
    ):
        expected = pytest.approx(exactly(*SQUARE, p, q), rel=1e-12)
        assert D(p, q, normalize=True) == expected
        assert D([p, p], [q, p], normalize=True)[0] == expected
    assert D([1.0, 1.0], [0.0, 2.0]) == np.inf
    assert D([1.0, 1.0], [1e-320, 2.0], normalize=True) == np.inf
    assert D.conjugate(1e308) == np.inf


def test_generators_that_overflow_in_loops_over_pairs(monkeypatch):
    monkeypatch.setattr("divkit.fdiv._pairwise._SMALL", 0)
    D = fdiv.custom(lambda u, xp: (u - 1) ** 2)
    P = np.array([[1.0, 1.0], [1e-160, 2.0], [0.0, 1.0]])
    found = fdiv.pairwise(D, P, normalize=True)
    assert found[0, 1] == pytest.approx(exactly(*SQUARE, P[0], P[1]), rel=1e-12)
    assert found[0, 2] == np.inf


def test_affinities_of_shares_that_vanish():
    p, q = [1e-308, 1e-251, 1e-308, 0.465], [0.635, 1e-299, 5.0, 5e-324]
    with mp.workdps(60):
        x, y = ([mp.mpf(v) / mp.fsum(map(mp.mpf, side)) for v in side] for side in (p, q))

        def affinity(s):
            return mp.fsum(a**s * b ** (1 - s) for a, b in zip(x, y, strict=True))

        expected = {
            fdiv.renyi(50): mp.log(affinity(50)) / 49,
            fdiv.renyi(0.3): -mp.log(affinity(mp.mpf(0.3))) / (1 - mp.mpf(0.3)),
            fdiv.bhattacharyya: -mp.log(affinity(mp.mpf(0.5))),
        }
    for D, value in expected.items():
        assert D(p, q, normalize=True) == pytest.approx(float(value), rel=1e-13)
        T = D.witness(p, q, normalize=True)
        bound = D.bound(p, q, T, normalize=True)
        assert 0.99 * float(value) <= bound <= float(value) * (1 + 1e-13)
    large = [1.7e308, 1.7e308, 1e-310]
    assert fdiv.renyi(2)([1.0, 1.0, 0.0], large, normalize=True) == pytest.approx(0, abs=1e-15)


def test_measures_of_tiny_mass_that_nearly_agree():
    p, q = [2.3e-308, 1e-308], [2.3e-308, 1.000002e-308]
    with mp.workdps(60):
        x, y = ([mp.mpf(v) / mp.fsum(map(mp.mpf, side)) for v in side] for side in (p, q))
        half = mp.fsum((mp.sqrt(a) - mp.sqrt(b)) ** 2 for a, b in zip(x, y, strict=True))
    for given in ((p, q), ([p], [q])):
        found = fdiv.squared_hellinger(*given, normalize=True)
        assert found == pytest.approx(float(half), rel=1e-13)


def test_pseudo_counts_whose_sum_overflows():
    p, q = fdiv.histograms(np.arange(5.0), np.arange(3.0), bins=4, zeros=1e308)
    np.testing.assert_allclose(p, 0.25)
    np.testing.assert_allclose(q, 0.25)


def test_nothing_moves_where_that_costs_more_than_float64_holds():
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.1, 0.6, 0.3])
    M = np.abs(np.arange(3.0)[:, None] - np.arange(3.0))
    for lipschitz in (1e100, 1e308):
        found = bounds.interpolated(fdiv.kl, p, q, M, lipschitz)
        assert found.value == pytest.approx(float(fdiv.kl(p, q)), rel=1e-9)


def test_points_without_coordinates_are_refused():
    with pytest.raises(ValueError, match="`points` must have 1 coordinates each"):
        fdiv.from_densities(
            fdiv.kl, lambda x: -(x**2), lambda x: -(x**2), (-1, 1), points=np.empty((2, 0))
        )


def test_gaussians_whose_variances_differ_by_all_that_float64_holds():
    value = closed_form.gaussian(fdiv.pearson, 0.0, 1.0, 0.0, 1e308)
    assert value == pytest.approx(float(mp.sqrt(mp.mpf(1e308) / 2)), rel=1e-12)


def test_a_scaled_bound_is_no_worse_where_scaling_overflows():
    p, q, T = np.array([0.0, 1.0]), np.array([5e-324, 2.0]), np.array([0.0, 0.002])
    for D in (fdiv.gan, fdiv.kl, fdiv.pearson):
        shifted = bounds.shifted(D, p, q, T, normalize=True)
        assert bounds.shifted_and_scaled(D, p, q, T, normalize=True).value >= shifted.value - 1e-12


def test_the_chernoff_exponent_where_every_weight_is_tiny():
    p, q = np.array([5e-324, 3.0]), np.array([1.0, 0.0])
    exact = -mp.log(mp.mpf(5e-324) / 3)
    assert fdiv.chernoff(p, q, normalize=True) == pytest.approx(float(exact), rel=1e-13)


def test_the_chernoff_exponent_of_nearly_equal_pairs_with_a_tiny_atom():
    p, q = np.array([1.0, 1.0, 5e-324]), np.array([1.0, 1.000002004008016, 5e-324])
    assert fdiv.chernoff(p, q, normalize=True) == pytest.approx(
        fdiv.chernoff(p[:2], q[:2], normalize=True), rel=1e-12
    )


def test_a_density_with_a_point_at_the_end_of_float64():
    found = fdiv.from_densities(
        fdiv.kl, lambda x: -(x**2), lambda x: -(x**2), (-1, 1), points=[1e308], normalize=True
    )
    assert float(found) == 0


def test_distances_in_single_precision_may_be_scaled_by_anything():
    M = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    found = bounds.interpolated(fdiv.kl, [0.5, 0.5], [0.25, 0.75], M, 2.0)
    assert found.value == bounds.interpolated(fdiv.kl, [0.5, 0.5], [0.25, 0.75], M * 1.0, 2.0).value


def test_a_critic_has_to_fit_both_distributions():
    with pytest.raises(ValueError, match="`q` and `T` must have shapes that broadcast"):
        fdiv.kl.bound([0.5, 0.5], np.empty((0, 2)), np.zeros((2, 2)))


def test_interpolation_is_between_two_distributions():
    with pytest.raises(ValueError, match=r"`q` must be one distribution, shape \(n,\), got"):
        bounds.interpolated(fdiv.kl, [0.5, 0.5], np.empty((0, 2)), [[0.0, 1.0], [1.0, 0.0]], 1.0)


@pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)
def test_rows_of_very_different_masses_do_not_disturb_one_another(D):
    P = np.array([[1.0, 1e-268], [1e-56, 1e-56], [1e-231, 1.0], [1.0, 1e-267]])
    expected = [[float(D(p, q, normalize=True)) for q in P] for p in P]
    for found in (D(P[:, None], P, normalize=True), fdiv.pairwise(D, P, normalize=True)):
        assert np.allclose(found, expected, rtol=1e-12, atol=1e-28)
