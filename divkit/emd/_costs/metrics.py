"""Costs between points: for all pairs, pair by pair, and their gradients."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from divkit import _check
from divkit._forks import loading
from divkit.emd._solver_types import Matrix, Vector

Between = Callable[[Matrix, Matrix], Any]

# Pairs at which a user's function is evaluated at a time, as the diagonal of a square tile.
_DIAGONAL = 64
# Binary exponents within which sums of powers neither overflow nor underflow, and roots lose no
# digit; and pairs that are corrected at a time.
_EXPONENT, _NEAR = 960, 32
_MANY = 1 << 16


@dataclass(frozen=True, slots=True)
class Metric:
    """A cost c(x, y) of points.

    Attributes
    ----------
    name : str
        For messages and records.
    all_pairs : callable
        (k, d) and (m, d) points to the (k, m) costs.
    by_pair : callable
        (k, d) and (k, d) points to k costs.
    gradient : callable or None
        (k, d) and (k, d) points to the k gradients in the first argument, (k, d); where the
        points coincide, the subgradient 0. None if it is not known.
    threads : bool
        Whether `all_pairs` may run in several threads at once.
    """

    name: str
    all_pairs: Between
    by_pair: Between
    gradient: Between | None
    threads: bool = True


def metric(given: Any, gradient: Between | None = None) -> Metric:
    """Return the `Metric` for a name, the p of a p-norm, or a user's function.

    Parameters
    ----------
    given : str, float or callable
        ``"sqeuclidean"``, ``"euclidean"``, ``"cityblock"``, ``"chebyshev"``; a number p ≥ 1 for
        the p-norm ‖x − y‖_p; or ``cost(x, y)``, which gets (k, d) and (m, d) points and returns
        their (k, m) costs.
    gradient : callable, optional
        Only if `given` is a function: ``gradient(x, y)``, which gets two (k, d) arrays of points
        and returns the (k, d) gradients of the cost in x.

    Raises
    ------
    ValueError
        If the name is not known or p is less than 1.
    TypeError
        If `given` is none of the three.
    """
    if gradient is not None and not callable(gradient):
        raise TypeError(
            f"`metric_gradient` must be a function of points, k of them twice, got {gradient!r}"
        )
    if callable(given):
        all_pairs = _checked(given)
        name = getattr(given, "__name__", type(given).__name__)
        # A user's function is not required to be thread-safe.
        return Metric(name, all_pairs, partial(_diagonal, all_pairs), gradient, threads=False)
    if isinstance(given, str):
        _check.one_of("metric", given, tuple(_NAMED))
        return _NAMED[given]
    if isinstance(given, numbers.Real) and not isinstance(given, bool):
        p = _check.as_float(given)
        if not p >= 1:
            raise ValueError(f"`metric` must be at least 1 where it is the p of a norm, got {p}")
        return _NORMS.get(p) or _norm(p)
    raise TypeError(
        "`metric` must be a name, the p of a p-norm or a function of two sets of points, "
        f"got {given!r}"
    )


def _cdist(name: str, **options: float) -> Between:
    def all_pairs(x: Matrix, y: Matrix) -> Any:
        with loading:
            from scipy.spatial.distance import cdist

        return cdist(x, y, name, **options)

    return all_pairs


def _all_norms(cdist: Between, by_pair: Between, p: float) -> Between:
    """Return `cdist`, corrected where sums of p-th powers lose digits."""
    # Square roots are accurate everywhere; the rounding of 1/p matters for numbers far from 1.
    exponent = _EXPONENT / 2 if p == 2 else min(_EXPONENT / p, _NEAR)
    least, most = 2.0**-exponent, 2.0**exponent

    def all_pairs(x: Matrix, y: Matrix) -> Any:
        cost = cdist(x, y)
        if cost.size and not (cost.min() >= least and cost.max() <= most):
            rows, columns = np.nonzero(~((cost >= least) & (cost <= most)))
            for k in range(0, rows.size, _MANY):
                row, column = rows[k : k + _MANY], columns[k : k + _MANY]
                cost[row, column] = by_pair(x[row], y[column])
        return cost

    return all_pairs


def _unit(difference: Matrix, length: Vector) -> Matrix:
    with np.errstate(invalid="ignore", under="ignore"):
        return np.where(length[:, None] > 0, difference / length[:, None], 0.0)


def _length(x: Matrix, y: Matrix) -> Any:
    with np.errstate(over="ignore", under="ignore"):
        difference = x - y
        length = np.sqrt(np.sum(difference**2, axis=1))
    far = ~((length >= 2.0 ** (-_EXPONENT / 2)) & (length <= 2.0 ** (_EXPONENT / 2)))
    if far.any():
        length[far] = _scaled_norm(np.abs(difference[far]), 2.0)
    return length


def _scaled_norm(difference: Matrix, p: float) -> Any:
    # The largest coordinate is factored out, so that no power leaves the range of float64.
    most = difference.max(axis=1)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        norm = most * np.sum(_unit(difference, most) ** p, axis=1) ** (1 / p)
    return np.where(np.isfinite(most), norm, most)


def _farthest_coordinate(x: Matrix, y: Matrix) -> Matrix:
    difference = x - y
    k = np.arange(len(x)), np.argmax(np.abs(difference), axis=1)
    gradient = np.zeros_like(difference)
    gradient[k] = np.sign(difference[k])
    return gradient


def _norm(p: float) -> Metric:
    def by_pair(x: Matrix, y: Matrix) -> Any:
        with np.errstate(over="ignore"):
            return _scaled_norm(np.abs(x - y), p)

    def gradient(x: Matrix, y: Matrix) -> Any:
        return np.sign(x - y) * _unit(np.abs(x - y), by_pair(x, y)) ** (p - 1)

    all_pairs = _all_norms(_cdist("minkowski", p=p), by_pair, p)
    return Metric(f"{p:g}-norm", all_pairs, by_pair, gradient)


_NAMED = {
    "sqeuclidean": Metric(
        "sqeuclidean",
        _cdist("sqeuclidean"),
        lambda x, y: np.sum((x - y) ** 2, axis=1),
        lambda x, y: 2 * (x - y),
    ),
    "euclidean": Metric(
        "euclidean",
        _all_norms(_cdist("euclidean"), _length, 2.0),
        _length,
        lambda x, y: _unit(x - y, _length(x, y)),
    ),
    "cityblock": Metric(
        "cityblock",
        _cdist("cityblock"),
        lambda x, y: np.sum(np.abs(x - y), axis=1),
        lambda x, y: np.sign(x - y),
    ),
    "chebyshev": Metric(
        "chebyshev",
        _cdist("chebyshev"),
        lambda x, y: np.max(np.abs(x - y), axis=1),
        _farthest_coordinate,
    ),
}
_NORMS = {1.0: _NAMED["cityblock"], 2.0: _NAMED["euclidean"], np.inf: _NAMED["chebyshev"]}


def _checked(cost: Between) -> Between:
    def all_pairs(x: Matrix, y: Matrix) -> Any:
        if not (len(x) and len(y)):
            return np.empty((len(x), len(y)))  # a user's function need not accept empty arrays
        costs = _check.real("metric(x, y)", cost(x, y), np)
        if costs.shape != (len(x), len(y)):
            raise ValueError(
                f"`metric` must return the costs of all pairs, shape {(len(x), len(y))} for "
                f"points of shapes {x.shape} and {y.shape}, got {costs.shape}"
            )
        # The minimum is nan if any cost is; +inf is valid, a forbidden pair.
        if not costs.min() > -np.inf:
            raise ValueError("`metric` must return numbers or +inf, got nan or -inf")
        return costs

    return all_pairs


def _diagonal(all_pairs: Between, x: Matrix, y: Matrix) -> Vector:
    tiles = [
        np.diagonal(all_pairs(x[k : k + _DIAGONAL], y[k : k + _DIAGONAL]))
        for k in range(0, len(x), _DIAGONAL)
    ]
    return np.concatenate([np.empty(0), *tiles])
