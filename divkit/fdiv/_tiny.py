"""Atoms whose share of a measure is so small that it is not a normal number.

Subnormal numbers have fewer digits, and a product of masses may underflow where the atom does not.
As the integrand is homogeneous of degree 1, it is evaluated here on masses scaled by a power of 2
for each atom; values that overflow are computed from logarithms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from divkit.fdiv._double_double import difference_of_scaled, exact_sum, quotient
from divkit.fdiv._record import Record

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

SHARE = 1e-280  # of the mass or of 1; above it, rounding errors of products do not underflow
# The exponent to which the smaller mass is scaled, as near to its own as is safe; larger where the
# two masses differ by few powers of 2, as their difference is smaller still.
_LEVEL, _LEVEL_OF_CLOSE, _CLOSE = -1000, -500, 8


@dataclass(frozen=True)
class Tiny:
    """Atoms common to both measures, with a tiny share of at least one.

    Parameters
    ----------
    where : array of bool, shape (..., n)
        Mask of these atoms; the other arrays have one entry for each of them.
    p, q, difference : array
        Masses times 2^−exponent, q also times mass(p)/mass(q), and p − q.
    exponent : array of int
    ratio, log_ratio : array
        p/q, which may overflow or underflow, and its logarithm.
    log_larger : array
        The logarithm of the larger of p and q.
    mass : array
        The mass of p.
    """

    where: NDArray[np.bool_]
    p: Vector
    q: Vector
    difference: Vector
    exponent: Integers
    ratio: Vector
    log_ratio: Vector
    log_larger: Vector
    mass: Vector

    def value(self, D: Record) -> Vector:
        """Return Σ h over these atoms of the normalized measures."""
        h = D.formulas.integrand(self.p, self.q, self.difference, np)
        part = np.ldexp(h / self.mass, self.exponent)
        lost = ~(np.abs(h) < math.inf)
        if lost.any():
            part[lost] = self._by_logarithms(D, lost)
        terms = np.zeros(self.where.shape)
        terms[self.where] = part
        total: Vector = terms.sum(axis=-1)
        return total

    def _by_logarithms(self, D: Record, lost: NDArray[np.bool_]) -> Vector:
        from divkit.fdiv._log_integrand import log_of_unit

        log_h = log_of_unit(D, self.log_ratio[lost]) + self.log_larger[lost]
        part: Vector = np.exp(log_h) / self.mass[lost]
        return np.where(np.isnan(part), math.inf, part)


def tiny_atoms(p: Vector, q: Vector, most: float) -> Tiny | None:
    """Return the atoms with a tiny share, None where there are none.

    `most` bounds the masses of the rows from above; it allows a quick exit in ordinary cases.
    """
    if min(map(_least_positive, (p, q))) > SHARE * max(most, 1.0):
        return None
    p, q = np.broadcast_arrays(p, q)
    where = (p > 0) & (q > 0)
    where &= _is_tiny(p) | _is_tiny(q)
    if not where.any():
        return None
    with np.errstate(all="ignore"):  # values that overflow are computed from logarithms
        (of_p, p_unit), (of_q, q_unit) = _mass(p), _mass(q)
        rows = np.nonzero(where)[:-1]
        high, low = (part[rows] for part in quotient(of_p, of_q))
        (x, i), (y, j) = (np.frexp(side[where]) for side in (p, q))
        i, j = i - p_unit[rows], j - q_unit[rows]
        smaller = np.minimum(i, j)
        close = np.abs(i - j) <= _CLOSE
        first = np.where(close, 0, _LEVEL)
        mass = np.broadcast_to(of_p[0][rows], x.shape)
        log_p, log_q = np.log(x) + i * math.log(2), np.log(y * high) + j * math.log(2)
        ratio = x / (y * high)
        log_ratio, ratio = np.log(ratio) + (i - j) * math.log(2), np.ldexp(ratio, i - j)
        log_larger = np.maximum(log_p, log_q)
        x, y = np.ldexp(x, i - smaller + first), np.ldexp(y, j - smaller + first)
        y, difference = difference_of_scaled(x, y, (high, low))
        level = np.where(close, _LEVEL_OF_CLOSE, _LEVEL)
        x, y, difference = (np.ldexp(side, level - first) for side in (x, y, difference))
    exponent = smaller - level
    return Tiny(where, x, y, difference, exponent, ratio, log_ratio, log_larger, mass)


def _is_tiny(x: Vector) -> NDArray[np.bool_]:
    largest = x.max(axis=-1, keepdims=True)
    # `_normalize` scales rows of less mass up, so their shares are relative to the mass alone.
    most = np.where(largest > 1e-110, np.maximum(largest, 1.0), largest)
    result: NDArray[np.bool_] = x < SHARE * most
    return result


def _least_positive(x: Vector) -> float:
    """Return the least entry that is not 0 of an array without negative ones."""
    return float(np.where(x > 0, x, math.inf).min())


def _mass(x: Vector) -> tuple[tuple[Vector, Vector], Integers]:
    """Return the mass of x/2ᵏ as high + low, and k, which makes the largest entry about 1."""
    unit = np.frexp(x.max(axis=-1))[1]
    return exact_sum(np.ldexp(x, -unit[..., None]), np), unit
