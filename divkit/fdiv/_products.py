"""Forms of some divergences that are cheap over all pairs: a term per row and one sum per pair.

With both rows normalized and r any positive reference,
KL = Σ p log(p/r) − Σ p log(q/r), χ² = Σ p²/q − 1, H² = 2 − 2 Σ √p √q, and
JS = ½ Σ p log(p/r) + ½ Σ q log(q/r) − Σ m log(m/r), m = (p+q)/2.
They cancel as p → q, so each sum comes with the sum of the absolute values of its terms, and pairs
whose result is small compared with that are left to the integrand. Taking the mean of all rows as r
keeps the logarithms small.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from divkit.fdiv import _simd
from divkit.fdiv._record import Record

Matrix = NDArray[np.float64]

# The error of a sum of a few hundred terms is about 4 roundings of their size, so a result that is
# at least this share of the size has a relative error below 5e-14.
SMALLEST_SHARE = 0.02

DOT, MIXTURE = 0, 1


class Form(NamedTuple):
    """D = row_i + column_j + Σ_k, and the sizes of the terms of row and column."""

    kind: int  # DOT: Σ left·right; MIXTURE: −Σ m log(m/r) with m = left + right
    left: Matrix
    right: Matrix
    row: Matrix
    row_size: Matrix
    column: Matrix
    column_size: Matrix
    reference: Matrix  # 1/r


class Rows(NamedTuple):
    """Normalized rows p and q, from which records make their forms, and the reference r."""

    p: Matrix
    q: Matrix
    r: Matrix

    def dot(self, left: Matrix, right: Matrix, row: Any = 0.0, column: Any = 0.0) -> Form:
        """Return row_i + column_j + Σ_k left_ik right_jk.

        `row` and `column` are numbers or what `information` returns.
        """
        of_row, of_column = _term(len(self.p), row), _term(len(self.q), column)
        return Form(DOT, left, right, *of_row, *of_column, self.r)

    def mixture(self) -> Form:
        """Return ½ Σ p log(p/r) + ½ Σ q log(q/r) − Σ m log(m/r), m = (p+q)/2."""
        half_p, half_q = self.p / 2, self.q / 2
        of_row, of_column = self.information(self.p, 0.5), self.information(self.q, 0.5)
        return Form(MIXTURE, half_p, half_q, *of_row, *of_column, 1 / self.r)

    def information(self, x: Matrix, share: float = 1.0) -> tuple[Matrix, Matrix]:
        """Return share · Σ x log(x/r) of every row, and the sums of the sizes of the terms."""
        terms = share * x * np.log(np.where(x > 0, x / self.r, 1.0))
        return terms.sum(axis=1), np.abs(terms).sum(axis=1)


def form(D: Record, p: Matrix, q: Matrix) -> Form | None:
    """Return the cheap form of `D` for normalized rows p and q; None where there is none."""
    make = D.formulas.product_form
    if make is None:
        return None
    mean = 0.5 * (p.mean(axis=0) + q.mean(axis=0))
    with np.errstate(all="ignore"):
        found: Form = make(Rows(p, q, np.where(mean > 0, mean, 1.0)))
    return found


def _term(n: int, given: Any) -> tuple[Matrix, Matrix]:
    if isinstance(given, tuple):
        return given
    return np.full(n, given), np.full(n, abs(given))


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
        # At m = 0 this logarithm returns some finite number, so that the term is 0.
        term = m * _simd.log(m * reference[k])
        total -= term
        size += abs(term)
    return total, size
