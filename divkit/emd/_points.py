"""Transport between weighted points in space, whose cost matrix is never formed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from divkit import _check
from divkit._forks import loading
from divkit.emd import _assignment, _problem
from divkit.emd._backends.feasibility import listed
from divkit.emd._certificate.exact import check_limit, exact
from divkit.emd._costs.metrics import Metric
from divkit.emd._costs.metrics import metric as read_metric
from divkit.emd._line import solve_line
from divkit.emd._solve import solve
from divkit.emd._solver_types import Indices, Matrix, NoPlanError, Vector
from divkit.emd._transport import Transport

# Up to this many pairs the cost matrix takes at most two megabytes, and `solve` is faster.
_FEW_PAIRS = 1 << 18
_ATOMS = "point of `x`", "point of `y`"
_SMALLEST_EXPONENT, _LARGEST_EXPONENT = -1074, 1000


def solve_points(
    x: Any,
    y: Any,
    a: Any = None,
    b: Any = None,
    metric: Any = "euclidean",
    *,
    max_iter: int | None = None,
) -> Transport:
    r"""Return the cheapest plan between weighted points, exactly and without a cost matrix.

    .. math:: W = \min_{\pi \ge 0} \Bigl\{ \sum_{ij} c(x_i, y_j) \, \pi_{ij} :
        \pi 1 = a, \pi^T 1 = b \Bigr\}

    Parameters
    ----------
    x, y : array_like, shapes (n, d) and (m, d)
        The points.
    a, b : array_like, shapes (n,) and (m,), optional
        Their weights, at least 0 and of equal mass; None is uniform, with the mass of the other
        side, or mass 1 if both are None.
    metric : str, float or callable
        The cost: ``"sqeuclidean"``, ``"euclidean"``, ``"cityblock"``, ``"chebyshev"``, a number
        p ≥ 1 for the p-norm, or ``cost(x, y)``, which gets (k, d) and (l, d) points and returns
        their (k, l) costs, finite or +inf (a forbidden pair).
    max_iter : int, optional
        The largest number of pivots. Running out of them is an error.

    Returns
    -------
    Transport
        Its certificate is checked on all n·m pairs, and `plan` has at most n + m − 1 entries.
        ``method`` says what was used: ``"points"``; ``"line"`` for a built-in metric in one
        dimension; or the method of `solve`, if the cost matrix takes at most two megabytes and
        forbids no pair, in which case it is formed.

    Raises
    ------
    TypeError
        If an input is not an array of real numbers, or `metric` is not valid.
    ValueError
        If a point is nan or infinite, a shape does not fit, a weight is negative, the masses
        differ, the metric is not known or returns nan, or no plan avoids the forbidden pairs.
    ConvergenceError
        If the pivots run out, or the answer is not optimal to rounding.

    Notes
    -----
    The problem between centroids of groups of points is solved first, in the same way, and gives
    initial potentials. A network simplex works on the few pairs that look promising at these, then
    also on pairs that violate its own potentials, until there are none (column generation, as in
    Schmitzer 2016, "A sparse multiscale algorithm for dense optimal transport", and Gottschlich
    and Schuhmacher 2014, "The shortlist method"). For built-in metrics, points are grouped in
    boxes, and pairs of boxes whose least cost is too large are skipped.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", sections 2.3, 2.5 and 5.1.

    Examples
    --------
    >>> from divkit import emd
    >>> x, y = [[0.0, 0.0], [0.0, 1.0]], [[3.0, 1.0], [4.0, 0.0]]
    >>> t = emd.solve_points(x, y)
    >>> t.value, abs(t.gap) < 1e-15
    (3.5, True)
    >>> t.plan.toarray()
    array([[0. , 0.5],
           [0.5, 0. ]])
    >>> emd.solve_points(x, y, [0.5, 0.5], [0.25, 0.75], "cityblock").value
    4.0
    """
    if max_iter is not None:
        max_iter = check_limit(max_iter)
    x, y = _points("x", x), _points("y", y)
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"`x` and `y` must have points of the same dimension, got {x.shape[1]} and {y.shape[1]}"
        )
    cost = read_metric(metric)
    known = not callable(metric)
    if known and x.shape[1] == 1:
        power = 2 if cost.name == "sqeuclidean" else 1
        return solve_line(x[:, 0], y[:, 0], a, b, power)
    a, b = _problem.weights(a, b, (len(x), len(y)), _ATOMS)
    b = _assignment.same_weight(a, b)
    if not known:
        return _solve(x, y, a, b, cost, None, max_iter)
    # Powers of two, so that squares stay within the range of float64 and no digit is lost.
    exponent = int(np.frexp(max(np.abs(x).max(), np.abs(y).max()))[1])
    x, y = np.ldexp(x, -exponent), np.ldexp(y, -exponent)
    cost_exponent = exponent * (2 if cost.name == "sqeuclidean" else 1)
    _require_range(a, x, y, cost, cost_exponent)
    p = 0.0 if isinstance(metric, str) else _check.as_float(metric)
    t = _solve(x, y, a, b, cost, p, max_iter)
    value, dual_value, gap, f, g = (
        np.ldexp(number, cost_exponent) for number in (t.value, t.dual_value, t.gap, t.f, t.g)
    )
    return replace(
        t, value=float(value), dual_value=float(dual_value), gap=float(gap), _potentials=(f, g)
    )


def _points(name: str, x: Any) -> Matrix:
    x = _check.numpy_array(name, x)
    if x.ndim != 2 or 0 in x.shape:
        remedy = f": use `{name}[:, None]` for points on a line" if x.ndim == 1 and x.size else ""
        raise ValueError(
            f"`{name}` must hold at least one point, shape (n, d), got {x.shape}{remedy}"
        )
    _check.finite(name, x, np)
    points: Matrix = x
    return points


def _solve(
    x: Matrix, y: Matrix, a: Vector, b: Vector, cost: Metric, p: float | None, limit: int | None
) -> Transport:
    """Return the answer for points that have been checked; `p` is None for a user's function."""
    if len(x) * len(y) <= _FEW_PAIRS:
        M = cost.all_pairs(x, y)
        # With forbidden pairs, the messages of `solve` would refer to a matrix.
        if np.isfinite(M).all():
            return solve(a, b, M, max_iter=limit)
    with loading:
        from divkit.emd._column_generation import coarse_to_fine  # compiled code

    pairs = coarse_to_fine.pairs(x, y, cost, p)
    _problem.require_range(a, pairs.largest)
    row, column = pairs.x.order, pairs.y.order
    try:
        answer = coarse_to_fine.solve(a[row], b[column], pairs, limit)
    except NoPlanError as error:
        raise ValueError(_violated_cut(a, b, row[error.args[0]], column[error.args[1]])) from None
    remedy = "the costs differ by more than float64 can tell"
    t = exact(a[row], b[column], pairs, answer, "points", remedy)
    return _in_order_of_points(t, row, column)


def _in_order_of_points(t: Transport, row: Indices, column: Indices) -> Transport:
    with loading:
        from scipy.sparse import csr_array

    entries = t.plan.tocoo()
    rows, columns = entries.coords
    plan = csr_array((entries.data, (row[rows], column[columns])), shape=t.shape)
    f, g = np.empty(t.shape[0]), np.empty(t.shape[1])
    f[row], g[column] = t.f, t.g
    return replace(t, _plan=plan, _potentials=(f, g))


def _require_range(a: Vector, x: Matrix, y: Matrix, cost: Metric, exponent: int) -> None:
    """Raise ValueError if costs, times 2**exponent, or their sums may leave float64."""
    low, high = np.minimum(x.min(axis=0), y.min(axis=0)), np.maximum(x.max(axis=0), y.max(axis=0))
    # No cost is larger than that between two corners of the box that holds all points.
    size, more = np.frexp(cost.by_pair(low[None], high[None])[0])
    if not _SMALLEST_EXPONENT <= more + exponent <= _LARGEST_EXPONENT:
        raise ValueError(
            f"costs between points must lie within 2**{_LARGEST_EXPONENT} (about 1e301), and not "
            f"all below 2**{_SMALLEST_EXPONENT}, got up to about 2**{more + exponent} from the "
            f"metric {cost.name!r}: rescale `x` and `y`"
        )
    _problem.require_range(a, float(np.ldexp(size, more + exponent)))


def _violated_cut(a: Vector, b: Vector, rows: Indices, columns: Indices) -> str:
    held, taken = _check.distinct(a[rows].sum(), b[columns].sum())
    return (
        "no plan avoids the forbidden pairs (+inf from `metric`): the points "
        f"{listed(np.sort(rows))} of `x` hold a mass of {held}, but those of `y` that they may "
        f"reach, {listed(np.sort(columns))}, take {taken}: allow more pairs, or move mass"
    )
