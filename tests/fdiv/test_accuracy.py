"""Against 60-digit arithmetic: ordinary inputs, p → q, extreme ratios, zeros."""

import mpmath as mp
import numpy as np
import pytest

from divkit import fdiv
from tests import naive

RECORDS = [
    *fdiv.CATALOGUE.values(),
    *map(fdiv.alpha, (-2, -1, -0.5, 0.3, 0.5, 0.7, 2, 3, 1.0001, 0.9999, 1e-9, -1e-9, 1 - 1e-9)),
    *map(fdiv.weighted_jensen_shannon, (0.01, 0.5, 0.9)),
]
HALF = np.nextafter(0.5, 0)

every_record = pytest.mark.parametrize("D", RECORDS, ids=str)


def error(D, p, q, **options):
    exact = naive.divergence(D.name, p, q, tuple(D.parameters.values()))
    return naive.relative_error(D(p, q, **options), exact)


@every_record
@pytest.mark.parametrize("n", [2, 10, 100])
def test_ordinary(D, n):
    rng = np.random.default_rng(n)
    for _ in range(3):
        p, q = rng.random(n), rng.random(n)
        assert error(D, p / p.sum(), q / q.sum()) < 1e-14
        assert error(D, p, q, normalize=True) < 1e-14


@every_record
@pytest.mark.parametrize("step", [1e-1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12])
def test_nearly_equal(D, step):
    rng = np.random.default_rng(0)
    for n in (2, 10, 100):
        p = rng.random(n)
        p /= p.sum()
        q = p * (1 + step * rng.standard_normal(n))
        # The masses differ by roundings or by much; both are divided out exactly.
        assert error(D, p, q / q.sum()) < 1e-14
        assert error(D, p, q, normalize=True) < 1e-14


@every_record
@pytest.mark.parametrize(
    ("p", "q"),
    [
        ([0.5 + 1e-9, 0.5 - 1e-9], [0.5, 0.5]),
        ([HALF, 1 - HALF], [1 - HALF, HALF]),
        ([1e-300, 1.0], [0.3, 0.7]),
        ([0.3, 0.7], [1e-300, 1.0]),
        ([5e-324, 1.0], [0.5, 0.5]),
        ([2e-310, 0.5, 0.5], [1e-310, 0.25, 0.75]),
        ([0.0, 1.0], [5e-324, 1.0]),
        ([0.5, 0.5, 0.0], [0.5, 0.0, 0.5]),
        ([1.0, 0.0], [0.0, 1.0]),
        ([1.0], [1.0]),
    ],
)  # fmt: skip
def test_awkward(D, p, q):
    p, q = np.array(p), np.array(q)
    exact = naive.divergence(D.name, p, q, tuple(D.parameters.values()))
    value = D(p, q)
    assert not np.isnan(value)
    if abs(exact) > 1e308:
        assert value == np.inf
    elif abs(exact) < 1e-15:  # gan near its largest value 0, where it is −log 4 plus log 4
        assert abs(value - float(exact)) < 1e-15
    else:
        assert naive.relative_error(value, exact) < 1e-14


def test_where_scipy_loses_every_digit():
    p, q = np.array([0.5 + 1e-9, 0.5 - 1e-9]), np.array([0.5, 0.5])
    assert fdiv.kl(p, q) == pytest.approx(2e-18, rel=1e-6)
    assert fdiv.jensen_shannon(p, q) == pytest.approx(5e-19, rel=1e-6)


def test_masses_of_any_size():
    rng = np.random.default_rng(1)
    p, q = rng.random(5), rng.random(5)
    for c, d in [(1e300, 1.0), (1e-300, 1e300), (1e308, 1e308), (1e-310, 1.0)]:
        scaled = fdiv.kl(c * p, d * q, normalize=True)
        exact = naive.divergence("kl", c * p, d * q)
        assert naive.relative_error(scaled, exact) < 1e-14


@pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)
def test_float32_is_computed_wide(D):
    rng = np.random.default_rng(2)
    p = rng.random(50).astype(np.float32)
    q = (p * (1 + 1e-4 * rng.standard_normal(50))).astype(np.float32)
    exact = naive.divergence(D.name, p, q, tuple(D.parameters.values()))
    value = D(p, q, normalize=True)
    assert value.dtype == np.float32
    assert value >= np.float32(D.at_one)
    assert naive.relative_error(value, exact) < 1e-7
    half = D(p.astype(np.float16), q.astype(np.float16), normalize=True)
    assert half.dtype == np.float32


@every_record
def test_conjugate_against_the_supremum(D):
    """f* as what it is by definition: the largest ut − f(u) over u ≥ 0, searched at 40 digits."""
    f = naive.generator(D.name, tuple(D.parameters.values()))
    at_zero, _ = naive.limits(D.name, tuple(D.parameters.values()))
    top = min(D.slope, 3.0)
    for t in top - np.array([0.0625, 0.5, 1.0, 2.0, 5.0]):
        with mp.workdps(40):
            # ut − f(u) is concave in u, so thirds close in on its maximum.
            low, high = mp.mpf(10) ** -30, mp.mpf(10) ** 12
            for _ in range(250):
                a, b = (
                    low ** (mp.mpf(2) / 3) * high ** (mp.mpf(1) / 3),
                    low ** (mp.mpf(1) / 3) * high ** (mp.mpf(2) / 3),
                )
                if a * t - f(a) < b * t - f(b):
                    low = a
                else:
                    high = b
            best = max(low * t - f(low), -at_zero)
        assert D.conjugate(t) == pytest.approx(float(best), rel=1e-12, abs=1e-12)
