"""Checks of masses: non-negative weights, positive totals, equal totals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from divkit._check.costs import LARGEST_EXPONENT
from divkit._check.libraries import Array, holds
from divkit._check.numbers import distinct, first, nonnegative, number, numpy_array, row

# Up to this many masses are summed with correct rounding, which would be slow for more.
_FEW = 2**15


def weights(name: str, x: Array, length: int, axis: str) -> Array:
    """Return `x` as a float64 vector of `length` masses, at least one of them positive.

    Raises
    ------
    TypeError
        If `x` is not a NumPy array or sequence, or not of real numbers.
    ValueError
        If `x` has another shape, a negative, nan or infinite entry, or a total that is 0 or above
        2**1000.
    """
    x = numpy_array(name, x)
    if x.shape != (length,):
        remedy = f": use `{name}.ravel()`" if x.ndim != 1 and x.size == length else ""
        raise ValueError(
            f"`{name}` must have shape ({length},), one weight per {axis}, got {x.shape}{remedy}"
        )
    nonnegative(name, x, np)
    mass = float(x.sum()) if x.max() < np.ldexp(1.0, LARGEST_EXPONENT) else float("inf")
    if mass == 0.0:
        raise ValueError(f"`{name}` must hold mass, got {length} zeros")
    if mass > np.ldexp(1.0, LARGEST_EXPONENT):
        raise ValueError(f"`{name}` must hold a mass below 2**{LARGEST_EXPONENT}: rescale it")
    return x


def balanced(a: Array, b: Array, rounding: float) -> Array:
    """Return `b` scaled to the mass of `a`, from which it may differ by relative sqrt(`rounding`).

    Raises
    ------
    ValueError
        If the masses differ by more.
    """
    of_a, of_b = _mass(a), _mass(b)
    if abs(of_a - of_b) > rounding**0.5 * max(of_a, of_b):
        raise ValueError(
            f"`a` and `b` must have equal mass, got {of_a!r} and {of_b!r}: "
            "rescale one, for example `b * (a.sum() / b.sum())`"
        )
    return b if of_a == of_b else b * (of_a / of_b)


def _mass(weights: Array) -> float:
    """Return the sum; for few weights correctly rounded, so that their order does not matter."""
    mass = float(weights.sum())
    return math.fsum(weights.tolist()) if weights.size <= _FEW and math.isfinite(mass) else mass


def positive_mass(name: str, mass: Array, xp: Any) -> None:
    """Raise ValueError if a mass is 0."""
    if not holds(mass > 0, xp):
        raise ValueError(f"`{name}` must have positive mass, got only zeros{row(mass <= 0, xp)}")


def unit_mass(name: str, mass: Array, xp: Any) -> None:
    """Raise ValueError if integers do not sum to 1, in which case they must be counts."""
    if not holds(mass == 1, xp):
        given = number(first(mass, mass != 1, xp))
        raise ValueError(
            f"`{name}` must hold probabilities, got integer counts of mass {given:g}"
            f"{row(mass != 1, xp)}: pass `normalize=True` to divide them by it"
        )


def equal_mass(p_mass: Array, q_mass: Array, tolerance: float, xp: Any) -> None:
    """Raise ValueError if masses differ by more than the relative `tolerance`."""
    apart = xp.abs(p_mass - q_mass) > tolerance * xp.where(p_mass > q_mass, p_mass, q_mass)
    if not holds(~apart, xp):
        both = xp.zeros_like(p_mass + q_mass)
        shown = distinct(*(number(first(x + both, apart, xp)) for x in (p_mass, q_mass)))
        raise ValueError(
            f"`p` and `q` must have equal mass, got {shown[0]} and {shown[1]}"
            f"{row(apart, xp)}: pass `normalize=True` to divide each by its own"
        )


def equal_rows(p_mass: Array, q_mass: Array, tolerance: float) -> None:
    """Raise ValueError unless rows of P and Q have equal mass, to the relative `tolerance`."""
    # Every row of P is compared with every row of Q, for which the extremes suffice.
    for i, j in ((p_mass.argmin(), q_mass.argmax()), (p_mass.argmax(), q_mass.argmin())):
        low, high = sorted((float(p_mass[i]), float(q_mass[j])))
        if high - low > tolerance * high:
            of_p, of_q = distinct(p_mass[i], q_mass[j])
            raise ValueError(
                f"`P` and `Q` must have rows of equal mass, got {of_p} in row {i} of P and {of_q} "
                f"in row {j} of Q: pass `normalize=True` to divide each by its own"
            )
