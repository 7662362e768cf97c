"""The compiled passes over rows of p and q: masses alone, along a row, across several short rows.

The work of a pass is cut into tasks, and a call does those from `start` to `stop`, so that calls
may run in threads. A task's sums are a column of `out`. A row of q is multiplied by the sum of its
entries of `scale` and `rest`; if `scale` is None, the loop is compiled without this factor.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from divkit._compile import compiled
from divkit.fdiv import _simd

BLOCK = 1024  # entries added up at once: few enough for a plain sum to stay accurate
SMALLEST = 1e-300  # smaller entries, except 0, are left to the generic path
# The sums, one per row of `out`.
INTEGRAND, P_MASS, Q_MASS, DIFFERENCE, P_ALONE, Q_ALONE, REFUSED, SUMS = range(8)
SHORT = 64  # entries of the longest row that is too short to be vectorized alone
_TOGETHER = 32  # short rows at once: fills whole vectors, whatever the length of a row
_SUMS = _simd.FLAGS | {"reassoc"}


def parts(n: int) -> int:
    """Return in how many parts a row of n entries is added up."""
    return -(-n // BLOCK)


@compiled(fastmath=_SUMS)
def masses(p, q, start, stop, out):
    """Add up p and q; the tasks are parts of rows."""
    blocks = (p.shape[1] + BLOCK - 1) // BLOCK
    for task in range(start, stop):
        row = task // blocks
        first = (task - row * blocks) * BLOCK
        x, y = p[row, first : first + BLOCK], q[row, first : first + BLOCK]
        p_mass = q_mass = 0.0
        for j in range(x.size):
            p_mass += np.float64(x[j])
            q_mass += np.float64(y[j])
        out[P_MASS, task], out[Q_MASS, task] = p_mass, q_mass


def along(integrand: Any) -> Any:
    """Return the pass for long rows, whose tasks are parts of rows."""
    with_zeros = _with_zeros(integrand)

    @compiled(keep=False, fastmath=_SUMS)
    def kernel(p, q, scale, rest, start, stop, out):
        blocks = (p.shape[1] + BLOCK - 1) // BLOCK
        smallest = _simd.bits(SMALLEST)
        for task in range(start, stop):
            row = task // blocks
            first = (task - row * blocks) * BLOCK
            c, d = (1.0, 0.0) if scale is None else (scale[row], rest[row])
            x, y = p[row, first : first + BLOCK], q[row, first : first + BLOCK]
            total = p_mass = difference = 0.0
            least = smallest
            for j in range(x.size):
                a, b = np.float64(x[j]), np.float64(y[j])
                # As integers, bits order positive numbers, with negative ones below them.
                least = min(least, min(_simd.bits(a), _simd.bits(b)))
                if scale is None:
                    delta = a - b
                    total += integrand(a, b, delta, _simd)
                else:
                    delta = _simd.fma(-c, b, a) - d * b
                    total += integrand(a, c * b, delta, _simd)
                p_mass += a
                difference += delta
            if least < smallest:  # an entry is 0, tiny or negative: use the careful loop
                with_zeros(x, y, c, d, out[:, task])
            else:
                out[INTEGRAND, task] = total
                out[P_MASS, task] = p_mass
                out[Q_MASS, task] = (p_mass - difference) / (c + d)
                out[DIFFERENCE, task] = difference
                out[P_ALONE, task] = out[Q_ALONE, task] = out[REFUSED, task] = 0.0

    return kernel


def across(integrand: Any) -> Any:
    """Return the pass for rows of up to `SHORT` entries.

    Its tasks are rows. Several are processed as if they were one long row, so that vector registers
    are full however short the rows are.
    """
    with_zeros = _with_zeros(integrand)

    @compiled(keep=False, fastmath=_SUMS)
    def terms(x, y, factor, more, delta, h):
        least = _simd.bits(SMALLEST)
        for j in range(x.size):
            a, b = np.float64(x[j]), np.float64(y[j])
            least = min(least, min(_simd.bits(a), _simd.bits(b)))
            delta[j] = _simd.fma(-factor[j], b, a) - more[j] * b
        # A separate loop: with more arrays the compiler cannot prove that they do not overlap.
        for j in range(x.size):
            h[j] = integrand(np.float64(x[j]), factor[j] * np.float64(y[j]), delta[j], _simd)
        return least

    @compiled(keep=False, fastmath=_SUMS)
    def kernel(p, q, scale, rest, start, stop, out):
        # Unsigned indices spare the loops a test for negative ones, which count from the end.
        n, one = np.uint64(p.shape[1]), np.uint64(1)
        all_p, all_q = p.reshape(p.size), q.reshape(q.size)
        numbers = np.empty((4, SHORT * _TOGETHER))
        factor, more, delta, h = numbers[0], numbers[1], numbers[2], numbers[3]
        for first in range(start, stop, _TOGETHER):
            last = min(first + _TOGETHER, stop)
            at = np.uint64(0)
            for row in range(first, last):
                c, d = (1.0, 0.0) if scale is None else (scale[row], rest[row])
                for _ in range(n):
                    factor[at], more[at] = c, d
                    at += one
            x = all_p[first * p.shape[1] : last * p.shape[1]]
            y = all_q[first * p.shape[1] : last * p.shape[1]]
            least = terms(x, y, factor, more, delta, h)
            at = np.uint64(0)
            for row in range(first, last):
                total = p_mass = difference = 0.0
                for j in range(at, at + n):
                    total += h[j]
                    p_mass += x[j]
                    difference += delta[j]
                at += n
                c, d = (1.0, 0.0) if scale is None else (scale[row], rest[row])
                if least < _simd.bits(SMALLEST):
                    with_zeros(p[row], q[row], c, d, out[:, row])
                else:
                    out[INTEGRAND, row] = total
                    out[P_MASS, row] = p_mass
                    out[Q_MASS, row] = (p_mass - difference) / (c + d)
                    out[DIFFERENCE, row] = difference
                    out[P_ALONE, row] = out[Q_ALONE, row] = out[REFUSED, row] = 0.0

    return kernel


def example(scaled: bool) -> tuple[Any, ...]:
    """Return arguments to compile a pass with."""
    one = np.ones((1, 1))
    factor = one[0] if scaled else None
    return one, one, factor, factor, 0, 1, np.empty((SUMS, 1))


def _with_zeros(integrand: Any) -> Any:
    """Return the loop over part of a row in which some entries are 0, or must be refused."""

    @compiled(keep=False, fastmath=_SUMS)
    def sums(x, y, c, d, out):
        total = p_mass = q_mass = difference = p_alone = q_alone = 0.0
        refused = 0
        for j in range(x.size):
            a, b = np.float64(x[j]), np.float64(y[j])
            in_order = ((a == 0) | (a >= SMALLEST)) & ((b == 0) | (b >= SMALLEST))
            refused += 0 if in_order else 1
            delta = _simd.fma(-c, b, a) - d * b
            p_mass += a
            q_mass += b
            difference += delta
            both = (a > 0) & (b > 0)
            h = integrand(a if both else 1.0, c * b if both else 1.0, delta if both else 0.0, _simd)
            total += h if both else 0.0
            p_alone += a if b == 0 else 0.0
            q_alone += c * b if a == 0 else 0.0
        out[INTEGRAND] = total
        out[P_MASS] = p_mass
        out[Q_MASS] = q_mass
        out[DIFFERENCE] = difference
        out[P_ALONE] = p_alone
        out[Q_ALONE] = q_alone
        out[REFUSED] = refused

    return sums
