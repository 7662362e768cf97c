"""The network simplex' inner loop, compiled: pricing by blocks of arcs."""

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

    The arcs from `first` to `last` are looked through in blocks, round and round. The best of the
    first block that has an arc worth entering enters.
    """
    done = 0
    seen = 0  # arcs since the last pivot
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
