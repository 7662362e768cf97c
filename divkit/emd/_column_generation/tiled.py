"""Costs between points by a user's function, which is called for a tile of them at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from divkit.emd._column_generation import candidates
from divkit.emd._column_generation.cloud import Cloud, Grouping
from divkit.emd._column_generation.column_generation import each_once
from divkit.emd._costs.costs import PointCosts
from divkit.emd._costs.metrics import Metric
from divkit.emd._solver_types import Indices, Vector

# Entries of a tile: enough that the overhead of a call of the function does not matter.
_TILE = 1 << 18
# Among this many consecutive columns, only the most violated pair of a row is added.
_WIDTH = 256


class TiledPairs:
    """All pairs of two clouds, by the protocols `Costs` and `Pricing`.

    Parameters
    ----------
    x, y : Cloud
        The sources and the sinks, which are numbered in the order of their clouds.
    metric : Metric
        Any metric.
    """

    def __init__(self, x: Cloud, y: Cloud, metric: Metric) -> None:
        self.x, self.y = x, y
        self._metric = metric
        self._costs = PointCosts(x.points, y.points, metric)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of sources and of sinks."""
        return self._costs.shape

    @property
    def largest(self) -> float:
        """A cost that is the largest both in its row and in its column; see `PointCosts`."""
        return self._costs.largest

    def between(self, x: Cloud, y: Cloud) -> TiledPairs:
        """Return the pairs between other points, in the same metric."""
        return TiledPairs(x, y, self._metric)

    def coarser(
        self, a: Vector, b: Vector, x_groups: Grouping, y_groups: Grouping
    ) -> tuple[TiledPairs, Vector, Vector]:
        """Return the pairs between one point per group, with the mass of each group."""
        # Not the centroids: the user's function may not be meaningful between the points.
        x, mass_a = self.x.representatives(a, x_groups)
        y, mass_b = self.y.representatives(b, y_groups)
        return self.between(x, y), mass_a, mass_b

    def at(self, rows: Indices, columns: Indices) -> Vector:
        """Return the costs of single pairs."""
        return self._costs.at(rows, columns)

    def block(self, rows: Indices, columns: Indices) -> NDArray[np.float64]:
        """Return the costs of all `rows` to all `columns`."""
        cost: NDArray[np.float64] = self._metric.all_pairs(
            self.x.points[rows], self.y.points[columns]
        )
        return np.ascontiguousarray(cost)

    def row_minima(self, g: Vector) -> Vector:
        """Return min_j c(x_i, y_j) − g_j."""
        return self._costs.row_minima(g)

    def column_minima(self, f: Vector) -> Vector:
        """Return min_i c(x_i, y_j) − f_i."""
        return self._costs.column_minima(f)

    def minima(self, f: Vector, g: Vector) -> tuple[Vector, Vector]:
        """Return ``row_minima(g), column_minima(f)``; every cost is computed once."""
        return self._costs.minima(f, g)

    def shortlist(self, g: Vector, k: int, tie: float) -> tuple[Vector, Indices, Indices]:
        """Return f = min_j c(x_i, y_j) − g_j and the shortlist; see `protocol.Pricing`."""
        n, m = self.shape
        f = np.empty(n)
        of_rows, of_columns = np.empty((n, k), np.int32), np.full((m, k), -1, np.int32)
        least = np.full((m, k), np.inf)
        for start, stop, numbers, tile in self._tiles(np.arange(n)):
            candidates.shortlist(
                tile, numbers, g, 1 + tie, k, start, stop, f, of_rows, of_columns, least
            )
        rows, rank = np.nonzero(of_rows >= 0)
        columns = of_rows[rows, rank]
        more_columns, rank = np.nonzero(of_columns >= 0)
        more_rows = of_columns[more_columns, rank].astype(np.intp)
        return f, *each_once(
            np.concatenate([rows, more_rows]), np.concatenate([columns, more_columns]), m
        )

    def violated(self, f: Vector, g: Vector, k: int) -> tuple[Indices, Indices]:
        """Return rows and columns of pairs with c(x_i, y_j) − g_j < f_i; see `protocol.Pricing`."""
        rows = np.flatnonzero(f > -np.inf)
        m = self.shape[1]
        k = min(k, m)
        found = np.empty((rows.size, k), np.int32)
        excess = np.empty(found.shape)
        width = max(1, min(_WIDTH, m // k))
        of_rows = f[rows]
        for start, stop, numbers, tile in self._tiles(rows):
            candidates.violated(tile, numbers, of_rows, g, width, start, stop, found, excess)
        row, rank = np.nonzero(found >= 0)
        return rows[row], found[row, rank].astype(np.intp)

    def _tiles(self, rows: Indices) -> Iterator[tuple[int, int, Indices, NDArray[np.float64]]]:
        """Yield (start, stop, numbers, tile): row k of start to stop is ``tile[numbers[k]]``."""
        height = max(1, _TILE // self.shape[1])
        numbers = np.arange(rows.size) % height
        for start in range(0, rows.size, height):
            stop = min(start + height, rows.size)
            cost = self._metric.all_pairs(self.x.points[rows[start:stop]], self.y.points)
            # A read-only view, so that numba compiles one signature.
            tile = np.ascontiguousarray(cost).view()
            tile.flags.writeable = False
            yield start, stop, numbers, tile
