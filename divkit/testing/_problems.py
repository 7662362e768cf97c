"""Hypothesis strategies for transport problems, including degenerate and badly scaled ones.

They shrink to few atoms, integer weights and integer costs.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from divkit.testing._distributions import distributions

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Problem = tuple[Vector, Vector, Matrix]


@st.composite
def point_clouds(draw: st.DrawFn, n: int, dim: int | None = None) -> Matrix:
    """Return a strategy for `n` points in `dim` dimensions (1 to 3 if None), some of them equal.

    Parameters
    ----------
    n : int
        The number of points.
    dim : int, optional
        The number of coordinates.

    Returns
    -------
    strategy of arrays, shape (n, dim)

    Examples
    --------
    >>> from hypothesis import find
    >>> find(point_clouds(2, dim=1), lambda x: x[0] < x[1]).shape
    (2, 1)
    """
    dim = draw(st.integers(1, 3)) if dim is None else dim
    return draw(_entries(n, dim, draw(st.sampled_from([st.integers(0, 4), _FRACTIONS]))))


@st.composite
def costs(draw: st.DrawFn, n: int, m: int) -> Matrix:
    """Return a strategy for finite cost matrices of many kinds.

    Integers with ties, constants, distances between points, squared distances, numbers of both
    signs, and magnitudes from 1 to 1e12 in one matrix; each unchanged, scaled by 1e±9 or 1e±150,
    or with a constant added to a row.

    Parameters
    ----------
    n, m : int
        The number of rows and of columns.

    Returns
    -------
    strategy of arrays, shape (n, m)

    Examples
    --------
    >>> from hypothesis import find
    >>> find(costs(2, 2), lambda M: M[0, 1] > M[0, 0]).shape
    (2, 2)
    """
    M: Matrix
    kind = draw(st.sampled_from(["whole", "constant", "points", "sizes", "signed"]))
    if kind == "points":
        dim = draw(st.integers(1, 3))
        x, y = draw(point_clouds(n, dim)), draw(point_clouds(m, dim))
        power = draw(st.sampled_from([1, 2]))
        M = np.sqrt(np.sum((x[:, None] - y) ** 2, axis=-1)) ** power
    elif kind == "constant":
        M = np.full((n, m), float(draw(st.integers(0, 3))))
    elif kind == "whole":
        M = draw(_entries(n, m, st.integers(0, 3)))
    elif kind == "sizes":
        M = 10.0 ** draw(_entries(n, m, st.integers(0, 12)))
    else:
        M = draw(_entries(n, m, _FRACTIONS))
    change = draw(st.sampled_from(["none", "scale", "row"]))
    if change == "scale":
        M = M * draw(st.sampled_from([1e-150, 1e-9, 1e9, 1e150]))
    elif change == "row":
        M[draw(st.integers(0, n - 1))] += draw(st.sampled_from([1.0, -1e3, 1e6]))
    return M


@st.composite
def transport_problems(draw: st.DrawFn, max_size: int = 5) -> Problem:
    """Return a strategy for (a, b, M) with equal masses 1 or 1e±9, where weights may be 0.

    Parameters
    ----------
    max_size : int
        The largest number of rows and of columns.

    Returns
    -------
    strategy of (a, b, M), shapes (n,), (m,) and (n, m)

    Examples
    --------
    >>> from hypothesis import find
    >>> a, b, M = find(transport_problems(), lambda problem: True)
    >>> M.shape == (len(a), len(b))
    True
    """
    n, m = draw(st.integers(1, max_size)), draw(st.integers(1, max_size))
    mass = draw(st.sampled_from([1.0, 1e9, 1e-9]))
    return mass * draw(distributions(n)), mass * draw(distributions(m)), draw(costs(n, m))


def _entries(n: int, m: int, entries: st.SearchStrategy[float]) -> st.SearchStrategy[Matrix]:
    flat = st.lists(entries, min_size=n * m, max_size=n * m)
    return flat.map(lambda x: np.array(x, dtype=np.float64).reshape(n, m))


# Quotients use the full mantissa and still shrink to small numbers, ten times faster than arbitrary
# floats.
_FRACTIONS = st.integers(-499, 499).map(lambda k: k / 499)
