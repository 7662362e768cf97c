"""Comparison of two histograms or samples: every divergence and the EMD, each with its dual."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from divkit import _check, emd
from divkit.emd import Transport
from divkit.fdiv import CATALOGUE, Divergence

_LARGEST = 25_000_000  # entries of an array, 200 MB
_FURTHEST = 1e300  # largest cost between two points, so that sums do not overflow

Floats = NDArray[np.float64]


class Metric(StrEnum):
    """Ground costs between two points, as `scipy.spatial.distance` names them."""

    EUCLIDEAN = "euclidean"
    SQEUCLIDEAN = "sqeuclidean"
    CITYBLOCK = "cityblock"
    CHEBYSHEV = "chebyshev"


_NAMES = {
    "euclidean": "Euclidean distance",
    "sqeuclidean": "squared Euclidean distance",
    "cityblock": "city-block distance",
    "chebyshev": "Chebyshev distance",
}


@dataclass(frozen=True)
class Line:
    """A divergence of two distributions, and its dual value: the bound at the optimal critic."""

    divergence: Divergence
    value: float
    dual_value: float

    @property
    def gap(self) -> float:
        """Primal minus dual value; 0 where both are infinite."""
        return 0.0 if self.value == self.dual_value else self.value - self.dual_value


@dataclass(frozen=True)
class Comparison:
    """Result of `compare` and `compare_samples`.

    Parameters
    ----------
    names : (str, str)
        Names of P and Q.
    lines : tuple of Line
        The divergences in the catalogue's order; empty if there are no histograms.
    transport : Transport
        The earth mover's distance with plan and potentials, between measures of mass 1.
    points : (array of shape (n, d), array of shape (m, d))
        Positions of the atoms of the two measures in the transport problem.
    shape : tuple of int or None
        The shape of the grid whose cells these points are; None for samples.
    metric : str
        Ground cost between two points.
    largest_cost : float
        Largest ground cost between two points, an upper bound of the distance.
    histograms : (array, array) or None
        The histograms that the divergences compare, scaled to mass 1.
    edges : tuple of array or None
        The bin edges along each coordinate, if samples were binned.
    notes : tuple of str
        Sentences that describe how the comparison was made.
    """

    names: tuple[str, str]
    lines: tuple[Line, ...]
    transport: Transport
    points: tuple[Floats, Floats]
    shape: tuple[int, ...] | None
    metric: str
    largest_cost: float
    histograms: tuple[Floats, Floats] | None
    edges: tuple[Floats, ...] | None
    notes: tuple[str, ...]


def compare(
    p: _check.Array,
    q: _check.Array,
    *,
    metric: str = "euclidean",
    normalize: bool = False,
    names: tuple[str, str] = ("P", "Q"),
) -> Comparison:
    """Compare two histograms over the same vector or grid of cells with unit spacing.

    Parameters
    ----------
    p, q : array, shape (n,) or (height, width)
        Masses of the cells.
    metric : {"euclidean", "sqeuclidean", "cityblock", "chebyshev"}
        Ground cost between cells i and j. For vectors, all but "sqeuclidean" are |i − j|.
    normalize : bool
        Divide p and q each by its own mass; required for counts.
    names : (str, str)
        Names of p and q.

    Raises
    ------
    TypeError, ValueError
        If p and q are not histograms of the same shape and equal mass.

    Examples
    --------
    >>> from divkit.cli._compare import compare
    >>> found = compare([0.5, 0.5, 0.0], [0.0, 0.5, 0.5])
    >>> found.lines[0].divergence.title, found.lines[0].value, found.lines[0].dual_value
    ('Total variation', 0.5, 0.5)
    >>> round(found.transport.value, 12)
    1.0
    """
    _check.one_of("metric", metric, [str(known) for known in Metric])
    p, q = _histogram("p", p), _histogram("q", q)
    if p.shape != q.shape:
        raise ValueError(
            f"`p` and `q` must have the same shape, got {p.shape} and {q.shape}: give both on the "
            "same cells, or compare them as samples"
        )
    cells = np.indices(p.shape).reshape(p.ndim, -1).T.astype(np.float64)
    lines = _lines(p.ravel(), q.ravel(), normalize)
    shares = _share(p), _share(q)
    transport, largest_cost = _transport(shares[0].ravel(), shares[1].ravel(), cells, cells, metric)
    size = " × ".join(map(str, p.shape))
    cost = f"the {_NAMES[metric]} between cells"
    if p.ndim == 1:
        cost = "(i − j)²" if metric == Metric.SQEUCLIDEAN else "|i − j|"
    notes = [f"{size} cells; the cost of moving is {cost}."]
    if normalize:
        notes.append(f"Both were divided by their masses, {p.sum():.6g} and {q.sum():.6g}.")
    return Comparison(
        names=names,
        lines=lines,
        transport=transport,
        points=(cells, cells),
        shape=p.shape,
        metric=metric,
        largest_cost=largest_cost,
        histograms=shares,
        edges=None,
        notes=tuple(notes),
    )


def compare_samples(
    x: _check.Array,
    y: _check.Array,
    *,
    metric: str = "euclidean",
    bins: int | None = None,
    names: tuple[str, str] = ("P", "Q"),
) -> Comparison:
    """Compare two samples: the EMD between the points, the divergences between histograms.

    The empirical distributions of two samples usually have disjoint supports, so that their
    divergences say nothing about the underlying distributions. In up to three dimensions both
    samples are therefore binned on a common grid; in more, nearly every bin would be empty and the
    divergences are left out.

    Parameters
    ----------
    x, y : array, shape (n,) or (n, d) and (m,) or (m, d)
        Points; those of a sample have equal weights.
    metric : {"euclidean", "sqeuclidean", "cityblock", "chebyshev"}
        Ground cost between points.
    bins : int, optional
        Bins along each coordinate, by default by Sturges' rule for the pooled samples.
    names : (str, str)
        Names of x and y.

    Raises
    ------
    TypeError, ValueError
        If x and y are not samples of points of the same dimension.

    Examples
    --------
    >>> from divkit.cli._compare import compare_samples
    >>> round(compare_samples([0.0, 1.0, 2.0], [1.0, 2.0, 3.0]).transport.value, 12)
    1.0
    """
    _check.one_of("metric", metric, [str(known) for known in Metric])
    x, y = _sample("x", x), _sample("y", y)
    d = x.shape[1]
    if y.shape[1] != d:
        raise ValueError(
            f"`x` and `y` must have points of the same dimension, got {d} and {y.shape[1]}: give "
            "both the same columns"
        )
    weights = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    transport, largest_cost = _transport(*weights, x, y, metric)
    notes = [
        f"EMD: between the points themselves, {len(x)} and {len(y)} of equal weight; the cost of "
        f"moving is the {_NAMES[metric]}."
    ]
    lines: tuple[Line, ...] = ()
    histograms = edges = None
    if d <= 3:
        counts, edges = _shared_bins(x, y, bins)
        lines = _lines(counts[0].ravel(), counts[1].ravel(), normalize=True)
        histograms = counts[0] / len(x), counts[1] / len(y)
        size = " × ".join(map(str, counts[0].shape))
        rule = "Sturges' rule" if bins is None else "as asked"
        notes.append(f"Divergences: between histograms on {size} bins shared by both ({rule}).")
    else:
        notes.append(
            f"Divergences: left out. They need histograms, and in {d} dimensions samples leave "
            "nearly every bin empty."
        )
    return Comparison(
        names=names,
        lines=lines,
        transport=transport,
        points=(x, y),
        shape=None,
        metric=metric,
        largest_cost=largest_cost,
        histograms=histograms,
        edges=edges,
        notes=tuple(notes),
    )


def _histogram(name: str, x: _check.Array) -> _check.Array:
    """Return `x` as a vector or a matrix; integers are kept, as they denote counts."""
    _check.complete(name, x)
    x = np.asarray(x)
    if x.ndim not in (1, 2):
        raise ValueError(f"`{name}` must be a vector or a matrix of masses, got shape {x.shape}")
    return x.ravel() if 1 in x.shape else x


def _share(p: _check.Array) -> Floats:
    scaled = p / p.max()  # the sum of p itself may overflow
    return np.asarray(scaled / scaled.sum(), dtype=np.float64)


def _sample(name: str, x: _check.Array) -> Floats:
    x = _check.real(name, x, np)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"`{name}` must hold at least 1 point, one in a row, got shape {x.shape}")
    _check.finite(name, x, np)
    return np.asarray(x)


def _lines(p: _check.Array, q: _check.Array, normalize: bool) -> tuple[Line, ...]:
    return tuple(
        Line(
            divergence=D,
            value=float(D(p, q, normalize=normalize)),
            dual_value=float(
                D.bound(p, q, D.witness(p, q, normalize=normalize), normalize=normalize)
            ),
        )
        for D in CATALOGUE.values()
    )


def _transport(a: Floats, b: Floats, x: Floats, y: Floats, metric: str) -> tuple[Transport, float]:
    if a.size * b.size > _LARGEST:
        raise ValueError(
            f"the EMD must have at most {_LARGEST:,} pairs of atoms, got {a.size} × {b.size}: use "
            "coarser bins or fewer points"
        )
    M = cdist(x, y, metric)
    largest = float(M.max())
    if not largest < _FURTHEST:
        raise ValueError(
            f"the cost between two points must stay below {_FURTHEST:g}, got up to {largest:g}: "
            "rescale both samples"
        )
    return emd.solve(a, b, M), largest


def _shared_bins(
    x: Floats, y: Floats, bins: int | None
) -> tuple[tuple[Floats, Floats], tuple[Floats, ...]]:
    pooled = np.concatenate([x, y])
    if bins is not None and bins ** x.shape[1] > _LARGEST:
        raise ValueError(
            f"`bins` must give at most {_LARGEST:,} bins in all, got {bins} along each of "
            f"{x.shape[1]} coordinates"
        )
    edges = tuple(np.histogram_bin_edges(column, bins or "sturges") for column in pooled.T)
    counts = np.histogramdd(x, edges)[0], np.histogramdd(y, edges)[0]
    return counts, edges
