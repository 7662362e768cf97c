"""A plan made optimal in small cells of nodes first, then in larger ones, until one holds them all.

A pivot walks along paths of the spanning tree and moves the potentials of a subtree, so its price
grows with the tree. In a cell of some hundred nodes it is hundreds of times cheaper than in a tree
of a hundred thousand, and most of what is wrong with a plan that serves neighbourhoods well can be
put right there: the flow between cells is kept as it is until the cells are joined. For transport
that is domain decomposition (Bonafini and Schmitzer 2021, "Domain decomposition for entropy
regularized optimal transport", Numerische Mathematik 149), with cells that grow.
"""

from __future__ import annotations

import numpy as np

from divkit.emd import tree
from divkit.emd.answer import Indices, Vector, limit_reached
from divkit.emd.nested_loops import improve as improve_cells
from divkit.emd.pivots import PAUSED
from divkit.emd.simplex import TOLERANCE, usual_limit

# After this share of the nodes as pivots, neighbours in the tree are far apart in memory.
_PIVOTS_PER_LABELLING = 1 / 8
# Levels are counted in this base, in which the numbers of cells are not.
_LEVELS = 64


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
        What the arcs cost and carry.
    cell : array of int, shape (nodes,)
        In which of the smallest cells, from 0 on, each node is. Cells 2k and 2k + 1 are joined to
        cell k of the next level.
    levels : int
        How many levels to make optimal one after another. Where the last one has a single cell
        the flow is optimal on these arcs, and on a forest.
    limit : int or None
        The largest number of pivots.
    pivots : int
        How many were made before.

    Raises
    ------
    ConvergenceError
        If the limit is reached.
    """
    nodes = cell.size
    most = usual_limit(nodes) if limit is None else limit
    # Neighbours together, sources and sinks; arcs of a cell together, those that join two smaller
    # ones at its end.
    label = np.argsort(cell, kind="stable")
    number = np.empty(nodes, np.uint32)
    number[label] = np.arange(nodes, dtype=np.uint32)
    level = np.frexp((cell[tails] ^ cell[heads]).astype(np.float64))[1]
    key = (((cell[tails] >> level) + 1) << level) * _LEVELS + level
    order = np.argsort(key, kind="stable")
    key = key[order]
    tail, head = number[tails[order]], number[heads[order]]
    cost, carried = costs[order], mass[order]
    scale = float(np.abs(cost).max(where=carried > 0, initial=0.0))

    nothing = np.empty(0, np.int32)
    nodes_in_tree = np.zeros(nodes + 1, tree.NODE)
    tree.hang(nodes_in_tree, np.zeros(nodes), tail, head, nothing, nothing)
    label = np.append(label, nodes)
    hung, potential = np.zeros(nodes + 1), np.zeros(nodes + 1)
    batch = max(100, int(nodes * _PIVOTS_PER_LABELLING))
    for k in range(levels):
        end = np.arange(1, (int(cell.max()) >> k) + 2) << k
        bounds = [
            np.searchsorted(key, (end - (1 << k)) * _LEVELS + _LEVELS - 1),
            np.searchsorted(key, end * _LEVELS + k, side="right"),
            np.searchsorted(key, end * _LEVELS + k),
        ]
        cells = np.stack(bounds, axis=1)
        status, start = PAUSED, 0
        while status == PAUSED:
            nodes_in_tree, label = tree.relabel_nodes(nodes_in_tree, tail, head, label)
            tree.set_potentials(nodes_in_tree, cost, hung, potential)
            tolerance = TOLERANCE * max(scale, float(np.abs(potential).max()))
            status, start, done = improve_cells(
                nodes_in_tree,
                potential,
                tail,
                head,
                cost,
                carried,
                cells,
                start,
                tolerance,
                min(batch, most - pivots),
            )
            pivots += done
            if status == PAUSED and pivots == most:
                raise limit_reached("the network simplex", most)
    basic = nodes_in_tree[nodes_in_tree["arc"] >= 0]
    carried[basic["arc"]] = basic["flow"]
    improved = np.empty_like(mass)
    improved[order] = carried
    return improved, pivots
