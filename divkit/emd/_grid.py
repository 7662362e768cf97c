"""Transport between histograms on a grid, as a flow between neighboring cells."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from divkit import _check
from divkit._forks import loading
from divkit.emd import _problem
from divkit.emd._certificate.exact import check_limit
from divkit.emd._solver_types import Indices, Vector
from divkit.emd._transport import Transport

if TYPE_CHECKING:
    from divkit.emd._flow.cheapest_flow import Network

_METRICS = "cityblock", "chebyshev"
_LARGEST = 2.0**1000
# Arcs are numbered in 32 bits.
_ARCS = 2**31 - 1
# Cells up to which a grid's arcs are cached, because many histograms often share one grid.
_KEPT = 1 << 14


def solve_grid(
    a: Any,
    b: Any,
    metric: str = "cityblock",
    spacing: float | Sequence[float] | None = None,
    *,
    max_iter: int | None = None,
) -> Transport:
    r"""Return the cheapest plan between two histograms on the same grid, in any dimension.

    .. math:: W = \min_{\pi \ge 0} \Bigl\{ \sum_{ij} d(i, j) \, \pi_{ij} :
        \pi 1 = a, \pi^T 1 = b \Bigr\}

    where d(i, j) is Σ_k w_k |i_k − j_k| (``"cityblock"``) or max_k w_k |i_k − j_k|
    (``"chebyshev"``). Both are lengths of shortest paths along neighboring cells, so the problem is
    a minimum-cost flow between neighbors, with 2d arcs per cell, or 3^d − 1 with diagonal steps
    (``"chebyshev"``), instead of one per pair of cells.

    Parameters
    ----------
    a, b : array_like, shape (n_1, ..., n_d)
        Histograms of equal shape and mass, at least 0. None is uniform, with the mass of the
        other one.
    metric : {"cityblock", "chebyshev"}
        The distance between cells.
    spacing : float or sequence of d floats, optional
        The distance w_k of neighbors along each axis; by default 1.
    max_iter : int, optional
        The largest number of pivots of one run of the simplex method. Running out of them is an
        error.

    Returns
    -------
    Transport
        ``method`` is ``"grid"``. The potentials have the shape of the histograms, and g = −f,
        where f maximizes Σ (a − b) f subject to f_i − f_j ≤ d(i, j). The plan is in the order of
        ``a.ravel()`` and built on first access; mass that both histograms share stays in place.

    Raises
    ------
    TypeError
        If an input is not an array of real numbers.
    ValueError
        If shapes or masses differ, an entry is negative, nan or infinite, a spacing is not
        positive, or the metric is not a shortest-path length: ``"chebyshev"`` with an axis of
        three or more cells that is spaced more closely than another.
    ConvergenceError
        If the pivots run out, or the answer is not optimal to rounding.

    Notes
    -----
    The certificate is valid for all pairs although only neighbors are checked, because their
    bounds add up along paths. `dual_residual` is a bound on what the rounding of f can add to any
    f_i − f_j, divided by the largest distance.

    References
    ----------
    Ling and Okada (2007), "An efficient earth mover's distance algorithm for robust histogram
    comparison", IEEE Transactions on Pattern Analysis and Machine Intelligence 29.

    Examples
    --------
    >>> from divkit import emd
    >>> t = emd.solve_grid([[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.5, 0.5]])
    >>> t.value, t.gap
    (1.5, 0.0)
    >>> t.f
    array([[ 0.75, -0.25],
           [-0.25, -1.25]])
    >>> print(emd.solve_grid([[1, 0], [0, 0]], [[0, 0], [0, 1]], "chebyshev", spacing=3).value)
    3.0
    """
    _check.one_of("metric", metric, _METRICS)
    limit = None if max_iter is None else check_limit(max_iter)
    a, b, shape = _histograms(a, b)
    widths = _widths(spacing, shape)
    with np.errstate(over="ignore"):
        along_axes = widths * (np.array(shape) - 1)
        largest = float(along_axes.sum() if metric == "cityblock" else along_axes.max())
    if not largest < _LARGEST:
        raise ValueError(
            f"the largest distance must be below 2**1000 (about 1e301), got {largest:g}: "
            "reduce `spacing`"
        )
    cells, axes = math.prod(shape), sum(n > 1 for n in shape)
    if cells * (2 * axes if metric == "cityblock" else 3**axes) > _ARCS:
        raise ValueError(f"a grid may have up to {_ARCS} arcs, got {cells} cells: bin coarser")
    a, b = _problem.weights(a, b, (cells, cells), ("cell", "cell"))
    _problem.require_range(a, largest)
    with loading:
        from divkit.emd._flow import beckmann  # compiled code

    network = (_kept_network if cells <= _KEPT else _network)(shape, metric, tuple(widths.tolist()))
    component = np.zeros(cells, np.intp)
    t = beckmann.solve(a, b, network, component, method="grid", limit=limit, largest=largest)
    return replace(t, _potentials=(t.f.reshape(shape), t.g.reshape(shape)))


def _network(shape: tuple[int, ...], metric: str, widths: tuple[float, ...]) -> Network:
    """Return the arcs between neighboring cells."""
    with loading:
        from divkit.emd._flow.cheapest_flow import by_rows  # compiled code

    return by_rows(*_arcs(shape, list(_moves(metric, shape, np.array(widths)))))


_kept_network = lru_cache(maxsize=4)(_network)


def _histograms(a: Any, b: Any) -> tuple[Vector | None, Vector | None, tuple[int, ...]]:
    """Return both in one dimension, and their shape."""
    given = {name: _histogram(name, x) for name, x in (("a", a), ("b", b)) if x is not None}
    if not given:
        raise ValueError("`a` or `b` must be a histogram, got None for both")
    shapes = [x.shape for x in given.values()]
    if shapes[0] != shapes[-1]:
        raise ValueError(
            f"`a` and `b` must be histograms on one grid, got shapes {shapes[0]} and "
            f"{shapes[1]}: pad the smaller one with zeros"
        )
    flat = {name: x.ravel() for name, x in given.items()}
    return flat.get("a"), flat.get("b"), shapes[0]


def _histogram(name: str, x: Any) -> Vector:
    cells: Vector = _check.numpy_array(name, x)
    if cells.size == 0 or cells.ndim == 0:
        raise ValueError(f"`{name}` must hold at least one cell, got shape {cells.shape}")
    _check.nonnegative(name, cells, np)
    return cells


def _widths(spacing: Any, shape: tuple[int, ...]) -> Vector:
    """Return the distance of neighbors along each axis."""
    if spacing is None:
        return np.ones(len(shape))
    widths = _check.numpy_array("spacing", spacing)
    if widths.ndim == 0 and isinstance(spacing, numbers.Real):
        widths = np.full(len(shape), float(widths))
    if widths.shape != (len(shape),):
        raise ValueError(
            f"`spacing` must be a number or one per axis, {len(shape)} of them for histograms of "
            f"shape {shape}, got shape {widths.shape}"
        )
    if not (np.isfinite(widths).all() and (widths > 0).all()):
        raise ValueError(f"`spacing` must be positive and finite, got {spacing}")
    return np.array(widths)


def _moves(
    metric: str, shape: tuple[int, ...], widths: Vector
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yield the steps from a cell to its neighbors, and their lengths.

    If a diagonal step costs the largest w_k of the axes it moves along, shortest paths have length
    max_k w_k |i_k − j_k|, provided that steps along the widest axes can include all the others. A
    step along a narrower axis that is left over costs extra. There is one as soon as that axis has
    three cells, for two steps along it and one along a wider axis.
    """
    axes = [k for k, cells in enumerate(shape) if cells > 1]
    if metric == "chebyshev" and axes:
        widest = max(axes, key=lambda k: widths[k])
        for k in axes:
            if shape[k] > 2 and widths[k] < widths[widest]:
                narrow, wide = _check.distinct(widths[k], widths[widest])
                raise ValueError(
                    "metric 'chebyshev' needs the same spacing along all axes, got "
                    f"{narrow} along axis {k} and {wide} along axis {widest}: "
                    "otherwise distances are not lengths of paths between neighbors; use "
                    "`emd.solve_points` on the cells' coordinates"
                )
    for step in product(*((-1, 0, 1) if cells > 1 else (0,) for cells in shape)):
        moved = np.flatnonzero(step)
        if moved.size == 1 or (moved.size > 1 and metric == "chebyshev"):
            yield step, float(widths[moved].max())


def _arcs(
    shape: tuple[int, ...], moves: list[tuple[tuple[int, ...], float]]
) -> tuple[Indices, Indices, Vector]:
    """Return the graph of the moves in CSR form, the heads in each row ascending."""
    strides = np.cumprod([1, *shape[:0:-1]])[::-1]
    moves = sorted(moves, key=lambda move: int(np.dot(move[0], strides)))
    cells = math.prod(shape)
    inside = np.ones((*shape, len(moves)), np.bool_)
    for number, (step, _) in enumerate(moves):
        for axis, along in enumerate(step):
            if along:
                np.moveaxis(inside, axis, 0)[-1 if along > 0 else 0, ..., number] = False
    inside = inside.reshape(cells, len(moves))
    tails, move = np.nonzero(inside)
    offsets = np.array([np.dot(step, strides) for step, _ in moves], np.intp)
    lengths = np.array([length for _, length in moves])
    start = np.append(0, np.cumsum(inside.sum(axis=1)))
    return start, tails + offsets[move], lengths[move]
