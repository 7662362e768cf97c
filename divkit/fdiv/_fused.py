"""One pass over p and q in a compiled loop, generated from any record's integrand.

The pass checks the entries, adds up both masses and sums the integrand. Large inputs are cut into
pieces that run in threads.
"""

from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from divkit import _threads
from divkit.fdiv import _inline, _loops
from divkit.fdiv._loops import DIFFERENCE, INTEGRAND, P_ALONE, P_MASS, Q_ALONE, Q_MASS, REFUSED
from divkit.fdiv._record import Record, if_only_p, if_only_q

Array = NDArray[Any]

PER_THREAD = 1 << 18  # entries that make another thread worthwhile
ROWS = 1 << 15  # rows at once, so that their sums stay in the cache


def integral(
    D: Record, p: Array, q: Array, *, equal: bool = True
) -> tuple[Array, Array, Array] | None:
    """Return ∫h of p and q·(mass p/mass q), mass p and mass q; None if the loop does not apply.

    Parameters
    ----------
    D : Record
        The record whose integrand is summed.
    p, q : array, shape (rows, n), float32 or float64, C order
        Measures of positive mass.
    equal : bool
        Whether masses can be expected to be equal in double precision, so that one pass suffices.

    Returns
    -------
    excess, p_mass, q_mass : array, shape (rows,)
        D(P‖Q) = f(1) + excess / p_mass. None if an entry is negative, not finite or tiny but not 0,
        a mass is 0 or extreme, or the integrand cannot be compiled or overflows: the generic path
        then raises the error or computes the value.
    """
    known = not equal or p.dtype == np.float32
    # Where f has a kink at 1, q is scaled even if masses are expected to be equal.
    scaled = known or not np.isfinite(_curvature(D))
    make = _loops.along if p.shape[1] > _loops.SHORT or len(p) == 1 else _loops.across
    kernel = _compiled(D, make, scaled)
    if kernel is None:
        return None
    found = []
    for first in range(0, len(p), ROWS):
        rows = slice(first, first + ROWS)
        some = _integral(D, kernel, p[rows], q[rows], known, scaled)
        if some is None:
            return None
        found.append(some)
    excess, p_mass, q_mass = (
        parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in zip(*found, strict=True)
    )
    return excess, p_mass, q_mass


def _integral(
    D: Record, kernel: Any, p: Array, q: Array, known: bool, scaled: bool
) -> tuple[Array, Array, Array] | None:
    """Return the integral and the masses; if `known`, the masses are computed first."""
    scale, nought = np.ones(len(p)), np.zeros(len(p))
    if known:
        p_mass, q_mass = _masses(p, q)
        if not _are_ordinary(p_mass, q_mass):
            return None
        scale = p_mass / q_mass
        if (scale < 1e-7).any() and _vanishes(q, scale):
            return None
    sums = _sums(kernel, p, q, scale, nought) if scaled else _sums(kernel, p, q, None, None)
    if not known:
        p_mass, q_mass = sums[P_MASS], sums[Q_MASS]
        if not _are_ordinary(p_mass, q_mass):
            return None
    # The masses show whether an entry is nan or infinite, the integral whether h overflowed.
    if sums[REFUSED].any() or not np.isfinite(sums[INTEGRAND]).all():
        return None
    mismatch = sums[DIFFERENCE] / p_mass
    if not known and np.abs(mismatch).max() > 1e-14:
        scale = p_mass / q_mass
        sums = _sums(kernel, p, q, scale, nought)
        mismatch = sums[DIFFERENCE] / p_mass
    excess, curvature = _excess(D, sums), _curvature(D)
    if np.isfinite(curvature):
        # The masses still differ by rounding, which matters when p ≈ q: F(c) = ∫h(p, cq) at
        # c = 1 + δ is F(1) − ½ f″(1) δ² mass, up to δ·F.
        excess = np.maximum(excess - 0.5 * curvature * mismatch**2 * p_mass, 0.0)
    elif (np.abs(mismatch) > 1e-15 * excess / p_mass).any():
        # Where f has a kink at 1 the effect is of first order: correct the factor instead.
        excess = _excess(D, _sums(kernel, p, q, scale, scale * mismatch))
    return excess, p_mass, q_mass


def _vanishes(q: Array, scale: Array) -> bool:
    """Return whether an entry of q times its factor is below the least that the loops accept."""
    least = np.min(q, axis=1, where=q > 0, initial=np.inf)
    return bool((least * scale < _loops.SMALLEST).any())


def _are_ordinary(p_mass: Array, q_mass: Array) -> bool:
    return bool((np.minimum(p_mass, q_mass) > 1e-100).all() and (p_mass + q_mass < 1e100).all())


def _excess(D: Record, sums: Array) -> Array:
    excess: Array = sums[INTEGRAND]
    for row, limit in ((Q_ALONE, if_only_q(D)), (P_ALONE, if_only_p(D))):
        alone = sums[row] > 0
        if alone.any():
            excess[alone] += limit * sums[row, alone]
    return excess


def _masses(p: Array, q: Array) -> tuple[Array, Array]:
    sums = _run(lambda *piece: _loops.masses(p, q, *piece), p.shape)
    return sums[P_MASS], sums[Q_MASS]


def _sums(kernel: Any, p: Array, q: Array, scale: Array | None, rest: Array | None) -> Array:
    return _run(lambda *piece: kernel(p, q, scale, rest, *piece), p.shape)


def _run(kernel: Any, shape: tuple[int, ...]) -> Array:
    """Return the sums of every row, shape (SUMS, rows), computed in pieces by threads."""
    rows, n = shape
    parts = _loops.parts(n)
    out = np.zeros((_loops.SUMS, rows * parts))  # not every kernel sets all

    def piece(start: int, stop: int) -> None:
        kernel(start, stop, out)

    _threads.run(piece, rows * parts, _threads.worth(rows * n, PER_THREAD))
    return out if parts == 1 else out.reshape(_loops.SUMS, rows, parts).sum(axis=2)


@functools.lru_cache(maxsize=512)
def _compiled(D: Record, make: Any, scaled: bool) -> Any:
    """Return the pass, with or without a scale; None if the integrand cannot be compiled."""
    kernel = _pass(D, make)
    return kernel if _compiles(kernel, _loops.example(scaled)) else None


@functools.lru_cache(maxsize=512)
def _pass(D: Record, make: Any) -> Any:
    return make(_inline.compilable(D.formulas.integrand))


def compile_or_none(D: Record, loop: Any) -> Any:
    """Return the loop made from the integrand of `D`, compiled; None if that fails."""
    kernel, example = loop(_inline.compilable(D.formulas.integrand))
    return kernel if _compiles(kernel, example) else None


def _compiles(kernel: Any, example: tuple[Any, ...]) -> bool:
    try:
        kernel(*example)
    except (numba.core.errors.NumbaError, NotImplementedError, AttributeError):
        return False
    return True


@functools.lru_cache(maxsize=256)
def _curvature(D: Record) -> float:
    """Return f″(1), infinite where f has a kink there."""
    steps = np.array([2.0**-30, 2.0**-31])
    ones = np.ones(2)
    h = D.formulas.integrand(ones, ones - steps, steps, np)
    coarse, fine = 2 * h / steps**2
    return float(fine) if abs(coarse - fine) < 1e-6 * abs(fine) else np.inf
