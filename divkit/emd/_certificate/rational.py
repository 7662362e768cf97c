"""Whether a plan is optimal, in rational arithmetic: where 32 digits cannot tell."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain

import numpy as np

from divkit.emd._costs.costs import Costs
from divkit.emd._solver_types import Indices

# Pairs of atoms up to which this takes milliseconds, or some tenths of a second.
MOST_PAIRS = 1 << 10


def is_optimal(
    costs: Costs, sources: Indices, sinks: Indices, rows: Indices, columns: Indices
) -> bool:
    """Return whether no cycle of the residual graph has a negative cost.

    This holds if and only if a plan that carries mass on exactly the pairs (rows, columns) is
    optimal for its marginals (Ahuja, Magnanti and Orlin 1993, "Network Flows", theorem 9.1). It is
    checked by the Bellman-Ford algorithm.

    Parameters
    ----------
    costs : Costs
        The costs.
    sources, sinks : array of int
        The atoms with mass.
    rows, columns : array of int
        The pairs that carry mass.
    """
    n, m = sources.size, sinks.size
    cost = costs.at(np.repeat(sources, m), np.tile(sinks, n))
    allowed = [(k // m, n + k % m, Fraction(c)) for k, c in enumerate(cost.tolist()) if c < np.inf]
    tails, heads = np.searchsorted(sources, rows), np.searchsorted(sinks, columns)
    carried = zip(heads.tolist(), tails.tolist(), costs.at(rows, columns).tolist(), strict=True)
    arcs = list(chain(allowed, ((n + j, i, -Fraction(c)) for j, i, c in carried)))
    distance = [Fraction(0)] * (n + m)
    for _ in range(n + m):
        shorter = False
        for tail, head, length in arcs:
            if distance[tail] + length < distance[head]:
                distance[head] = distance[tail] + length
                shorter = True
        if not shorter:
            return True
    return False
