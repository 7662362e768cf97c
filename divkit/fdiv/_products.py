"""Forms of some divergences that are cheap over all pairs: a term per row and one sum per pair.

With both rows normalised and r any positive reference,
KL = Σ p log(p/r) − Σ p log(q/r), χ² = Σ p²/q − 1, H² = 2 − 2 Σ √p √q, and
JS = ½ Σ p log(p/r) + ½ Σ q log(q/r) − Σ m log(m/r), m = (p+q)/2.
They cancel as p → q, so each sum comes with the size of its terms, and a pair for which the
result is small against that is left to the integrand. r, the mean of all rows, keeps the
logarithms small.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from divkit.fdiv import _simd
from divkit.fdiv._divergence import Divergence
from divkit.fdiv.catalogue.jensen_shannon import jensen_shannon
from divkit.fdiv.catalogue.kl import kl
from divkit.fdiv.catalogue.neyman import neyman
from divkit.fdiv.catalogue.pearson import pearson
from divkit.fdiv.catalogue.reverse_kl import reverse_kl
from divkit.fdiv.catalogue.squared_hellinger import squared_hellinger

Matrix = NDArray[np.float64]

# A sum of a few hundred terms is wrong by some 4 roundings of their size: what is left of a
# result this large beside that is better than 5e-14.
SMALLEST_SHARE = 0.02

DOT, MIXTURE = 0, 1


class Form(NamedTuple):
    """D = row_i + column_j + Σ_k, and the sizes of what makes up row and column."""

    kind: int  # DOT: Σ left·right; MIXTURE: −Σ m log(m/r) with m = left + right
    left: Matrix
    right: Matrix
    row: Matrix
    row_size: Matrix
    column: Matrix
    column_size: Matrix
    reference: Matrix  # 1/r


def form(D: Divergence, p: Matrix, q: Matrix) -> Form | None:
    """Return the cheap form of `D` for normalised rows p and q; None where there is none."""
    mean = 0.5 * (p.mean(axis=0) + q.mean(axis=0))
    r = np.where(mean > 0, mean, 1.0)
    with np.errstate(all="ignore"):
        if D.formulas == kl.formulas:
            return _kullback_leibler(p, q, r)
        if D.formulas == reverse_kl.formulas:
            swapped = _kullback_leibler(q, p, r)
            return swapped._replace(
                left=swapped.right,
                right=swapped.left,
                row=swapped.column,
                row_size=swapped.column_size,
                column=swapped.row,
                column_size=swapped.row_size,
            )
        n, m = len(p), len(q)
        if D.formulas == pearson.formulas:
            return Form(DOT, p * p, 1 / q, *_constant(n, -1.0), *_constant(m, 0.0), r)
        if D.formulas == neyman.formulas:
            return Form(DOT, 1 / p, q * q, *_constant(n, -1.0), *_constant(m, 0.0), r)
        if D.formulas == squared_hellinger.formulas:
            left, right = -2 * np.sqrt(p), np.sqrt(q)
            return Form(DOT, left, right, *_constant(n, 2.0), *_constant(m, 0.0), r)
        if D.formulas == jensen_shannon.formulas:
            return Form(
                MIXTURE, p / 2, q / 2, *_information(p / 2, p, r), *_information(q / 2, q, r), 1 / r
            )
    return None


def _kullback_leibler(p: Matrix, q: Matrix, r: Matrix) -> Form:
    return Form(DOT, p, -np.log(q / r), *_information(p, p, r), *_constant(len(q), 0.0), r)


def _information(weight: Matrix, p: Matrix, r: Matrix) -> tuple[Matrix, Matrix]:
    terms = weight * np.log(np.where(p > 0, p / r, 1.0))
    return terms.sum(axis=1), np.abs(terms).sum(axis=1)


def _constant(n: int, value: float) -> tuple[Matrix, Matrix]:
    return np.full(n, value), np.full(n, abs(value))


@_simd.summing
def dot(left, right):  # type: ignore[no-untyped-def]
    """Return Σ left·right and the size of its terms."""
    total = size = 0.0
    for k in range(left.size):
        term = left[k] * right[k]
        total += term
        size += abs(term)
    return total, size


@_simd.summing
def mixture(left, right, reference):  # type: ignore[no-untyped-def]
    """Return −Σ m log(m/r) and the size of its terms, m = left + right; 0 log 0 = 0."""
    total = size = 0.0
    for k in range(left.size):
        m = left[k] + right[k]
        # At m = 0 the logarithm of the bits is some finite number.
        term = m * _simd.log(m * reference[k])
        total -= term
        size += abs(term)
    return total, size
