"""Formulas of u (u^(a−1) − 1)/(a−1), which Tsallis and Cressie–Read scale differently."""

from __future__ import annotations

import math
from typing import Any

from divkit.fdiv._elementary import alpha_term, log_softplus, raised, softplus
from divkit.fdiv._formulas import INF, Formulas


def power_formulas(a: float, b: float, factor: float, whole: float) -> Formulas:
    """Return the formulas of factor · u (u^b − 1)/b with b = a − 1.

    Both orders are given, as computing one from the other would round it, and so is `whole`, which
    is factor · a and positive.
    """

    def generator(u, xp):
        return factor * (u * (xp.expm1(b * xp.log(u)) / b))

    def derivative(u, xp):
        return factor + whole * (xp.expm1(b * xp.log(u)) / b)

    def integrand(p, q, difference, xp):
        return whole * alpha_term(p, q, difference, a, b, xp)

    def log_power(t, xp):
        # u^b = 1 + b (t − factor)/whole
        return xp.log1p(raised((b / whole) * (t - factor), -1.0, xp))

    def conjugate(t, xp):
        return factor * xp.exp((a / b) * log_power(t, xp))

    def ratio(t, xp):
        return xp.exp(log_power(t, xp) / b)

    if a < 1:

        def activation(v, xp):
            return -factor / b - softplus(-v, xp)

        def penalty(v, xp):
            # u^b = −b softplus(−v)/whole
            return factor * xp.exp((a / b) * (math.log(-b / whole) + log_softplus(-v, xp)))

    else:

        def activation(v, xp):
            return v

        penalty = conjugate

    def cone(p, q, xp):
        return factor * (xp.power(p, q, a) - a * p + b * q) / b

    def between(laws):
        return whole * laws.power(a)

    return Formulas(
        generator=generator,
        derivative=derivative,
        integrand=integrand,
        conjugate=conjugate,
        ratio=ratio,
        activation=activation,
        penalty=penalty,
        cone=cone,
        between=between,
    )


def power_limits(a: float, b: float, factor: float) -> dict[str, Any]:
    """Return the limits of these formulas, named as in `Divergence`."""
    return {
        "at_zero": 0.0 if a > 0 else INF,
        "slope": -factor / b if a < 1 else INF,
        "derivative_at_zero": -factor / b if a > 1 else -INF,
        "conjugate_at_slope": 0.0 if a < 0 else INF,
        "derivative_at_one": factor,
    }
