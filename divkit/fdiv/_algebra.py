"""New divergences from old: c·D, D + E, adjoint, symmetrized, skewed.

Closed forms are kept where there are some (always for the integrand); the rest of the dual side is
computed numerically. The conjugate of a sum is the infimal convolution
(f+g)*(t) = inf_s f*(s) + g*(t−s), attained at s = f′(u) for the u with f′(u) + g′(u) = t
(R. T. Rockafellar, "Convex Analysis", 1970, theorem 16.4); its value is u t − f(u) − g(u).

Results have the type of D. Equal arguments give the same record, so that it is compiled only once.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np

from divkit import _check
from divkit._check import Array
from divkit.fdiv._derivation import derive
from divkit.fdiv._derivation.derive import INF, Limits
from divkit.fdiv._expressions import factor, mixture, text
from divkit.fdiv._family import Family
from divkit.fdiv._formulas import Formula, Formulas
from divkit.fdiv._record import Record

R = TypeVar("R", bound=Record)
# The size of each cache of results.
_KEPT = 256


def scaled(D: R, c: float) -> R:
    """Return c·D for a positive number c: generator c f(u), conjugate c f*(t/c)."""
    c = _positive(D, c)
    if c == 1:
        return D
    if D.recipe is not None and D.recipe[0] is scaled:
        base, factor = D.recipe[1]
        return scaled(cast(R, base), factor * c)
    return cast(R, _scaled(D, c))


@functools.lru_cache(_KEPT)
def _scaled(D: Record, c: float) -> Record:
    f, h = D.formulas, D.formulas.integrand
    return replace(
        D,
        name=f"{c:.12g}*{factor(str(D))}",
        title=f"{c:.12g} × {factor(D.title)}",
        formulas=Formulas(
            generator=lambda u, xp: c * f.generator(u, xp),
            derivative=lambda u, xp: c * f.derivative(u, xp),
            integrand=lambda p, q, difference, xp: c * h(p, q, difference, xp),
            conjugate=lambda t, xp: c * f.conjugate(t / c, xp),
            ratio=lambda t, xp: f.ratio(t / c, xp),
            activation=lambda v, xp: c * f.activation(v, xp),
            penalty=lambda v, xp: c * f.penalty(v, xp),
            cone=None if f.cone is None else lambda p, q, xp: c * f.cone(p, q, xp),
        ),
        generator_formula=text("{c}*({f})", D.generator_formula, c=f"{c:.12g}"),
        conjugate_formula=text("{c}*({f})", D.conjugate_formula, c=f"{c:.12g}", t=f"(t/{c:.12g})"),
        at_zero=c * D.at_zero,
        slope=c * D.slope,
        derivative_at_zero=c * D.derivative_at_zero,
        conjugate_at_slope=c * D.conjugate_at_slope,
        at_one=c * D.at_one,
        derivative_at_one=c * D.derivative_at_one,
        adjoint_of=None if D.is_symmetric else lambda: scaled(exchanged(D), c),
        parameters={},
        recipe=(scaled, (D, c)),
    )


def divided(D: R, c: float) -> R:
    """Return D/c for a positive number c."""
    return scaled(D, 1 / _positive(D, c))


def added(D: R, E: Record) -> R:
    """Return D + E: generator f(u) + g(u)."""
    if not isinstance(E, Record):
        raise TypeError(f"only a divergence can be added to {D}, got {E!r}")
    return cast(R, _added(D, E))


@functools.lru_cache(_KEPT)
def _added(D: Record, E: Record) -> Record:
    f, g, of_f, of_g = D.formulas, E.formulas, D.formulas.integrand, E.formulas.integrand
    symmetric = (D.is_symmetric and E.is_symmetric) or exchanged(D) == E

    def generator(u: Array, xp: Any) -> Array:
        return f.generator(u, xp) + g.generator(u, xp)

    def derivative(u: Array, xp: Any) -> Array:
        return f.derivative(u, xp) + g.derivative(u, xp)

    def integrand(p: Array, q: Array, difference: Array, xp: Any) -> Array:
        return of_f(p, q, difference, xp) + of_g(p, q, difference, xp)

    def cone(p: Any, q: Any, xp: Any) -> Any:
        return f.cone(p, q, xp) + g.cone(p, q, xp)

    slope = D.slope + E.slope
    at_end = D.conjugate_at_slope + E.conjugate_at_slope
    result = _derived(
        D,
        generator,
        derivative,
        integrand,
        Limits(
            at_zero=D.at_zero + E.at_zero,
            slope=slope,
            derivative_at_zero=D.derivative_at_zero + E.derivative_at_zero,
            conjugate_at_slope=at_end if slope < INF else INF,
            at_one=D.at_one + E.at_one,
            derivative_at_one=D.derivative_at_one + E.derivative_at_one,
        ),
        name=f"{D} + {E}",
        title=f"{D.title} + {E.title}",
        generator_formula=text("({f}) + ", D.generator_formula, then=E.generator_formula),
        adjoint_of=None if symmetric else lambda: added(exchanged(D), exchanged(E)),
        in_nats=D.in_nats and E.in_nats,
        citation="; ".join(dict.fromkeys((D.citation, E.citation))),
        recipe=(added, (D, E)),
        cone=None if f.cone is None or g.cone is None else cone,
    )
    return _along_log_ratio(result)


def exchanged(D: R) -> R:
    """Return the adjoint (P, Q) ↦ D(Q‖P): the one that D declares, or one derived from D."""
    if D.adjoint_of == "derived":
        return cast(R, adjoint(D))
    if D.adjoint_of is None:
        return D
    return cast(R, D.adjoint_of if isinstance(D.adjoint_of, Record) else D.adjoint_of())


@functools.lru_cache(_KEPT)
def adjoint(D: Record) -> Record:
    """Return (P, Q) ↦ D(Q‖P), generator f◇(u) = u f(1/u), for a D that declares none.

    Its dual side mirrors that of D, f◇′(u) = −f*(f′(1/u)) and f◇*(−f*(t)) = −t.
    """
    f, h = D.formulas, D.formulas.integrand
    dual = dual_at(D)
    result = _derived(
        D,
        lambda u, xp: u * f.generator(1 / u, xp),
        lambda u, xp: -dual(1 / u, xp),
        lambda p, q, difference, xp: h(q, p, -difference, xp),
        Limits(
            at_zero=D.slope,
            slope=D.at_zero,
            derivative_at_zero=0.0 - D.conjugate_at_slope,
            conjugate_at_slope=0.0 - D.derivative_at_zero,
            at_one=D.at_one,
            derivative_at_one=D.at_one - D.derivative_at_one,
        ),
        name=f"{factor(str(D))}.adjoint",
        title=f"{D.title}, arguments exchanged",
        generator_formula=text("u*({f})", D.generator_formula, u="(1/u)"),
        adjoint_of=D,
        recipe=(adjoint, (D,)),
        cone=None if f.cone is None else lambda p, q, xp: f.cone(q, p, xp),
    )
    return _along_log_ratio(result)


def symmetrized(D: R) -> R:
    """Return ½ (D + its adjoint), which is D itself if D is symmetric."""
    return D if D.is_symmetric else cast(R, _symmetrized(D))


@functools.lru_cache(_KEPT)
def _symmetrized(D: Record) -> Record:
    return replace(
        scaled(added(D, exchanged(D)), 0.5),
        name=f"{factor(str(D))}.symmetrized()",
        title=f"Symmetrized {D.title}",
        recipe=(symmetrized, (D,)),
    )


def skewed(D: R, pi: float) -> R:
    """Return D(P ‖ (1−π)P + πQ): generator m f(u/m), m = (1−π)u + π."""
    pi = _check.real_number("pi", pi)
    if not 0 < pi <= 1:
        raise ValueError(f"`pi` must lie in (0, 1], got {pi!r}: it is the weight of Q")
    return D if pi == 1 else cast(R, _skewed(D, pi))


@functools.lru_cache(_KEPT)
def _skewed(D: Record, pi: float) -> Record:
    f, h, rest, largest = D.formulas, D.formulas.integrand, 1 - pi, 1 / (1 - pi)

    def generator(u: Array, xp: Any) -> Array:
        m = rest * u + pi
        return m * f.generator(u / m, xp)

    def along(r: Array, xp: Any) -> Array:
        # The derivative as a function of r = u/m, where 1/m = (1 − (1−π)r)/π.
        return rest * f.generator(r, xp) + (1 - rest * r) * f.derivative(r, xp)

    def derivative(u: Array, xp: Any) -> Array:
        m = rest * u + pi
        r = u / m
        return rest * f.generator(r, xp) + (pi / m) * f.derivative(r, xp)

    def integrand(p: Array, q: Array, difference: Array, xp: Any) -> Array:
        return h(p, rest * p + pi * q, pi * difference, xp)

    start = rest * D.at_zero + D.derivative_at_zero if D.at_zero < INF else -INF
    dual = dual_at(D)
    result = _derived(
        D,
        generator,
        derivative,
        integrand,
        Limits(
            at_zero=pi * D.at_zero,
            slope=rest * float(D.generator(largest)),
            derivative_at_zero=start,
            conjugate_at_slope=pi * float(dual(np.asarray(largest), np)),
            at_one=D.at_one,
            derivative_at_one=rest * D.at_one + pi * D.derivative_at_one,
        ),
        name=f"{factor(str(D))}.skewed({pi:.12g})",
        title=f"Skewed {D.title}",
        generator_formula=text(
            "{m}*({f})", D.generator_formula, m=mixture(pi), u=f"(u/{mixture(pi)})"
        ),
        adjoint_of="derived",
        citation=f"Lee (1999), section 2; {D.citation}",
        recipe=(skewed, (D, pi)),
        cone=None if f.cone is None else lambda p, q, xp: f.cone(p, rest * p + pi * q, xp),
    )
    if not derive.is_smooth(derivative):
        return result

    # Solve for r, not u: it stays below 1/(1−π), so nothing cancels near the end of the domain.
    def solve(t: Array, xp: Any) -> Array:
        low, high = derive.bracket(lambda r: along(r, xp), t, xp, largest)
        return xp.sqrt(low) * xp.sqrt(high)

    def conjugate(t: Array, xp: Any) -> Array:
        return xp.where(t > start, pi * dual(solve(t, xp), xp), -pi * D.at_zero)

    def ratio(t: Array, xp: Any) -> Array:
        r = solve(t, xp)
        return xp.where(t < start, 0.0, pi * r / (1 - rest * r))

    return _along_log_ratio(_with(result, conjugate=conjugate, ratio=ratio))


def dual_at(D: Record) -> Formula:
    """Return u ↦ f*(f′(u)) = u f′(u) − f(u), without the cancellation of that difference.

    It is minus the derivative of the adjoint's generator at 1/u; for a composite D it is assembled
    from its parts.
    """
    f = D.formulas
    make, parts = D.recipe or (None, ())
    if make is scaled:
        part = dual_at(parts[0])
        return lambda u, xp: parts[1] * part(u, xp)
    if make is added or make is symmetrized:
        first = parts[0]
        c, second = (1.0, parts[1]) if make is added else (0.5, exchanged(first))
        one, other = dual_at(first), dual_at(second)
        return lambda u, xp: c * (one(u, xp) + other(u, xp))
    if make is adjoint:
        mirrored = parts[0].formulas.derivative
        return lambda u, xp: -mirrored(1 / u, xp)
    if make is skewed:
        base, pi = parts
        inner = dual_at(base)
        return lambda u, xp: pi * inner(u / ((1 - pi) * u + pi), xp)
    if D.adjoint_of != "derived" and (make is None or isinstance(make, Family)):
        other = exchanged(D).formulas.derivative
        return lambda u, xp: -other(1 / u, xp)
    if make is not None and not isinstance(make, Family):  # custom: f* is numerical too
        return derive.dual_of(f.generator, f.derivative, D.slope)

    def closed(u: Array, xp: Any) -> Array:
        t = f.derivative(u, xp)
        inside = t < D.slope
        value = f.conjugate(xp.where(inside, t, D.derivative_at_one), xp)
        return xp.where(inside, value, D.conjugate_at_slope)

    return closed


def _derived(
    D: Record,
    generator: Formula,
    derivative: Formula,
    integrand: Any,
    limits: Limits,
    *,
    cone: Any,
    **words: Any,
) -> Record:
    """Return a record with a generator made from that of D and a numerically computed dual side."""
    return replace(
        D,
        formulas=replace(derive.formulas(generator, derivative, integrand, limits), cone=cone),
        conjugate_formula=None,
        parameters={},
        **vars(limits),
        **words,
    )


def _along_log_ratio(D: Record) -> Record:
    """Return D with activation f′(e^v), which solves no equation and is exact near a finite slope.

    The critic's output is then the logarithm of the ratio p/q. D is returned unchanged if f has
    kinks or linear pieces, or if the slope is infinite, where v itself is an activation.
    """
    if D.slope == INF or not derive.is_smooth(D.formulas.derivative):
        return D
    derivative, dual = D.formulas.derivative, dual_at(D)

    def ratio(v: Array, xp: Any) -> Array:
        return xp.exp(xp.where(v > 690, 690.0, xp.where(v < -690, -690.0, v)))

    return _with(
        D,
        activation=lambda v, xp: derivative(ratio(v, xp), xp),
        penalty=lambda v, xp: dual(ratio(v, xp), xp),
    )


def _with(D: Record, **formulas: Any) -> Record:
    return replace(D, formulas=replace(D.formulas, **formulas))


def _positive(D: Record, c: Any) -> float:
    if isinstance(c, bool) or not isinstance(c, (int, float, np.integer, np.floating)):
        raise TypeError(f"{D} can be multiplied and divided by a number only, got {c!r}")
    factor: float = _check.as_float(c)
    if not 0 < factor < math.inf:
        raise ValueError(
            f"{D} can be multiplied and divided by a positive finite number only, got {c!r}: "
            "otherwise its generator is not convex"
        )
    return factor
