"""Every divergence on pairs over six hundred decades, against 80-digit arithmetic."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import strategies as st

from divkit import fdiv
from tests import naive
from tests.fuzz import manners, oracles
from tests.fuzz import strategies as fuzzed

NAMES = list(fdiv.CATALOGUE)
# Some roundings of 1: terms of a conjugate may be of that size where it is small itself.
ONE = 1e-15
MEMBERS = {
    "alpha": [3, 0.5, -1, 1.5, -2.5, 0.01, 40],
    "weighted_jensen_shannon": [0.1, 0.5, 0.999],
    "hockey_stick": [1, 2, 10],
    "tsallis": [0.5, 2, 3.5],
    "cressie_read": [0.5, 2, -0.5, 1],
}


def members(name):
    """Return a strategy for the record, and parameters, of a row of the catalogue."""
    if name not in MEMBERS:
        return st.just((fdiv.CATALOGUE[name], ()))
    own = st.just((fdiv.CATALOGUE[name], tuple(fdiv.CATALOGUE[name].parameters.values())))
    some = st.sampled_from(MEMBERS[name]).map(lambda x: (getattr(fdiv, name)(x), (float(x),)))
    return st.one_of(own, some)


def reference(name, parameters, p, q):
    """Return D(P‖Q), and the size of its terms, both to many digits."""
    with mp.workdps(80):
        f = naive.generator(name, parameters)
        at_zero, slope = naive.limits(name, parameters)
        return oracles.divergence(f, at_zero, slope, p, q)


@pytest.mark.inputs(10)
@pytest.mark.parametrize("name", NAMES)
def test_values(fuzz, name):
    def check(drawn):
        (D, parameters), (p, q) = drawn
        found = float(manners.answer(D, p, q, normalize=True))
        expected = reference(name, parameters, p, q)
        # An ulp in the ratio moves f by u f′(u): all terms are of the size of the value or of f(1).
        if abs(expected) > 1e307:
            assert found > 1e306, f"{found!r} is not {expected}"
        elif math.isinf(found) or mp.isinf(expected):
            raise AssertionError(f"{found!r} is not {mp.nstr(expected, 17)}")
        else:
            near = 1e-12 * abs(expected) + 1e-28 * (1 + abs(D.at_one)) + 5e-324
            # But of f with a kink at γ: an ulp in p − γq is one of p, which is up to 1.
            near += ONE if name == "hockey_stick" else 0
            assert abs(found - expected) <= near, f"{found!r} is not {mp.nstr(expected, 17)}"

    pairs = fuzzed.distributions().filter(lambda pq: min(pq[0].sum(), pq[1].sum()) > 1e-290)
    fuzz(st.tuples(members(name), pairs), check)


@pytest.mark.inputs(6)
@pytest.mark.parametrize("name", NAMES)
def test_witness_and_bound(fuzz, name):
    def check(drawn):
        (D, _), (p, q), T = drawn
        value = float(manners.answer(D, p, q, normalize=True))
        witness = manners.answer(D.witness, p, q, normalize=True)
        reached = float(manners.answer(D.bound, p, q, witness, normalize=True))
        # The size of what is added up.
        with np.errstate(all="ignore"):
            terms = np.where(p > 0, p / p.sum() * np.abs(witness), 0.0)
            others = np.where(q > 0, q / q.sum() * np.abs(D.conjugate(witness)), 0.0)
            size = float(np.sum(terms) + np.sum(others)) + abs(value)
        below = reached in (-math.inf, value) or reached <= value + 1e-12 * size + ONE
        assert below, f"bound {reached!r} above the value {value!r}"
        T = np.array(T[: len(p)])
        for args in ((D.bound, p, q, T), (fdiv.bounds.plain, D, p, q, T)):
            found = manners.answer(*args, normalize=True)
            found = float(getattr(found, "value", found))
            with np.errstate(all="ignore"):
                terms = np.abs(T) * (p / p.sum()), q / q.sum() * np.abs(D.conjugate(T))
                size = float(sum(np.sum(x[np.isfinite(x)]) for x in terms))
            near = 1e-12 * (abs(value) + size) + ONE
            below = found in (-math.inf, value) or found <= value + near
            assert below, f"bound {found!r} above {value!r}"

    critics = st.lists(st.one_of(fuzzed.FRACTIONS, st.floats(-50, 50)), min_size=6, max_size=6)
    fuzz(st.tuples(members(name), fuzzed.distributions(), critics), check)


NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 0.5, math.inf, -math.inf, 5e-324, 1e308, -1e308, 2.0**-52]),
    st.floats(-1e3, 1e3),
    st.integers(-300, 300).map(lambda k: 10.0**k),
    st.integers(-300, 300).map(lambda k: -(10.0**k)),
)


@pytest.mark.inputs(8)
@pytest.mark.parametrize("name", NAMES)
def test_dual_side(fuzz, name):
    """f, f′, f*, f*′, g and f*(g) at all numbers, in every width: no nan, and Fenchel–Young."""

    def check(drawn):
        (D, _), u, t, v, width = drawn
        u, t, v = (np.array(x) for x in (u, t, v))
        with np.errstate(all="ignore"):
            u, t, v = (x.astype(width) for x in (u, t, v))
        f = manners.answer(D.generator, u)
        manners.answer(D.derivative, np.abs(u))
        conjugate = manners.answer(D.conjugate, t)
        ratio = manners.answer(D.ratio, t)
        g = manners.answer(D.activation, v)
        penalty = manners.answer(D.penalty, v)
        assert (ratio >= 0).all()
        assert all(float(x) in D.conjugate_domain for x in g[np.isfinite(v)])
        assert (penalty >= -D.at_zero - 1e-6 * (1 + abs(D.at_zero))).all()
        with np.errstate(all="ignore"):
            wide = u.astype(np.float64) * t.astype(np.float64)
            size = np.abs(f.astype(float)) + np.abs(conjugate.astype(float)) + np.abs(wide) + 1
            least = f.astype(float) + conjugate.astype(float) - wide
            eps = 1e-12 if width == "f8" else 1e-4
            bad = np.isfinite(least) & (least < -eps * size) & (u >= 0)
        assert not bad.any(), f"f(u) + f*(t) < ut at u = {u[bad]}, t = {t[bad]}"

    several = st.lists(NUMBERS, min_size=3, max_size=3)
    widths = st.sampled_from(["f8", "f4", "f2"])
    fuzz(st.tuples(members(name), several, several, several, widths), check)


TRANSFORMS = ["bhattacharyya", "chernoff", 0.3, 2.0, 0.999, 4, 50]


@pytest.mark.inputs(40)
def test_transforms(fuzz):
    def affinity(p, q, s):
        """Return −log Σ p^s q^(1−s) of the normalized measures."""
        of_p, of_q = mp.fsum(map(mp.mpf, p)), mp.fsum(map(mp.mpf, q))
        total = mp.mpf(0)
        for x, y in zip(map(mp.mpf, p), map(mp.mpf, q), strict=True):
            if x and (y or s > 1):
                total += mp.inf if not y else (x / of_p) ** s * (y / of_q) ** (1 - s)
        return -mp.log(total) if total else mp.inf

    def check(drawn):
        which, (p, q), T = drawn
        D = getattr(fdiv, which) if isinstance(which, str) else fdiv.renyi(which)
        found = float(manners.answer(D, p, q, normalize=True))
        with mp.workdps(60):
            if which == "chernoff":
                # Any s is a bound from below, and a fine grid comes close to the maximum.
                some = [affinity(p, q, mp.mpf(k) / 16) for k in range(1, 16)]
                some += [affinity(p, q, mp.mpf(10) ** -k) for k in (3, 9, 15)]
                some += [affinity(p, q, 1 - mp.mpf(10) ** -k) for k in (3, 9, 15)]
                best = max(some)
                assert best <= found * (1 + 1e-11) + 1e-28, f"{found!r} below {mp.nstr(best, 17)}"
            else:
                s = mp.mpf(1) / 2 if which == "bhattacharyya" else mp.mpf(which)
                expected = affinity(p, q, s) / (1 if which == "bhattacharyya" else 1 - s)
                both = found == math.inf and expected == mp.inf
                assert both or abs(found - expected) <= 1e-11 * abs(expected) + 1e-28, (
                    f"{found!r} is not {mp.nstr(expected, 17)}"
                )
        bound = float(manners.answer(D.bound, p, q, np.array(T[: len(p)]), normalize=True))
        assert bound <= found + 1e-11 * (abs(found) + 60), f"bound {bound!r} above {found!r}"

    critics = st.lists(fuzzed.FRACTIONS.map(lambda x: 20 * x), min_size=6, max_size=6)
    fuzz(st.tuples(st.sampled_from(TRANSFORMS), fuzzed.distributions(), critics), check)


@pytest.mark.inputs(5)
@pytest.mark.parametrize("name", NAMES)
def test_rows_axes_and_pairwise(fuzz, name):
    """A matrix is its rows, along any axis, in batches and in `pairwise`."""

    def check(drawn):
        rows, axis, keepdims = drawn
        D = fdiv.CATALOGUE[name]
        P, Q = (np.stack(side) for side in zip(*rows, strict=True))
        one = np.array([float(D(p, q, normalize=True)) for p, q in rows])
        P_, Q_ = (x.T if axis == 0 else x for x in (P, Q))
        found = manners.answer(D, P_, Q_, axis=axis, keepdims=keepdims, normalize=True)
        near = {"rtol": 1e-12, "atol": 1e-28}
        assert np.allclose(found.ravel(), one, **near), f"{found} is not {one}"
        all_pairs = manners.answer(fdiv.pairwise, D, P, Q, normalize=True)
        assert np.allclose(all_pairs.diagonal(), one, **near), f"{all_pairs.diagonal()}, {one}"
        alone = manners.answer(fdiv.pairwise, D, P, normalize=True)
        expected = [[float(D(p, q, normalize=True)) for q in P] for p in P]
        assert np.allclose(alone, expected, **near), f"{alone.tolist()} is not {expected}"

    some = st.integers(1, 4).flatmap(
        lambda n: st.lists(fuzzed.distributions(n), min_size=1, max_size=3)
    )
    fuzz(st.tuples(some, st.sampled_from([0, -1, 1]), st.booleans()), check)


@pytest.mark.inputs(30)
def test_algebra(fuzz):
    """Sums, multiples, mirror images and mixtures have the values that their names say."""

    def check(drawn):
        (first, second), c, pi, (p, q) = drawn
        D, E = fdiv.CATALOGUE[first], fdiv.CATALOGUE[second]
        d, e = (float(X(p, q, normalize=True)) for X in (D, E))
        back = float(D(q, p, normalize=True))
        p_, q_ = p / p.sum(), q / q.sum()
        values = {
            "sum": (D + E, d + e),
            "multiple": (c * D, c * d),
            "quotient": (D / c, d / c),
            "adjoint": (D.adjoint, back),
            "symmetrized": (D.symmetrized(), (d + back) / 2),
            "skewed": (D.skewed(pi), float(D(p_, (1 - pi) * p_ + pi * q_, normalize=True))),
        }
        for what, (made, expected) in values.items():
            found = float(manners.answer(made, p, q, normalize=True))
            # A mixture is rounded, which the value of a near pair shows.
            slack = 1e-12 if what != "skewed" else 1e-7
            both = found == expected
            assert both or abs(found - expected) <= slack * abs(expected) + 1e-20, (
                f"{what}: {found!r} is not {expected!r}"
            )

    names = st.sampled_from(NAMES)
    ordinary = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any)
    ordinary = ordinary.map(lambda x: np.array(x, np.float64))
    fuzz(
        st.tuples(
            st.tuples(names, names),
            st.sampled_from([1.0, 2.0, 0.25, 1e-3]),
            st.sampled_from([1.0, 0.5, 0.125]),
            st.tuples(ordinary, ordinary),
        ),
        check,
    )
