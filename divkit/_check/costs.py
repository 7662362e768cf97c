"""Matrices of costs: finite, or +inf for a forbidden pair."""

from __future__ import annotations

import numpy as np

from divkit._check.libraries import Array
from divkit._check.numbers import numpy_array, require

# Costs and masses above 2 to this power leave too little range for sums of their products.
LARGEST_EXPONENT = 1000
# Number of entries of a matrix that are checked at a time, few enough to stay in cache.
_TILE = 1 << 16


def cost_matrix(name: str, M: Array) -> Array:
    """Return `M` as a matrix whose entries are finite or +inf (a forbidden pair).

    The result is float32 if `M` is, else float64; a NumPy array of either dtype is not copied.

    Raises
    ------
    TypeError
        If `M` is not a NumPy array or sequence, or not of real numbers.
    ValueError
        If `M` is not a matrix, is empty, or holds a nan, a -inf or a number above 2**1000.
    """
    M = matrix(name, M)
    largest_cost(name, M)
    return M


def matrix(name: str, M: Array) -> Array:
    """Return `M` as a matrix of float64 or float32, whatever its entries; see `cost_matrix`."""
    M = numpy_array(name, M, keep_single=True)
    if M.ndim != 2 or 0 in M.shape:
        raise ValueError(
            f"`{name}` must be a matrix with at least one row and one column, got shape {M.shape}"
        )
    return M


def largest_cost(name: str, M: Array, first: int = 0) -> float:
    """Check the entries of `M`, and return the largest finite absolute value, 0 if there is none.

    `M` may be a block of the user's matrix that begins at row `first`, for messages. It is read in
    tiles of rows, so that no temporary is as large as `M`. See `cost_matrix`.
    """
    largest = 0.0
    step = max(1, _TILE // M.shape[1])
    for row in range(0, M.shape[0], step):
        tile = M[row : row + step]
        least, most = float(np.min(tile)), float(np.max(tile))
        if not least > -np.inf:  # or nan
            good = ~np.isnan(tile) & ~np.isneginf(tile)
            need = "finite, or +inf for a forbidden pair"
            require(name, tile, good, need, np, (first + row, 0))
        if most == np.inf:
            most = float(np.max(tile, where=tile < np.inf, initial=0.0))
            least = 0.0 if least == np.inf else least
        largest = max(largest, abs(least), abs(most))
    if largest > np.ldexp(1.0, LARGEST_EXPONENT):
        raise ValueError(
            f"`{name}` must stay below 2**{LARGEST_EXPONENT} (about 1e301) in size: "
            f"rescale it, for example `{name} / 2.0**100`"
        )
    return largest
