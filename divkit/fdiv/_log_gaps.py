"""The logarithm of a mean minus the mean of logarithms, without cancellation."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from divkit.fdiv._elementary import kl_term

INF = math.inf
# Where α (p − q)/q is less, so much of the mean cancels that it is computed in exact arithmetic.
_NEARLY_ALL = -0.9


def x_minus_log1p(x: Any) -> Any:
    """Return x − log(1+x) ≥ 0."""
    return kl_term(1.0, 1 + x, -x, np)


def log_mean_gap(a: float, p: float, q: float, difference: float) -> float:
    """Return log(α p + (1−α) q) − α log p − (1−α) log q, for `difference` = p − q.

    −inf where the mean is not positive.
    """
    e, log_u = difference / q, log_ratio(p, q, difference)
    if a * e < _NEARLY_ALL:
        return log_mean_ratio(a, p, q) - a * log_u
    return gap_of_ratio(a, e, log_u)


def log_mean_ratio(a: float, p: float, q: float) -> float:
    """Return log((α p + (1−α) q)/q), however much cancels; −inf where that is not positive."""
    ratio = (Fraction(a) * Fraction(p) + (1 - Fraction(a)) * Fraction(q)) / Fraction(q)
    if ratio <= 0:
        return -INF
    if 2.0**-1000 < ratio < 2.0**1000:
        return math.log(float(ratio))
    return math.log(ratio.numerator) - math.log(ratio.denominator)


def gap_of_ratio(a: float, e: float, log_u: float) -> float:
    """Return log(1 + α e) − α log u for u = 1 + e, where u may overflow or underflow."""
    if a * e <= -1:
        return -INF
    if abs(e) < 0.5:
        return float(a * x_minus_log1p(e) - x_minus_log1p(a * e))
    return log_mean(a, e, log_u) - a * log_u


def log_mean(a: float, e: float, log_u: float) -> float:
    """Return log(1 + α e), −inf where that is not positive."""
    if a * e <= -1:
        return -INF
    if a * e < INF or a == 0:
        return math.log1p(a * e)
    return float(np.logaddexp(0.0, math.log(a) + log_u))


def log_ratio(p: float, q: float, difference: float) -> float:
    """Return log(p/q)."""
    if abs(difference) < 0.5 * q:
        return math.log1p(difference / q)
    ratio = p / q
    return math.log(ratio) if 1e-300 < ratio < 1e300 else math.log(p) - math.log(q)


def excess_over_log(u: float, e: float, log_u: float) -> float:
    """Return u − 1 − log u for e = u − 1."""
    return float(kl_term(1.0, u, -e, np)) if 1e-3 < u < 1e3 else e - log_u


def expm1(x: float) -> float:
    """Return e^x − 1, +inf where that overflows."""
    return math.expm1(x) if x < 709 else INF
