"""Slow and obvious references for transport."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations

import numpy as np


def assignment(M: np.ndarray) -> Fraction:
    """Return the optimum for uniform weights and n = m, over all permutations, exactly."""
    n = len(M)
    exact = [[Fraction(float(x)) for x in row] for row in M]
    return min(sum(exact[i][s[i]] for i in range(n)) for s in permutations(range(n))) / n


def sorted_line(x: Sequence[float], y: Sequence[float], p: float) -> float:
    """Return the mean of |x − y|^p over samples paired in order, optimal for convex costs."""
    pairs = zip(sorted(x), sorted(y), strict=True)
    return float(np.mean([abs(s - t) ** p for s, t in pairs]))


def c_transform(M: np.ndarray, f: np.ndarray) -> list[float]:
    return [min(M[i, j] - f[i] for i in range(M.shape[0])) for j in range(M.shape[1])]
