"""Pivots among the arcs of one cell after another, compiled.

Every tree of the forest is joined to the root by an arc without flow, so that a pivot among the
arcs of a cell touches nothing outside it.
"""

from __future__ import annotations

from divkit._compile import compiled
from divkit.emd._network_simplex import pivot
from divkit.emd._network_simplex.pivots import OPTIMAL, pivots

_SMALLEST_BLOCK = 128


@compiled
def improve(tree, potential, tail, head, cost, carried, cells, start, tolerance, limit):
    """Make the flow optimal in one cell after another, from cell number `start` on.

    Parameters
    ----------
    tree, potential : arrays, shape (nodes + 1,)
    tail, head, cost, carried : arrays, shape (arcs,)
        The arcs, and the flow of those that are not in the tree; it is taken into it.
    cells : array of int, shape (cells, 3)
        From where to where the arcs of a cell are, and from where on they may carry flow.
    start : int
    tolerance : float
        A reduced cost above −tolerance is 0.
    limit : int
        The largest number of pivots.

    Returns
    -------
    status : int
    cell : int
        Where to go on, if it is `PAUSED`.
    pivots : int
    """
    done = 0
    for cell in range(start, len(cells)):
        first, last, crossing = cells[cell]
        for arc in range(crossing, last):
            if carried[arc] > 0.0:
                u, v = tail[arc], head[arc]
                reduced = cost[arc] - potential[u] + potential[v]
                pivot.cross_over(tree, potential, arc, u, v, reduced, carried[arc])
                carried[arc] = 0.0
        block = max(_SMALLEST_BLOCK, 2 * int((last - first) ** 0.5))
        status, more = pivots(
            tree, potential, tail, head, cost, first, last, tolerance, block, limit - done
        )
        done += more
        if status != OPTIMAL:
            return status, cell, done
    return OPTIMAL, len(cells), done
