"""Error-free transformations of sums and products, for arrays of any library.

The error of a sum or product of two floats is itself a float (Knuth, The Art of Computer
Programming 2, section 4.2.2, theorem B; T. J. Dekker, "A floating-point technique for extending the
available precision", 1971).
"""

from __future__ import annotations

from divkit._check import Array, float_bits


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the rounded sum of a and b, and its exact rounding error."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the rounded product of a and b, and its rounding error, exact barring overflow."""
    product = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def _halves(a: Array) -> tuple[Array, Array]:
    big = (4097.0 if float_bits(a) == 32 else 134217729.0) * a  # 2¹² + 1 or 2²⁷ + 1
    high = big - (big - a)
    return high, a - high
