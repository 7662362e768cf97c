"""Pointwise identities of a generator f, its conjugate f* and their limits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from divkit.fdiv import Divergence
from divkit.testing._checks import require_at_most, require_equal
from divkit.testing._distributions import Vector


def young(D: Divergence, u: float, t: float) -> tuple[float, float]:
    """Return f(u) + f*(t) − ut and the size of its terms."""
    f, conjugate = float(D.generator(u)), float(D.conjugate(t))
    product = u * t if u else 0.0
    if math.inf in (f, conjugate):
        return math.inf, math.inf
    # Rounding of u and t changes f and f* by their slopes times that rounding.
    scale = abs(f) + abs(conjugate) + abs(product) + abs(float(D.derivative(u)) * u) + 1
    return f + conjugate - product, scale


def fenchel_young(D: Divergence, x: tuple[float, float]) -> None:
    u, t = x
    gap, scale = young(D, u, t)
    if gap < math.inf:
        require_at_most(0.0, gap, scale, f"at u = {u!r}, t = {t!r}")


def biconjugate(D: Divergence, u: float) -> None:
    t = float(D.derivative(u))
    gap, scale = young(D, u, t)
    require_equal(gap, 0.0, scale, f"at u = {u!r}, t = f′(u) = {t!r}")


def supremum_at_ratio(D: Divergence, t: float) -> None:
    u = float(D.ratio(t))
    if t < D.slope:
        # Penalties and compiled loops use the bare formula, so it must clamp at f′(0⁺) itself.
        with np.errstate(all="ignore"):
            formula = float(D.formulas.conjugate(np.float64(t), np))
        require_equal(formula, float(D.conjugate(t)), 1 + abs(formula), f"the formula at t = {t!r}")
    if t in D.conjugate_domain and u < 1e12:
        gap, scale = young(D, u, t)
        # Rounding of t changes f* by u times as much.
        require_equal(gap, 0.0, scale + u * abs(t), f"at t = {t!r}, u = f*′(t) = {u!r}")
    elif t not in D.conjugate_domain:
        conjugate = float(D.conjugate(t))
        require_equal(conjugate, math.inf, 1.0, f"f*({t!r}), outside {D.conjugate_domain}")


def inverse(D: Divergence, u: float) -> None:
    t, above, below = (float(D.derivative(w)) for w in (u, u * (1 + 1e-3), u * (1 - 1e-3)))
    # Where f′ is constant to rounding, f′(u) does not determine u: skip those.
    rise = min(above - t, t - below) / 1e-3
    if rise > 1e-3 * (abs(t) + 1e-3):
        scale = u * (1 + (abs(t) + 1) / rise)
        require_equal(float(D.ratio(t)), u, scale, f"f*′(f′(u)) at u = {u!r}")


def tangent(D: Divergence, x: tuple[float, float]) -> None:
    u, w = x
    f_u, f_w, slope = float(D.generator(u)), float(D.generator(w)), float(D.derivative(u))
    scale = abs(f_u) + abs(f_w) + abs(slope) * (u + w) + 1
    require_at_most(f_u + slope * (w - u), f_w, scale, f"tangent at {u!r}, seen from {w!r}")


def penalty(D: Divergence, v: float) -> None:
    t = float(D.activation(v))
    fused, plain = float(D.penalty(v)), float(D.conjugate(t))
    # Near the end of its domain f* is steep and amplifies the rounding of t.
    magnified = abs(t) * float(D.ratio(t)) if math.isfinite(float(D.ratio(t))) else math.inf
    spacing = np.spacing(abs(t) + abs(D.slope) if math.isfinite(D.slope) else abs(t))
    if magnified * spacing < 1e-3 * (abs(fused) + 1) and math.isfinite(plain):
        scale = abs(fused) + abs(plain) + 1 + (magnified + float(D.ratio(t))) * 1e-2
        require_equal(fused, plain, scale, f"penalty against f*(g(v)) at v = {v!r}")


def activation(D: Divergence, x: tuple[float, float]) -> None:
    low, high = sorted(x)
    g_low, g_high = float(D.activation(low)), float(D.activation(high))
    require_at_most(g_low, g_high, 0.0, f"activation falls from v = {low!r} to v = {high!r}")
    for v, t in ((low, g_low), (high, g_high)):
        if t not in D.conjugate_domain:
            raise AssertionError(f"g({v!r}) = {t!r} lies outside the domain {D.conjugate_domain}")
    if -5 <= low < high - 1e-3 and high <= 5 and not g_low < g_high:
        raise AssertionError(f"activation is flat from v = {low!r} to v = {high!r}")


def limits(D: Divergence, _: None) -> None:
    exponents = np.array([100.0, 200.0, 300.0])
    small, large = 10.0**-exponents, 10.0**exponents
    found = {
        "at_zero": limit(D.generator(small)),
        "slope": limit(D.derivative(large)),
        "derivative_at_zero": limit(D.derivative(small)),
        "conjugate_at_slope": limit(D.penalty(exponents)),
        "at_one": float(D.generator(1.0)),
        "derivative_at_one": float(D.derivative(1.0)),
        "slope, by the activation": limit(D.activation(exponents)),
    }
    for name, value in found.items():
        declared = float(getattr(D, name.partition(",")[0]))
        near = 1e-6 * (1 + abs(declared)) if math.isfinite(declared) else 0.0
        if not (declared == value or abs(declared - value) <= near):
            raise AssertionError(f"`{name}` is declared as {declared!r}, the limit is {value!r}")
    lowest = limit(D.activation(-exponents))
    require_at_most(lowest, D.derivative_at_zero, 1e6, "the activation stops short of f′(0⁺)")


def limit(x: Vector) -> float:
    """Extrapolate the limit of three terms with geometric error; ±∞ if they diverge."""
    a, b, c = (float(value) for value in x)
    if not math.isfinite(c) or abs(c - b) <= 1e-12 * (1 + abs(c)):
        return c
    shrink = (c - b) / (b - a)
    if shrink >= 1 - 1e-6:
        return math.copysign(math.inf, c - b)
    return c + (c - b) * shrink / (1 - shrink)


def text(D: Divergence, u: float) -> None:
    t = float(D.derivative(u))
    for text, name, value, function in (
        (D.generator_formula, "u", u, D.generator),
        (D.conjugate_formula, "t", t, D.conjugate),
    ):
        if text is None:
            continue
        computed = float(function(value))
        read = float(eval(text, {"__builtins__": {}}, {**_NOTATION, name: value}))
        # The formula as text may suffer from cancellation, hence the larger tolerance.
        require_equal(computed, read, 1e4 * (abs(computed) + 1), f"'{text}' at {name} = {value!r}")


def lambert_w(x: float) -> float:
    from scipy.special import lambertw

    return float(lambertw(x).real)


_NOTATION: dict[str, Any] = {
    "abs": abs,
    "max": max,
    "log": math.log,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "W": lambert_w,
}
