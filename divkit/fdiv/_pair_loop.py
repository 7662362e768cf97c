"""The compiled loop over all pairs of rows."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from divkit import _threads
from divkit._compile import compiled
from divkit.fdiv import _fused, _products, _simd
from divkit.fdiv._divergence import Divergence
from divkit.fdiv._products import MIXTURE, SMALLEST_SHARE, dot, mixture
from divkit.fdiv._record import if_only_p, if_only_q

Matrix = NDArray[np.float64]
Rows = tuple[Matrix, Matrix, Matrix, NDArray[np.bool_]]


def evaluate(D: Divergence, rows: Rows, columns: Rows, half: bool) -> Matrix | None:
    """Return D over all pairs, or over those with j ≥ i; None if the loop cannot be compiled.

    Parameters
    ----------
    D : Divergence
        The divergence whose integrand is summed.
    rows, columns : (masses, their sums, rounding errors of the sums, whether all are > 0)
        Arrays of shapes (n, k), (n,), (n,) and (n,).
    half : bool
        Whether entries below the diagonal may stay unset.
    """
    kernel = _kernel(D)
    if kernel is None:
        return None
    p, q = rows[0] / rows[1][:, None], columns[0] / columns[1][:, None]
    out = np.empty((len(p), len(q)))
    limits = D.at_one, if_only_q(D), if_only_p(D)
    cheap = _products.form(D, p, q)
    threads = _threads.worth(len(p) * q.size, _fused.PER_THREAD)

    def piece(start: int, stop: int) -> None:
        kernel(rows, columns, limits, cheap, half, start, stop, out)

    # In half a matrix the first rows are the longest: small pieces balance the threads.
    _threads.run(piece, len(out), threads, 8)
    return out


@functools.lru_cache(maxsize=256)
def _kernel(D: Divergence) -> Any:
    """Return the loop over pairs for `D`; None if its integrand cannot be compiled."""
    return _fused.compile_or_none(D, _loop)


def _loop(integrand: Any) -> Any:
    """Return the loop over all pairs of rows, and arguments to compile it with."""

    @compiled(keep=False, fastmath=_simd.FLAGS | {"reassoc"})
    def kernel(rows, columns, limits, cheap, half, start, stop, out):  # type: ignore[no-untyped-def]
        P, p_mass, p_rest, p_full = rows
        Q, q_mass, q_rest, q_full = columns
        at_one, q_limit, p_limit = limits
        for i in range(start, stop):
            for j in range(i if half else 0, len(Q)):
                full = p_full[i] and q_full[j]
                if cheap is not None:
                    total, size = at_one, np.inf
                    if cheap.kind == MIXTURE:
                        total, size = mixture(cheap.left[i], cheap.right[j], cheap.reference)
                    elif full:
                        total, size = dot(cheap.left[i], cheap.right[j])
                    total += cheap.row[i] + cheap.column[j]
                    size += cheap.row_size[i] + cheap.column_size[j] + 1
                    if total > SMALLEST_SHARE * size:
                        out[i, j] = total
                        continue
                x, y = P[i], Q[j]
                # mass(p)/mass(q) as c + d, to twice the precision of a double.
                c = p_mass[i] / q_mass[j]
                d = (_simd.fma(-c, q_mass[j], p_mass[i]) + p_rest[i] - c * q_rest[j]) / q_mass[j]
                total = p_alone = q_alone = 0.0
                if full:
                    for k in range(x.size):
                        delta = _simd.fma(-c, y[k], x[k]) - d * y[k]
                        total += integrand(x[k], c * y[k], delta, _simd)
                else:
                    for k in range(x.size):
                        both = x[k] > 0 and y[k] > 0
                        a, b = (x[k], c * y[k]) if both else (1.0, 1.0)
                        delta = _simd.fma(-c, y[k], x[k]) - d * y[k]
                        h = integrand(a, b, delta if both else 0.0, _simd)
                        total += h if both else 0.0
                        p_alone += x[k] if y[k] == 0 else 0.0
                        q_alone += c * y[k] if x[k] == 0 else 0.0
                if q_alone > 0:
                    total += q_limit * q_alone
                if p_alone > 0:
                    total += p_limit * p_alone
                out[i, j] = at_one + total / p_mass[i]

    one = np.ones((1, 1))
    rows = (one, one[0], one[0], np.ones(1, dtype=bool))
    return kernel, (rows, rows, (0.0, 0.0, 0.0), None, False, 0, 1, np.empty((1, 1)))
