"""Everything a divergence needs, computed numerically from its generator f and from f′.

The ratio inverts f′ by bisection; the conjugate is the supremum at that ratio; limits are
extrapolated. Like the catalogue's formulas these are written against an array namespace and never
branch on a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from divkit._check import Array
from divkit.fdiv._elementary import softplus
from divkit.fdiv._formulas import Formula, Formulas

INF = math.inf
# The range of ratios that is searched: all positive normal doubles.
LEAST, MOST = float(np.finfo(float).smallest_normal), float(np.finfo(float).max)
_STEPS = 62  # bisections that reduce log(MOST/LEAST) to a rounding error


@dataclass(frozen=True)
class Limits:
    """The limits of f and f* at the ends of their domains, named as in `Divergence`."""

    at_zero: float
    slope: float
    derivative_at_zero: float
    conjugate_at_slope: float
    at_one: float
    derivative_at_one: float


def bracket(
    rising: Callable[[Array], Array], t: Array, xp: Any, most: float = MOST
) -> tuple[Array, Array]:
    """Return neighbors (low, high) in [LEAST, most] between which `rising` crosses t.

    Bisects log u 62 times. This only requires that f′ is nondecreasing, so kinks and flat pieces
    need no special treatment.
    """
    low = xp.zeros_like(t) + LEAST
    high = xp.zeros_like(t) + most
    for _ in range(_STEPS):
        middle = xp.sqrt(low) * xp.sqrt(high)
        below = rising(middle) < t
        low = xp.where(below, middle, low)
        high = xp.where(below, high, middle)
    return low, high


def formulas(
    generator: Formula,
    derivative: Formula,
    integrand: Callable[[Array, Array, Array, Any], Array],
    limits: Limits,
) -> Formulas:
    """Return the formulas of f, with its dual side computed numerically.

    Parameters
    ----------
    generator, derivative, integrand
        As in `Formulas`.
    limits : Limits
        The limits of f and f*.

    Notes
    -----
    f*(t) = u t − f(u) at the u with f′(u) = t: an error in u enters squared. The activation is v
    where the slope is infinite and slope − softplus(−v) elsewhere; the penalty is computed from
    the distance softplus(−v) to the end of the domain, not from the rounded activation.
    """

    def solve(t: Array, xp: Any) -> Array:
        low, high = bracket(lambda u: derivative(u, xp), t, xp)
        return xp.sqrt(low) * xp.sqrt(high)

    def supremum(t: Array, xp: Any) -> tuple[Array, Array]:
        u = solve(t, xp)
        value = u * t - generator(u, xp)
        # For ∞ − ∞ use f(u)/u; if that is unknown too, the larger first term decides.
        apart = u * (t - _over_argument(generator, u, xp))
        apart = xp.where(apart > 0, apart, INF)
        return u, xp.where(xp.isnan(value), apart, value)

    start, slope = limits.derivative_at_zero, limits.slope
    at_start = -limits.at_zero
    # Rounding must not carry f′ past the end of the domain, nor onto an end that is open.
    largest = slope if limits.conjugate_at_slope < INF else float(np.nextafter(slope, -INF))

    def below_slope(u: Array, xp: Any) -> Array:
        t = derivative(u, xp)
        return xp.where(t > largest, largest, t)

    if slope == INF:

        def conjugate(t: Array, xp: Any) -> Array:
            return xp.where(t > start, supremum(t, xp)[1], at_start)

        def ratio(t: Array, xp: Any) -> Array:
            return xp.where(t < start, 0.0, solve(t, xp))

        def identity(v: Array, xp: Any) -> Array:
            return v

        return Formulas(
            generator=generator,
            derivative=derivative,
            integrand=integrand,
            conjugate=conjugate,
            ratio=ratio,
            activation=identity,
            penalty=conjugate,
        )

    with np.errstate(all="ignore"):
        end = tail(generator, derivative, slope)

    def both(t: Array, gap: Array, xp: Any) -> tuple[Array, Array]:
        """Return f*′ and f* at t = slope − gap."""
        inner = gap > end.gap
        u, value = supremum(xp.where(inner, t, slope - end.gap), xp)
        u_end, value_end = end(xp.where(inner, end.gap, gap), xp)
        return xp.where(inner, u, u_end), xp.where(inner, value, value_end)

    def conjugate_to_end(t: Array, xp: Any) -> Array:
        return xp.where(t > start, both(t, slope - t, xp)[1], at_start)

    def ratio_to_end(t: Array, xp: Any) -> Array:
        return xp.where(t < start, 0.0, both(t, slope - t, xp)[0])

    def activation(v: Array, xp: Any) -> Array:
        return slope - softplus(-v, xp)

    def penalty(v: Array, xp: Any) -> Array:
        gap = softplus(-v, xp)
        t = slope - gap
        return xp.where(t > start, both(t, gap, xp)[1], at_start)

    return Formulas(
        generator=generator,
        derivative=below_slope,
        integrand=integrand,
        conjugate=conjugate_to_end,
        ratio=ratio_to_end,
        activation=activation,
        penalty=penalty,
    )


def _over_argument(generator: Formula, u: Array, xp: Any) -> Array:
    """Extrapolate f(u)/u from smaller u where f(u) overflows: exact for powers and for log u."""
    log_u = xp.log(u)
    steps = [xp.exp(share * log_u) for share in (0.7, 0.4, 0.1)]
    first, second, third = (generator(step, xp) / step for step in steps)
    growth = (first - second) / (second - third)
    return first + (first - second) * growth


@dataclass(frozen=True)
class Tail:
    """f* near the end of its domain, where slope − f′(u) has too few digits to be inverted.

    There f*′ is modeled by powers of the distance s to the end: with x = s/s₀ it is
    u = u₀ Σ cₖ x^(kr−e), and f* is its value at s₀ plus the integral of that.
    """

    gap: float
    ratio: float
    value: float
    exponent: float
    step: float = 1.0
    coefficients: tuple[float, ...] = (1.0,)

    def __call__(self, gap: Array, xp: Any) -> tuple[Array, Array]:
        """Return f*′ and f* at slope − gap."""
        return self._along(xp.log(gap / self.gap), xp)

    def _along(self, log: Array, xp: Any) -> tuple[Array, Array]:
        u, area = xp.zeros_like(log), xp.zeros_like(log)
        for k, c in enumerate(self.coefficients):
            power = 1 - self.exponent + k * self.step
            u = u + c * xp.exp((power - 1) * log)
            area = area - c * (xp.expm1(power * log) / power if power else log)
        return self.ratio * u, self.value + self.ratio * self.gap * area

    def at_ratio(self, u: Array, xp: Any) -> Array:
        """Return f*(f′(u)) for u beyond the ratio at which the tail begins."""
        if self.exponent < 1e-3:  # f′ has nearly reached its limit
            return self.value + self.ratio * self.gap + 0.0 * u
        log_u = xp.log(u / self.ratio)
        log = -log_u / self.exponent
        for _ in range(8):
            total = xp.zeros_like(log)
            for k, c in enumerate(self.coefficients):
                total = total + c * xp.exp(k * self.step * log)
            log = (xp.log(total) - log_u) / self.exponent
        return self._along(log, xp)[1]

    @property
    def limit(self) -> float:
        """f* at the end itself: finite if f*′ is integrable up to it."""
        if self.exponent > 1 - 1e-6:
            return INF
        powers = [1 - self.exponent + k * self.step for k in range(len(self.coefficients))]
        area = sum(c / power for c, power in zip(self.coefficients, powers, strict=True))
        return self.value + self.ratio * self.gap * area


def tail(generator: Formula, derivative: Formula, slope: float) -> Tail:
    """Return the tail of f* below a finite slope, fitted where s still has enough digits."""
    xp = np
    below = slope - derivative(2.0 ** -np.arange(0.0, 40.0), xp)
    scale = next((float(s) for s in below if s > 1e-12 * abs(slope) and s < INF), 1.0)
    # If the slope is 0, s = −f′ keeps all its digits much closer to the end: try there first.
    for least in (1e-60, 1e-6):
        gaps = least * scale * 4.0 ** np.arange(5)
        low, high = bracket(lambda u: derivative(u, xp), slope - gaps, xp)
        u = np.sqrt(low) * np.sqrt(high)
        met = np.abs(slope - derivative(u, xp) - gaps) < 1e-7 * gaps
        if least == 1e-6 or (slope == 0 and met.all() and u[0] < 1e200):
            break
    value = float(u[0] * (slope - gaps[0]) - generator(u, xp)[0])
    start = float(gaps[0]), float(u[0]), value
    # Local exponents are e plus multiples of s^r, s^2r …; smaller differences than these are noise.
    local = np.log(u[:-1] / u[1:]) / math.log(4)
    a, b = local[1] - local[0], local[2] - local[1]
    if not abs(a) > 1e-8 or not 1.05 < b / a < 64:
        return Tail(*start, _simple(float(local[0])))
    step = _simple(math.log(b / a) / math.log(4), 2e-2)
    # log u = c − e log x + η x^r + η₂ x^2r
    z = 4.0 ** (step * np.arange(4))
    columns = np.array([np.ones(3), *(-np.diff(z**k) / math.log(4) for k in (1, 2))]).T
    exponent, eta, eta_2 = (float(x) for x in np.linalg.solve(columns, local[:3]))
    series = np.array([1.0, eta, eta_2 + eta**2 / 2])
    if not abs(eta) + abs(eta_2) < 0.2:
        return Tail(*start, _simple(float(local[0])))
    coefficients = tuple(float(c) for c in series / series.sum())
    return Tail(*start, _simple(exponent), step, coefficients)


def dual_of(generator: Formula, derivative: Formula, slope: float) -> Formula:
    """Return u ↦ f*(f′(u)) = u f′(u) − f(u), from the tail where that cancels."""

    def difference(u: Array, xp: Any) -> Array:
        value = u * derivative(u, xp) - generator(u, xp)
        return xp.where(xp.isnan(value), INF, value)  # ∞ − ∞, where the first term grows faster

    if slope == INF:
        return difference
    with np.errstate(all="ignore"):
        end = tail(generator, derivative, slope)

    def dual(u: Array, xp: Any) -> Array:
        inner = u < end.ratio
        plain = difference(xp.where(inner, u, end.ratio), xp)
        return xp.where(inner, plain, end.at_ratio(xp.where(inner, end.ratio, u), xp))

    return dual


def _simple(x: float, near: float = 1e-5) -> float:
    """Return x, or a nearby twelfth: most exponents are halves, thirds or quarters."""
    return float(round(12 * x) / 12 if abs(x - round(12 * x) / 12) < near else x)


def limit_of(x: Array) -> float:
    """Return the limit of three terms whose error shrinks by a constant factor; ±∞ if it does not.

    This is Aitken's extrapolation, which is exact for a power of u at u = 10^±k, 10^±2k, 10^±3k.
    """
    a, b, c = (float(value) for value in x)
    if not math.isfinite(c) or abs(c - b) <= 1e-9 * abs(c) or b == a:
        return c
    shrink = (c - b) / (b - a)
    if shrink >= 1 - 1e-6:
        return math.copysign(INF, c - b)
    return c + (c - b) * shrink / (1 - shrink)


def limits_of(generator: Formula, derivative: Formula) -> Limits:
    """Return the limits of f."""
    small, large = 10.0 ** -np.array([100.0, 200.0, 300.0]), 10.0 ** np.array([100.0, 200.0, 300.0])
    one = np.ones(1)
    with np.errstate(all="ignore"):
        slope = _tidy(limit_of(derivative(large, np)))
        at_end = INF if slope == INF else _tidy(tail(generator, derivative, slope).limit, 5, 1e-8)
        return Limits(
            at_zero=_tidy(limit_of(generator(small, np))),
            slope=slope,
            derivative_at_zero=_tidy(limit_of(derivative(small, np))),
            conjugate_at_slope=at_end,
            at_one=float(generator(one, np)[0]),
            derivative_at_one=float(derivative(one, np)[0]),
        )


def without_overflow(generator: Formula, derivative: Formula) -> tuple[Formula, Formula]:
    """Return f and f′, with their asymptotes where u is so large that the user's f overflows."""
    with np.errstate(all="ignore"):
        for exponent in (300.0, 150.0, 100.0, 75.0, 50.0, 30.0):
            u = 10.0 ** np.linspace(0, exponent, 31)
            f, f_prime = generator(u, np), derivative(u, np)
            finite = np.isfinite(f).all() and np.isfinite(f_prime).all()
            if finite and (np.diff(f_prime) >= -1e-9 * np.abs(f_prime[1:])).all():
                break
        if exponent == 300.0:
            return generator, derivative
        most = 10.0**exponent
        f_prime = derivative(10.0 ** (exponent * np.array([1, 2, 3]) / 3), np)
        slope, top = limit_of(f_prime), float(f_prime[-1])

    def f_bounded(u: Array, xp: Any) -> Array:
        value = generator(u, xp)
        return xp.where(u > most, slope * u, value) if slope < INF else value

    def f_prime_bounded(u: Array, xp: Any) -> Array:
        value = derivative(u, xp)
        return xp.where((u > most) & ((slope < INF) | ~(value >= top)), slope, value)

    return f_bounded, f_prime_bounded


def is_smooth(derivative: Formula) -> bool:
    """Return whether f′ is strictly increasing and continuous, as far as a fine grid shows."""
    with np.errstate(all="ignore"):
        f_prime = derivative(np.exp(np.linspace(-6, 6, 4801)), np)
    rise = np.diff(f_prime)
    if not (rise > 0).all():
        return False
    coarse = f_prime[2::2] - f_prime[:-2:2]
    k = int(np.argmax(rise / np.maximum(np.roll(rise, 1), np.roll(rise, -1))))
    return bool(rise[k] < 0.75 * coarse[k // 2])


def _tidy(x: float, digits: int = 9, rounding: float = 1e-15) -> float:
    """Return x rounded to a few digits if that changes it by no more than a rounding error."""
    short = float(f"{x:.{digits}g}") if math.isfinite(x) else x
    if abs(short) <= 1e-12:
        short = 0.0
    return short if abs(x - short) <= max(rounding * abs(x), 1e-30) else x
