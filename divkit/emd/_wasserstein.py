"""The Wasserstein distances W_p: roots of transport costs."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from divkit import _check
from divkit.emd._costs.metrics import Metric
from divkit.emd._costs.metrics import metric as read_metric
from divkit.emd._line import solve_line
from divkit.emd._points import solve_points
from divkit.emd._solver_types import Matrix
from divkit.emd._transport import Transport

# Below this, costs may be subnormal, with fewer digits.
_SMALLEST = 2.0**-1021
_LARGE = 2.0**500


def wasserstein(
    x: Any, y: Any, a: Any = None, b: Any = None, *, p: float = 1, metric: Any = "euclidean"
) -> float:
    r"""Return the Wasserstein distance of order p between weighted points.

    .. math:: W_p = \Bigl( \min_{\pi \ge 0} \Bigl\{ \sum_{ij} d(x_i, y_j)^p \, \pi_{ij} :
        \pi 1 = a, \pi^T 1 = b \Bigr\} \Bigr)^{1/p}

    It is a distance, in the units of the points. For the plan, the potentials, and the cost before
    the root is taken, see `solve_points`, or `solve_line` in one dimension.

    Parameters
    ----------
    x, y : array_like, shapes (n, d) and (m, d), or (n,) and (m,)
        The points.
    a, b : array_like, shapes (n,) and (m,), optional
        Their weights, at least 0 and of equal mass; None is uniform, with the mass of the other
        side, or mass 1 if both are None. The mass is not normalized: its p-th root multiplies W_p.
    p : float
        The order, at least 1.
    metric : str, float or callable
        The distance d: ``"euclidean"``, ``"cityblock"``, ``"chebyshev"``, a number q ≥ 1 for the
        q-norm, or ``distance(x, y)``, which gets (k, d) and (l, d) points and returns their (k, l)
        distances.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If an input is not an array of real numbers, or p is no number.
    ValueError
        If p is not finite or below 1, the metric is not a distance, powers of distances leave
        float64, or for the reasons of `solve_points`.
    ConvergenceError
        If the answer is not optimal to rounding.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", section 2.4, propositions
    2.2 and 2.3.

    Examples
    --------
    >>> from divkit import emd
    >>> x, y = [[0.0, 0.0], [0.0, 1.0]], [[3.0, 4.0], [3.0, 5.0]]
    >>> [emd.wasserstein(x, y, p=p) for p in (1, 2)]
    [5.0, 5.0]
    >>> emd.wasserstein([0.0, 1.0], [5.0, 4.0], p=2), emd.solve_line([0, 1], [5, 4], p=2).value
    (4.0, 16.0)
    """
    p = _order(p)
    if isinstance(metric, str) and metric == "sqeuclidean":
        raise ValueError(
            "`metric` must be a distance, got 'sqeuclidean': its root is 'euclidean', and p=2 "
            "takes the square"
        )
    distance = read_metric(metric)
    if callable(metric):
        x, y = (_check.numpy_array(name, given) for name, given in (("x", x), ("y", y)))
        return _root(solve_points(x, y, a, b, _to_the(p, distance)), x, y, p, distance)
    x, y = _check.numpy_array("x", x), _check.numpy_array("y", y)
    # A power of two, so that powers of distances stay within float64 and no digit is lost.
    exponent = int(np.frexp(max(np.abs(x).max(initial=0.0), np.abs(y).max(initial=0.0)))[1])
    x, y = np.ldexp(x, -exponent), np.ldexp(y, -exponent)
    if x.ndim == y.ndim == 1 or x.shape[1:] == y.shape[1:] == (1,):
        t = solve_line(x.reshape(-1), y.reshape(-1), a, b, p)
        x, y = x.reshape(-1, 1), y.reshape(-1, 1)
    elif p == 1:
        t = solve_points(x, y, a, b, metric)
    elif p == 2 and distance.name == "euclidean":
        t = solve_points(x, y, a, b, "sqeuclidean")
    else:
        t = solve_points(x, y, a, b, _to_the(p, distance))
    with np.errstate(over="ignore"):
        found = float(np.ldexp(_root(t, x, y, p, distance), exponent))
    if found == math.inf:
        raise _out_of_range(p)
    return found


def _order(p: Any) -> float:
    if isinstance(p, bool) or not isinstance(p, numbers.Real):
        raise TypeError(f"`p` must be a number, got {p!r}")
    order = _check.as_float(p)
    if not 1 <= order < math.inf:
        raise ValueError(f"`p` must be finite and at least 1, where W_p is a distance, got {p}")
    return order


def _to_the(p: float, distance: Metric) -> Any:
    """Return the cost d^p, for `solve_points`."""

    def cost(x: Matrix, y: Matrix) -> Matrix:
        d: Matrix = distance.all_pairs(x, y)
        if d.min() < 0:
            raise ValueError(f"`metric` must return distances, at least 0, got {d.min():g}")
        with np.errstate(over="ignore", under="ignore"):
            power = d**p
        # +inf forbids a pair, which only the distance may do, not an overflow of its power.
        if np.any(np.isinf(power) & np.isfinite(d)):
            raise _out_of_range(p)
        return power

    return cost


def _root(t: Transport, x: Matrix, y: Matrix, p: float, distance: Metric) -> float:
    plan = t.plan.tocoo()
    if t.value < _SMALLEST * max(1.0, plan.data.max()):
        rows, columns = plan.coords
        distances = distance.by_pair(x[rows], y[columns])
        if distances.any():
            # In smaller units of mass the value may be a normal number.
            with np.errstate(over="ignore", under="ignore"):
                value = float(np.sum(_LARGE * plan.data * distances**p))
            if not _SMALLEST <= value < math.inf:
                raise _out_of_range(p)
            return float(value ** (1 / p) / _LARGE ** (1 / p))
    root: float = max(t.value, 0.0) ** (1 / p)
    return root


def _out_of_range(p: float) -> ValueError:
    return ValueError(
        f"distances to the power p = {p:g}, times the mass, must stay within the range of float64: "
        "take a lower order, or rescale `x` and `y` or the weights"
    )
