"""Linear programs of a few rows and many columns, by the revised simplex method.

HiGHS works to absolute tolerances; here only rounding limits the accuracy, so that tiny optima keep
their digits, and after columns are added the solver continues from the current basis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_MOST_IDLE = 30
_ROUNDING = 1e-15
# A sum that is smaller than this, relative to its own terms, is rounding error.
_NOISE = 1e-12


class Program:
    """Minimize c·x over x ≥ 0 with A x = b, for b ≥ 0.

    Rows of `columns` are the columns of A, each followed by its cost; their largest entry should
    be about 1.
    """

    def __init__(self, columns: Vector, b: Vector) -> None:
        self._b = b
        self._m = len(b)
        # Phase 1: artificial unit columns are the first basis; any left positive is infeasible.
        units = np.concatenate([np.eye(self._m), np.zeros((self._m, 1))], axis=1)
        self._columns = np.concatenate([units, columns])
        self._basis = list(range(self._m))
        self._solve((np.arange(len(self._columns)) < self._m).astype(np.float64))
        levels = np.maximum(self._levels(), 0.0)
        units = np.array(self._basis) < self._m
        terms = np.abs(self._matrix()) * levels
        left = terms[:, units].sum(axis=1)
        self.feasible = bool(np.all(left <= 1e-9 * (b + terms[:, ~units].sum(axis=1))))

    def add(self, columns: Vector) -> None:
        """Add columns, which are nonbasic at first."""
        self._columns = np.concatenate([self._columns, columns])

    def solve(self) -> tuple[float, Vector]:
        """Return the optimum, which must be finite, and the price (dual variable) of each row."""
        prices = self._solve(np.array(self._columns[:, -1]))
        costs = self._columns[self._basis, -1]
        return float(costs @ np.maximum(self._levels(), 0.0)), prices

    def _matrix(self) -> Vector:
        matrix: Vector = self._columns[self._basis, :-1].T
        return matrix

    def _inverse(self) -> Vector:
        """Return the inverse of the basis matrix, computed with its rows scaled to one size."""
        matrix = self._matrix()
        size = np.max(np.abs(matrix), axis=1)
        inverse: Vector = np.linalg.inv(matrix / size[:, None]) / size
        return inverse

    def _levels(self) -> Vector:
        levels: Vector = self._inverse() @ self._b
        return levels

    def _solve(self, costs: Vector) -> Vector:
        prices: Vector = np.zeros(self._m, dtype=np.float64)
        best, idle = np.inf, 0
        while idle < _MOST_IDLE:
            inverse = self._inverse()
            prices = costs[self._basis] @ inverse
            # Nearly equal ratios may pivot forever on rounding errors: count idle steps.
            value = float(prices @ self._b)
            idle = 0 if value < best - _ROUNDING * abs(best) else idle + 1
            best = min(best, value)
            reduced = costs - self._columns[:, :-1] @ prices
            noise = _ROUNDING * (np.abs(costs) + np.abs(self._columns[:, :-1]) @ np.abs(prices))
            reduced[reduced >= -noise] = np.inf
            reduced[: self._m] = np.inf  # artificial columns do not come back
            reduced[self._basis] = np.inf
            entering = int(np.argmin(reduced))
            if reduced[entering] == np.inf:
                break
            direction = inverse @ self._columns[entering, :-1]
            levels = np.maximum(inverse @ self._b, 0.0)
            size = _NOISE * (np.abs(inverse) @ np.abs(self._columns[entering, :-1]))
            blocked = direction > size
            # An artificial column at level 0 must not increase either.
            zero = levels <= _NOISE * (np.abs(inverse) @ self._b)
            stuck = (np.array(self._basis) < self._m) & zero & (direction < -size)
            with np.errstate(all="ignore"):
                steps = np.where(blocked, levels / direction, np.inf)
            steps[stuck] = 0.0
            leaving = int(np.argmin(steps))
            if steps[leaving] == np.inf:
                break  # both programs are bounded: this is rounding
            ties = np.flatnonzero(steps <= steps[leaving] * (1 + 1e-12))
            leaving = int(ties[np.argmax(np.abs(direction[ties]))])
            self._basis[leaving] = entering
        return prices
