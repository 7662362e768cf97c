"""A compiled check of the triangle inequality in a matrix of costs."""

from __future__ import annotations

import numpy as np

from divkit._compile import compiled
from divkit.emd._minimum import minimum

# Rows and columns of a tile, whose sums stay in the L2 cache.
ROWS, COLUMNS = 32, 256

# No nan arises: costs are never −inf.
_vector = compiled(fastmath={"nnan", "nsz"})


@_vector
def is_shorter(M, least, start, stop):
    """Return whether M_ik + M_kj < least_ij for any k, j and any i from `start` to `stop`.

    Costs must not be negative, and there must be at least four rows.
    """
    n = M.shape[0]
    sums = np.empty((ROWS, COLUMNS))
    for row in range(start, stop, ROWS):
        rows = min(ROWS, stop - row)
        for low in range(0, n, COLUMNS):
            high = min(n, low + COLUMNS)
            sums[:] = np.inf
            for first in range(0, n, 4):
                k = min(first, n - 4)
                for i in range(rows):
                    _lower(
                        sums[i, : high - low],
                        M[row + i, k : k + 4],
                        M[k, low:high],
                        M[k + 1, low:high],
                        M[k + 2, low:high],
                        M[k + 3, low:high],
                    )
            for i in range(rows):
                for j in range(low, high):
                    if sums[i, j - low] < least[row + i, j]:
                        return True
    return False


@_vector
def _lower(sums, costs, row_0, row_1, row_2, row_3):
    """Lower `sums` to the least of themselves and of ``costs[k] + row_k``, k = 0 to 3."""
    cost_0, cost_1, cost_2, cost_3 = costs[0], costs[1], costs[2], costs[3]
    for j in range(sums.size):
        left = minimum(cost_0 + row_0[j], cost_1 + row_1[j])
        right = minimum(cost_2 + row_2[j], cost_3 + row_3[j])
        sums[j] = minimum(sums[j], minimum(left, right))
