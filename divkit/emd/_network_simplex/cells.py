"""The network simplex in small cells of nodes first, then in larger ones, until one holds them all.

A pivot walks along paths of the spanning tree and updates the potentials of a subtree, so its cost
grows with the tree. In a cell of a few hundred nodes it is hundreds of times cheaper than in a tree
of a hundred thousand, and most defects of a plan that is good on a coarse scale can be corrected
there; the flow between cells is fixed until the cells are joined. For transport this is domain
decomposition (Bonafini and Schmitzer 2021, "Domain decomposition for entropy regularized optimal
transport", Numerische Mathematik 149), with growing cells. Cells are independent until they are
joined, so each thread works on its own stretch of consecutive cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from divkit import _threads
from divkit.emd._network_simplex import tree
from divkit.emd._network_simplex.cell_loops import improve as improve_cells
from divkit.emd._network_simplex.pivots import PAUSED
from divkit.emd._network_simplex.simplex import TOLERANCE, usual_limit
from divkit.emd._solver_types import Indices, Vector, limit_reached

# Nodes are relabeled after this many pivots per node: tree neighbors have drifted apart in memory.
_PIVOTS_PER_LABELLING = 1 / 8
# Sort keys are _LEVELS * cell + level; there are fewer levels than this.
_LEVELS = 64
# Arcs that justify another thread.
_PER_THREAD = 1 << 13


def improve(
    tails: Indices,
    heads: Indices,
    costs: Vector,
    mass: Vector,
    cell: Indices,
    levels: int,
    limit: int | None,
    pivots: int = 0,
) -> tuple[Vector, int]:
    """Return a cheaper flow with the same marginals, and the number of pivots so far.

    Parameters
    ----------
    tails, heads : array of int, shape (arcs,)
        Sources and sinks.
    costs, mass : array, shape (arcs,)
        The costs and the flow of the arcs.
    cell : array of int, shape (nodes,)
        The number of the smallest cell that each node is in, from 0 on. Cells 2k and 2k + 1 are
        joined to form cell k of the next level.
    levels : int
        How many levels to make optimal, one after another. If the last one is a single cell, the
        flow is optimal on these arcs and supported on a forest.
    limit : int or None
        The largest number of pivots.
    pivots : int
        The number of pivots made before.

    Raises
    ------
    ConvergenceError
        If the limit is reached.
    """
    nodes = cell.size
    most = usual_limit(nodes) if limit is None else limit
    flow = _Flow.in_order(tails, heads, costs, mass, cell)
    smallest = int(cell.max()).bit_length()
    # There are 2**depth stretches.
    depth = min(smallest, (_threads.worth(costs.size, _PER_THREAD) - 1).bit_length())
    stretches = [flow.stretch(number, smallest - depth) for number in range(1 << depth)]
    done = 0
    while done < levels:
        stop = min(levels, smallest - depth + 1) if depth else levels
        pivots += _improve(stretches, range(done, stop), most - pivots, most)
        if pivots > most:
            raise limit_reached("the network simplex", most)
        done = stop
        if done < levels:
            pairs = zip(stretches[::2], stretches[1::2], strict=True)
            stretches = [flow.joined(*pair) for pair in pairs]
            depth -= 1
    for stretch in stretches:
        stretch.cross_over()
    improved = np.empty_like(mass)
    improved[flow.order] = flow.carried
    return improved, pivots


def _improve(stretches: list[_Stretch], levels: range, limit: int, most: int) -> int:
    """Make the flow in each stretch optimal; return the number of pivots."""
    pivots = [0] * len(stretches)

    def piece(first: int, last: int) -> None:
        for k in range(first, last):
            pivots[k] = stretches[k].improve(levels, limit, most)

    _threads.run(piece, len(stretches), len(stretches))
    return sum(pivots)


@dataclass
class _Flow:
    """Nodes and arcs sorted by cell; arcs between the halves of a cell follow those within."""

    order: Indices  # indices of the sorted arcs as given
    key: Indices  # sort keys of the arcs
    tail: Any  # uint32
    head: Any
    cost: Vector
    carried: Vector
    cell: Indices  # of the sorted nodes
    scale: float  # largest |cost| of an arc that carries mass

    @classmethod
    def in_order(
        cls, tails: Indices, heads: Indices, costs: Vector, mass: Vector, cell: Indices
    ) -> _Flow:
        by_cell = np.argsort(cell, kind="stable")
        number = np.empty(cell.size, np.uint32)
        number[by_cell] = np.arange(cell.size, dtype=np.uint32)
        level = np.frexp((cell[tails] ^ cell[heads]).astype(np.float64))[1]
        key = (((cell[tails] >> level) + 1) << level) * _LEVELS + level
        order = np.argsort(key, kind="stable")
        return cls(
            order,
            key[order],
            number[tails[order]],
            number[heads[order]],
            costs[order],
            mass[order],
            cell[by_cell],
            float(np.abs(costs).max(where=mass > 0, initial=0.0)),
        )

    def cells(self, number: int, level: int, k: int) -> Indices:
        """Return bounds for `cell_loops.improve` of all level-`k` cells within the given cell."""
        end = np.arange(number << level, (number + 1) << level, 1 << k) + (1 << k)
        bounds = [
            np.searchsorted(self.key, (end - (1 << k)) * _LEVELS + _LEVELS - 1),
            np.searchsorted(self.key, end * _LEVELS + k, side="right"),
            np.searchsorted(self.key, end * _LEVELS + k),
        ]
        return np.stack(bounds, axis=1)

    def stretch(self, number: int, level: int) -> _Stretch:
        """Return a cell with an empty forest: every node is joined to the root."""
        first, last = np.searchsorted(self.cell, np.array([number, number + 1]) << level)
        nothing = np.empty(0, np.int32)
        forest = np.zeros(last - first + 1, tree.NODE)
        tree.build_tree(forest, np.zeros(last - first), self.tail, self.head, nothing, nothing)
        return _Stretch(self, number, level, forest, np.arange(first, last + 1))

    def joined(self, left: _Stretch, right: _Stretch) -> _Stretch:
        """Return the union of two neighboring cells."""
        n = left.label.size - 1
        forest = np.concatenate([left.forest[:-1], right.forest])
        parent = forest["parent"][:-1].copy()
        parent[:n][parent[:n] == n] = parent.size  # the new root, numbered last
        parent[n:] += n
        arc = forest["arc"][n:-1]
        arc[arc >= 0] += right.first - left.first
        tree.thread(forest, parent)
        label = np.concatenate([left.label[:-1], right.label])
        return _Stretch(self, left.number // 2, left.level + 1, forest, label)


class _Stretch:
    """A cell of some level, with a forest on the arcs in it."""

    def __init__(self, flow: _Flow, number: int, level: int, forest: Any, label: Indices) -> None:
        self.number, self.level, self.forest, self.label = number, level, forest, label
        self._flow = flow
        self.first, last, _ = flow.cells(number, level, level)[0].tolist()
        self._carried = flow.carried[self.first : last]
        self._cost = flow.cost[self.first : last]
        nodes = label.size - 1
        number_of = np.empty(nodes, np.uint32)
        begin = int(label[:-1].min()) if nodes else 0
        number_of[label[:-1] - begin] = np.arange(nodes, dtype=np.uint32)
        self._tail = number_of[flow.tail[self.first : last] - begin]
        self._head = number_of[flow.head[self.first : last] - begin]

    def improve(self, levels: range, limit: int, most: int) -> int:
        """Make the flow optimal in the cells, level by level; return the number of pivots."""
        root_potential, potential = np.zeros(self.label.size), np.zeros(self.label.size)
        batch = max(100, int(self.label.size * _PIVOTS_PER_LABELLING))
        pivots = 0
        for k in levels:
            cells = self._flow.cells(self.number, self.level, k) - self.first
            status, start = PAUSED, 0
            while status == PAUSED:
                self.forest, self.label = tree.relabel_nodes(
                    self.forest, self._tail, self._head, self.label
                )
                tree.set_potentials(self.forest, self._cost, root_potential, potential)
                tolerance = TOLERANCE * max(self._flow.scale, float(np.abs(potential).max()))
                status, start, done = improve_cells(
                    self.forest,
                    potential,
                    self._tail,
                    self._head,
                    self._cost,
                    self._carried,
                    cells,
                    start,
                    tolerance,
                    min(batch, limit - pivots),
                )
                pivots += done
                if status == PAUSED and pivots == limit:
                    raise limit_reached("the network simplex", most)
        return pivots

    def cross_over(self) -> None:
        """Copy the flow of the forest's arcs back to `_Flow.carried`."""
        basic = self.forest[self.forest["arc"] >= 0]
        self._carried[basic["arc"]] = basic["flow"]
