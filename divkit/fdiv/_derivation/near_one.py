"""The integrand q f(p/q) − f(1) q − f′(1)(p−q) of any f, without cancellation where p ≈ q."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from divkit._check import Array
from divkit.fdiv._derivation import taylor
from divkit.fdiv._derivation.derive import INF, Limits
from divkit.fdiv._formulas import Formula

Integrand = Callable[[Array, Array, Array, Any], Array]
_ORDER = 26


def integrand_of(generator: Formula, limits: Limits) -> Integrand:
    """Return q f(p/q) − f(1) q − f′(1)(p−q), safe near p = q.

    With d = (p−q)/(p+q) it is (p+q) φ(d), φ(d) = ½(1−d) F((1+d)/(1−d)), F = f minus its tangent
    at 1. Near d = 0 it is computed from the Taylor series of φ, one per side as f may have a kink.
    """
    f_1, slope_1 = limits.at_one, limits.derivative_at_one
    if_only_p = limits.slope - slope_1
    if_only_q = limits.at_zero - f_1 + slope_1

    def alone(x: Array, limit: float) -> Array:
        # Constant if infinite: the derivative of a branch that is not selected must be finite.
        return x * limit if limit < INF else 0.0 * x + INF

    def plain(p: Array, q: Array, xp: Any) -> Array:
        u = p / q
        F = generator(u, xp) - f_1 - slope_1 * (u - 1)
        # Where f itself overflows, the atom is treated as one with q = 0, or with p = 0.
        limit = xp.where(u > 1, alone(p, if_only_p), alone(q, if_only_q))
        return xp.where(xp.abs(F) < INF, q * F, limit)

    def phi(d: Any, xp: Any) -> Any:
        u = (1 + d) / (1 - d)
        return 0.5 * (1 - d) * (generator(u, xp) - f_1 - slope_1 * (u - 1))

    right, right_reach = _series(phi, plain, 1.0)
    left, left_reach = _series(phi, plain, -1.0)
    if right_reach == 0 or left_reach == 0:
        return _rough(generator, plain, limits)

    def integrand(p: Array, q: Array, difference: Array, xp: Any) -> Array:
        d = difference / (p + q)
        near = (d < right_reach) & (d > -left_reach)
        x = xp.where(near, xp.abs(d), 0.0)
        above, below = 0.0 * x, 0.0 * x
        for c in right:
            above = above * x + c
        for c in left:
            below = below * x + c
        return xp.where(near, (p + q) * (x * xp.where(d > 0, above, below)), plain(p, q, xp))

    return integrand


def _series(phi: Any, plain: Any, side: float) -> tuple[tuple[float, ...], float]:
    """Return coefficients of φ(side·x)/x, highest power first, and the x up to which they hold."""
    with np.errstate(all="ignore"):
        try:
            c = np.array(taylor.series(phi, 0.0, side, _ORDER, np))
        except (TypeError, AttributeError):
            return (), 0.0
    if not np.isfinite(c).all():
        return (), 0.0
    size = float(np.abs(c[1:]).max(initial=0.0)) + 1e-300
    # For smooth f the first order vanishes; what rounding of f′(1) leaves of it is no kink.
    if abs(c[1]) < 1e-13 * max(size, 1.0):
        c[1] = 0.0
    falling = tuple(float(x) for x in c[:0:-1])
    reach = 0.25
    while reach > 1e-6:
        x = reach * np.linspace(0.02, 1.0, 60)
        with np.errstate(all="ignore"):
            value = plain((1 + side * x) / 2, (1 - side * x) / 2, np)
        truncation = np.abs(c[-4:]) @ reach ** np.arange(_ORDER - 3, _ORDER + 1)
        wrong = np.abs(x * np.polyval(falling, x) - value) > 1e-13 * (1 + np.abs(c[:3]).max()) + (
            1e-11 * np.abs(value)
        )
        largest = float(np.max(np.abs(c[1:5]) * reach ** np.arange(1, 5)))
        if not wrong.any() and truncation < max(1e-16 * largest, 1e-300):
            return falling, reach
        reach *= 0.8
    return (), 0.0


def _rough(generator: Formula, plain: Any, limits: Limits) -> Integrand:
    """Return the integrand of an f without a Taylor series at 1, such as |u−1|^1.5.

    Down to |u−1| = 2⁻²⁰ it is f's own value, corrected for the rounding of u; below that, a power
    of |u−1| fitted on each side.
    """
    small = 2.0**-20
    f_1, slope_1 = limits.at_one, limits.derivative_at_one

    def F(u: Array, xp: Any) -> Array:
        return generator(u, xp) - f_1 - slope_1 * (u - 1)

    def power(side: float) -> tuple[float, float]:
        steps = small * 2.0 ** np.arange(3)
        value = np.maximum(F(1 + side * steps, np), 0.0)
        if not value[0] > 0:
            return 0.0, 2.0
        e = np.diff(np.log2(value))
        return float(value[0]), float(2 * e[0] - e[1])

    with np.errstate(all="ignore"):
        right, left = power(1.0), power(-1.0)

    def integrand(p: Array, q: Array, difference: Array, xp: Any) -> Array:
        x = difference / q
        near = xp.abs(x) < small
        middle = xp.abs(x) < 0.5
        u = xp.where(middle, 1 + x, 1.0 + 0.5)
        # f at the rounded u, extrapolated along a chord to the exact one.
        step = xp.where(u == 1, small, (u - 1) / 64)
        chord = (F(u + step, xp) - F(u - step, xp)) / (2 * step)
        moved = F(u, xp) + (x - (u - 1)) * chord
        scale = xp.where(x > 0, right[0], left[0])
        exponent = xp.where(x > 0, right[1], left[1])
        log = xp.log(xp.where(x == 0, 1.0, xp.abs(x) / small))
        tiny = xp.where(x == 0, 0.0, scale * xp.exp(exponent * log))
        close = q * xp.where(near, tiny, moved)
        return xp.where(middle, close, plain(p, q, xp))

    return integrand
