"""Histograms of two samples: counts by definition, whatever the range, the rule and the layout."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import strategies as st

from divkit import fdiv
from tests.fuzz import manners
from tests.fuzz import strategies as fuzzed

RULES = ["auto", "fd", "stone", "doane", "scott", "rice", "sturges", "sqrt"]

VALUES = st.one_of(
    st.integers(-3, 9).map(float),
    fuzzed.FRACTIONS,
    st.sampled_from([1e300, -1e300, 1e-300, 5e-324, 1.7e308, -1.7e308, 1e16, 1e9]),
)


@st.composite
def samples(draw, d=None):
    d = draw(st.sampled_from([1, 1, 1, 2])) if d is None else d
    both = [draw(fuzzed.matrices(draw(st.integers(1, 8)), d, VALUES)) for _ in range(2)]
    return [x[:, 0] if d == 1 else x for x in both]


def require_valid(h, x, y):
    for p, count, sample in ((h.p, h.counts[0], x), (h.q, h.counts[1], y)):
        assert count.sum() == len(sample), "rows are lost"
        assert abs(p.sum() - 1) <= 1e-12
        assert (p >= 0).all()
    edges = h.edges[0]
    assert (edges[1:] > edges[:-1]).all(), f"edges {edges} do not increase"


def wanted(sample):
    """Return how many bins Freedman and Diaconis want at most, along an axis."""
    with np.errstate(all="ignore"):
        low, high = np.percentile(sample, [25, 75], axis=0)
        number = np.ptp(sample, axis=0) / (2 * (high - low) / np.cbrt(len(sample)))
    return np.max(np.nan_to_num(number, nan=0.0))


@pytest.mark.inputs(60)
def test_rules(fuzz):
    def check(drawn):
        (x, y), rule = drawn
        h = manners.ask(fdiv.histograms, x, y, bins=rule)
        # A rule may want more bins than there is memory, which is said.
        if isinstance(h, manners.Refused):
            largest = max(np.abs(x).max(), np.abs(y).max())
            # A number is that of the bins of each column.
            columns = 1 if x.ndim == 1 else x.shape[1]
            wrong = isinstance(rule, int) and not (0 < rule <= 10**6 and rule**columns <= 10**7)
            wrong |= rule == "fd" and wanted(np.concatenate([x, y])) > 10**6
            # Nor has the range of subnormal numbers room for bins.
            with np.errstate(over="ignore"):
                extent = np.ptp(np.concatenate([x, y]), axis=0)
            wrong |= bool(np.any((extent > 0) & (extent < 1e-300)))
            assert largest > 1e3 or wrong, f"refuses: {h.error}"
        else:
            require_valid(h, x, y)

    numbers = st.sampled_from([1, 2, 7, 100, 0, -1, 10**6, 10**12, 10**30])
    fuzz(st.tuples(samples(), st.one_of(st.sampled_from(RULES), numbers)), check)


@pytest.mark.inputs(60)
def test_edges(fuzz):
    def check(drawn):
        (x, y), inner, zeros = drawn
        edges = [-math.inf, *sorted(set(inner)), math.inf]
        h = manners.ask(fdiv.histograms, x, y, bins=edges, zeros=zeros)
        if isinstance(h, manners.Refused):
            assert zeros == "merge", f"refuses: {h.error}"
            return
        require_valid(h, x, y)
        found = np.array(h.edges[0])
        for sample, count, p in ((x, h.counts[0], h.p), (y, h.counts[1], h.q)):
            expected = [sum(1 for v in sample if low <= v < high) for low, high in pairwise(found)]
            assert count.tolist() == expected
            added = 0.0 if isinstance(zeros, str) else zeros
            weights = (np.array(expected) + added) / (sum(expected) + added * len(expected))
            assert np.allclose(p, weights, rtol=1e-14)
        if zeros == "merge":
            assert h.counts[0].all()
            assert h.counts[1].all()

    inner = st.lists(VALUES, min_size=0, max_size=4)
    fuzz(st.tuples(samples(1), inner, st.sampled_from(["keep", "merge", 0.5, 1, 1e-300])), check)


@pytest.mark.inputs(30)
def test_weights(fuzz):
    def check(drawn):
        (x, y), weights, bins = drawn
        first, second = np.array(weights[: len(x)]), np.array(weights[-len(y) :])
        h = manners.ask(fdiv.histograms, x, y, bins=bins, weights=(first, second))
        if isinstance(h, manners.Refused):
            empty = not first.sum() or not second.sum()
            huge = max(np.abs(x).max(), np.abs(y).max()) > 1e3
            assert empty or huge or max(weights) > 1e300, f"refuses: {h.error}"
        else:
            assert math.isclose(h.counts[0].sum(), first.sum(), rel_tol=1e-12)

    weights = st.one_of(st.integers(0, 3).map(float), st.sampled_from([5e-324, 1e-300, 1e300]))
    fuzz(
        st.tuples(
            samples(), st.lists(weights, min_size=8, max_size=8), st.sampled_from([1, 3, "auto"])
        ),
        check,
    )
