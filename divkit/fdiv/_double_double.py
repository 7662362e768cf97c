"""Sums, products and differences that keep their rounding errors.

A number is held as an unevaluated sum high + low of two doubles (T. J. Dekker, "A floating-point
technique for extending the available precision", 1971).
"""

from __future__ import annotations

from typing import Any

from divkit._check import Array
from divkit._compensated import two_product, two_sum


def exact_sum(x: Array, xp: Any) -> tuple[Array, Array]:
    """Return the sum of `x` over its last axis, as high + low, to about twice working precision."""
    low = xp.zeros(x.shape[:-1], dtype=x.dtype)
    while x.shape[-1] > 1:
        half = x.shape[-1] // 2
        rest = x[..., 2 * half :]
        x, error = two_sum(x[..., :half], x[..., half : 2 * half])
        low = low + xp.sum(error, axis=-1)
        if rest.shape[-1]:
            x = xp.concat([x, rest], axis=-1)
    return two_sum(x[..., 0], low)


def quotient(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return a / b for two numbers held as high + low, in the same form."""
    high = a[0] / b[0]
    product, error = two_product(high, b[0])
    low = ((a[0] - product) - error + a[1] - high * b[1]) / b[0]
    return two_sum(high, low)


def difference_of_scaled(p: Array, q: Array, factor: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return q · factor, and p − q · factor with full relative accuracy however close they are."""
    product, error = two_product(q, factor[0])
    error = error + q * factor[1]
    difference, rest = two_sum(p, -product)
    return product + error, difference + (rest - error)
