"""The few functions that several formulas of the catalogue share, free of cancellation.

Like every formula they are written against an array namespace `xp`, which may supply its own
kernels for some of them (`own`). Those used in integrands branch when given Python floats; compiled
loops have their own versions, in `divkit.fdiv._simd`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

from divkit._check import Array
from divkit.fdiv import _numbers

LOG2 = 0.6931471805599453
F = TypeVar("F", bound=Callable[..., Any])


def own(function: F) -> F:
    """Let a namespace supply its own version of a function, as an attribute of ``xp.KERNELS``."""

    @functools.wraps(function)
    def chosen(*args: Any) -> Any:
        kernels = getattr(args[-1], "KERNELS", None)
        return function(*args) if kernels is None else getattr(kernels, function.__name__)(*args)

    return chosen  # type: ignore[return-value]


@own
def softplus(x: Array, xp: Any) -> Array:
    """Return log(1 + eˣ); the exponential never overflows."""
    # Not by abs(x), to which automatic differentiation assigns the slope 0 at 0.
    return xp.where(x > 0, x, 0.0) + xp.log1p(xp.exp(xp.where(x > 0, -x, x)))


@own
def log_softplus(x: Array, xp: Any) -> Array:
    """Return log log(1 + eˣ), also where log(1 + eˣ) itself underflows."""
    far = x < -40  # log(1 + eˣ) is eˣ to rounding
    return xp.where(far, x, xp.log(softplus(xp.where(far, 0.0, x), xp)))


@own
def sigmoid(x: Array, xp: Any) -> Array:
    """Return 1/(1 + e⁻ˣ)."""
    return xp.exp(-softplus(-x, xp))


@own
def raised(x: Array, least: float, xp: Any) -> Array:
    """Return max(x, least), with derivative 0 up to `least`."""
    return xp.where(x > least, x, least)


def half_log_ratio(p: Array, q: Array, difference: Array, xp: Any) -> Array:
    """Return A = ½ log(p/q) = atanh((p−q)/(p+q)), from the exact difference where p ≈ q."""
    d = difference / (p + q)
    if xp is _numbers:
        return math.atanh(d) if -0.5 < d < 0.5 else math.log(math.sqrt(p) / math.sqrt(q))
    near = xp.abs(d) < 0.5
    # √p/√q, since p/q itself overflows or underflows at ratios that double precision can hold.
    far = xp.log(xp.sqrt(p) / xp.sqrt(q))
    return xp.where(near, xp.atanh(xp.where(near, d, 0.0)), far)


def kl_term(p: Array, q: Array, difference: Array, xp: Any) -> Array:
    """Return p log(p/q) − (p−q) ≥ 0.

    With d = (p−q)/(p+q) and A = atanh d it is (p+q)(d·A + (A−d)), and A−d = d³/3 + d⁵/5 + ….
    """
    if xp is _numbers:
        return _kl_of_numbers(p, q, difference)
    d = difference / (p + q)
    A = half_log_ratio(p, q, difference, xp)
    z = d * d
    series = 1 / 13 + z * (1 / 15 + z / 17)
    series = 1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z * series))))
    remainder = xp.where(xp.abs(d) < 0.1, d * z * series, A - d)
    # Far from the diagonal d·A and A−d cancel instead (p ≪ q), and the plain form does not.
    return xp.where(xp.abs(d) < 0.5, (p + q) * (d * A + remainder), 2 * p * A - difference)


def _kl_of_numbers(p: float, q: float, difference: float) -> float:
    total = p + q
    d = difference / total
    if -0.1 < d < 0.1:
        z = d * d
        s = 1 / 9 + z * (1 / 11 + z * (1 / 13 + z * (1 / 15 + z / 17)))
        tail = d * z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * s)))
        return total * (d * (d + tail) + tail)
    if -0.5 < d < 0.5:
        A = math.atanh(d)
        return total * (d * A + (A - d))
    return 2 * p * math.log(math.sqrt(p) / math.sqrt(q)) - difference


def js_term(p: Array, q: Array, difference: Array, xp: Any) -> Array:
    """Return ½ [p log(p/m) + q log(q/m)] ≥ 0 with m = (p+q)/2."""
    if xp is _numbers:
        return _js_of_numbers(p, q, difference)
    d = difference / (p + q)
    A = half_log_ratio(p, q, difference, xp)
    close = xp.abs(d) < 0.5
    safe = xp.where(close, d, 0.0)
    near = 0.25 * (p + q) * (2 * safe * A + xp.log1p(-safe * safe))
    # Far apart, with r = smaller/larger: log(larger/m) = log 2 − log(1+r).
    smaller = xp.where(difference < 0, p, q)
    larger = xp.where(difference < 0, q, p)
    far = 0.5 * (p + q) * (LOG2 - xp.log1p(smaller / larger)) - smaller * xp.abs(A)
    return xp.where(close, near, far)


def _js_of_numbers(p: float, q: float, difference: float) -> float:
    total = p + q
    d = difference / total
    if -0.5 < d < 0.5:
        return 0.25 * total * (2 * d * math.atanh(d) + math.log1p(-d * d))
    smaller, larger = (p, q) if difference < 0 else (q, p)
    log_ratio = math.log(math.sqrt(larger) / math.sqrt(smaller))
    return 0.5 * total * (LOG2 - math.log1p(smaller / larger)) - smaller * log_ratio


def weighted_js_term(
    p: Array, q: Array, difference: Array, pi: float, rest: float, xp: Any
) -> Array:
    """Return π p log(p/m) + (1−π) q log(q/m) ≥ 0 with m = πp + (1−π)q, given π and 1−π."""
    m = pi * p + rest * q
    from_p = kl_term(p, m, rest * difference, xp)
    from_q = kl_term(q, m, -pi * difference, xp)
    return pi * from_p + rest * from_q


def power_increment(p: Array, q: Array, half_log: Array, exponent: float, xp: Any) -> Array:
    """Return p ((p/q)^e − 1), given ½ log(p/q)."""
    x = 2 * exponent * half_log
    near = xp.abs(x) < 1
    # By √p/√q: p/q may overflow, its power may overflow where the product with p does not, and the
    # exponential of a large x loses digits.
    root = (xp.sqrt(p) / xp.sqrt(q)) ** exponent
    return xp.where(near, p * xp.expm1(xp.where(near, x, 0.0)), p * root * root - p)


def expm1_minus(x: Array, expm1_x: Array, xp: Any) -> Array:
    """Return eˣ − 1 − x ≥ 0, given eˣ − 1."""
    near = xp.abs(x) < 0.5
    small = xp.where(near, x, 0.0)
    series = 1.0
    for k in range(15, 2, -1):
        series = 1 + small / k * series
    return xp.where(near, 0.5 * small * small * series, expm1_x - x)


def alpha_term(p: Array, q: Array, difference: Array, a: float, b: float, xp: Any) -> Array:
    """Return q (u^a − 1 − a(u−1)) / (ab) ≥ 0 for u = p/q, where b = a − 1.

    Both orders are given, as computing one from the other would round it.
    """
    # h_a(p, q) = h_{1−a}(q, p): with an order of at least ½ no pole is near.
    if a < 0.5:
        p, q, difference, a, b = q, p, -difference, -b, -a
    if a <= MODERATE_ORDER:
        return moderate_power_term(p, q, difference, a, b, xp)
    return power_term(p, q, difference, a, b, xp)


MODERATE_ORDER = 8.0


def moderate_power_term(
    p: Array, q: Array, difference: Array, a: float, b: float, xp: Any
) -> Array:
    """Return `power_term` for an order from ½ to 8, where compiled loops use a fraction instead."""
    return power_term(p, q, difference, a, b, xp)


def power_term(p: Array, q: Array, difference: Array, a: float, b: float, xp: Any) -> Array:
    """Return `alpha_term` for an order of at least ½."""
    half_log = half_log_ratio(p, q, difference, xp)
    close = xp.abs(half_log) < 0.5
    # a h = p (u^b − 1)/b − (p−q); close to the diagonal, where that cancels, it is computed as the
    # KL term plus the terms of the power beyond first order.
    x = 2 * b * xp.where(close, half_log, 0.0)
    near = kl_term(p, q, difference, xp) + p * (expm1_minus(x, xp.expm1(x), xp) / b)
    far = power_increment(p, q, half_log, b, xp) / b - difference
    return xp.where(close, near, far) / a


@own
def log_wright_omega(x: Array, xp: Any) -> Array:
    """Return y with y + e^y = x, so that e^y = ω(x) = W(eˣ) without the overflow of eˣ."""
    # Far entries bypass the iteration, which would not change them and whose derivatives vanish to
    # rounding there: a formula that overflows would multiply these by infinity.
    far = (x < -40) | (x == math.inf)
    near = xp.where(far, 0.0, x)
    # As y + e^y is convex and increasing, Newton's iteration descends to the root from above.
    y = xp.where(near < 0, near, xp.log(xp.where(near > 1, near, 1.0)))
    for _ in range(6):
        exp_y = xp.exp(y)
        y = y - (y + exp_y - near) / (1 + exp_y)
    return xp.where(far, x, y)
