"""Points ordered so that neighbors are together, and their coarsening to fewer points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from divkit._cached import cached_property
from divkit.emd._column_generation import coarse
from divkit.emd._column_generation.boxes import SLOTS
from divkit.emd._solver_types import Indices, Matrix, Vector

# The points, group by group, and where each group starts, followed by the end of the last.
Grouping = tuple[Indices, Indices]


# Up to this dimension a group of neighbors is small compared with the whole cloud.
_FEW_DIMENSIONS = 3


class Boxes(NamedTuple):
    """Points in boxes of up to `SLOTS` of them, coordinate by coordinate."""

    points: NDArray[np.float64]  # (boxes, d, SLOTS); unused slots repeat a point
    low: Matrix  # (d, boxes)
    high: Matrix
    sizes: Indices
    slot: Indices  # of every point
    number: Indices  # of the point in every slot


class Cloud:
    """Points, ordered so that consecutive ones are close to each other.

    Parameters
    ----------
    points : array, shape (n, d)
        Finite numbers, whose differences stay finite.

    Attributes
    ----------
    order : array of int, shape (n,)
        The indices of the points, as given, in the new order.
    points : array, shape (n, d)
        The points in that order.
    """

    def __init__(self, points: Matrix) -> None:
        self.order, self._starts = coarse.bisect(points, -(-len(points) // SLOTS))
        self.points = np.ascontiguousarray(points[self.order])

    @property
    def narrow(self) -> bool:
        """Whether groups of neighbors are so small that one point may represent a group."""
        return bool(self.points.shape[1] <= _FEW_DIMENSIONS)

    @cached_property
    def boxes(self) -> Boxes:
        """The points in boxes, each of consecutive points."""
        sizes = np.diff(self._starts)
        number = np.minimum(np.arange(SLOTS), sizes[:, None] - 1) + self._starts[:-1, None]
        points = np.ascontiguousarray(self.points[number].transpose(0, 2, 1))
        return Boxes(
            points,
            np.ascontiguousarray(points.min(axis=2).T),
            np.ascontiguousarray(points.max(axis=2).T),
            sizes,
            np.flatnonzero(np.arange(SLOTS) < sizes[:, None]),
            number.ravel(),
        )

    def in_boxes(self, potential: Vector) -> Matrix:
        """Return a potential box by box, −inf in unused slots."""
        boxes = self.boxes
        full = np.full(boxes.number.size, -np.inf)
        full[boxes.slot] = potential
        return full.reshape(-1, SLOTS)

    @property
    def ranks(self) -> tuple[Indices, Indices]:
        """The rank of each point in two such orders, the second that of the cloud."""
        # Bisect along other directions, so that points at a boundary in one order are inside in
        # the other.
        turn = np.linalg.qr(np.random.default_rng(0).normal(size=(self.points.shape[1],) * 2))[0]
        order, _ = coarse.bisect(np.ascontiguousarray(self.points @ turn), self._starts.size - 1)
        inverse = np.empty_like(order)
        inverse[order] = np.arange(order.size)
        return inverse, np.arange(order.size)

    def groups(self, count: int) -> Grouping:
        """Return `count` groups of neighbors, of nearly equal size."""
        order, starts = coarse.bisect(self.points, count)
        return order, starts

    def centroids(self, weights: Vector, groups: Grouping) -> tuple[Cloud, Vector]:
        """Return the centroids of groups of points, with the mass of each, in the cloud's order."""
        order, starts = groups
        mass = np.add.reduceat(weights[order], starts[:-1])
        moments = np.add.reduceat(weights[order, None] * self.points[order], starts[:-1])
        cloud = Cloud(moments / mass[:, None])
        return cloud, mass[cloud.order]

    def representatives(self, weights: Vector, groups: Grouping) -> tuple[Cloud, Vector]:
        """Return the point of each group nearest to its centroid, with the mass of the group."""
        atoms, mass = coarse.nearest_to_centroids(self.points, weights, *groups)
        cloud = Cloud(self.points[atoms])
        return cloud, mass[cloud.order]
