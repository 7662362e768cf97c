"""Costs between points in a known metric: pairs of boxes that cannot matter are skipped."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from divkit import _threads
from divkit._cached import cached_property
from divkit.emd._column_generation import boxes
from divkit.emd._column_generation.cloud import Cloud, Grouping
from divkit.emd._column_generation.column_generation import each_once
from divkit.emd._costs.metrics import Metric
from divkit.emd._solver_types import Indices, Vector

_CODES = {
    "sqeuclidean": boxes.SQEUCLIDEAN,
    "euclidean": boxes.EUCLIDEAN,
    "cityblock": boxes.CITYBLOCK,
    "chebyshev": boxes.CHEBYSHEV,
}
# Pairs that justify another thread.
_PER_THREAD = 1 << 18
# Parts per thread, for load balance: some boxes have more neighbors than others.
_PARTS = 8


class BoxedPairs:
    """All pairs of two clouds, by the protocols `Costs` and `Pricing`.

    Parameters
    ----------
    x, y : Cloud
        The sources and the sinks, which are numbered in the order of their clouds.
    metric : Metric
        A named metric or a p-norm.
    p : float
        The exponent of the p-norm; other metrics ignore it.
    """

    def __init__(self, x: Cloud, y: Cloud, metric: Metric, p: float) -> None:
        self.x, self.y = x, y
        self._metric, self._p = metric, p
        self._code = _CODES.get(metric.name, boxes.NORM)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of sources and of sinks."""
        return len(self.x.points), len(self.y.points)

    @cached_property
    def largest(self) -> float:
        """A cost that is the largest both in its row and in its column; see `PointCosts`."""
        every_row, every_column = map(np.arange, self.shape)
        largest, found = -1.0, 0.0
        j = 0
        while found > largest:
            largest = found
            i = int(np.argmax(self.at(every_row, np.full_like(every_row, j))))
            row = self.at(np.full_like(every_column, i), every_column)
            j = int(np.argmax(row))
            found = float(row[j])
        return largest

    def between(self, x: Cloud, y: Cloud) -> BoxedPairs:
        """Return the pairs between other points, in the same metric."""
        return BoxedPairs(x, y, self._metric, self._p)

    def coarser(
        self, a: Vector, b: Vector, x_groups: Grouping, y_groups: Grouping
    ) -> tuple[BoxedPairs, Vector, Vector]:
        """Return the pairs between one point per group, with the mass of each group."""
        by = Cloud.centroids if self.x.narrow else Cloud.representatives
        (x, mass_a), (y, mass_b) = by(self.x, a, x_groups), by(self.y, b, y_groups)
        return self.between(x, y), mass_a, mass_b

    def at(self, rows: Indices, columns: Indices) -> Vector:
        """Return the costs of single pairs."""
        cost = np.empty(rows.size)
        rows, columns = rows.astype(np.intp, copy=False), columns.astype(np.intp, copy=False)

        def piece(start: int, stop: int) -> None:
            boxes.between(
                self.x.points, self.y.points, rows, columns, self._code, self._p, start, stop, cost
            )

        _threads.run(piece, rows.size, _threads.worth(rows.size, _PER_THREAD))
        return cost

    def block(self, rows: Indices, columns: Indices) -> Any:
        """Return the costs of all `rows` to all `columns`."""
        return self._metric.all_pairs(self.x.points[rows], self.y.points[columns])

    def row_minima(self, g: Vector) -> Vector:
        """Return min_j c(x_i, y_j) − g_j."""
        return self._least(self.x, self.y, g)

    def column_minima(self, f: Vector) -> Vector:
        """Return min_i c(x_i, y_j) − f_i."""
        return self._least(self.y, self.x, f)

    def minima(self, f: Vector, g: Vector) -> tuple[Vector, Vector]:
        """Return ``row_minima(g), column_minima(f)``."""
        return self.row_minima(g), self.column_minima(f)

    def shortlist(self, g: Vector, k: int, tie: float) -> tuple[Vector, Indices, Indices]:
        """Return f = min_j c(x_i, y_j) − g_j and the shortlist; see `protocol.Pricing`."""
        n, m = self.shape
        rows, columns = self._nearest(self.x, self.y, g, k, 1 + tie)
        f = np.full(n, np.inf)
        np.minimum.at(f, rows, self.at(rows, columns) - g[columns])
        more_columns, more_rows = self._nearest(self.y, self.x, f, k, 1 + tie)
        return f, *each_once(
            np.concatenate([rows, more_rows]), np.concatenate([columns, more_columns]), m
        )

    def violated(self, f: Vector, g: Vector, k: int) -> tuple[Indices, Indices]:
        """Return rows and columns of pairs with c(x_i, y_j) − g_j < f_i; see `protocol.Pricing`."""
        values = np.repeat(self.x.in_boxes(f)[:, :, None], min(k, len(self.y.boxes.points)), axis=2)
        return self._pairs(self.x, self.y, self._search(self.x, self.y, g, values, few=True))

    def _least(self, x: Cloud, y: Cloud, g: Vector) -> Vector:
        values = np.full((*x.boxes.points.shape[::2], 1), np.inf)
        self._search(x, y, g, values)
        least: Vector = values.reshape(-1)[x.boxes.slot]
        return least

    def _nearest(
        self, x: Cloud, y: Cloud, g: Vector, k: int, factor: float
    ) -> tuple[Indices, Indices]:
        """Return i and j of the k least factor·c(x_i, y_j) − g_j of every i."""
        values = np.full((*x.boxes.points.shape[::2], k), np.inf)
        return self._pairs(x, y, self._search(x, y, g, values, factor))

    def _search(
        self,
        x: Cloud,
        y: Cloud,
        g: Vector,
        values: NDArray[np.float64],
        factor: float = 1.0,
        *,
        few: bool = False,
    ) -> NDArray[np.int32]:
        """Update `values` as `boxes.nearest` does; return the slots it found, −1 for none."""
        own, other = x.boxes, y.boxes
        found = np.full(values.shape, -1, np.int32)
        in_boxes = y.in_boxes(g)

        def piece(start: int, stop: int) -> None:
            boxes.nearest(
                *own[:4],
                *other[:3],
                in_boxes,
                self._code,
                self._p,
                factor,
                few,
                start,
                stop,
                values,
                found,
            )

        n, m = self.shape
        threads = _threads.worth(n * m, _PER_THREAD)
        _threads.run(piece, len(own.points), threads, _PARTS)
        return found

    @staticmethod
    def _pairs(x: Cloud, y: Cloud, found: NDArray[np.int32]) -> tuple[Indices, Indices]:
        """Return as pairs (i, j) the slots of y that were found for the slots of x."""
        slots = found.reshape(-1, found.shape[2])
        slot, rank = np.nonzero(slots >= 0)
        return x.boxes.number[slot], y.boxes.number[slots[slot, rank]]
