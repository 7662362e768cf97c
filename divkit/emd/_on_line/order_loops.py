"""Compiled loops that sort points by keys with their indices packed into the low bits."""

from __future__ import annotations

import numpy as np

from divkit.emd._on_line.line_loops import exact

# Points that share a key are sorted by insertion, with up to this many moves per point.
_MOVES = 4


@exact
def pack(x, low, scale, place_bits, keys):
    """Set keys that ascend with x, with the indices in their low bits."""
    for i in range(x.size):
        keys[i] = (np.uint64((x[i] - low) * scale) << np.uint64(place_bits)) | np.uint64(i)


@exact
def unpack(keys, place_bits, x, a, order, x_sorted, a_sorted):
    """Set the order given by sorted keys, and x and a in it; return whether x is sorted then.

    `keys` and `order` may be the same memory.
    """
    mask = (np.uint64(1) << np.uint64(place_bits)) - np.uint64(1)
    for i in range(keys.size):
        place = np.intp(keys[i] & mask)
        order[i], x_sorted[i], a_sorted[i] = place, x[place], a[place]
    moves = 0
    for i in range(1, x.size):
        if x_sorted[i] >= x_sorted[i - 1]:
            continue
        place, point, weight = order[i], x_sorted[i], a_sorted[i]
        k = i
        while k > 0 and x_sorted[k - 1] > point:
            order[k], x_sorted[k], a_sorted[k] = order[k - 1], x_sorted[k - 1], a_sorted[k - 1]
            k -= 1
        order[k], x_sorted[k], a_sorted[k] = place, point, weight
        moves += i - k
        if moves > _MOVES * x.size:
            return False
    return True
