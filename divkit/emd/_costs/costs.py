"""The costs of a transport problem, as its certificate needs them: not necessarily as a matrix.

Potentials are feasible if f_i ≤ min_j c_ij − g_j for every i, and the right side is the
c-transform of g (Peyré and Cuturi 2019, section 5.1). So these minima, over rows and over columns,
and the costs on the plan's arcs are enough to certify an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from divkit import _threads
from divkit._cached import cached_property
from divkit._forks import loading
from divkit.emd._costs.metrics import Metric
from divkit.emd._solver_types import Indices, Matrix, Vector

# Entries of a tile, few enough for the L2 cache.
TILE = 1 << 16
# Entries that justify a thread: a millisecond or more of work.
_PER_THREAD = 1 << 20
# The relative difference that a user's function may show between two evaluations of one pair:
# matrix products round differently for other shapes, possibly in single precision.
_SAME = 1e-3
# Rows that the compiled pass needs, per thread: it processes several at once.
_FEW_ROWS = 64


class Costs(Protocol):
    """Costs c_ij between n sources and m sinks, finite or +inf (a forbidden pair).

    A potential of −inf takes its atom out of every minimum; no potential is +inf.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of sources and of sinks."""

    @property
    def largest(self) -> float:
        """The largest finite |c_ij|, 0 if there is none; or a quick lower bound."""

    def at(self, rows: Indices, columns: Indices) -> Vector:
        """Return the costs of single pairs, in float64."""

    def row_minima(self, g: Vector) -> Vector:
        """Return min_j c_ij − g_j for every i; +inf where there is none."""

    def column_minima(self, f: Vector) -> Vector:
        """Return min_i c_ij − f_i for every j; +inf where there is none."""

    def minima(self, f: Vector, g: Vector) -> tuple[Vector, Vector]:
        """Return (``row_minima(g)``, ``column_minima(f)``), in one pass if possible."""


def largest_violation(costs: Costs, f: Vector, g: Vector) -> float:
    """Return the largest f_i + g_j − c_ij, 0 if none is positive."""
    return max(0.0, float(np.max(f - costs.row_minima(g))))


@dataclass(frozen=True, eq=False)
class MatrixCosts:
    """Costs in memory: float32 or float64, in any order; nothing is copied.

    Parameters
    ----------
    M : ndarray, shape (n, m)
        Without nan and −inf.
    known_largest : float, optional
        The largest finite |M_ij|, if the caller knows it already.
    """

    M: NDArray[Any]
    known_largest: float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of sources and of sinks."""
        n, m = self.M.shape
        return n, m

    @cached_property
    def largest(self) -> float:
        """The largest finite |M_ij|."""
        if self.known_largest is not None:
            return self.known_largest
        M = self.M if self.M.flags.c_contiguous else self.M.T
        if not _compiled_pass_pays(M):
            return max(_largest(M[rows]) for rows in tiles(0, *M.shape))
        with loading:
            from divkit.emd._column_generation import scan

        M, found = _read_only(M), list[float]()
        in_pieces(lambda start, stop: found.append(scan.largest(M, start, stop)), *M.shape)
        return max(found)

    def at(self, rows: Indices, columns: Indices) -> Vector:
        """Return the costs of single pairs."""
        return self.M[rows, columns].astype(np.float64, copy=False)

    def row_minima(self, g: Vector) -> Vector:
        """Return min_j M_ij − g_j."""
        return self.minima(np.full(self.shape[0], -np.inf), g)[0]

    def column_minima(self, f: Vector) -> Vector:
        """Return min_i M_ij − f_i."""
        return self.minima(f, np.full(self.shape[1], -np.inf))[1]

    def minima(self, f: Vector, g: Vector) -> tuple[Vector, Vector]:
        """Return both, in one pass."""
        M = self.M
        if not M.flags.c_contiguous and M.flags.f_contiguous:
            of_columns, of_rows = MatrixCosts(M.T).minima(g, f)
            return of_rows, of_columns
        if not _compiled_pass_pays(M):
            return _minima_of_tiles(lambda rows: M[rows], f, g)
        with loading:
            from divkit.emd._column_generation import scan

        M, f, g = _read_only(M), _read_only(f), _read_only(g)
        of_rows = np.full(f.size, np.inf)
        minima_of_pieces: list[Vector] = []

        def piece(start: int, stop: int) -> None:
            below = np.full(g.size, np.inf)
            scan.minima(M, f, g, start, stop, of_rows, below)
            minima_of_pieces.append(below)

        in_pieces(piece, *M.shape)
        return of_rows, np.minimum.reduce(minima_of_pieces)


@dataclass(frozen=True, eq=False)
class PointCosts:
    """Costs between points, computed tile by tile whenever they are needed.

    Parameters
    ----------
    x, y : ndarray, shapes (n, d) and (m, d)
        The points.
    metric : Metric
        From `divkit.emd._costs.metrics.metric`. Nothing is rescaled here: squares of coordinate
        differences must stay within the range of float64.
    """

    x: Matrix
    y: Matrix
    metric: Metric

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of sources and of sinks."""
        return len(self.x), len(self.y)

    @cached_property
    def largest(self) -> float:
        """A cost that is the largest both in its row and in its column.

        Where the costs are distances, the triangle inequality makes it at least a third of the
        largest of all.
        """
        largest, found = -1.0, 0.0
        j = 0
        while found > largest:
            largest = found
            column = self._finite_sizes(self.x, self.y[j : j + 1])
            i = int(np.argmax(column))
            row = self._finite_sizes(self.x[i : i + 1], self.y)
            if not abs(row[j] - column[i]) <= _SAME * column[i]:
                raise ValueError(
                    "`metric` must return the same costs whenever it is asked, got "
                    f"{column[i]:.9g} and {row[j]:.9g} for the same pair of points"
                )
            j = int(np.argmax(row))
            found = float(max(column.max(), row.max()))
        return largest

    def at(self, rows: Indices, columns: Indices) -> Vector:
        """Return the costs of single pairs."""
        cost: Vector = self.metric.by_pair(self.x[rows], self.y[columns])
        return cost

    def row_minima(self, g: Vector) -> Vector:
        """Return min_j c(x_i, y_j) − g_j."""
        return self.minima(np.full(len(self.x), -np.inf), g)[0]

    def column_minima(self, f: Vector) -> Vector:
        """Return min_i c(x_i, y_j) − f_i."""
        return self.minima(f, np.full(len(self.y), -np.inf))[1]

    def minima(self, f: Vector, g: Vector) -> tuple[Vector, Vector]:
        """Return both; every cost is computed once."""
        return _minima_of_tiles(
            lambda rows: self.metric.all_pairs(self.x[rows], self.y), f, g, self.metric.threads
        )

    def _finite_sizes(self, x: Matrix, y: Matrix) -> Vector:
        sizes = np.abs(self.metric.all_pairs(x, y)).ravel()
        return np.where(np.isfinite(sizes), sizes, 0.0)


def _minima_of_tiles(
    tile: Callable[[slice], Any], f: Vector, g: Vector, threads: bool = True
) -> tuple[Vector, Vector]:
    """Return min_j c_ij − g_j and min_i c_ij − f_i of costs that come as slices of rows."""
    n, m = f.size, g.size
    of_rows = np.full(n, np.inf)
    minima_of_pieces: list[Vector] = []

    def piece(start: int, stop: int) -> None:
        below = np.full(m, np.inf)
        for rows in tiles(start, stop, m):
            cost = tile(rows)
            np.min(cost - g, axis=1, out=of_rows[rows])
            np.minimum(below, np.min(cost - f[rows, None], axis=0), out=below)
        minima_of_pieces.append(below)

    if threads:
        in_pieces(piece, n, m)
    else:
        piece(0, n)
    return of_rows, np.minimum.reduce(minima_of_pieces)


def tiles(start: int, stop: int, width: int) -> Iterator[slice]:
    """Yield slices of the rows from `start` to `stop`, each a tile of `width` columns."""
    step = max(1, TILE // width)
    return (slice(row, min(row + step, stop)) for row in range(start, stop, step))


def in_pieces(piece: Callable[[int, int], object], n: int, m: int) -> None:
    """Call ``piece(start, stop)`` on consecutive parts of n rows, in threads if that pays off."""
    if n * m < 2 * _PER_THREAD or n < 2 * _FEW_ROWS:
        piece(0, n)
    else:
        _threads.run(piece, n, min(_threads.worth(n * m, _PER_THREAD), n // _FEW_ROWS))


def _compiled_pass_pays(M: NDArray[Any]) -> bool:
    return M.flags.c_contiguous and M.size > TILE and len(M) >= _FEW_ROWS


def _read_only(M: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only array in C order, so that one compiled signature serves all arrays."""
    view = np.ascontiguousarray(M).view()
    view.flags.writeable = False
    return view


def _largest(M: NDArray[Any]) -> float:
    return float(np.max(np.abs(M), where=np.isfinite(M), initial=0.0))
