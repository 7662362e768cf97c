"""Compiled passes over a cost matrix, four rows at a time.

Four memory streams keep the hardware prefetcher busy, and a loaded entry of `g` serves four rows.
Counting an element twice does not change a minimum, so the last four rows may overlap with those
before.
"""

from __future__ import annotations

import numpy as np

from divkit._compile import compiled

# Columns of a block: its potentials and minima stay in the first two levels of cache.
WIDTH = 4096
ROWS = 4

# No nan arises: costs are never −inf and potentials never +inf. Infinities do.
_FLAGS = {"nnan", "nsz"}


@compiled(fastmath=_FLAGS)
def minima(M, f, g, start, stop, of_rows, of_columns):
    """Lower `of_rows` to min_j M_ij − g_j and `of_columns` to min_i M_ij − f_i.

    Rows `start` to `stop` are read, at least `ROWS` of them.
    """
    m = M.shape[1]
    for low in range(0, m, WIDTH):
        high = min(m, low + WIDTH)
        potential, below = g[low:high], of_columns[low:high]
        for first in range(start, stop, ROWS):
            i = min(first, stop - ROWS)
            row_0, row_1 = M[i, low:high], M[i + 1, low:high]
            row_2, row_3 = M[i + 2, low:high], M[i + 3, low:high]
            f_0, f_1, f_2, f_3 = f[i], f[i + 1], f[i + 2], f[i + 3]
            least_0, least_1, least_2, least_3 = np.inf, np.inf, np.inf, np.inf
            for j in range(high - low):
                g_j = potential[j]
                c_0, c_1 = np.float64(row_0[j]), np.float64(row_1[j])
                c_2, c_3 = np.float64(row_2[j]), np.float64(row_3[j])
                least_0 = min(least_0, c_0 - g_j)
                least_1 = min(least_1, c_1 - g_j)
                least_2 = min(least_2, c_2 - g_j)
                least_3 = min(least_3, c_3 - g_j)
                least = min(min(c_0 - f_0, c_1 - f_1), min(c_2 - f_2, c_3 - f_3))
                below[j] = min(below[j], least)
            of_rows[i] = min(of_rows[i], least_0)
            of_rows[i + 1] = min(of_rows[i + 1], least_1)
            of_rows[i + 2] = min(of_rows[i + 2], least_2)
            of_rows[i + 3] = min(of_rows[i + 3], least_3)


@compiled(fastmath=_FLAGS)
def largest(M, start, stop):
    """Return the largest finite |M_ij| of rows `start` to `stop`, at least `ROWS` of them."""
    most = 0.0
    for first in range(start, stop, ROWS):
        i = min(first, stop - ROWS)
        row_0, row_1, row_2, row_3 = M[i], M[i + 1], M[i + 2], M[i + 3]
        most_0, most_1, most_2, most_3 = 0.0, 0.0, 0.0, 0.0
        for j in range(M.shape[1]):
            c_0, c_1 = abs(np.float64(row_0[j])), abs(np.float64(row_1[j]))
            c_2, c_3 = abs(np.float64(row_2[j])), abs(np.float64(row_3[j]))
            most_0 = max(most_0, c_0 if c_0 < np.inf else 0.0)
            most_1 = max(most_1, c_1 if c_1 < np.inf else 0.0)
            most_2 = max(most_2, c_2 if c_2 < np.inf else 0.0)
            most_3 = max(most_3, c_3 if c_3 < np.inf else 0.0)
        most = max(most, max(max(most_0, most_1), max(most_2, most_3)))
    return most
