"""Transport between points on a line: sort both sides, then match mass in that order."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from divkit import _check
from divkit._errors import ConvergenceError
from divkit._forks import loading
from divkit.emd import _assignment, _problem
from divkit.emd._certificate.acceptance import NEGLIGIBLE, is_rounding
from divkit.emd._certificate.certify import judged
from divkit.emd._costs.costs import PointCosts
from divkit.emd._costs.metrics import Metric
from divkit.emd._on_line import staircase
from divkit.emd._on_line.line_costs import COMPILED, LineCosts, both
from divkit.emd._solver_types import Matrix, Vector
from divkit.emd._transport import Transport

_LARGEST = 2.0**1000
# Differences at which the convexity of a function h is checked, and the violation that counts as
# rounding, relative to the largest |h|.
_SAMPLE = 257
_CONVEX = 1e-12
# Pairs up to which doubtful potentials are checked on every pair.
_ALL_PAIRS = 1 << 20
_EPS = float(np.finfo(np.float64).eps)
# A gap that rounding alone may cause, relative to mass times the largest cost.
_HIDDEN = 64 * _EPS
_ATOMS = "point of `x`", "point of `y`"


def solve_line(x: Any, y: Any, a: Any = None, b: Any = None, p: Any = 1) -> Transport:
    r"""Return the cheapest plan between points on a line, for any convex cost of the difference.

    .. math:: W = \min_{\pi \ge 0} \Bigl\{ \sum_{ij} |x_i - y_j|^p \, \pi_{ij} :
        \pi 1 = a, \pi^T 1 = b \Bigr\}

    The points are sorted and their mass is matched in that order (the monotone plan), in
    O((n + m) log(n + m)). With equally many points on both sides and no weights the plan is a
    matching. For many points only the value and its certificate are computed up front; the plan
    and the potentials are computed on first access.

    Parameters
    ----------
    x, y : array_like, shapes (n,) and (m,)
        The points, in any order.
    a, b : array_like, shapes (n,) and (m,), optional
        Their weights, at least 0 and of equal mass; None is uniform, with the mass of the other
        side, or mass 1 if both are None.
    p : float or callable
        The power, at least 1; or a convex function h, for costs ``h(x_i - y_j)``, that takes an
        array of differences and returns an array of the same shape.

    Returns
    -------
    Transport
        `value` is the p-th power of the distance W_p; ``method`` is ``"line"``. For p = 1 the
        potentials are values of one 1-Lipschitz function u: f_i = u(x_i) and g_j = −u(y_j).

    Raises
    ------
    TypeError
        If an input is not an array of real numbers.
    ValueError
        If a point is nan or infinite, a shape does not fit, a weight is negative, the masses
        differ, p is below 1, h is not convex, or the largest cost does not fit into float64.
    ConvergenceError
        If the answer is not optimal to rounding.

    Notes
    -----
    The c-transforms that compute and check the potentials are exact although they do not evaluate
    all n·m pairs: the position of the minimum of c_ij − f_i is monotone in j. For many points and
    p = 1, 1.5, 2, ..., 16 `dual_residual` is an upper bound, computed in O(n + m): the potentials
    that are exactly tight along the plan are feasible, and how far the returned ones are from
    them is computed without rounding errors. The convexity of a function h cannot be proven from
    its values; it is checked at 257 differences. Up to 2**20 pairs the certificate does not rely
    on it, but examines every pair.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", section 2.6.

    Examples
    --------
    >>> from divkit import emd
    >>> t = emd.solve_line([0.0, 1.0, 3.0], [5.0, 6.0, 8.0])
    >>> t.value, t.gap
    (5.0, 0.0)
    >>> emd.solve_line([0.0, 1.0], [0.0, 3.0], [0.5, 0.5], [0.25, 0.75], p=2).plan.toarray()
    array([[0.25, 0.25],
           [0.  , 0.5 ]])
    """
    x, y = _points("x", x), _points("y", y)
    power = None if callable(p) else _power(p)
    h = _checked(p) if power is None else _absolute_power(power)
    if power is not None and x.size + y.size >= COMPILED:
        t = _many(x, y, a, b, h, power)
        if t is not None:
            return t
    uniform = a is None and b is None
    a, b = _problem.weights(a, b, (x.size, y.size), _ATOMS)
    given = a, b
    x_order, y_order = both(np.argsort, (x,), (y,))
    costs = LineCosts(x[x_order], y[y_order], h, power)
    _require_range(costs, x, y)
    _problem.require_range(a, costs.largest)
    if power is None:
        _require_convex(costs)
    a, b = a[x_order], b[y_order]
    source, sink = np.flatnonzero(a), np.flatnonzero(b)
    a_parts, b_parts, part = _equal_parts(a.size, b.size) if uniform else (a[source], b[sink], 1.0)
    cells = source.size + sink.size - 1
    down, mass = np.empty(cells - 1, np.bool_), np.empty(cells)
    entry = 0, 0, -float(b_parts[0]), 0.0, source.size
    _run("north_west", (a_parts, b_parts), (down, mass), entry)
    rows, columns = staircase.cells(down)
    rows, columns, mass = source[rows], sink[columns], part * mass
    f_carried, g_carried = np.empty(source.size), np.empty(sink.size)
    _run("potentials", (down, costs.at(rows, columns)), (f_carried, g_carried))
    f, g = np.zeros(x.size), np.zeros(y.size)
    f[source], g[sink] = f_carried, g_carried
    ordered = staircase.plan(np.arange(x.size), np.arange(y.size), rows, columns, mass)
    # For convex `p` the positions of minima are monotone, up to rounding of the largest cost. That
    # rounding matters if a few distant points make the largest cost dwarf the typical one.
    doubtful = power is None or _EPS * costs.largest > NEGLIGIBLE * _spread(costs, a)
    checked = _all_pairs(costs) if doubtful and x.size * y.size <= _ALL_PAIRS else costs
    t, is_exact = judged(a, b, checked, ordered, f, g, method="line", iterations=None)
    hidden = _HIDDEN * costs.largest * float(a.sum())
    if power is None and not is_exact and t.gap <= hidden and x.size * y.size <= _ALL_PAIRS:
        # h is evaluated at rounded differences, for which another plan may be slightly cheaper.
        return _of_all_pairs(x, y, given, h)
    if power is None and not is_exact:
        raise ValueError(
            f"`p` must be convex: to serve the points in order costs {t.value:.6g}, and as far as "
            f"is known another plan may cost {t.dual_value:.6g}; `emd.solve` takes any costs, in a "
            "matrix"
        )
    # The monotone plan is optimal up to rounding, so a gap of that size is accepted and reported.
    if not is_exact and not is_rounding(t.gap, 0.0, 0.0, 0.0, hidden):
        raise ConvergenceError(
            f"points served in order left a gap of {t.gap:.1e} at a value of {t.value:.6g}: "
            "rescale both sides"
        )
    f[x_order], g[y_order] = t.f, t.g
    plan = partial(staircase.plan, x_order, y_order, rows, columns, mass)
    return replace(t, _plan=plan, _potentials=(f, g))


def _many(
    x: Vector, y: Vector, a: Any, b: Any, h: Callable[[Any], Vector], p: float
) -> Transport | None:
    """Return the answer from compiled loops, or None if the general path is needed."""
    with loading:
        from divkit.emd._on_line import line_many

    if a is None and b is None:
        x_sorted, y_sorted = both(np.sort, (x,), (y,))
        costs = LineCosts(x_sorted, y_sorted, h, p)
        _require_range(costs, x, y)
        if x.size == y.size:
            return line_many.matched(costs, p, x, y, 1 / x.size, 1.0)
        # Copies, because the order is computed on demand and the caller may change the arrays.
        orders = partial(both, np.argsort, (x.copy(),), (y.copy(),))
        return line_many.weighted(costs, p, *_equal_parts(x.size, y.size), orders)
    a, b = _problem.weights(a, b, (x.size, y.size), _ATOMS)
    if not (a.all() and b.all()):
        return None
    if _assignment.same_weight(a, b) is a:
        weight = float(a[0])
        x_sorted, y_sorted = both(np.sort, (x,), (y,))
        costs = LineCosts(x_sorted, y_sorted, h, p)
        _require_range(costs, x, y)
        _problem.require_range(a, costs.largest)
        return line_many.matched(costs, p, x, y, weight, x.size * weight)
    with loading:
        from divkit.emd._on_line.line_order import ordered

    (x_order, x_sorted, a_sorted), (y_order, y_sorted, b_sorted) = both(ordered, (x, a), (y, b))
    costs = LineCosts(x_sorted, y_sorted, h, p)
    _require_range(costs, x, y)
    _problem.require_range(a, costs.largest)
    orders = partial(tuple, (x_order, y_order))
    return line_many.weighted(costs, p, a_sorted, b_sorted, 1.0, orders)


def _points(name: str, x: Any) -> Vector:
    x = _check.numpy_array(name, x)
    if x.ndim != 1 or x.size == 0:
        remedy = f": use `{name}.ravel()`" if x.size == max(x.shape, default=0) > 0 else ""
        raise ValueError(
            f"`{name}` must hold at least one point on a line, shape (n,), got {x.shape}{remedy}"
        )
    points: Vector = x
    return points


def _power(p: Any) -> float:
    if isinstance(p, bool) or not isinstance(p, numbers.Real):
        raise TypeError(f"`p` must be a power or a convex function of differences, got {p!r}")
    power = _check.as_float(p)
    if not 1 <= power < math.inf:
        raise ValueError(f"`p` must be finite and at least 1, where |x − y|^p is convex, got {p}")
    return power


def _absolute_power(p: float) -> Callable[[Any], Vector]:
    if p == 1:
        return np.abs
    if p == 2:
        return np.square
    return lambda d: np.abs(d) ** p


def _checked(h: Callable[[Any], Any]) -> Callable[[Any], Vector]:
    def cost(difference: Vector) -> Vector:
        value: Vector = _check.real("p(x - y)", h(difference), np)
        if value.shape != difference.shape:
            raise ValueError(
                f"`p` must return a cost for every difference, shape {difference.shape}, "
                f"got {value.shape}"
            )
        _check.finite("p(x - y)", value, np)
        return value

    return cost


def _require_range(costs: LineCosts, x: Vector, y: Vector) -> None:
    # After sorting, points that are not finite are at the ends: nan is sorted last.
    for name, given, ordered in (("x", x, costs.x), ("y", y, costs.y)):
        if not np.isfinite(ordered[[0, -1]]).all():
            _check.finite(name, given, np)
    with np.errstate(over="ignore"):
        largest = costs.largest if np.isfinite(costs.ends).all() else math.inf
    if not largest < _LARGEST:
        raise ValueError(
            f"the largest cost must be below 2**1000 (about 1e301), got {largest:g} between "
            f"points from {min(costs.x[0], costs.y[0]):g} to {max(costs.x[-1], costs.y[-1]):g}: "
            "rescale both sides"
        )


def _require_convex(costs: LineCosts) -> None:
    # Halved, because `last - first` might overflow.
    first, last = costs.ends / 2
    half = np.unique(np.linspace(first, last, _SAMPLE))
    d = 2 * half
    value = costs.h(d)
    share = (half[1:-1] - half[:-2]) / (half[2:] - half[:-2])
    above = value[1:-1] - (value[:-2] * (1 - share) + value[2:] * share)
    if d.size > 2 and above.max() > _CONVEX * np.abs(value).max():
        k = int(np.argmax(above))
        raise ValueError(
            f"`p` must be convex, got p({d[k + 1]:.6g}) = {value[k + 1]:.6g}, above the line "
            f"between p({d[k]:.6g}) = {value[k]:.6g} and p({d[k + 2]:.6g}) = {value[k + 2]:.6g}: "
            "points on a line are served in order for convex costs only"
        )


def _of_all_pairs(
    x: Vector, y: Vector, weights: tuple[Vector, Vector], h: Callable[[Any], Vector]
) -> Transport:
    from divkit.emd._solve import solve

    M = h((x[:, None] - y).ravel()).reshape(x.size, y.size)
    return replace(solve(*weights, M), method="line")


def _all_pairs(costs: LineCosts) -> PointCosts:
    """Return the same costs with brute-force minima over all pairs, valid for any function."""

    def by_pair(x: Matrix, y: Matrix) -> Vector:
        return costs.h((x - y)[:, 0])

    def all_pairs(x: Matrix, y: Matrix) -> Matrix:
        return costs.h((x - y.T).ravel()).reshape(len(x), len(y))

    metric = Metric("p", all_pairs, by_pair, None, threads=False)
    return PointCosts(costs.x[:, None], costs.y[:, None], metric)


def _spread(costs: LineCosts, a: Vector) -> float:
    """Return the mean cost between the sources and their median."""
    middle = costs.x[np.searchsorted(np.cumsum(a), a.sum() / 2)]
    return float(a @ costs.h(costs.x - middle)) / float(a.sum())


def _equal_parts(n: int, m: int) -> tuple[Vector, Vector, float]:
    """Return the weights 1/n and 1/m as multiples of a unit, and that unit."""
    parts = math.lcm(n, m)
    if parts >= 2**53:
        return np.full(n, 1 / n), np.full(m, 1 / m), 1.0
    # Integers times a power of two, so that cumulative weights that coincide do so exactly.
    unit = 0.5 ** parts.bit_length()
    return np.full(n, parts // n * unit), np.full(m, parts // m * unit), 1 / (parts * unit)


def _run(
    loop: str, given: tuple[Any, ...], found: tuple[Any, ...], numbers: tuple[Any, ...] = ()
) -> None:
    """Call a loop of `staircase`, in its compiled version if there are many cells."""
    if len(given[0]) + len(given[1]) >= COMPILED:
        with loading:
            from divkit.emd._on_line import staircase_loops

        getattr(staircase_loops, loop)(*given, *numbers, *found)
        return
    # Accessing single entries is faster in lists than in arrays.
    lists = [x.tolist() for x in found]
    getattr(staircase, loop)(*(x.tolist() for x in given), *numbers, *lists)
    for x, values in zip(found, lists, strict=True):
        x[:] = values
