"""The order of points on a line, with their weights.

Numbers are sorted several times as fast as numbers with their indices, so each index is packed
into the low bits of an integer key that ascends with the point.
"""

from __future__ import annotations

import math

import numpy as np

from divkit.emd._on_line import order_loops
from divkit.emd._solver_types import Indices, Vector

# Significant bits of a float64.
_DIGITS = 53


def ordered(x: Vector, a: Vector) -> tuple[Indices, Vector, Vector]:
    """Return the order of the points, and points and weights in that order."""
    place_bits = (x.size - 1).bit_length()
    low, high = float(x.min()), float(x.max())
    key_bits = min(64 - place_bits, _DIGITS - 1)
    with np.errstate(all="ignore"):
        scale = float(np.float64(2.0**key_bits - 2.0) / (np.float64(high) - np.float64(low)))
    if 0.0 < scale < math.inf:
        keys = np.empty(x.size, np.uint64)
        order_loops.pack(x, low, scale, place_bits, keys)
        keys.sort()
        order, x_sorted, a_sorted = keys.view(np.intp), np.empty_like(x), np.empty_like(a)
        if order_loops.unpack(keys, place_bits, x, a, order, x_sorted, a_sorted):
            return order, x_sorted, a_sorted
    # All points coincide, or are so unevenly spread that many share a key, or the range overflows.
    order = np.argsort(x)
    return order, x[order], a[order]
