"""The integrand atom by atom, for the few atoms on which an array's overhead would be the cost.

The module is the `xp` of such a loop: functions of plain numbers, and the functions of
`elementary` with branches where those for arrays compute both sides.
"""

from __future__ import annotations

import functools
import math
import sys
from typing import Any

import numpy as np

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import LOG2
from divkit.fdiv._rebind import rebind

INF = math.inf
SMALLEST = 1e-290


def integral(D: Divergence, p: list[float], q: list[float]) -> tuple[float, float, float] | None:
    """Return ∫h of p and q·(mass p/mass q), mass p and mass q; None if this is not for the loop.

    Then an entry is negative or not finite, the masses differ by more than rounding or are out of
    the ordinary, or a formula leaves the plain numbers: the arrays find the words or the number.
    """
    try:
        p_mass, q_mass = math.fsum(p), math.fsum(q)
    except (OverflowError, ValueError):  # a sum, or entries, that are not finite
        return None
    if not (1e-100 < p_mass < 1e100 and 1e-100 < q_mass < 1e100 and min(p) >= 0 and min(q) >= 0):
        return None
    mismatch = math.fsum([*p, *(-y for y in q)]) / q_mass
    # Up to here p − q − δq is as exact as p − (1+δ)q.
    if abs(mismatch) > 1e-13:
        return None
    h = _integrand(D)
    terms, p_alone, q_alone = [], 0.0, 0.0
    xp = sys.modules[__name__]
    try:
        for x, y in zip(p, q, strict=True):
            if x > 0 and y > 0:
                shift = mismatch * y
                terms.append(h(x, (y + shift) or y, (x - y) - shift, xp))
            elif x > 0:
                p_alone += x
            else:
                q_alone += y
        excess = math.fsum(terms)
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        return None
    if not -INF < excess < INF:  # perhaps only on the way
        return None
    if q_alone:
        excess += (D.at_zero - D.at_one + D.derivative_at_one) * q_alone
    if p_alone:
        excess += (D.slope - D.derivative_at_one) * p_alone
    if excess < SMALLEST and p != q:  # digits may be lost to underflow
        return None
    return excess, p_mass, q_mass


@functools.lru_cache(maxsize=256)
def _integrand(D: Divergence) -> Any:
    h = rebind(D.formulas.integrand, sys.modules[__name__], lambda function: function)
    if not _is_of_others(D):
        return h

    def raising(*args: Any) -> Any:
        # With constants of NumPy numbers are NumPy's, which overflow with a warning.
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return h(*args)

    return raising


def _is_of_others(D: Divergence) -> bool:
    """Return whether code from outside this package is called."""
    _, parts = D.recipe or (None, ())
    return not getattr(D.formulas.integrand, "__module__", "").startswith("divkit.fdiv.") or any(
        _is_of_others(part) if isinstance(part, Divergence) else callable(part) for part in parts
    )


def where(condition: Any, a: Any, b: Any) -> Any:
    return a if condition else b


abs = abs
sqrt, log, log1p, exp, expm1 = math.sqrt, math.log, math.log1p, math.exp, math.expm1
sinh, cosh, tanh, atanh = math.sinh, math.cosh, math.tanh, math.atanh


def sign(x: float) -> float:
    return math.copysign(1.0, x) if x else 0.0


def half_log_ratio(p: float, q: float, difference: float, xp: Any) -> float:
    d = difference / (p + q)
    return math.atanh(d) if -0.5 < d < 0.5 else math.log(math.sqrt(p) / math.sqrt(q))


def kl_term(p: float, q: float, difference: float, xp: Any) -> float:
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


def js_term(p: float, q: float, difference: float, xp: Any) -> float:
    total = p + q
    d = difference / total
    if -0.5 < d < 0.5:
        return 0.25 * total * (2 * d * math.atanh(d) + math.log1p(-d * d))
    smaller, larger = (p, q) if difference < 0 else (q, p)
    log_ratio = math.log(math.sqrt(larger) / math.sqrt(smaller))
    return 0.5 * total * (LOG2 - math.log1p(smaller / larger)) - smaller * log_ratio
