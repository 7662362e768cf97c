"""Sums of the integrand over Python floats, for so few atoms that array overhead dominates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from divkit.fdiv import _numbers
from divkit.fdiv._record import Record, if_only_p, if_only_q

INF = math.inf
SMALLEST = 1e-290


def integral(D: Record, p: list[float], q: list[float]) -> tuple[float, float, float] | None:
    """Return ∫h of p and q·(mass p/mass q), mass p and mass q; None if this does not apply.

    That is if an entry is negative or not finite, the masses are extreme or differ by more than
    rounding, the sum overflows or loses digits to underflow, or a formula does not work on Python
    floats: the array path then raises the error or computes the value.
    """
    try:
        p_mass, q_mass = math.fsum(p), math.fsum(q)
    except (OverflowError, ValueError):  # a sum, or entries, that are not finite
        return None
    if not (1e-100 < p_mass < 1e100 and 1e-100 < q_mass < 1e100 and min(p) >= 0 and min(q) >= 0):
        return None
    mismatch = math.fsum([*p, *(-y for y in q)]) / q_mass
    # Up to this mismatch δ, p − q − δq is as accurate as p − (1+δ)q.
    if abs(mismatch) > 1e-13:
        return None
    h = _integrand(D)
    terms, p_alone, q_alone = [], 0.0, 0.0
    try:
        for x, y in zip(p, q, strict=True):
            if x > 0 and y > 0:
                shift = mismatch * y
                terms.append(h(x, (y + shift) or y, (x - y) - shift, _numbers))
            elif x > 0:
                p_alone += x
            else:
                q_alone += y
        excess = math.fsum(terms)
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        return None
    if not -INF < excess < INF:  # perhaps of an intermediate result only
        return None
    if q_alone:
        excess += if_only_q(D) * q_alone
    if p_alone:
        excess += if_only_p(D) * p_alone
    if excess < SMALLEST and p != q:  # digits may be lost to underflow
        return None
    return excess, p_mass, q_mass


def _integrand(D: Record) -> Any:
    h = D.formulas.integrand
    if not D._calls_foreign_code:
        return h

    def raising(*args: Any) -> Any:
        # NumPy constants turn floats into NumPy scalars, which overflow with a mere warning.
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return h(*args)

    return raising
