"""The inner loop of the network simplex, compiled: block pricing."""

from __future__ import annotations

from numba.extending import register_jitable

from divkit._compile import compiled
from divkit.emd._network_simplex import pivot

OPTIMAL, PAUSED, UNBOUNDED = 0, 1, 2

for _step in pivot.STEPS:
    register_jitable(_step)


@compiled
def pivots(tree, potential, tail, head, cost, first, last, tolerance, block, limit):
    """Pivot until no reduced cost is below −tolerance, or `limit` times; return (status, pivots).

    The arcs from `first` to `last` are priced cyclically, in blocks. The entering arc is the one
    of most negative reduced cost in the first block that has any.
    """
    done = 0
    seen = 0  # arcs priced since the last pivot
    start = first
    while seen < last - first:
        stop = min(start + block, last)
        entering = -1
        best = -tolerance
        for arc in range(start, stop):
            reduced = cost[arc] - potential[tail[arc]] + potential[head[arc]]
            if reduced < best:
                best = reduced
                entering = arc
        seen += stop - start
        start = stop if stop < last else first
        if entering >= 0:
            if done == limit:
                return PAUSED, done
            if not pivot.pivot(tree, potential, entering, tail[entering], head[entering], best):
                return UNBOUNDED, done
            done += 1
            seen = 0
    return OPTIMAL, done
