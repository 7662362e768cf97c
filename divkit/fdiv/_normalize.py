"""Two measures rescaled to equal mass, with an accurate difference: the input of a divergence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from divkit import _check
from divkit._check import Array
from divkit.fdiv._double_double import difference_of_scaled, exact_sum, quotient
from divkit.fdiv._tiny import SHARE, Tiny, tiny_atoms


@dataclass(frozen=True)
class Pair:
    """Two measures of the same mass, their atoms on the last axis."""

    p: Array
    q: Array  # times mass(p)/mass(q)
    q_own: Array  # q before that scaling
    difference: Array  # p − q, to full relative accuracy
    mass: Array
    full: bool  # all masses are known to be positive
    tiny: Tiny | None  # atoms for which the arrays above have lost digits
    axis: int  # where the caller has the atoms, counted from the end
    dtype: Any  # of the result
    xp: Any


def pair(p: Array, q: Array, axis: int, normalize: bool, xp: Any) -> Pair:
    """Return p and q, checked, as measures of equal mass."""
    dtype = _check.result_dtype(xp, p, q)
    given, tolerance = (p, q), mass_tolerance(p, q)
    p, q = _check.real("p", p, xp, like=q), _check.real("q", q, xp, like=p)
    _check.nonnegative("p", p, xp)
    _check.nonnegative("q", q, xp)
    p, q, position = atoms_last(p, q, axis, xp)
    as_given = p, q
    (p, p_mass), (q, q_mass) = _with_mass("p", p, xp), _with_mass("q", q, xp)
    if not normalize:
        for name, x, mass in (("p", given[0], p_mass[0]), ("q", given[1], q_mass[0])):
            if _check.is_integer(x):
                _check.unit_mass(name, mass, xp)
        _check.equal_mass(p_mass[0], q_mass[0], tolerance, xp)
    full, tiny = False, None
    if xp is np and p.size and q.size:
        least = min(x.min() for x in as_given)
        most = max(p_mass[0].max(), q_mass[0].max())
        full = bool(least > 0)
        if least <= SHARE * max(most, 1.0) or most > 1e280:
            tiny = tiny_atoms(*as_given, most if most < 1e280 else math.inf)
    p, p_mass = _near_one(p, p_mass, xp)
    q, q_mass = _near_one(q, q_mass, xp)
    p, p_mass = _no_smaller(p, p_mass, q_mass, xp)
    # Other libraries keep the factor even where it is 1: derivatives pass through it.
    if xp is np and np.all((p_mass[0] == q_mass[0]) & (p_mass[1] == q_mass[1])):
        return Pair(p, q, q, p - q, p_mass[0], full, tiny, position, dtype, xp)
    scaled, difference = equal_masses(p, q, quotient(p_mass, q_mass), xp)
    return Pair(p, scaled, q, difference, p_mass[0], full, tiny, position, dtype, xp)


def atoms_last(p: Array, q: Array, axis: int, xp: Any) -> tuple[Array, Array, int]:
    """Return p and q with their atoms on the last axis, and where they were, from the end."""
    if p.ndim != q.ndim and axis >= 0:
        raise ValueError(
            "`axis` must count from the end when `p` and `q` differ in dimension, got "
            f"{axis} for {p.ndim} and {q.ndim} axes"
        )
    position = _check.axis_index("axis", axis, max(p.ndim, 1))
    p, q = _check.atoms_last("p", p, axis, xp), _check.atoms_last("q", q, axis, xp)
    _check.broadcastable(("p", p), ("q", q))
    return p, q, position


def mass_tolerance(p: Array, q: Array) -> float:
    """Return the relative difference of masses that passes for rounding: half the digits."""
    return math.sqrt(_check.rounding(p, q))


def equal_masses(p: Array, q: Array, factor: tuple[Array, Array], xp: Any) -> tuple[Array, Array]:
    """Return q · factor and p − q · factor, given mass(p)/mass(q) as high + low.

    D is defined by p/mass(p) and q/mass(q), but dividing would change each by up to an ulp, which
    may exceed their difference when they are close. So only q is rescaled, p − q is kept to twice
    the precision, and the common mass divides the result.
    """
    high, low = factor
    scaled, difference = difference_of_scaled(p, q, (high[..., None], low[..., None]))
    return _kept(q, scaled, xp), difference


def _kept(x: Array, scaled: Array, xp: Any) -> Array:
    """Return `scaled`, with the least positive number where it underflowed: 0 is a special case."""
    smallest = 1e-45 if _check.float_bits(x) == 32 else 5e-324
    return xp.where((x > 0) & (scaled == 0), smallest, scaled)


def _with_mass(name: str, x: Array, xp: Any) -> tuple[Array, tuple[Array, Array]]:
    """Return `x`, scaled down where its sum would overflow, and that sum as high + low."""
    with _check.quiet(xp):
        mass = exact_sum(x, xp)
        if not _check.holds(xp.isfinite(mass[0]) & xp.isfinite(mass[1]), xp):
            x = _kept(x, x * 2.0**-64, xp)
            mass = exact_sum(x, xp)
    _check.positive_mass(name, mass[0], xp)
    return x, mass


def _no_smaller(
    p: Array, p_mass: tuple[Array, Array], q_mass: tuple[Array, Array], xp: Any
) -> tuple[Array, tuple[Array, Array]]:
    """Scale p by a power of two where small entries of q times mass(p)/mass(q) could underflow."""
    ratio = p_mass[0] / q_mass[0]
    enough = ratio > (1e-3 if _check.float_bits(p) == 32 else 1e-7)
    if _check.holds(enough, xp):
        return p, p_mass
    # Rows that need no scaling are left alone: small entries of p could underflow.
    factor = 2.0 ** -xp.floor(xp.log2(xp.where(enough, 1.0, ratio)))
    return p * factor[..., None], (p_mass[0] * factor, p_mass[1] * factor)


def _near_one(x: Array, mass: tuple[Array, Array], xp: Any) -> tuple[Array, tuple[Array, Array]]:
    """Scale by a power of two where products of masses could overflow or underflow."""
    least, most = (1e-10, 1e10) if _check.float_bits(x) == 32 else (1e-100, 1e100)
    if _check.holds((mass[0] > least) & (mass[0] < most), xp):
        return x, mass
    # In two steps, as 2¹⁰⁷⁴ is not a double.
    factor = 2.0 ** -xp.floor(xp.log2(mass[0]) / 2)
    x = _kept(x, x * factor[..., None] * factor[..., None], xp)
    return x, exact_sum(x, xp)
