"""One pass over p and q in a compiled loop, generated from any record's integrand.

The pass checks the entries, adds up both masses and sums the integrand. Large inputs are cut into
pieces for plain threads.
"""

from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from divkit import _threads
from divkit.fdiv import simd
from divkit.fdiv.divergence import Divergence
from divkit.fdiv.rebind import rebind

Array = NDArray[Any]

BLOCK = 1024  # entries added up in one go: short enough that a plain sum keeps its digits
PER_THREAD = 1 << 18  # entries that are worth a thread
SMALLEST = 1e-300  # a smaller entry, but for 0, is left to the generic path
# What is added up in a block.
INTEGRAND, P_MASS, Q_MASS, DIFFERENCE, P_ALONE, Q_ALONE, REFUSED, COLUMNS = range(8)


def integral(D: Divergence, p: Array, q: Array) -> tuple[Array, Array, Array] | None:
    """Return ∫h of p and q·(mass p/mass q), mass p and mass q; None if this is not for the loop.

    Parameters
    ----------
    D : Divergence
        Whose integrand is summed.
    p, q : array, shape (rows, n), float32 or float64, C order
        Measures of positive mass.

    Returns
    -------
    excess, p_mass, q_mass : array, shape (rows,)
        D(P‖Q) = f(1) + excess / p_mass. None where an entry is not a finite normal number ≥ 0, a
        mass is 0 or out of the ordinary, or the integrand cannot be compiled: the generic path
        finds the words or the number.
    """
    kernel = _kernel(D)
    if kernel is None:
        return None
    ones, nought = np.ones(len(p)), np.zeros(len(p))
    sums = _run(kernel, p, q, ones, nought)
    p_mass, q_mass = sums[:, P_MASS], sums[:, Q_MASS]
    ordinary = (np.minimum(p_mass, q_mass) > 1e-100) & (np.maximum(p_mass, q_mass) < 1e100)
    # A nan or an infinity among the entries shows in the masses, an overflow in the integral.
    if sums[:, REFUSED].any() or not (ordinary & np.isfinite(sums[:, INTEGRAND])).all():
        return None
    excess, mismatch = _excess(D, sums), sums[:, DIFFERENCE] / q_mass
    curvature = _curvature(D)
    scale = ones
    if np.abs(mismatch).max() > 1e-14:
        scale = p_mass / q_mass
        sums = _run(kernel, p, q, scale, nought)
        excess, mismatch = _excess(D, sums), sums[:, DIFFERENCE] / sums[:, Q_MASS]
    if np.isfinite(curvature):
        # The masses still differ by some roundings, which count when p ≈ q: F(c) = ∫h(p, cq) at
        # c = 1 + δ is F(1) − ½ f″(1) δ² mass, up to δ·F.
        excess = np.maximum(excess - 0.5 * curvature * mismatch**2 * p_mass, 0.0)
    elif (np.abs(mismatch) > 1e-15 * excess / p_mass).any():
        # Where f has a kink at 1 the effect is of first order: put the rest of the factor in.
        excess = _excess(D, _run(kernel, p, q, scale, scale * mismatch))
    return excess, p_mass, q_mass


def _excess(D: Divergence, sums: Array) -> Array:
    excess = sums[:, INTEGRAND].copy()
    for column, limit in (
        (Q_ALONE, D.at_zero - D.at_one + D.derivative_at_one),
        (P_ALONE, D.slope - D.derivative_at_one),
    ):
        alone = sums[:, column]
        excess[alone > 0] += limit * alone[alone > 0]
    return excess


def _run(kernel: Any, p: Array, q: Array, scale: Array, rest: Array) -> Array:
    """Return the sums of every row, the work cut into pieces for threads."""
    rows, n = p.shape
    blocks = -(-n // BLOCK)
    out = np.empty((rows * blocks, COLUMNS))

    def piece(start: int, stop: int) -> None:
        kernel(p, q, scale, rest, start, stop, out)

    _threads.run(piece, rows * blocks, _threads.worth(p.size, PER_THREAD))
    sums: Array = out.reshape(rows, blocks, COLUMNS).sum(axis=1)
    return sums


@functools.lru_cache(maxsize=256)
def _kernel(D: Divergence) -> Any:
    """Return the loop for `D`; None if its integrand is beyond the compiler."""
    return compile_or_none(D, _loop)


def compile_or_none(D: Divergence, loop: Any) -> Any:
    """Return the loop made from the integrand of `D`, compiled; None if that cannot be."""
    try:
        kernel, example = loop(rebind(D.formulas.integrand, simd, simd.inlined))
        kernel(*example)
    except (numba.core.errors.NumbaError, NotImplementedError, AttributeError):
        return None
    return kernel


def _loop(integrand: Any) -> Any:
    @numba.njit(nogil=True, fastmath=simd.FLAGS | {"reassoc"}, error_model="numpy")
    def kernel(p, q, scale, rest, start, stop, out):  # type: ignore[no-untyped-def]
        n = p.shape[1]
        blocks = (n + BLOCK - 1) // BLOCK
        smallest = simd.bits(SMALLEST)
        for task in range(start, stop):
            row = task // blocks
            first = (task - row * blocks) * BLOCK
            c, d = scale[row], rest[row]
            x, y = p[row, first : first + BLOCK], q[row, first : first + BLOCK]
            total = p_mass = q_mass = difference = p_alone = q_alone = 0.0
            least = smallest
            for j in range(x.size):
                a, b = np.float64(x[j]), np.float64(y[j])
                # As integers, bits order positive numbers and put negative ones below them all.
                least = min(least, min(simd.bits(a), simd.bits(b)))
                delta = simd.fma(-c, b, a) - d * b
                p_mass += a
                difference += delta
                total += integrand(a, c * b, delta, simd)
            q_mass = (p_mass - difference) / (c + d)
            refused = 0
            if least < smallest:  # an entry is 0, or worse: once more, with care
                total = p_mass = q_mass = difference = 0.0
                for j in range(x.size):
                    a, b = np.float64(x[j]), np.float64(y[j])
                    refused += not ((a == 0 or a >= SMALLEST) and (b == 0 or b >= SMALLEST))
                    delta = simd.fma(-c, b, a) - d * b
                    p_mass += a
                    q_mass += b
                    difference += delta
                    if a > 0 and b > 0:
                        total += integrand(a, c * b, delta, simd)
                    elif a > 0:
                        p_alone += a
                    else:
                        q_alone += c * b
            out[task, INTEGRAND] = total
            out[task, P_MASS] = p_mass
            out[task, Q_MASS] = q_mass
            out[task, DIFFERENCE] = difference
            out[task, P_ALONE] = p_alone
            out[task, Q_ALONE] = q_alone
            out[task, REFUSED] = refused

    one = np.ones((1, 1))
    return kernel, (one, one, one[0], one[0], 0, 1, np.empty((1, COLUMNS)))


@functools.lru_cache(maxsize=256)
def _curvature(D: Divergence) -> float:
    """Return f″(1), infinite where f has a kink there."""
    steps = np.array([2.0**-30, 2.0**-31])
    ones = np.ones(2)
    h = D.formulas.integrand(ones, ones - steps, steps, np)
    coarse, fine = 2 * h / steps**2
    return float(fine) if abs(coarse - fine) < 1e-6 * abs(fine) else np.inf
