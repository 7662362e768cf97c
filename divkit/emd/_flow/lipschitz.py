"""The largest 1-Lipschitz function below a given one on the nodes of a graph, compiled."""

from __future__ import annotations

from divkit._compile import compiled


@compiled
def lower(start, head, length, order, high, low):
    """Lower u until u_v ≤ u_w + ℓ for every arc (v, w) of length ℓ.

    The result is min_w d(v, w) + u_w, with d the shortest-path distance. Each u_v is held as
    ``high[v] + low[v]``, so that rounding does not accumulate along a path. The arcs of a node are
    those from ``start[v]`` to ``start[v + 1]``. The nodes are visited in `order` until a pass
    changes nothing: the second, if the result ascends in it, as u_v depends on lower values only.
    """
    changed = True
    while changed:
        changed = False
        for v in order:
            u, rest = high[v], low[v]
            for arc in range(start[v], start[v + 1]):
                w = head[arc]
                # The sum of three numbers as two, with the errors of the additions (Knuth).
                total = high[w] + length[arc]
                of_length = total - high[w]
                error = (high[w] - (total - of_length)) + (length[arc] - of_length) + low[w]
                bound = total + error
                remainder = error - (bound - total)
                if bound < u or (bound == u and remainder < rest):
                    u, rest = bound, remainder
                    changed = True
            high[v], low[v] = u, rest
