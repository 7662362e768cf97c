"""Two samples → two histograms: shared bins, nothing lost, empty bins as was asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse import bsr_array

from divkit import fdiv
from divkit.fdiv import closed_form
from divkit.fdiv._samples import histograms

MANY = settings(max_examples=50, deadline=None, derandomize=True, database=None)
values = st.lists(st.integers(-20, 20).map(lambda i: i / 4), min_size=1, max_size=30)


@MANY
@given(values, values, st.sampled_from(["auto", "fd", "sturges", 1, 7]))
def test_every_value_is_counted_once(x, y, bins):
    h = histograms(x, y, bins)
    assert h.counts[0].sum() == len(x)
    assert h.counts[1].sum() == len(y)
    assert np.array_equal(h.edges[0], np.histogram_bin_edges(x + y, bins))
    for sample, count in zip((x, y), h.counts, strict=True):
        assert np.array_equal(count, np.histogram(sample, h.edges[0])[0])
    p, q = h
    assert p.sum() == pytest.approx(1)
    assert np.allclose(p * len(x), h.counts[0])
    assert np.isfinite(fdiv.jensen_shannon(p, q))


@MANY
@given(values, values)
def test_merging_leaves_no_empty_bin(x, y):
    edges = np.linspace(-5, 5, 41)
    counts = histograms(x, y, edges).counts
    # Some edge must have values of both samples on either side.
    left = np.cumsum(counts, axis=1)
    if not np.any(np.all((left > 0) & (left < [[len(x)], [len(y)]]), axis=0)):
        with pytest.raises(ValueError, match="at least 2 bins"):
            histograms(x, y, edges, zeros="merge")
        return
    h = histograms(x, y, edges, zeros="merge")
    assert (h.p > 0).all()
    assert (h.q > 0).all()
    assert set(h.edges[0]) <= set(edges)
    assert (h.edges[0][0], h.edges[0][-1]) == (-5, 5)
    assert [c.sum() for c in h.counts] == [len(x), len(y)]
    kept = histograms(x, y, h.edges[0])
    assert np.array_equal(kept.counts, h.counts)
    # Merging atoms never increases a divergence.
    assert fdiv.squared_hellinger(*h) <= fdiv.squared_hellinger(*histograms(x, y, edges)) + 1e-15


def test_pseudo_counts():
    h = histograms([0.5, 0.6], [1.5], bins=[0, 1, 2], zeros=0.5)
    assert h.p.tolist() == [2.5 / 3, 0.5 / 3]
    assert h.q.tolist() == [0.5 / 2, 1.5 / 2]
    assert [c.tolist() for c in h.counts] == [[2, 0], [0, 1]]


def test_columns():
    rng = np.random.default_rng(0)
    x, y = rng.random((50, 2)), rng.random((70, 2))
    h = histograms(x, y, bins=[3, "sturges"])
    grid = h.counts[0].shape
    assert grid == tuple(len(e) - 1 for e in h.edges)
    assert grid[0] == 3
    expected = np.histogramdd(y, h.edges)[0]
    assert np.array_equal(h.counts[1], expected)
    assert np.allclose(h.q.reshape(grid), expected / 70)
    again = histograms(x, y, bins=h.edges)
    assert np.array_equal(again.p, h.p)
    one = histograms(x[:, :1], y[:, 0], bins=4)
    assert np.array_equal(one.p, histograms(x[:, 0], y[:, 0], bins=4).p)
    same = histograms(x, y, bins=[0.0, 0.5, 1.0])
    assert same.counts[0].shape == (2, 2)


def test_weights():
    x, y, w = [0.1, 0.6, 0.7], [0.2, 0.9], [2.0, 0.5, 0.5]
    h = histograms(x, y, bins=[0, 0.5, 1], weights=(w, None))
    assert h.p.tolist() == [2 / 3, 1 / 3]
    assert h.q.tolist() == [0.5, 0.5]
    doubled = histograms([0.1, 0.1, 0.6], y, bins=[0, 0.5, 1])
    assert doubled.p.tolist() == [2 / 3, 1 / 3]


def test_pandas():
    pandas = pytest.importorskip("pandas")
    x, y = [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]
    expected = histograms(x, y, 3).p
    series = histograms(pandas.Series(x), pandas.Series(y, name="other"), 3)
    assert np.array_equal(series.p, expected)
    frame = pandas.DataFrame({"a": x, "b": y})
    assert np.array_equal(
        histograms(frame, frame, 2).p, histograms(frame.to_numpy(), frame.to_numpy(), 2).p
    )
    with pytest.raises(ValueError, match=r"same columns, got \['a', 'b'\] and \['b', 'a'\]"):
        histograms(frame, frame[["b", "a"]])


def test_open_ends():
    h = histograms([-100.0, 0.5], [1e9], bins=[-np.inf, 0, 1, np.inf])
    assert [c.tolist() for c in h.counts] == [[1, 1, 0], [0, 0, 1]]


def test_fine_histograms_approach_the_closed_form():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 400_000), rng.normal(0.5, 1, 400_000)
    for D in (fdiv.kl, fdiv.squared_hellinger):
        estimate = D(*histograms(x, y, bins=80, zeros="merge"))
        assert estimate == pytest.approx(closed_form.gaussian(D, 0, 1, 0.5, 1), rel=0.03)


X = [0.5, 1.5]
PAIRS = np.ones((2, 2))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((X, [5.0, 1.0], [0, 1, 2]), ValueError, r"`y` must lie within .* got 1 of 2"),
        ((X, [np.nan, 1.0]), ValueError, r"`y` must be finite, got y\[0\] = nan"),
        (([], X), ValueError, "`x` must have shape .* at least one row"),
        ((X, np.ones((2, 2))), ValueError, "equally many columns, got 1 and 2"),
        ((X, ["a", "b"]), TypeError, "`y` must be an array of real numbers"),
        ((X, X, "nonsense"), ValueError, "`bins` must be a rule of numpy"),
        ((X, X, 0), ValueError, "`bins` must be a rule"),
        ((X, X, [0, 2, 1]), ValueError, "at least 2 edges that increase"),
        ((X, X, True), TypeError, "`bins` must be a rule, a number or edges"),
        ((X, X, 0.5), TypeError, "`bins` must be a rule .* or edges, got 0.5 of type float"),
        ((X, X, np.array(1.0)), TypeError, "`bins` must be a rule .* or edges, got"),
        ((X, X, sparse.csr_array((2, 0))), ValueError, "`bins` must hold one rule for each of 1"),
        ((PAIRS, PAIRS, sparse.csr_array((2, 1))), TypeError, "`bins` must be an array of real"),
        ((X, X, [1, [2]]), ValueError, "`bins` must hold one rule for each of 1"),
        ((X, X, 2, np.complex128(1)), TypeError, "`zeros` must be 'keep', 'merge' or a number"),
        ((X, X, 2, "drop"), ValueError, "`zeros` must be one of 'keep', 'merge'"),
        ((X, X, 2, -1), ValueError, "`zeros` must be a pseudo-count"),
        ((X, X, 2, None), TypeError, "`zeros` must be 'keep', 'merge' or a number"),
        ((PAIRS, PAIRS, 2, "merge"), ValueError, "must not be 'merge'"),
        ((PAIRS, PAIRS, [2, 2, 2]), ValueError, "must hold|increase"),
        (([0.0], [1.0], 4, "merge"), ValueError, "must leave at least 2 bins, got 1 out of 4"),
        ((X, X, 2, "keep", ([1.0], None)), ValueError, r"`weights\[0\]` must have shape \(2,\)"),
        (([1.0], [2.0], bsr_array((2, 2))), TypeError, "`bins` must be a rule of numpy"),
    ],
)  # fmt: skip
def test_refused(arguments, kind, message):
    with pytest.raises(kind, match=message):
        histograms(*arguments)
