"""Compiled passes over a cost matrix that pick the pairs a plan may need.

A pass finds the minima of short stretches of a row with SIMD instructions, and examines a stretch
entry by entry only where its minimum is good enough.
"""

from __future__ import annotations

import numpy as np

from divkit._compile import compiled
from divkit.emd._minimum import minimum

# Columns of a stretch, which one comparison may rule out.
STRETCH = 64
ROWS = 4
# Columns of a block: their minima stay in the first level of cache.
WIDTH = 4096
LARGEST = np.finfo(np.float64).max

# No nan arises: costs are never −inf and potentials never +inf. Infinities do.
_vector = compiled(fastmath={"nnan", "nsz"}, inline="never")


@_vector
def _least(row, potential, factor):
    least = np.inf
    for j in range(row.size):
        least = minimum(least, factor * np.float64(row[j]) - potential[j])
    return least


@_vector
def _least_of_four(row_0, row_1, row_2, row_3, potential):
    least_0, least_1, least_2, least_3 = np.inf, np.inf, np.inf, np.inf
    for j in range(potential.size):
        p = potential[j]
        least_0 = minimum(least_0, np.float64(row_0[j]) - p)
        least_1 = minimum(least_1, np.float64(row_1[j]) - p)
        least_2 = minimum(least_2, np.float64(row_2[j]) - p)
        least_3 = minimum(least_3, np.float64(row_3[j]) - p)
    return least_0, least_1, least_2, least_3


@compiled
def shortlist(M, rows, g, factor, k, start, stop, f, of_rows, of_columns, least_of_columns):
    """Find the k best pairs of every row and column; set f_i to min M_ij − g_j over those of row i.

    The rows are ``rows[start:stop]``. Arrays with an entry per row, `of_rows` (rows, k) too, and
    the entries of `of_columns` (m, k) refer to positions in `rows`. Best are the least
    factor·M_ij − g_j in a row and the least factor·M_ij − f_i in a column; the latter values go to
    `least_of_columns`, ascending. Indices are −1 where there are fewer. A column with g = −inf is
    left out.
    """
    m = M.shape[1]
    stretches = (m + STRETCH - 1) // STRETCH
    least = np.empty(stretches)
    best = np.empty(k)
    # The value to beat in a column's list; finite, as +inf − inf would be nan.
    bound = np.where(g == -np.inf, -LARGEST, LARGEST)
    for r in range(start, stop):
        row = M[rows[r]]
        for s in range(stretches):
            first, last = s * STRETCH, min(m, (s + 1) * STRETCH)
            least[s] = _least(row[first:last], g[first:last], factor)
        # At least k pairs, one in each of k stretches, are no worse than this.
        limit = _kth(least, k, best)
        best[:] = np.inf
        picked = of_rows[r]
        picked[:] = -1
        for turn in range(stretches):
            # Ties go to the pairs examined first: vary where to begin, to spread them over columns.
            s = (r + turn) % stretches
            if least[s] <= limit:
                for j in range(s * STRETCH, min(m, (s + 1) * STRETCH)):
                    insert(factor * np.float64(row[j]) - g[j], j, best, picked)
        f_r = np.inf
        for j in picked:
            if j >= 0:
                f_r = min(f_r, np.float64(row[j]) - g[j])
        f[r] = f_r
        if f_r == np.inf:
            continue
        for s in range(stretches):
            first, last = s * STRETCH, min(m, (s + 1) * STRETCH)
            if _least(row[first:last], bound[first:last], factor) < f_r:
                for j in range(first, last):
                    if factor * np.float64(row[j]) - bound[j] < f_r:
                        value = factor * np.float64(row[j]) - f_r
                        insert(value, r, least_of_columns[j], of_columns[j])
                        if of_columns[j, k - 1] >= 0:
                            bound[j] = least_of_columns[j, k - 1]


@compiled
def _kth(values, k, best):
    """Return the k-th least of the values, +inf if there are fewer."""
    best[:] = np.inf
    for x in values:
        if x < best[k - 1]:
            p = k - 1
            while p > 0 and best[p - 1] > x:
                best[p] = best[p - 1]
                p -= 1
            best[p] = x
    return best[k - 1]


@compiled
def insert(value, index, values, indices):
    """Insert a value and its index into lists of the least values, if it is one of them."""
    p = values.size - 1
    if value < values[p]:
        while p > 0 and values[p - 1] > value:
            values[p] = values[p - 1]
            indices[p] = indices[p - 1]
            p -= 1
        values[p] = value
        indices[p] = index


@compiled
def violated(M, rows, f, g, width, start, stop, found, excess):
    """Find pairs with M_ij − g_j < f_i: at most one, the worst, per `width` columns of a row.

    The rows are ``rows[start:stop]``. The columns of the k worst pairs of each go to `found`
    (rows, k), −1 where there are fewer, and their M_ij − g_j − f_i to `excess`, of the same shape.
    """
    m = M.shape[1]
    found[start:stop] = -1
    excess[start:stop] = np.inf
    for r in range(start, stop, ROWS):
        for low in range(0, m, width):
            high = min(m, low + width)
            potential = g[low:high]
            least = _least_of_four(
                M[rows[r], low:high],
                M[rows[min(r + 1, stop - 1)], low:high],
                M[rows[min(r + 2, stop - 1)], low:high],
                M[rows[min(r + 3, stop - 1)], low:high],
                potential,
            )
            for q in range(min(ROWS, stop - r)):
                if least[q] < f[r + q]:
                    row = M[rows[r + q], low:high]
                    for j in range(row.size):
                        if np.float64(row[j]) - potential[j] <= least[q]:
                            insert(least[q] - f[r + q], low + j, excess[r + q], found[r + q])
                            break


@_vector
def column_minima(M, rows, f, start, stop, of_columns):
    """Lower `of_columns` to min M_ij − f_i over ``rows[start:stop]``; `f` is indexed as `rows`."""
    m = M.shape[1]
    for low in range(0, m, WIDTH):
        high = min(m, low + WIDTH)
        below = of_columns[low:high]
        for r in range(start, stop):
            row, f_r = M[rows[r], low:high], f[r]
            for j in range(below.size):
                below[j] = minimum(below[j], np.float64(row[j]) - f_r)
