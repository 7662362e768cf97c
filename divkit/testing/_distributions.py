"""Hypothesis strategies for distributions and pairs of them, including edge cases.

They shrink to few atoms and small integer weights, so that failures are reported in readable
numbers.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Pair = tuple[Vector, Vector]


def distributions(
    n: int | None = None, *, min_size: int = 1, max_size: int = 8, zeros: bool = True
) -> st.SearchStrategy[Vector]:
    """Return a strategy for distributions on `n` atoms, or on any number up to `max_size`.

    Parameters
    ----------
    n : int, optional
        The number of atoms.
    min_size, max_size : int
        The range of the number of atoms if `n` is not given.
    zeros : bool
        Whether atoms may have no mass.

    Returns
    -------
    strategy of arrays, shape (n,)
        Non-negative, sum 1 to rounding.

    Examples
    --------
    >>> from hypothesis import find
    >>> p = find(distributions(3), lambda p: p[0] > p[1] > p[2])
    >>> p.shape, bool(abs(p.sum() - 1) < 1e-15)
    ((3,), True)
    """
    least, most = (min_size, max_size) if n is None else (n, n)
    small = st.integers(0 if zeros else 1, 10)
    uneven = st.floats(1e-9, 1.0)
    weights = st.lists(st.one_of(small, uneven), min_size=least, max_size=most)
    return weights.filter(any).map(_normalized)


@st.composite
def pairs(draw: st.DrawFn, n: int | None = None, *, zeros: bool = True) -> Pair:
    """Return a strategy for two distributions on the same atoms.

    Some are independent, some nearly equal; with `zeros`, the supports of some overlap only partly
    or not at all.

    Examples
    --------
    >>> from hypothesis import find
    >>> p, q = find(pairs(2), lambda pq: not (pq[0] * pq[1]).any())
    >>> p + q
    array([1., 1.])
    """
    p = draw(distributions(n, min_size=2, zeros=zeros))
    kinds = [distributions(len(p), zeros=zeros), near(p)]
    return p, draw(st.one_of(kinds))


@st.composite
def near(draw: st.DrawFn, p: Vector) -> Vector:
    """Return a strategy for distributions close to `p`, with the same zeros."""
    exponent = draw(st.integers(1, 12))
    steps = draw(st.lists(st.integers(-9, 9), min_size=len(p), max_size=len(p)))
    return _normalized(p * (1 + np.array(steps) / 10 * 10.0**-exponent))


@st.composite
def kernels(draw: st.DrawFn, n: int) -> NDArray[np.float64]:
    """Return a strategy for Markov kernels from `n` atoms: rows are distributions."""
    m = draw(st.integers(1, 4))
    return np.stack([draw(distributions(m)) for _ in range(n)])


def _normalized(weights: object) -> Vector:
    x = np.asarray(weights, dtype=np.float64)
    result: Vector = x / x.sum()
    return result
