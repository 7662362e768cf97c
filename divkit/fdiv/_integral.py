"""The sum of the integrand over atoms, and the critic at each: in any array library.

Where one of p and q is 0, an atom's contribution follows from the limits of the record; compiled
loops and the loop over floats use the same (`if_only_p` and `if_only_q` of `divkit.fdiv._record`).
"""

from __future__ import annotations

import math
from typing import Any

from divkit import _check
from divkit._check import Array
from divkit.fdiv._normalize import Pair
from divkit.fdiv._record import Record


def integral(D: Record, both: Pair) -> tuple[Array, Array]:
    """Return Σ h over the atoms and, separately, its infinite part, with their derivatives.

    Where p, q > 0 the derivatives are those of the integrand. Where one is 0, h is linear to
    first order, by the limits of the record: D has the derivative f′(0⁺) in p and f(0⁺) in q
    where p = 0, and f′(∞) in p and −f*(f′(∞)) in q where q = 0, less those of the affine part.
    An infinite one is kept out of the sum, which is divided by the mass: it must affect the
    derivative at its own atom only.
    Where both are 0 there is no atom: the derivatives are those at p = q.
    """
    xp, p, q, difference = both.xp, both.p, both.q, both.difference
    if both.full:
        return xp.sum(D.formulas.integrand(p, q, difference, xp), axis=-1), 0.0
    inside = (p > 0) & (q > 0)
    h = D.formulas.integrand(
        xp.where(inside, p, 1.0), xp.where(inside, q, 1.0), xp.where(inside, difference, 0.0), xp
    )
    common, infinite = xp.sum(xp.where(inside, h, 0.0), axis=-1), 0.0
    no_p, no_q = (p == 0) & (q > 0), (p > 0) & (q == 0)
    in_p, in_q = -D.derivative_at_one, D.derivative_at_one - D.at_one
    for where, x, own, limit in (
        (no_p, p, p, in_p + D.derivative_at_zero),
        (no_p, q, both.q_own, in_q + D.at_zero),
        (no_q, p, p, in_p + D.slope),
        (no_q, q, both.q_own, in_q - D.conjugate_at_slope),
    ):
        if -math.inf < limit < math.inf:
            common = common + limit * xp.sum(xp.where(where, x, 0.0), axis=-1)
        else:
            infinite = infinite + _infinite(where, own, limit, xp)
    return common, infinite


def _infinite(where: Array, x: Array, limit: float, xp: Any) -> Array:
    """Return Σ ±∞ · x with 0 · ∞ = 0, in the value and in its derivative."""
    # This product overflows unless a factor is 0, and so does the one in backpropagation.
    large = (2.0**100 if _check.float_bits(x) == 32 else 2.0**1000) * xp.astype(where, x.dtype)
    total = xp.sum(x * large * large * large, axis=-1)
    return total if limit > 0 else -total


def critic(D: Record, both: Pair) -> Array:
    """Return f′(p/q) with the atoms on the last axis."""
    xp, p, q = both.xp, both.p, both.q
    with _check.quiet(xp):
        inside = (p > 0) & (q > 0)
        # A ratio that overflows or underflows is not ∞ or 0, where the critic might be infinite:
        # clip it to the range of normal numbers.
        limits = xp.finfo(p.dtype)
        u = xp.where(inside, p, 1.0) / xp.where(inside, q, 1.0)
        if both.tiny is not None:
            u[both.tiny.where] = both.tiny.ratio
        u = xp.clip(u, float(limits.smallest_normal), float(limits.max))
        u = xp.where((p == 0) & (q > 0), 0.0, u)
        u = xp.where((p > 0) & (q == 0), math.inf, u)
        T = xp.astype(D.derivative(u), both.dtype)
        if D.slope < math.inf:
            # Nor may rounding carry T out of the domain of f*.
            end = D.conjugate_domain.largest(single=both.dtype == xp.float32)
            T = xp.where((q > 0) & (end < T), end, T)
    return T
