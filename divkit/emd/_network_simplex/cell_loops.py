"""Pivots among the arcs of one cell after another, compiled.

Every tree of the forest is joined to the root by an artificial arc without flow, so that no flow
outside the cell changes when one of its arcs enters.
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
        The arcs, and the flow on nonbasic ones, which is moved into the tree.
    cells : array of int, shape (cells, 3)
        (first, last, crossing): the arcs of a cell are those from `first` to `last`; only those
        from `crossing` on may be nonbasic and carry flow.
    start : int
    tolerance : float
        Reduced costs above −tolerance count as 0.
    limit : int
        The largest number of pivots.

    Returns
    -------
    status : int
    cell : int
        The cell to resume from if the status is `PAUSED`.
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
