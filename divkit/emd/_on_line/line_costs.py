"""Costs h(x − y) of points on a line, h convex, whose row and column minima need no matrix.

With both sides in ascending order these costs satisfy Monge's condition,
c_ij + c_kl ≤ c_il + c_kj for i < k and j < l, and two things follow (Hoffman 1963; Burkard,
Klinz and Rudolf 1996, "Perspectives of Monge properties in optimization"): a plan that serves
sources and sinks in order is optimal, with the potentials that are tight along its staircase,
and the leftmost minimum of c_ij − g_j over j moves right as i rises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from divkit import _threads
from divkit._cached import cached_property
from divkit._forks import loading
from divkit.emd._solver_types import Indices, Vector

# Number of points from which on compiled loops are worth loading.
COMPILED = 1 << 12
# Spacing of the rows whose minima are found first; the others follow in blocks, in threads.
_ROWS = 1 << 10
_PER_THREAD = 1 << 16


@dataclass(frozen=True, eq=False)
class LineCosts:
    """Costs h(x_i − y_j).

    Parameters
    ----------
    x, y : ndarray, shapes (n,) and (m,)
        Ascending.
    h : callable
        A convex function of arrays.
    p : float or None
        The power, if h(d) = |d|^p.
    """

    x: Vector
    y: Vector
    h: Callable[[Any], Vector]
    p: float | None

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of sources and of sinks."""
        return self.x.size, self.y.size

    @cached_property
    def largest(self) -> float:
        """The larger |h| at the ends: the largest cost of all if h is nowhere negative."""
        return float(np.max(np.abs(self.h(self.ends))))

    @property
    def ends(self) -> Vector:
        """The smallest and the largest x − y."""
        return np.array([self.x[0] - self.y[-1], self.x[-1] - self.y[0]])

    def at(self, rows: Indices, columns: Indices) -> Vector:
        """Return the costs of single pairs."""
        return self.h(self.x[rows] - self.y[columns])

    def row_minima(self, g: Vector) -> Vector:
        """Return min_j h(x_i − y_j) − g_j."""
        return self._minima(self.x, self.y, g, self.h)

    def column_minima(self, f: Vector) -> Vector:
        """Return min_i h(x_i − y_j) − f_i."""
        return self._minima(self.y, self.x, f, lambda d: self.h(-d))

    def minima(self, f: Vector, g: Vector) -> tuple[Vector, Vector]:
        """Return ``row_minima(g), column_minima(f)``."""
        return self.row_minima(g), self.column_minima(f)

    def _minima(self, x: Vector, y: Vector, g: Vector, h: Callable[[Any], Vector]) -> Vector:
        if self.p is None or x.size + y.size < COMPILED:
            return _minima(x, y, g, h)
        return _power_minima(x, y, g, self.p)


def both(function: Callable[..., Any], of_x: tuple[Any, ...], of_y: tuple[Any, ...]) -> Any:
    """Return ``function(*of_x), function(*of_y)``, in two threads where that pays."""
    sides, results = (of_x, of_y), [None, None]
    size = of_x[0].size + of_y[0].size

    def piece(start: int, stop: int) -> None:
        for k in range(start, stop):
            results[k] = function(*sides[k])

    _threads.run(piece, 2, _threads.worth(size, _PER_THREAD) if size >= _PER_THREAD else 1)
    return results


def _minima(x: Vector, y: Vector, g: Vector, h: Callable[[Any], Vector]) -> Vector:
    """Return min_j h(x_i − y_j) − g_j, by bisection of the rows, all of a level at once."""
    n, m = x.size, y.size
    # One more row at either end, with the columns that bound those of all others.
    columns = np.empty(n + 2, dtype=np.intp)
    columns[0], columns[n + 1] = 0, m - 1
    minima = np.empty(n)
    half = 1 << (n.bit_length() - 1)
    while half:
        rows = np.arange(half, n + 1, 2 * half)
        low, high = columns[rows - half], columns[np.minimum(rows + half, n + 1)]
        size = high - low + 1
        ends = np.cumsum(size)
        starts = ends - size
        candidates = np.arange(ends[-1]) + np.repeat(low - starts, size)
        value = h(np.repeat(x[rows - 1], size) - y[candidates]) - g[candidates]
        least = np.minimum.reduceat(value, starts)
        hits = np.flatnonzero(value == np.repeat(least, size))
        columns[rows] = candidates[hits[np.searchsorted(hits, starts)]]
        minima[rows - 1] = least
        half //= 2
    return minima


def _power_minima(x: Vector, y: Vector, g: Vector, p: float) -> Vector:
    with loading:
        from divkit.emd._on_line import line_loops

    n, last = x.size, y.size - 1
    columns, minima = np.empty(n, dtype=np.intp), np.empty(n)
    first = np.arange(0, n, _ROWS)
    kept = np.empty(first.size, dtype=np.intp)
    kept = kept[: line_loops.reduce(x[first], y, g, p, kept)]
    of_first, least = np.empty(first.size, dtype=np.intp), np.empty(first.size)
    line_loops.bisect(
        x[first], y[kept], g[kept], p, 0, first.size, 0, kept.size - 1, of_first, least
    )
    columns[first], minima[first] = kept[of_first], least
    limits = np.append(columns[first], last)

    def blocks(start: int, stop: int) -> None:
        for k in range(start, stop):
            rows = k * _ROWS + 1, min((k + 1) * _ROWS, n)
            line_loops.bisect(x, y, g, p, *rows, limits[k], limits[k + 1], columns, minima)

    _threads.run(blocks, first.size, _threads.worth(n + last, _PER_THREAD))
    return minima
