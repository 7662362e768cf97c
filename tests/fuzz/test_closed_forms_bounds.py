"""Parametric families over six hundred decades, bounds, and what one divergence implies."""

from __future__ import annotations

import math
import re

import mpmath as mp
import numpy as np
import pytest
from hypothesis import strategies as st

from divkit import emd, fdiv
from divkit.fdiv import bounds, closed_form
from tests.fuzz import manners
from tests.fuzz import strategies as fuzzed

SIZES = st.one_of(
    st.sampled_from([1.0, 2.0, 0.5, 3.0, 1 + 2.0**-52, 1 + 1e-9]),
    st.floats(0.01, 100.0),
    st.integers(-308, 307).map(lambda k: 10.0**k),
    st.sampled_from([5e-324, 1e308, 1.7e308, 2.3e-308]),
)
MEANS = st.one_of(st.just(0.0), SIZES, SIZES.map(lambda x: -x))
PROBABILITIES = st.one_of(
    st.sampled_from([0.5, 0.25, 1 - 2.0**-53, 5e-324, 2.0**-60]), st.floats(1e-9, 1 - 1e-9)
)

# −log ∫ p^s q^(1−s) and KL, of parameters in mpmath.


def _gaussian(s, m, v, n, w):
    mixed = (1 - s) * v + s * w
    if mixed <= 0:
        return mp.inf
    return (
        s * (1 - s) * (m - n) ** 2 / mixed / 2
        + (mp.log(mixed) - (1 - s) * mp.log(v) - s * mp.log(w)) / 2
    )


def _exponential(s, r, t):
    mixed = s * r + (1 - s) * t
    return mp.inf if mixed <= 0 else mp.log(mixed) - s * mp.log(r) - (1 - s) * mp.log(t)


def _poisson(s, m, n):
    return s * m + (1 - s) * n - m**s * n ** (1 - s)


def _geometric(s, a, b):
    rest = 1 - (1 - a) ** s * (1 - b) ** (1 - s)
    return mp.inf if rest <= 0 else mp.log(rest) - s * mp.log(a) - (1 - s) * mp.log(b)


FAMILIES = {
    "gaussian": (
        [MEANS, SIZES, MEANS, SIZES],
        _gaussian,
        lambda m, v, n, w: (v / w - 1 - mp.log(v / w) + (m - n) ** 2 / w) / 2,
    ),
    "exponential": ([SIZES, SIZES], _exponential, lambda r, t: mp.log(r / t) + t / r - 1),
    "poisson": ([SIZES, SIZES], _poisson, lambda m, n: m * mp.log(m / n) - m + n),
    "geometric": (
        [PROBABILITIES, PROBABILITIES],
        _geometric,
        lambda a, b: mp.log(a / b) + (1 - a) / a * mp.log((1 - a) / (1 - b)),
    ),
}
# The divergence, and what it is of −log ∫ p^s q^(1−s), with its s; None is KL.
READ = {
    "kl": (fdiv.kl, None, None),
    "bhattacharyya": (fdiv.bhattacharyya, 0.5, lambda x: x),
    "squared_hellinger": (fdiv.squared_hellinger, 0.5, lambda x: -2 * mp.expm1(-x)),
    "pearson": (fdiv.pearson, 2, lambda x: mp.expm1(-x)),
    "renyi": (fdiv.renyi(1.5), 1.5, lambda x: -2 * x),
    "alpha": (fdiv.alpha(0.25), 0.25, lambda x: -mp.expm1(-x) / (mp.mpf(3) / 16)),
}


@pytest.mark.inputs(25)
@pytest.mark.parametrize("family", FAMILIES)
def test_families(fuzz, family):
    strategies, affinity, kl = FAMILIES[family]

    def check(drawn):
        name, parameters = drawn
        D, s, read = READ[name]
        found = manners.answer(getattr(closed_form, family), D, *parameters)
        with mp.workdps(700):
            given = [mp.mpf(x) for x in parameters]
            if s is None:
                expected = kl(*given)
            else:
                x = affinity(mp.mpf(s), *given)
                if x == mp.inf:
                    expected = mp.inf if s > 1 else read(x)
                elif abs(x) > 1e6:
                    expected = mp.inf if x < 0 and name != "renyi" else read(min(x, 10**6))
                    expected = read(x) if name in ("renyi", "bhattacharyya") else expected
                else:
                    expected = read(x)
            if abs(expected) > 1e307:
                assert found > 1e306, f"{found!r} is not {mp.nstr(expected, 17)}"
            else:
                off = abs(found - expected)
                assert off <= 1e-9 * abs(expected) + 1e-30, (
                    f"{found!r} is not {mp.nstr(expected, 17)}"
                )

    fuzz(st.tuples(st.sampled_from(sorted(READ)), st.tuples(*strategies)), check)


@pytest.mark.inputs(60)
def test_manners_of_families(fuzz):
    """Every family and divergence, with parameters of any size: a number, or what is wrong."""
    shapes = {
        "gamma": [SIZES] * 4,
        "beta": [SIZES] * 4,
        "laplace": [MEANS, SIZES, MEANS, SIZES],
        "bernoulli": [PROBABILITIES, PROBABILITIES],
        "gaussian": [MEANS, SIZES, MEANS, SIZES],
        "poisson": [SIZES, SIZES],
    }
    divergences = [
        *fdiv.CATALOGUE.values(), fdiv.renyi(2), fdiv.renyi(0.5), fdiv.chernoff, fdiv.bhattacharyya,
        fdiv.alpha(-1.5), fdiv.alpha(30), fdiv.tsallis(0.1),
    ]  # fmt: skip

    def check(drawn):
        family, D, parameters = drawn
        found = manners.ask(getattr(closed_form, family), D, *parameters)
        if isinstance(found, manners.Refused):
            # Terms may cancel to less than their roundings; they must not overflow.
            told = re.search(r"closed form|got terms of size \d\S* that cancel", str(found.error))
            assert told, f"refuses: {found.error}"
        else:
            least = D.at_one if isinstance(D, fdiv.Divergence) else 0.0
            assert found >= least, f"{found!r} below {least!r}"

    drawn = st.sampled_from(sorted(shapes)).flatmap(
        lambda family: st.tuples(
            st.just(family), st.sampled_from(divergences), st.tuples(*shapes[family])
        )
    )
    fuzz(drawn, check)


@pytest.mark.inputs(10)
def test_sharpened_bounds(fuzz):
    """Plain ≤ shifted ≤ shifted and scaled ≤ the value."""

    def check(drawn):
        name, (p, q), T = drawn
        D = fdiv.CATALOGUE[name]
        T = np.array(T[: len(p)])
        value = float(D(p, q, normalize=True))
        plain = float(manners.answer(bounds.plain, D, p, q, T, normalize=True).value)
        shifted = float(manners.answer(bounds.shifted, D, p, q, T, normalize=True).value)
        both = float(manners.answer(bounds.shifted_and_scaled, D, p, q, T, normalize=True).value)
        slack = 1e-9 * (1 + np.abs(T).max()) + 1e-9 * abs(value)
        order = f"plain {plain!r}, shifted {shifted!r}, scaled {both!r}, value {value!r}"
        assert plain <= shifted + slack, order
        assert shifted <= both + slack, order
        assert both <= value + slack, order

    critics = st.lists(st.one_of(fuzzed.FRACTIONS, st.integers(-9, 9)), min_size=6, max_size=6)
    names = st.sampled_from(list(fdiv.CATALOGUE))
    fuzz(st.tuples(names, fuzzed.distributions(), critics), check)


@pytest.mark.inputs(1)
def test_implied(fuzz):
    """A range that one value implies holds the value of every pair."""

    def check(drawn):
        known, p, q = drawn
        D = fdiv.CATALOGUE[known]
        value = float(D(p, q, normalize=True))
        if not math.isfinite(value):
            return
        found = manners.ask(bounds.implied, {D: value})
        if isinstance(found, manners.Refused):
            raise AssertionError(f"refuses a value that a pair has: {found.error}")
        for name, (low, high) in found.items():
            other = float(fdiv.CATALOGUE[name](p, q, normalize=True))
            near = 1e-6 * (1 + abs(other)) if math.isfinite(other) else 0
            assert low <= other + near, f"{name} is {other!r}, below {low!r}"
            assert other <= high + near, f"{name} is {other!r}, above {high!r}"

    weights = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any).map(np.array)
    fuzz(st.tuples(st.sampled_from(list(fdiv.CATALOGUE)), weights, weights), check)


@pytest.mark.inputs(3)
def test_interpolated(fuzz):
    """At most D and at most f(1) + L·W₁, and its own two sides agree."""

    def check(drawn):
        name, p, q, L, points = drawn
        D = fdiv.CATALOGUE[name]
        p, q = p / p.sum(), q / q.sum()
        M = np.abs(np.subtract.outer(points, points))
        found = manners.ask(bounds.interpolated, D, p, q, M, L)
        if isinstance(found, manners.Refused):
            assert isinstance(found.error, fdiv.ConvergenceError), f"refuses: {found.error}"
            return
        top = min(float(D(p, q)), D.at_one + L * emd.distance(p, q, M))
        assert found.value <= top + 1e-6 * (1 + abs(top)), f"{found.value!r} above {top!r}"

    weights = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any).map(np.array)
    points = st.lists(st.integers(0, 5).map(float), min_size=3, max_size=3).map(np.array)
    constants = st.sampled_from([1.0, 0.01, 100.0])
    fuzz(
        st.tuples(st.sampled_from(list(fdiv.CATALOGUE)), weights, weights, constants, points), check
    )
