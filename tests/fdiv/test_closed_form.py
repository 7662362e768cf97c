"""Closed forms against 50-digit formulas, sums over atoms, and one another."""

import dataclasses
import math

import mpmath as mp
import numpy as np
import pytest

from divkit import fdiv
from divkit.fdiv import closed_form
from divkit.fdiv._transforms import bhattacharyya, chernoff, renyi

ORDERS = (-1.5, -0.5, 1e-6, 0.3, 0.5, 0.9999, 1.5, 3.0)
POWERS = [
    fdiv.kl,
    fdiv.reverse_kl,
    fdiv.jeffreys,
    fdiv.pearson,
    fdiv.neyman,
    fdiv.squared_hellinger,
    *map(fdiv.alpha, ORDERS),
]
every_power = pytest.mark.parametrize("D", POWERS, ids=str)
STEPS = (1.0, 0.3, 1e-2, 1e-5, 1e-9)


def exact(D, exponent, kl):
    """Return D from J(α) = −log ∫ p^α q^(1−α) and both KLs, straight from the definitions."""

    def power(a):
        a = mp.mpf(a)
        J = exponent(a)
        return mp.inf if mp.isinf(J) else mp.expm1(-J) / (a * (a - 1))

    return {
        "kl": lambda: kl(0),
        "reverse_kl": lambda: kl(1),
        "jeffreys": lambda: kl(0) + kl(1),
        "pearson": lambda: 2 * power(2),
        "neyman": lambda: 2 * power(-1),
        "squared_hellinger": lambda: power(0.5) / 2,
        "alpha": lambda: power(D.parameters.get("order")),
    }[D.name]()


def log_partition_pair(A, theta_p, theta_q, admissible):
    """Return J and KL of an exponential family from its log-partition, by definition."""
    dot = range(len(theta_p))

    def exponent(a):
        mixed = [a * x + (1 - a) * y for x, y in zip(theta_p, theta_q, strict=True)]
        if not admissible(mixed):
            return -mp.inf
        return a * A(*theta_p) + (1 - a) * A(*theta_q) - A(*mixed)

    def kl(swapped):
        p, q = (theta_q, theta_p) if swapped else (theta_p, theta_q)
        gradient = [mp.diff(A, tuple(p), tuple(int(i == j) for j in dot)) for i in dot]
        return A(*q) - A(*p) - sum(g * (y - x) for g, x, y in zip(gradient, p, q, strict=True))

    return exponent, kl


def close(value, expected, rel):
    assert not math.isnan(value)
    if mp.isinf(expected) or abs(expected) > 1e308:
        assert value == math.inf
    else:
        assert value >= 0
        assert abs(value - expected) <= rel * abs(expected), (value, float(expected))


# name -> (log-partition, parameters -> natural parameters, which of these are admissible, base)
FAMILIES = {
    "exponential": (
        closed_form.exponential,
        lambda r: -mp.log(r),
        lambda r: (r,),
        lambda t: t[0] > 0,
        (1.7,),
    ),
    "poisson": (
        closed_form.poisson,
        mp.exp,
        lambda m: (mp.log(m),),
        lambda t: True,
        (3.2,),
    ),
    "geometric": (
        closed_form.geometric,
        lambda t: -mp.log(1 - mp.exp(t)),
        lambda s: (mp.log(1 - s),),
        lambda t: t[0] < 0,
        (0.3,),
    ),
    "gamma": (
        closed_form.gamma,
        lambda k, r: mp.loggamma(k) - k * mp.log(r),
        lambda k, r: (k, r),
        lambda t: t[0] > 0 and t[1] > 0,
        (2.5, 1.7),
    ),
    "gamma, large shape": (
        closed_form.gamma,
        lambda k, r: mp.loggamma(k) - k * mp.log(r),
        lambda k, r: (k, r),
        lambda t: t[0] > 0 and t[1] > 0,
        (2.5e4, 1.7),
    ),
    "beta": (
        closed_form.beta,
        lambda a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b),
        lambda a, b: (a, b),
        lambda t: t[0] > 0 and t[1] > 0,
        (0.7, 2.0),
    ),
}  # fmt: skip


@every_power
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("step", STEPS)
def test_exponential_families(D, family, step):
    function, A, natural, admissible, base = FAMILIES[family]
    for signs in ((1.0, -0.7), (-0.6, 0.4)):
        p = [x * (1 + step * s) for x, s in zip(base, signs, strict=False)]
        with mp.workdps(60):
            theta_p, theta_q = (natural(*map(mp.mpf, x)) for x in (p, base))
            expected = exact(D, *log_partition_pair(A, theta_p, theta_q, admissible))
            close(function(D, *p, *base), expected, 2e-12)


@every_power
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("d", [1, 3])
def test_gaussian(D, step, d):
    rng = np.random.default_rng(d)
    B, C = rng.standard_normal((2, d, d))
    cov_q = B @ B.T + np.eye(d)
    cov_p = cov_q + step * 0.3 * (C + C.T) / 2
    mean_q = rng.standard_normal(d)
    mean_p = mean_q + step * rng.standard_normal(d)
    with mp.workdps(60):
        P, Q = mp.matrix(cov_p.tolist()), mp.matrix(cov_q.tolist())
        shift = mp.matrix([mp.mpf(x) - mp.mpf(y) for x, y in zip(mean_p, mean_q, strict=True)])

        def exponent(a):
            S = (1 - a) * P + a * Q
            if min(mp.eigsy(S, eigvals_only=True)) <= 0:
                return -mp.inf
            quadratic = (shift.T * S**-1 * shift)[0]
            dets = mp.log(mp.det(S)) - (1 - a) * mp.log(mp.det(P)) - a * mp.log(mp.det(Q))
            return (a * (1 - a) * quadratic + dets) / 2

        def kl(swapped):
            A, B = (Q, P) if swapped else (P, Q)
            inverse = B**-1
            trace = sum((inverse * A)[i, i] for i in range(d))
            quadratic = (shift.T * inverse * shift)[0]
            return (trace - d + quadratic - mp.log(mp.det(inverse * A))) / 2

        value = closed_form.gaussian(D, mean_p, cov_p, mean_q, cov_q)
        close(value, exact(D, exponent, kl), 1e-12)


@every_power
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("shift", [0.0, 1.0, 1e-6, 30.0])
def test_laplace(D, step, shift):
    p, q = (0.4 + shift * step, 1.5 * (1 + step * 0.5)), (0.4, 1.5)
    with mp.workdps(60):
        (m, b), (n, c) = (tuple(map(mp.mpf, x)) for x in (p, q))
        gap = abs(m - n)

        def exponent(a):
            s, t = a / b, (1 - a) / c
            if s + t <= 0:
                return -mp.inf
            if s == t:
                whole = mp.exp(-s * gap) * (gap + 1 / s)
            else:
                whole = 2 * (s * mp.exp(-t * gap) - t * mp.exp(-s * gap)) / (s * s - t * t)
            return -mp.log(whole / (2 * b**a * c ** (1 - a)))

        def kl(swapped):
            x, y = (c, b) if swapped else (b, c)
            return mp.log(y / x) + gap / y + x / y * mp.exp(-gap / x) - 1

        close(closed_form.laplace(D, *p, *q), exact(D, exponent, kl), 1e-12)


@pytest.mark.parametrize("D", [*POWERS, fdiv.tsallis(1.5), fdiv.cressie_read(0.5)], ids=str)
def test_against_sums_over_atoms(D):
    k = np.arange(120.0)
    log_factorial = np.cumsum(np.log(np.maximum(k, 1)))

    def poisson(m):
        return np.exp(k * np.log(m) - m - log_factorial)

    summed = D(poisson(3.0), poisson(2.2), normalize=True)
    assert closed_form.poisson(D, 3.0, 2.2) == pytest.approx(summed, rel=1e-10)
    k = np.arange(4000.0)
    summed = D(0.3 * 0.7 ** k[:900], 0.25 * 0.75 ** k[:900], normalize=True)
    assert closed_form.geometric(D, 0.3, 0.25) == pytest.approx(summed, rel=1e-9)


def test_total_variation():
    TV = fdiv.total_variation
    assert closed_form.gaussian(TV, 0, 1, 1, 1) == pytest.approx(math.erf(1 / math.sqrt(8)))
    tiny = closed_form.gaussian(TV, 1e-12, 1, 0, 1)
    assert tiny == pytest.approx(1e-12 / math.sqrt(2 * math.pi), rel=1e-14)
    two = closed_form.gaussian(TV, [1, 2], [[2, 1], [1, 3]], [0, 0], [[2, 1], [1, 3]])
    # Δᵀ Σ⁻¹ Δ = (3·1 − 2·1·2 + 2·4)/5
    assert two == pytest.approx(math.erf(math.sqrt(7 / 5 / 8)), rel=1e-14)
    assert closed_form.exponential(TV, 1.0, 1.0) == 0
    # Both densities cross at c = log 3 / 2; TV = e^(−c) − e^(−3c).
    assert closed_form.exponential(TV, 1.0, 3.0) == pytest.approx(3**-0.5 - 3**-1.5, rel=1e-14)
    assert closed_form.laplace(TV, 0, 2, 3, 2) == pytest.approx(1 - math.exp(-0.75), rel=1e-14)


def test_transforms():
    """Between Gaussians of equal covariance, J(α) is ½ α(1−α) |Δ|²."""
    for order in (0.3, 0.5, 2.0):
        found = closed_form.gaussian(renyi(order), 0, 1, 2, 1)
        assert found == pytest.approx(2 * order, rel=1e-14)
    assert closed_form.gaussian(bhattacharyya, 0, 1, 2, 1) == pytest.approx(0.5, rel=1e-14)
    assert closed_form.gaussian(chernoff, 0, 1, 2, 1) == pytest.approx(0.5, rel=1e-12)
    k = np.arange(60)
    p, q = 0.3 * 0.7**k, 0.6 * 0.4**k
    for D in (renyi(0.7), bhattacharyya, chernoff):
        summed = float(D(p, q, normalize=True))
        assert closed_form.geometric(D, 0.3, 0.6) == pytest.approx(summed, rel=1e-8)


def test_equal_laws_and_far_ones():
    for D in POWERS:
        assert closed_form.gaussian(D, [0, 1], np.eye(2), [0, 1], np.eye(2)) == 0
        assert closed_form.laplace(D, 0, 1, 0, 1) == 0
        assert closed_form.gamma(D, 2, 3, 2, 3) == 0
    far = fdiv.squared_hellinger.supremum
    assert closed_form.gaussian(fdiv.squared_hellinger, 0, 1, 1e6, 1) == far
    assert closed_form.exponential(fdiv.squared_hellinger, 1e-300, 1e300) == pytest.approx(far)
    assert closed_form.laplace(fdiv.pearson, 0, 1, 1e6, 1) == math.inf


def test_where_the_integral_diverges():
    # p²/q is integrable where 2 Σ_q > Σ_p.
    assert closed_form.gaussian(fdiv.pearson, 0, 2.0, 0, 1.0) == math.inf
    assert closed_form.gaussian(fdiv.pearson, 0, 1.999, 0, 1.0) < math.inf
    assert closed_form.exponential(fdiv.pearson, 1.0, 2.0) == math.inf
    assert closed_form.exponential(fdiv.pearson, 1.001, 2.0) < math.inf
    assert closed_form.beta(fdiv.pearson, 1, 1, 2, 1) == math.inf
    assert closed_form.laplace(fdiv.alpha(3), 0, 2, 0, 1.0) == math.inf
    # x²/y = 0.9²/0.8 > 1
    assert closed_form.geometric(fdiv.pearson, 0.1, 0.2) == math.inf
    assert closed_form.geometric(fdiv.pearson, 0.11, 0.2) < math.inf


def test_rotations_and_products():
    rng = np.random.default_rng(3)
    A = rng.standard_normal((3, 3))
    means, covs = rng.standard_normal((2, 3)), [np.diag([1.0, 2.0, 3.0]), np.diag([2.0, 1.5, 2.5])]
    split = sum(
        closed_form.gaussian(fdiv.kl, means[0][i], covs[0][i, i], means[1][i], covs[1][i, i])
        for i in range(3)
    )
    turned = closed_form.gaussian(
        fdiv.kl, A @ means[0], A @ covs[0] @ A.T, A @ means[1], A @ covs[1] @ A.T
    )
    assert turned == pytest.approx(split, rel=1e-12)
    pairs = [closed_form.beta(D, 2, 3, 3, 4) for D in POWERS]
    assert pairs == [closed_form.dirichlet(D, [2, 3], [3, 4]) for D in POWERS]


def test_bernoulli_has_every_divergence():
    for D in fdiv.CATALOGUE.values():
        assert closed_form.bernoulli(D, 0.3, 0.6) == D([0.3, 0.7], [0.6, 0.4])
    assert closed_form.bernoulli(fdiv.kl, 1, 0.5) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: closed_form.gaussian(fdiv.jensen_shannon, 0, 1, 1, 1), "`D` must have a closed"),
        (lambda: closed_form.gaussian(fdiv.total_variation, 0, 1, 1, 2), "from_densities"),
        (lambda: closed_form.gaussian(fdiv.kl, 0, 0, 1, 1), "`cov_p` must be positive definite"),
        (lambda: closed_form.gaussian(fdiv.kl, [0, 0], [1, 1], [0, 0], np.eye(2)), "numpy.diag"),
        (
            lambda: closed_form.gaussian(fdiv.kl, [0, 0], [[1, 0.5], [0, 1]], [0, 0], np.eye(2)),
            "`cov_p` must be symmetric",
        ),
        (lambda: closed_form.gaussian(fdiv.kl, [0, 0], np.eye(2), 0, 1), "same length, got 2 and"),
        (lambda: closed_form.gaussian(fdiv.kl, math.nan, 1, 0, 1), "`mean_p` must be finite"),
        (lambda: closed_form.exponential(fdiv.kl, 0, 1), "`rate_p` must be positive, got 0.0"),
        (lambda: closed_form.poisson(fdiv.kl, 1, -1), "`mean_q` must be positive"),
        (lambda: closed_form.geometric(fdiv.kl, 1, 0.5), "`success_p` must lie strictly"),
        (lambda: closed_form.bernoulli(fdiv.kl, 1.5, 0.5), r"`p` must lie in \[0, 1\], got 1.5"),
        (lambda: closed_form.poisson(fdiv.kl, [1, 2], 1), "`mean_p` must be a number, got shape"),
        (lambda: closed_form.dirichlet(fdiv.kl, [1], [1]), "2 or more positive numbers"),
        (lambda: closed_form.dirichlet(fdiv.kl, [1, 1], [1, 1, 1]), "same length, got 2 and 3"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_name_is_not_an_identity():
    mine = fdiv.custom(lambda u, xp: (u - 1) ** 2, name="kl")
    with pytest.raises(ValueError, match="closed form"):
        closed_form.gaussian(mine, 0.0, 1.0, 0.5, 1.0)
    renamed = dataclasses.replace(fdiv.kl, name="mine")
    assert closed_form.gaussian(renamed, 0.0, 1.0, 0.5, 1.0) == 0.125
    formulas = dataclasses.replace(fdiv.kl.formulas, cone=None)
    changed = dataclasses.replace(fdiv.kl, formulas=formulas)
    assert closed_form.gaussian(changed, 0.0, 1.0, 0.5, 1.0) == 0.125


@pytest.mark.parametrize(
    ("law", "p", "q", "exponent"),
    [
        (
            closed_form.gaussian,
            (1e-142, 2e-283),
            (-1e-298, 2e254),
            lambda a, p, q: (
                (
                    a * (1 - a) * (p[0] - q[0]) ** 2 / ((1 - a) * p[1] + a * q[1])
                    + mp.log((1 - a) * p[1] + a * q[1])
                    - (1 - a) * mp.log(p[1])
                    - a * mp.log(q[1])
                )
                / 2
            ),
        ),
        (
            closed_form.gaussian,
            (1e308, 1e300),
            (-1e308, 1e-300),
            lambda a, p, q: a * (1 - a) * (p[0] - q[0]) ** 2 / ((1 - a) * p[1] + a * q[1]) / 2,
        ),
        (
            closed_form.exponential,
            (1e308,),
            (5e-324,),
            lambda a, p, q: (
                mp.log(a * p[0] + (1 - a) * q[0]) - a * mp.log(p[0]) - (1 - a) * mp.log(q[0])
            ),
        ),
        (
            closed_form.poisson,
            (5e307,),
            (1e-320,),
            lambda a, p, q: a * p[0] + (1 - a) * q[0] - p[0] ** a * q[0] ** (1 - a),
        ),
        (
            closed_form.gamma,
            (5e-281, 3e220),
            (1e-280, 3e-101),
            lambda a, p, q: (
                a * (mp.loggamma(p[0]) - p[0] * mp.log(p[1]))
                + (1 - a) * (mp.loggamma(q[0]) - q[0] * mp.log(q[1]))
                - mp.loggamma(a * p[0] + (1 - a) * q[0])
                + (a * p[0] + (1 - a) * q[0]) * mp.log(a * p[1] + (1 - a) * q[1])
            ),
        ),
        (
            closed_form.laplace,
            (0.0, 1e-178),
            (0.0, 1e305),
            lambda a, p, q: (
                mp.log(a * q[1] + (1 - a) * p[1]) - a * mp.log(q[1]) - (1 - a) * mp.log(p[1])
            ),
        ),
    ],
)
def test_parameters_of_any_size(law, p, q, exponent):
    with mp.workdps(700):
        for swapped in (False, True):
            x, y = (q, p) if swapped else (p, q)
            exact_p, exact_q = (tuple(map(mp.mpf, z)) for z in (x, y))
            for a in (0.3, 0.5):
                J = exponent(mp.mpf(a), exact_p, exact_q)
                close(law(fdiv.renyi(a), *x, *y), J / (1 - mp.mpf(a)), 2e-12)
                power = mp.expm1(-J) / (mp.mpf(a) * (mp.mpf(a) - 1))
                close(law(fdiv.alpha(a), *x, *y), power, 2e-12)
            for D in (fdiv.kl, fdiv.jeffreys, fdiv.pearson, fdiv.renyi(4), fdiv.chernoff):
                assert law(D, *x, *y) >= 0


def test_parameters_that_cannot_be_told_apart_are_refused():
    with pytest.raises(ValueError, match="sizes"):
        closed_form.beta(fdiv.bhattacharyya, 1e300, 1.0, 2e300, 1.0)
    with pytest.raises(ValueError, match=r"got terms of size \d"):
        closed_form.beta(fdiv.squared_hellinger, 1.0, 1.0, 1.0, 1e308)


def test_log_gamma_beyond_the_doubles():
    # log B(1, b) + (b−1)(ψ(2) − ψ(1)) = −log b + b − 1
    assert closed_form.beta(fdiv.kl, 1.0, 1.0, 1.0, 1e308) == pytest.approx(1e308, rel=1e-12)
    # log B is of degree 1 there: log B(0, b) − log B(b, b) + b (ψ(b) − ψ(2b)) = b log 2
    found = closed_form.beta(fdiv.kl, 1e308, 1e308, 1.0, 1e308)
    assert found == pytest.approx(math.log(2) * 1e308, rel=1e-12)
    found = closed_form.beta(fdiv.bhattacharyya, 1e308, 1e308, 1.0, 1e308)
    with mp.workdps(30):

        def log_beta(a, b):
            def h(x):
                return x * mp.log(x) if x else mp.mpf(0)

            return h(a) + h(b) - h(a + b)

        one, half = mp.mpf(1), mp.mpf(0.5)
        exact = (log_beta(one, one) + log_beta(mp.mpf(0), one)) / 2 - log_beta(half, one)
    assert found == pytest.approx(float(exact) * 1e308, rel=1e-12)
    assert closed_form.beta(fdiv.squared_hellinger, 1e308, 1e308, 1.0, 1e308) == 2
    # ∫ of the log-ratio under k = 1: lgΓ(j) − (j−1) ψ(1) − … ≈ j (log j − 1 + γ)
    j = 1e305
    exact = j * (math.log(j) - 1 + 0.5772156649015329)
    assert closed_form.gamma(fdiv.kl, 1.0, 1.0, j, 1.0) == pytest.approx(exact, rel=1e-12)
    # Γ(x) = 1/x at the smallest of numbers, where log Γ is −log x
    tiny = 5e-324
    found = closed_form.gamma(fdiv.bhattacharyya, 1.0, 1.0, tiny, 1.0)
    exact = -math.log(tiny) / 2 - math.log(math.pi) / 2
    assert found == pytest.approx(exact, rel=1e-13)
    assert closed_form.beta(fdiv.kl, tiny, tiny, 1.0, 1.0) == math.inf
    with pytest.raises(ValueError, match=r"got terms of size \d"):
        closed_form.beta(fdiv.renyi(0.5), 1e308, 1.0, tiny, 1.0)


@pytest.mark.parametrize("ulps", [1, 3, 1000, 10**9])
def test_integrals_that_nearly_diverge(ulps):
    """At order 1.5 the integral is finite while 1.5 Σ_q > 0.5 Σ_p, by however little."""
    v = 1 + ulps * 2.0**-52
    left = ulps * 1.5 * 2.0**-52
    gaussian = -(math.log(left) + 0.5 * math.log(3.0) - 1.5 * math.log(v))
    found = closed_form.gaussian(fdiv.renyi(1.5), 0.0, 3.0, 0.0, v)
    assert found == pytest.approx(gaussian, rel=1e-13)
    # And between exponential laws while 1.5 λ_p > 0.5 λ_q.
    exponential = -2 * (math.log(left) + 0.5 * math.log(3.0) - 1.5 * math.log(v))
    found = closed_form.exponential(fdiv.renyi(1.5), v, 3.0)
    assert found == pytest.approx(exponential, rel=1e-13)
    for family, laws in (
        (closed_form.gaussian, (0.0, 3.0, 0.0, 1.0)),
        (closed_form.exponential, (1.0, 3.0)),
    ):
        assert family(fdiv.renyi(1.5), *laws) == math.inf
