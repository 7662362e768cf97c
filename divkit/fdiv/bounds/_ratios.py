"""The integrands of divergences at each ratio p/q, and at the ratios 0 and ∞."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._record import if_only_p, if_only_q

Vector = NDArray[np.float64]
Range = tuple[float, float]
INF = math.inf


_NEAREST = 1e-150  # least |log(p/q)|, whose square does not underflow
_FARTHEST = 700.0  # largest |log(p/q)| in double precision


def grid(excess: Vector) -> Vector:
    """Return a fine grid of log(p/q), logarithmic on both sides of 0.

    Its values nearest 0 are set by the least known value: there, total variation is proportional
    to |log(p/q)|.
    """
    least = 1e-2 * np.min(excess, where=excess > 0, initial=1e-12)
    nearest = max(_NEAREST, float(least))
    steps = np.geomspace(nearest, _FARTHEST, math.ceil(15 * math.log10(_FARTHEST / nearest)))
    return np.concatenate([-steps[::-1], [0.0], steps])


def excess(D: Divergence, ratios: Vector) -> Vector:
    """Return h(p, q), the larger of p and q being 1, at log(p/q)."""
    smaller = np.exp(-np.abs(ratios))
    p, q = np.where(ratios > 0, 1.0, smaller), np.where(ratios > 0, smaller, 1.0)
    with np.errstate(all="ignore"):
        h: Vector = D.formulas.integrand(p, q, difference(ratios), np)
    return h


def difference(ratios: Vector) -> Vector:
    """Return p − q, the larger being 1, at log(p/q)."""
    return -np.sign(ratios) * np.expm1(-np.abs(ratios))


def end_values(divergences: list[Divergence], upper: bool) -> Vector:
    """Return h(1, 0) or h(0, 1)."""
    if upper:
        return np.array([if_only_p(D) for D in divergences])
    return np.array([if_only_q(D) for D in divergences])


def at_end(divergences: list[Divergence], upper: bool) -> Vector:
    """Return the column (a, b, h_1, …) of an infinite or vanishing ratio.

    Where some h are infinite it is the limiting direction of (a, b, h_1, …): vanishing masses at
    extreme ratios, which contribute only to the divergences that grow fastest.
    """
    h = end_values(divergences, upper)
    infinite = np.isinf(h)
    if not infinite.any():
        return np.array([float(upper), float(not upper), *h])

    def growth(D: Divergence, far: float) -> float:
        # By differences, of f′ at ∞ and of f at 0, in which lower-order terms drop out.
        u = np.exp(np.array([far, far + 1]) if upper else -np.array([far, far + 1]))
        values = D.derivative(u) if upper else D.generator(u)
        return float(values[1] - values[0])

    for far in (300.0, 150.0, 75.0, 37.5):
        near_by, far_out = (
            np.array(
                [
                    growth(D, x) if grows else 0.0
                    for D, grows in zip(divergences, infinite, strict=True)
                ]
            )
            for x in (far / 2, far)
        )
        if np.all(np.isfinite(far_out)):
            break
    with np.errstate(all="ignore"):
        rate = np.where(infinite, np.log(far_out / near_by) / (far / 2), -INF)
    leading = np.where(rate >= rate.max() - 1e-6, far_out, 0.0)
    return np.array([0.0, 0.0, *(leading / leading.sum())])
