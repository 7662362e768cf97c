"""Column generation: the network simplex on a few pairs, adding those of negative reduced cost.

An optimum over some pairs is optimal over all pairs if all reduced costs M_ij − f_i − g_j are
nonnegative. Pricing finds pairs that violate this, without a list of all costs; once
it finds none, the plan is certified (Dantzig and Wolfe 1960, "Decomposition principle for linear
programs", Operations Research 8).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from divkit._errors import ConvergenceError
from divkit.emd._column_generation import initial_basis
from divkit.emd._column_generation.initial_basis import TIE, Groups
from divkit.emd._column_generation.protocol import INCONSISTENT, Pricing, allowed_costs
from divkit.emd._network_simplex.simplex import TOLERANCE, NetworkSimplex
from divkit.emd._solver_types import Answer, Indices, NoPlanError, Vector

# Initial pairs of every row and of every column.
SHORTLIST = 8
# Pairs added per row in a round; twice as many in each round after the first _PATIENCE.
PER_ROW = 4
_PATIENCE = 4
_MOST_ROUNDS = 100


def solve(
    a: Vector,
    b: Vector,
    pricing: Pricing,
    g: Vector,
    limit: int | None = None,
    first: tuple[Indices, Indices] | None = None,
    refine: Callable[..., tuple[Vector, Vector]] | None = None,
    groups: Groups | None = None,
) -> Answer:
    """Return an optimal plan with its potentials.

    Parameters
    ----------
    a, b : array, shapes (n,) and (m,)
        Positive weights of equal mass.
    pricing : Pricing
        The costs.
    g : array, shape (m,)
        Initial potentials, finite.
    limit : int, optional
        The largest number of pivots.
    first : pair of arrays of int, optional
        Rows and columns of allowed pairs, along which the initial plan ships first, in this order.
    refine : callable, optional
        ``refine(rows, columns, costs, f, g)`` returns potentials that are closer to the optimum,
        feasible or not, from the shortlist and the initial potentials.
    groups : Groups, optional
        A plan between groups of rows and of columns, to start from.

    Raises
    ------
    NoPlanError
        If no plan avoids the forbidden pairs. Its arguments are a violated cut: rows that hold
        more mass than the columns they may reach, and these columns.
    ConvergenceError
        If the limit is reached.
    """
    n = a.size
    f, rows, columns = pricing.shortlist(g, SHORTLIST, TIE)
    f = np.where(np.isfinite(f), f, 0.0)
    if refine is not None:
        f, g = refine(rows, columns, allowed_costs(pricing, rows, columns), f, g)
    if groups is not None:
        simplex = initial_basis.between_groups(a, b, pricing, f, g, rows, columns, groups, limit)
    else:
        leading = 0
        if first is not None:
            leading = first[0].size
            rows, columns = np.concatenate([first[0], rows]), np.concatenate([first[1], columns])
        simplex = initial_basis.along_cheapest(a, b, pricing, f, g, rows, columns, leading, limit)
    _phase_one(simplex, pricing, f, g)
    rounds = 0
    while True:
        pivots = simplex.pivots
        simplex.run()
        potential = simplex.potential
        now_f, now_g = f + potential[:n], g - potential[n:]
        if rounds and simplex.pivots == pivots:
            break  # the pairs added last were violated by rounding only
        rounds += 1
        _require_progress(rounds)
        rows, columns = pricing.violated(
            now_f - TOLERANCE * np.abs(now_f) - simplex.tolerance,
            now_g - TOLERANCE * np.abs(now_g),
            PER_ROW << max(0, rounds - _PATIENCE),
        )
        if rows.size == 0:
            break
        simplex.add(rows, columns + n, allowed_costs(pricing, rows, columns) - f[rows] - g[columns])
    flow = simplex.flow()
    return Answer(flow.tails, flow.heads - n, flow.mass, now_f, now_g, simplex.pivots)


def each_once(rows: Indices, columns: Indices, m: int) -> tuple[Indices, Indices]:
    """Return pairs sorted by row, then by column, without duplicates; there are `m` columns."""
    pairs = np.sort(rows * m + columns)  # np.unique hashes, which takes several times as long
    first = np.ones(pairs.size, np.bool_)
    np.not_equal(pairs[1:], pairs[:-1], out=first[1:])
    return np.divmod(pairs[first], m)


def _phase_one(simplex: NetworkSimplex, pricing: Pricing, f: Vector, g: Vector) -> None:
    """Add pairs until they can carry all mass; only forbidden pairs can prevent this."""
    n = f.size
    rounds = 0
    while not simplex.feasible:
        cut_side = simplex.run_phase_one()
        if simplex.feasible:
            break
        # Any allowed pair that crosses the cut helps; cheap ones are most likely to stay basic.
        source, sink = cut_side[:n], ~cut_side[n:]
        rows, columns = pricing.violated(
            np.where(source, np.inf, -np.inf), np.where(sink, g, -np.inf), PER_ROW << rounds
        )
        if rows.size == 0:
            raise NoPlanError(np.flatnonzero(source), np.flatnonzero(~sink))
        simplex.add(rows, columns + n, allowed_costs(pricing, rows, columns) - f[rows] - g[columns])
        rounds += 1
        _require_progress(rounds)


def _require_progress(rounds: int) -> None:
    # The number of pairs added soon doubles each round, so that all are added well before this.
    if rounds > _MOST_ROUNDS:
        raise ConvergenceError(
            f"{rounds - 1} rounds of pairs were added, and still some are missing: {INCONSISTENT}"
        )
