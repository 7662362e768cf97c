"""Exact transport along the stored entries of a sparse matrix, all of them arcs from the start."""

from __future__ import annotations

import numpy as np

from divkit.emd._backends import feasibility
from divkit.emd._costs.sparse_costs import SparseCosts
from divkit.emd._solver_types import Answer, Vector


def solve(a: Vector, b: Vector, costs: SparseCosts, limit: int | None) -> Answer:
    """Return an optimal plan with its potentials; those of atoms without mass are 0.

    Parameters
    ----------
    a, b : array, shapes (n,) and (m,)
        Weights of equal mass.
    costs : SparseCosts
        The costs of the allowed pairs.
    limit : int, optional
        The largest number of pivots.

    Raises
    ------
    ValueError
        If no plan avoids the forbidden pairs; the message names a violated cut.
    ConvergenceError
        If the limit is reached.
    """
    from divkit.emd._network_simplex.basis import ship
    from divkit.emd._network_simplex.simplex import NetworkSimplex

    n = a.size
    sources, sinks = a > 0, b > 0
    used = sources[costs.rows] & sinks[costs.columns]
    rows, columns = costs.rows[used], costs.columns[used]
    for name, weights, served in (("a", a, rows), ("b", b, columns)):
        alone = weights > 0
        alone[served] = False
        if alone.any():
            k = int(np.argmax(alone))
            raise feasibility.unreachable(name, k, float(weights[k]))
    # Reduce the costs by these potentials: small numbers lose fewer digits.
    g = _finite(costs.column_minima(np.where(sources, 0.0, -np.inf)))
    f = _finite(costs.row_minima(np.where(sinks, g, -np.inf)))
    reduced = costs.cost[used] - f[rows] - g[columns]
    supply = np.concatenate([a, -b])
    tails, heads = rows.astype(np.uint32), (columns + n).astype(np.uint32)
    basic = ship(np.argsort(reduced, kind="stable"), tails, heads, supply.copy())
    simplex = NetworkSimplex(
        supply, rows, columns + n, reduced, basic, np.zeros(supply.size), limit=limit
    )
    if not simplex.feasible:
        cut_side = simplex.run_phase_one()
        if not simplex.feasible:
            held = cut_side[:n] & sources
            reached = np.zeros(b.size, np.bool_)
            reached[columns[held[rows]]] = True
            raise ValueError(
                feasibility.violated_cut(
                    np.flatnonzero(held),
                    float(a[held].sum()),
                    np.flatnonzero(reached),
                    float(b[reached].sum()),
                )
            )
    simplex.run()
    flow, potential = simplex.flow(), simplex.potential
    return Answer(
        flow.tails,
        flow.heads - n,
        flow.mass,
        f + potential[:n],
        g - potential[n:],
        simplex.pivots,
    )


def _finite(potential: Vector) -> Vector:
    return np.where(np.isfinite(potential), potential, 0.0)
