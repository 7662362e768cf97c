"""Histograms of two samples on shared bins, with an explicit policy for empty bins."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from divkit import _check
from divkit._check import Array

Vector = NDArray[np.float64]

MOST_BINS = 10_000_000  # some hundred megabytes


@dataclass(frozen=True, eq=False)
class Histograms:
    """Two histograms on the same bins; unpacks to the pair ``p, q``.

    Attributes
    ----------
    p, q : array, shape (bins,)
        Probabilities of the bins, after the policy for empty ones. Bins of several axes are in
        row-major order, so that they reshape to ``counts[0].shape``.
    edges : tuple of arrays
        The edges along each axis, after merging; pass them as `bins` to reuse them.
    counts : tuple of two arrays
        The number of rows in each bin or the sum of their weights, without pseudo-counts.
    """

    p: Vector
    q: Vector
    edges: tuple[Vector, ...]
    counts: tuple[Array, Array]

    def __iter__(self) -> Iterator[Vector]:
        return iter((self.p, self.q))


def histograms(
    x: Array,
    y: Array,
    bins: str | int | Sequence[Any] | Array = "auto",
    zeros: str | float = "keep",
    weights: tuple[Array | None, Array | None] = (None, None),
) -> Histograms:
    """Return the histograms of two samples on bins chosen from both together.

    Parameters
    ----------
    x, y : array, shape (n,) or (n, d)
        The samples, one observation per row; lists and pandas objects are accepted. Two data
        frames must have the same columns.
    bins : str, int, array or sequence of these
        A rule of `numpy.histogram_bin_edges` or a number of bins, applied to the pooled sample;
        or increasing edges, of which the first and last may be infinite. For several columns,
        one of these for all, or a sequence with one per column.
    zeros : {"keep", "merge"} or float
        What to do with bins that are empty in a sample, which make many divergences infinite.
        "keep" keeps them. A number is added to every count of both samples: ½ is the usual
        pseudo-count. "merge" joins neighboring bins until both samples have mass in each, for
        one column only.
    weights : pair of arrays or None
        Nonnegative weights of the rows of `x` and of `y`. Binning rules ignore them.

    Returns
    -------
    Histograms
        Unpacks to ``p, q``, as NumPy arrays that sum to 1.

    Raises
    ------
    TypeError
        If an input is not a real array.
    ValueError
        If values are nan or infinite, shapes do not match, values lie outside given edges (no row
        is silently dropped), there are more than 10⁷ bins, or merging leaves a single bin.

    Examples
    --------
    >>> import numpy as np
    >>> from divkit import fdiv
    >>> from divkit.fdiv._samples import histograms
    >>> h = histograms([1, 2, 2, 3], [2, 3, 3, 4], bins=[1, 2, 3, 4])
    >>> h.counts
    (array([1, 2, 1]), array([0, 1, 3]))
    >>> float(fdiv.total_variation(*h))
    0.5

    To watch for drift, fix the bins at the deciles of the reference, open at both ends. The
    population stability index is then the Jeffreys divergence, and 0.2 the usual alarm level.

    >>> rng = np.random.default_rng(0)
    >>> reference, today = rng.normal(0, 1, 5000), rng.normal(0.5, 1, 1000)
    >>> deciles = np.quantile(reference, np.linspace(0.1, 0.9, 9))
    >>> p, q = histograms(today, reference, bins=[-np.inf, *deciles, np.inf], zeros=0.5)
    >>> round(float(fdiv.jeffreys(p, q)), 2)
    0.26
    """
    _same_columns(x, y)
    samples = _sample("x", x), _sample("y", y)
    d = samples[0].shape[1]
    if samples[1].shape[1] != d:
        raise ValueError(
            f"`x` and `y` must have equally many columns, got {d} and {samples[1].shape[1]}"
        )
    heavy = [
        None if w is None else _check.weights(f"weights[{i}]", w, len(sample), "row")
        for i, (w, sample) in enumerate(zip(weights, samples, strict=True))
    ]
    pseudo_count = _policy(zeros, d)

    pooled = np.concatenate(samples)
    edges = tuple(
        _edges(pooled[:, axis], rule, f"column {axis} of " if d > 1 else "")
        for axis, rule in enumerate(_rules(bins, d))
    )
    total = math.prod(len(along) - 1 for along in edges)
    if total > MOST_BINS:
        raise ValueError(
            f"`bins` must give at most {MOST_BINS} bins over all columns, got {total}: give fewer "
            "for each, or compare fewer columns"
        )
    counts = tuple(
        _counts(name, sample, w, edges)
        for name, sample, w in zip("xy", samples, heavy, strict=True)
    )
    if zeros == "merge":
        keep = _shared_edges(counts)
        edges = (edges[0][keep],)
        counts = tuple(np.add.reduceat(count, keep[:-1]) for count in counts)
    p, q = (_normalized(count.ravel() + pseudo_count) for count in counts)
    return Histograms(p, q, edges, (counts[0], counts[1]))


def _sample(name: str, x: Array) -> Vector:
    array: Vector = _check.real(name, x, np)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(
            f"`{name}` must have shape (n,) or (n, d) with at least one row, got {array.shape}"
        )
    _check.finite(name, array, np)
    return array.reshape(len(array), -1)


def _same_columns(x: Array, y: Array) -> None:
    both = [getattr(frame, "columns", None) for frame in (x, y)]
    if both[0] is not None and both[1] is not None and list(both[0]) != list(both[1]):
        raise ValueError(
            f"`x` and `y` must have the same columns, got {list(both[0])} and {list(both[1])}: "
            "reorder one, for example `y[x.columns]`"
        )


def _policy(zeros: str | float, d: int) -> float:
    """Return the pseudo-count that `zeros` stands for."""
    if isinstance(zeros, str):
        _check.one_of("zeros", zeros, ("keep", "merge"))
        if zeros == "merge" and d > 1:
            raise ValueError(
                f"`zeros` must not be 'merge' for {d} columns, whose bins have no order: "
                "give a pseudo-count, for example `zeros=0.5`"
            )
        return 0.0
    if isinstance(zeros, bool) or not isinstance(zeros, (int, float, np.integer, np.floating)):
        raise TypeError(f"`zeros` must be 'keep', 'merge' or a number, got {zeros!r}")
    zeros = _check.as_float(zeros)
    if not 0 <= zeros < np.inf:
        raise ValueError(f"`zeros` must be a pseudo-count, finite and at least 0, got {zeros!r}")
    return float(zeros)


def _rules(bins: Any, d: int) -> Sequence[Any]:
    """Return one rule, number or array of edges for each column."""
    if isinstance(bins, (str, int, np.integer)):
        return [bins] * d
    try:
        given = list(bins)
    except (TypeError, NotImplementedError):  # which sparse arrays raise
        raise TypeError(
            "`bins` must be a rule of numpy.histogram_bin_edges, a number or edges, got "
            f"{bins!r} of type {type(bins).__name__}"
        ) from None
    numbers = all(_is_single(b) for b in given)
    if numbers and d == 1:
        return [bins]
    if len(given) == d:
        return given
    if numbers:
        return [bins] * d
    raise ValueError(f"`bins` must hold one rule for each of {d} columns, got {len(given)}")


def _is_single(x: Any) -> bool:
    return getattr(x, "ndim", None) == 0 or not hasattr(x, "__len__")


def _edges(values: Vector, rule: Any, column: str) -> Vector:
    if isinstance(rule, bool):
        raise TypeError(f"`bins` must be a rule, a number or edges, got {rule!r}")
    if isinstance(rule, (str, int, np.integer)):
        # Rules square the values, which may overflow; a power of 2 scales their bins exactly.
        scale = 2.0**-600 if np.max(np.abs(values)) > 1e150 else 1.0
        values = values * scale
        if _asked_for(values, rule) > MOST_BINS:
            raise ValueError(
                f"`bins` must give at most {MOST_BINS} bins, got {rule!r} for {column}data "
                f"between {values.min() / scale:g} and {values.max() / scale:g}: give a number or "
                "edges, for example quantiles with infinite ends"
            )
        try:
            with warnings.catch_warnings():  # of "stone", when its search is cut short
                warnings.simplefilter("ignore", RuntimeWarning)
                found: Vector = np.histogram_bin_edges(values, rule).astype(np.float64)
        except ValueError as error:
            raise ValueError(
                "`bins` must be a rule of numpy.histogram_bin_edges, a positive number or edges, "
                f"got {rule!r}: {error}"
            ) from None
        return found / scale
    edges: Vector = _check.real("bins", rule, np)
    if edges.ndim != 1 or len(edges) < 2 or not np.all(edges[1:] > edges[:-1]):
        raise ValueError(
            f"`bins` must hold at least 2 edges that increase, got {edges.tolist()!r}: "
            "`numpy.unique` sorts and removes repetitions"
        )
    return edges


def _asked_for(values: Vector, rule: str | int | np.integer[Any]) -> float:
    """Return the number of bins requested; 0 for rules that bound it by the rows, all but "fd"."""
    if not isinstance(rule, str):
        return float(rule)
    if rule != "fd":
        return 0.0
    quartiles = np.percentile(values, [25, 75])
    width = 2 * (quartiles[1] - quartiles[0]) / len(values) ** (1 / 3)
    range_ = float(np.ptp(values))
    return range_ / width if width > range_ * 1e-300 else 0.0 if width == 0 else np.inf


def _counts(name: str, sample: Vector, weights: Vector | None, edges: tuple[Vector, ...]) -> Array:
    shape = tuple(len(along) - 1 for along in edges)
    places = []
    for axis, along in enumerate(edges):
        values = sample[:, axis]
        outside = (values < along[0]) | (values > along[-1])
        if outside.any():
            raise ValueError(
                f"`{name}` must lie within the edges [{along[0]:g}, {along[-1]:g}], got "
                f"{np.count_nonzero(outside)} of {len(values)} values outside, the first "
                f"{float(values[outside][0])!r}: widen them, for example to -inf and inf"
            )
        # As in NumPy, bins include their left edge, and the last bin both edges.
        place = np.searchsorted(along, values, side="right") - 1
        places.append(np.minimum(place, len(along) - 2))
    flat = np.ravel_multi_index(places, shape)
    return np.bincount(flat, weights, minlength=int(np.prod(shape))).reshape(shape)


def _shared_edges(counts: tuple[Array, ...]) -> NDArray[np.intp]:
    """Return which edges to keep so that both samples have mass in every bin."""
    first, second = (np.cumsum(count) for count in counts)
    keep, taken = [0], (0, 0)
    for i, reached in enumerate(zip(first, second, strict=True)):
        if reached[0] > taken[0] and reached[1] > taken[1]:
            keep.append(i + 1)
            taken = reached
    keep[-1] = len(first)  # what is left over joins the last bin
    if len(keep) == 2 and len(first) > 1:
        raise ValueError(
            f"`zeros='merge'` must leave at least 2 bins, got 1 out of {len(first)}: the samples "
            "hardly overlap; keep the empty bins or give a pseudo-count"
        )
    return np.array(keep)


def _normalized(counts: Array) -> Vector:
    # Scaled by a power of two, so that the sum of huge pseudo-counts does not overflow.
    counts = np.ldexp(counts, -int(np.frexp(counts.max())[1]))
    result: Vector = counts / counts.sum()
    return result
