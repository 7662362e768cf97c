"""Quadrature against closed forms, its error estimate against its error."""

import math

import numpy as np
import pytest
from scipy import stats

from divkit import fdiv
from divkit.fdiv import closed_form
from divkit.fdiv._densities import from_densities
from divkit.fdiv._samples import histograms

LINE = (-math.inf, math.inf)
RECORDS = [*fdiv.CATALOGUE.values(), *map(fdiv.alpha, (-0.5, 0.5, 3.0))]
every = pytest.mark.parametrize("D", RECORDS, ids=str)


def normal(mean, variance):
    return lambda x: -0.5 * (x - mean) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)


def gamma(shape, rate):
    return stats.gamma(shape, scale=1 / rate)


@every
@pytest.mark.parametrize(
    ("p", "q"),
    [
        ((0.0, 1.0), (1.0, 1.0)),
        ((0.0, 1.0), (1e-3, 1.001)),
        ((0.0, 1.0), (0.0, 1e2)),
        ((0.0, 1e-6), (0.0, 1.0)),
        ((1e3, 1e-4), (1e3 + 0.01, 1e-4)),
        ((0.0, 1.0), (8.0, 1.0)),
    ],
)
def test_gaussians(D, p, q):
    try:
        exact = closed_form.gaussian(D, *p, *q)
    except ValueError:
        # Without a closed form, by a far finer rule than ours: a histogram of exact masses.
        found = from_densities(D, normal(*p), normal(*q), LINE)
        x = np.unique(
            np.concatenate([m + math.sqrt(v) * np.linspace(-12, 12, 40_001) for m, v in (p, q)])
        )
        middle, width = (x[1:] + x[:-1]) / 2, np.diff(x)
        coarse = D(*(np.exp(normal(*s)(middle)) * width for s in (p, q)), normalize=True)
        assert found.value == pytest.approx(coarse, rel=1e-5, abs=1e-9)
        return
    if exact == math.inf:
        with pytest.raises(fdiv.ConvergenceError, match="may be infinite because of the tails"):
            from_densities(D, normal(*p), normal(*q), LINE)
        return
    found = from_densities(D, normal(*p), normal(*q), LINE)
    assert abs(found.value - exact) <= max(3 * found.error, 1e-14 * exact)
    assert found.error <= 1e-8 * exact
    assert found.mass_p == pytest.approx(1, abs=1e-9)


@every
def test_other_families_with_closed_forms(D):
    for function, law, p, q, support in (
        (closed_form.gamma, gamma, (2.0, 1.0), (3.0, 1.2), (0, math.inf)),
        (closed_form.beta, stats.beta, (2.0, 3.0), (2.5, 2.0), (0, 1)),
        (closed_form.laplace, stats.laplace, (0.0, 1.0), (0.3, 1.2), LINE),
        (closed_form.exponential, lambda r: gamma(1, r), (1.5,), (1.0,), (0, math.inf)),
    ):
        try:
            exact = function(D, *p, *q)
        except ValueError:
            continue
        if math.isfinite(exact):
            points = [0.0, 0.3] if support == LINE else []
            found = from_densities(D, law(*p).logpdf, law(*q).logpdf, support, points=points)
            assert found.value == pytest.approx(exact, rel=1e-9)


def test_poles_at_the_ends():
    p, q = (0.2, 1.0), (0.4, 1.0)
    laws = [gamma(*parameters).logpdf for parameters in (p, q)]
    found = from_densities(fdiv.kl, *laws, (0, math.inf))
    assert found.value == pytest.approx(closed_form.gamma(fdiv.kl, *p, *q), rel=1e-9)


def test_nearly_equal_densities():
    """D = ½·1e-16 keeps the digits that the logarithms themselves have."""
    found = from_densities(fdiv.kl, normal(0, 1), normal(1e-8, 1), LINE)
    assert found.value == pytest.approx(5e-17, rel=1e-6)
    assert abs(found.value - 5e-17) <= found.error
    assert from_densities(fdiv.jensen_shannon, normal(0, 1), normal(0, 1), LINE).value == 0


def test_histograms_agree():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 300_000), rng.normal(0.7, 1.1, 300_000)
    for D in (fdiv.jensen_shannon, fdiv.total_variation):
        exact = from_densities(D, normal(0, 1), normal(0.7, 1.21), LINE).value
        assert D(*histograms(x, y, 100)) == pytest.approx(exact, rel=0.03)


def test_supports_that_differ():
    def uniform(low, high):
        return lambda x: np.where((x > low) & (x < high), -np.log(high - low), -np.inf)

    edges = [0.0, 0.3, 1.0, 1.3]
    pair = uniform(0, 1), uniform(0.3, 1.3)
    found = from_densities(fdiv.total_variation, *pair, (-1, 2), points=edges)
    assert found.value == pytest.approx(0.3, abs=1e-12)
    found = from_densities(fdiv.jensen_shannon, *pair, (-1, 2), points=edges)
    assert found.value == pytest.approx(0.3 * math.log(2), abs=1e-12)
    assert from_densities(fdiv.kl, *pair, (-1, 2), points=edges).value == math.inf
    inner = uniform(0.3, 1.0), uniform(0, 1)
    found = from_densities(fdiv.kl, *inner, (0, 1), points=edges[:3])
    assert found.value == pytest.approx(-math.log(0.7), rel=1e-10)


def test_ratios_beyond_double_precision():
    """KL of a uniform law from a narrow Gaussian: ratios up to e^2450."""
    found = from_densities(fdiv.kl, lambda x: 0 * x, normal(0.3, 1e-4), (0, 1), normalize=True)
    # Only what lies in (0, 1) of q counts, which is all of it.
    exact = 0.5 * math.log(2e-4 * math.pi) + (0.7**3 + 0.3**3) / 3 / 2e-4
    assert found.value == pytest.approx(exact, rel=1e-10)


def test_rectangles():
    r = np.array([[1.0, 0.5], [0.5, 1.0]])
    p = stats.multivariate_normal([0, 0], r).logpdf
    q = stats.multivariate_normal([0.3, -1], np.eye(2)).logpdf
    found = from_densities(fdiv.kl, p, q, [LINE, LINE], rtol=1e-8)
    exact = closed_form.gaussian(fdiv.kl, [0, 0], r, [0.3, -1], np.eye(2))
    assert found.value == pytest.approx(exact, rel=1e-9)
    assert float(found) == found.value


def test_normalize():
    found = from_densities(
        fdiv.kl, lambda x: -x * x / 2, lambda x: -((x - 1) ** 2) / 2, LINE, normalize=True
    )
    assert found.value == pytest.approx(0.5, rel=1e-10)
    assert found.mass_p == pytest.approx(math.sqrt(2 * math.pi))


def test_hidden_peaks_are_not_passed_over():
    def mixture(x):
        return np.logaddexp(normal(-50, 0.01)(x), normal(70, 1e-4)(x)) - math.log(2)

    with pytest.raises(ValueError, match="or `points` where narrow peaks are"):
        from_densities(fdiv.kl, mixture, normal(0, 2500), LINE)
    found = from_densities(fdiv.kl, mixture, normal(0, 2500), LINE, points=[-50, 70])
    halves = [closed_form.gaussian(fdiv.kl, m, v, 0, 2500) for m, v in ((-50, 0.01), (70, 1e-4))]
    assert found.value == pytest.approx(sum(halves) / 2 - math.log(2), rel=1e-9)


@pytest.mark.parametrize(
    ("logp", "support", "options", "kind", "message"),
    [
        (lambda x: -x * x, LINE, {}, ValueError, r"mass 1, got 1\.77245.*normalize=True"),
        (lambda x: np.where(x > 0, np.nan, -x * x), LINE, {}, ValueError, "not nan inside"),
        (lambda x: np.full_like(x, np.inf), (0, 1), {}, ValueError, r"below \+inf"),
        (lambda x: np.full_like(x, -np.inf), (0, 1), {}, ValueError, "one with mass 0"),
        (lambda x: 0.0, (0, 1), {}, ValueError, "one value for each of"),
        (lambda x: 1j * x, (0, 1), {}, TypeError, "must be an array of real numbers"),
        (normal(0, 1), (1, 0), {}, ValueError, "with low < high"),
        (normal(0, 1), (0, math.nan), {}, ValueError, "`support` must be free of nan"),
        (normal(0, 1), [(0, 1)] * 3, {}, ValueError, "two such pairs for a rectangle"),
        (normal(0, 1), LINE, {"points": 1.0}, ValueError, "`points` must be a sequence of points"),
        (normal(0, 1), LINE, {"points": [[[1]]]}, ValueError, "`points` must be a sequence of"),
        (normal(0, 1), LINE, {"rtol": "x"}, TypeError, "`rtol` must be a real number, got 'x'"),
        (normal(0, 1), LINE, {"rtol": 1j}, TypeError, "`rtol` must be a real number, got 1j"),
        (normal(0, 1), LINE, {"rtol": -1}, ValueError, "`rtol` must be finite and at least 0"),
        (normal(0, 1), LINE, {"points": [(0, 1)]}, ValueError, "`points` must have 1 coord"),
    ],
)
def test_refused(logp, support, options, kind, message):
    with pytest.raises(kind, match=message):
        from_densities(fdiv.kl, logp, normal(0, 1), support, **options)


def test_heavy_tails_make_it_infinite():
    with pytest.raises(fdiv.ConvergenceError, match="did not converge"):
        from_densities(fdiv.kl, stats.cauchy.logpdf, normal(0, 1), LINE)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_densities_that_overflow_do_not_converge(shift):
    def huge(x):
        with np.errstate(over="ignore"):
            return (1 - (x - shift) ** 2 / 2) * 1e308

    with pytest.raises(fdiv.ConvergenceError, match=r"the integral of a density .* did not conv"):
        from_densities(fdiv.kl, huge, normal(0, 1), LINE, normalize=True)


@pytest.mark.parametrize("low", [1e17, 1e308, -1e308])
def test_supports_that_begin_far_from_0(low):
    scale = abs(low) * 1e-8
    logp, logq = (stats.expon(low, s).logpdf for s in (scale, 2 * scale))
    found = from_densities(fdiv.kl, logp, logq, (low, math.inf))
    assert found.value == pytest.approx(math.log(2) - 0.5, rel=1e-9)
