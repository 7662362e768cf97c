"""Extend a potential beyond the points that it was computed for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from divkit import _check
from divkit._cached import cached_property
from divkit.emd._costs.costs import in_pieces, tiles
from divkit.emd._costs.metrics import Between, Metric, metric
from divkit.emd._solver_types import Indices, Mask, Matrix, Vector


@dataclass(frozen=True, eq=False, repr=False)
class Potential:
    r"""The potential f on the whole space: the c-transform of the potential g of the other side.

    .. math:: f(x) = \min_j c(x, y_j) - g_j

    At the points of a solved problem it agrees with the answer: given ``t.g`` at the sinks y, it
    is ``t.f`` at the sources. Anywhere else it is the largest value that keeps the potentials
    feasible. Its gradient is that of c(·, y_j) for the j where the minimum is attained (the
    envelope theorem). With the metric ``"sqeuclidean"``, x − ½∇f(x) is that sink y_j, which
    extends the transport map to new points.

    Parameters
    ----------
    points : array_like, shape (m, d), or (m,) on a line
        The points y_j of the other side.
    values : array_like, shape (m,)
        The potential g at these points.
    metric : str, float or callable
        The cost: ``"sqeuclidean"``, ``"euclidean"``, ``"cityblock"``, ``"chebyshev"``, a number
        p ≥ 1 for the p-norm, or ``cost(x, y)``, which gets (k, d) and (m, d) points and returns
        their (k, m) costs, finite or +inf.
    metric_gradient : callable, optional
        Only if `metric` is a function: ``metric_gradient(x, y)`` gets two (k, d) arrays of points
        and returns the (k, d) gradients in x of the k costs of x[i] and y[i].

    Raises
    ------
    TypeError
        If an input is not an array of real numbers, or `metric` is not valid.
    ValueError
        If a shape does not fit, a number is not finite, or the metric is not known.

    Notes
    -----
    Evaluating k points computes k·m costs, of which one tile is in memory at a time.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", section 5.1.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.spatial.distance import cdist
    >>> from divkit import emd
    >>> x, y = np.array([[0.0, 0.0], [0.0, 1.0]]), np.array([[3.0, 0.0], [3.0, 2.0]])
    >>> t = emd.solve(None, None, cdist(x, y, "sqeuclidean"))
    >>> f = emd.Potential(y, t.g, "sqeuclidean")
    >>> np.abs(f(x) - t.f).max()
    np.float64(0.0)
    >>> new = np.array([[1.0, 5.0], [1.0, -1.0]])
    >>> f.gradient(new)
    array([[-4.,  6.],
           [-4., -2.]])
    >>> new - f.gradient(new) / 2
    array([[3., 2.],
           [3., 0.]])
    """

    points: Any
    values: Any
    metric: Any = "euclidean"
    metric_gradient: Between | None = None

    def __post_init__(self) -> None:
        """Check what was given."""
        points = _read("points", self.points)
        if points.ndim not in (1, 2) or 0 in points.shape:
            raise ValueError(
                "`points` must hold at least one point, shape (m, d), or (m,) on a line, "
                f"got {points.shape}"
            )
        values = _read("values", self.values)
        if values.shape != points.shape[:1]:
            raise ValueError(
                f"`values` must have shape ({len(points)},), one value per point, "
                f"got {values.shape}"
            )
        if self.metric_gradient is not None and not callable(self.metric):
            raise ValueError(
                "`metric_gradient` belongs to a metric that is a function, "
                f"got metric={self.metric!r}"
            )
        # Copies, so that later changes of the caller's arrays do not affect this frozen object.
        object.__setattr__(self, "points", points.copy())
        object.__setattr__(self, "values", values.copy())
        self._cost  # noqa: B018  (raises an error for an invalid metric)

    def __repr__(self) -> str:
        """Return one line with the points and the metric."""
        size = "x".join(map(str, self.points.shape))
        return f"Potential(points=<{size}>, metric={self._cost.name!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields only: built-in metrics cannot be pickled, but are looked up again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __call__(self, x: Any) -> Vector:
        """Return f at points, shape (k, d) or (k,); +inf where every pair is forbidden."""
        return self._minima(self._others(x))[1]

    def minimizer(self, x: Any) -> Indices:
        """Return for every point of `x` the first j where the minimum is attained."""
        return self._minima(self._others(x))[0]

    def gradient(self, x: Any) -> Matrix:
        """Return ∇f at the points `x`, in their shape.

        Where several j attain the minimum, f has a kink, and the gradient is that of the first j.
        Where points coincide and the cost has a kink, the subgradient 0 is used. Where every pair
        is forbidden the gradient is nan.

        Raises
        ------
        TypeError
            If the metric is a function and `metric_gradient` was not given.
        """
        cost_gradient = self._cost.gradient
        if cost_gradient is None:
            raise TypeError(
                f"the gradient of the metric {self._cost.name!r} is not known: pass "
                "`metric_gradient`"
            )
        others = self._others(x)
        columns, minima = self._minima(others)
        if callable(self.metric):
            far = np.flatnonzero(np.isinf(minima))
            allowed = np.isfinite(minima)
            allowed[far] = np.isfinite(self._cost.by_pair(others[far], self._sinks[columns[far]]))
            gradient = _of_function(cost_gradient(others, self._sinks[columns]), allowed, others)
        else:
            gradient = self._of_distance(cost_gradient, others, self._sinks[columns])
        return gradient if self.points.ndim == 2 else gradient[:, 0]

    def _of_distance(self, cost_gradient: Between, x: Matrix, y: Matrix) -> Matrix:
        """Return the gradients at pairs of points, which are scaled so that nothing overflows."""
        exponent = _exponents(np.maximum(np.abs(x).max(axis=1), np.abs(y).max(axis=1)))[:, None]
        x, y = np.ldexp(x, -exponent), np.ldexp(y, -exponent)
        # Powers of coordinates that are relatively small may underflow, which is harmless.
        with np.errstate(all="ignore"):
            gradient: Matrix = cost_gradient(x, y)
            return np.ldexp(gradient, exponent) if self._degree == 2 else gradient

    @cached_property
    def _cost(self) -> Metric:
        return metric(self.metric, self.metric_gradient)

    @property
    def _degree(self) -> int:
        """The degree of homogeneity of the costs of a built-in metric in the coordinates."""
        return 2 if self._cost.name == "sqeuclidean" else 1

    @property
    def _sinks(self) -> Matrix:
        sinks: Matrix = self.points if self.points.ndim == 2 else self.points[:, None]
        return sinks

    def _others(self, x: Any) -> Matrix:
        x = _read("x", x)
        if x.shape[1:] != self.points.shape[1:] or x.ndim != self.points.ndim:
            wanted = ", ".join(["k", *map(str, self.points.shape[1:])])
            raise ValueError(
                f"`x` must have shape ({wanted}{',' if self.points.ndim == 1 else ''}) to match "
                f"`points`, got {x.shape}"
            )
        others: Matrix = x if x.ndim == 2 else x[:, None]
        return others

    def _minima(self, x: Matrix) -> tuple[Indices, Vector]:
        columns, minima = np.empty(len(x), np.intp), np.empty(len(x))

        def piece(start: int, stop: int) -> None:
            for rows in tiles(start, stop, len(self.values)):
                value = self._cost.all_pairs(x[rows], self._sinks)
                with np.errstate(over="ignore"):
                    value = value - self.values
                columns[rows] = np.argmin(value, axis=1)
                minima[rows] = np.take_along_axis(value, columns[rows, None], axis=1)[:, 0]

        if self._cost.threads:
            in_pieces(piece, len(x), len(self.values))
        else:
            piece(0, len(x))
        for row in np.flatnonzero(np.isinf(minima)):
            columns[row], minima[row] = self._far(x[row : row + 1])
        return columns, minima

    def _far(self, x: Matrix) -> tuple[int, float]:
        """Return the minimizer and the minimum for one point, without overflow on the way."""
        if callable(self.metric):
            of_cost, cost = 2, np.ldexp(self._cost.all_pairs(x, self._sinks)[0], -2)
        else:
            exponent = int(_exponents(max(np.abs(x).max(), np.abs(self._sinks).max())))
            of_cost, sinks = exponent * self._degree, np.ldexp(self._sinks, -exponent)
            cost = self._cost.all_pairs(np.ldexp(x, -exponent), sinks)[0]
        value = cost - np.ldexp(self.values, -of_cost)
        column = int(np.argmin(value))
        with np.errstate(over="ignore"):
            return column, float(np.ldexp(value[column], of_cost))


def _of_function(found: Any, allowed: Mask, x: Matrix) -> Matrix:
    """Return the gradients that a user's function gave, nan where every pair is forbidden."""
    gradient = _check.real("metric_gradient(x, y)", found, np)
    if gradient.shape != x.shape:
        raise ValueError(
            f"`metric_gradient` must return a gradient per pair, shape {x.shape}, "
            f"got {gradient.shape}"
        )
    for row in np.flatnonzero(allowed & np.isnan(gradient).any(axis=1))[:1]:
        raise ValueError(
            f"`metric_gradient` must return numbers where the cost is finite, got {gradient[row]} "
            f"at x[{row}] = {x[row]}"
        )
    return np.where(allowed[:, None], gradient, np.nan)


def _exponents(size: Any) -> Any:
    """Return e with size / 2**e below 1, so that no difference or square overflows."""
    return np.frexp(size)[1]


def _read(name: str, x: Any) -> Any:
    x = _check.numpy_array(name, x)
    _check.finite(name, x, np)
    return x
