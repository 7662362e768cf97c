"""Column generation: the network simplex on a few pairs, and more of them until none is missing.

An optimum over some pairs is one over all pairs if its potentials leave no reduced cost below 0,
M_ij − f_i − g_j ≥ 0. Who knows the costs can say where that fails, without telling them all:
the last such answer, that it fails nowhere, certifies the plan (Dantzig and Wolfe 1960,
"Decomposition principle for linear programs", Operations Research 8).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from divkit.emd.answer import Answer, Indices, NoPlanError, Vector
from divkit.emd.basis import match, ship
from divkit.emd.simplex import TOLERANCE, NetworkSimplex

# Pairs of every row and of every column to begin with.
SHORTLIST = 8
# Pairs added for a row in one round; more where rounds pile up.
PER_ROW = 4
_PATIENCE = 4
# Equal costs make for many equally good pairs; this share of the cost tells them apart.
TIE = 1e-6
# Costs of leftovers that are looked at together.
_TILE = 1 << 18


class Pricing(Protocol):
    """Costs M_ij of n sources and m sinks, and which pairs are worth while at given potentials."""

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of sources and of sinks."""

    def at(self, rows: Indices, columns: Indices) -> Vector:
        """Return the costs of single pairs."""

    def block(self, rows: Indices, columns: Indices) -> Any:
        """Return the costs of all `rows` to all `columns`, shape (rows, columns)."""

    def shortlist(self, g: Vector, k: int, tie: float) -> tuple[Vector, Indices, Indices]:
        """Return f = min_j M_ij − g_j, and rows and columns of pairs, each pair once.

        These are the `k` least (1 + tie) M_ij − g_j of every row and the `k` least
        (1 + tie) M_ij − f_i of every column; none is forbidden.
        """

    def violated(self, f: Vector, g: Vector, k: int) -> tuple[Indices, Indices]:
        """Return rows and columns of pairs with M_ij − g_j < f_i, about `k` of the worst per row.

        If there are any, at least one is returned. Potentials may be infinite, though no g is
        +inf.
        """


def solve(
    a: Vector,
    b: Vector,
    pricing: Pricing,
    g: Vector,
    limit: int | None = None,
    first: tuple[Indices, Indices] | None = None,
    refine: Callable[..., tuple[Vector, Vector]] | None = None,
) -> Answer:
    """Return an optimal plan with its potentials.

    Parameters
    ----------
    a, b : array, shapes (n,) and (m,)
        Positive weights of equal mass.
    pricing : Pricing
        The costs.
    g : array, shape (m,)
        Potentials to start from, finite.
    limit : int, optional
        The largest number of pivots.
    first : pair of arrays of int, optional
        Rows and columns of allowed pairs to ship along before all others, in this order.
    refine : callable, optional
        ``refine(rows, columns, costs, f, g)`` returns potentials that are closer to the optimum,
        feasible or not, from the shortlist and those that it was made with.

    Raises
    ------
    NoPlanError
        If no plan avoids the forbidden pairs. Its arguments are rows that hold more mass than the
        columns that they may reach, and these.
    ConvergenceError
        If the limit is reached.
    """
    n = a.size
    f, rows, columns = pricing.shortlist(g, SHORTLIST, TIE)
    f = np.where(np.isfinite(f), f, 0.0)
    if refine is not None:
        f, g = refine(rows, columns, pricing.at(rows, columns), f, g)
    leading = 0
    if first is not None:
        leading = first[0].size
        rows, columns = np.concatenate([first[0], rows]), np.concatenate([first[1], columns])
    simplex = _started(a, b, pricing, f, g, rows, columns, leading, limit)
    _place(simplex, pricing, f, g)
    rounds = 0
    while True:
        pivots = simplex.pivots
        simplex.run()
        potential = simplex.potential
        now_f, now_g = f + potential[:n], g - potential[n:]
        if rounds and simplex.pivots == pivots:
            break  # what was added last was only rounding
        rounds += 1
        rows, columns = pricing.violated(
            now_f - TOLERANCE * np.abs(now_f) - simplex.tolerance,
            now_g - TOLERANCE * np.abs(now_g),
            PER_ROW << max(0, rounds - _PATIENCE),
        )
        if rows.size == 0:
            break
        simplex.add(rows, columns + n, pricing.at(rows, columns) - f[rows] - g[columns])
    flow = simplex.flow()
    return Answer(flow.tails, flow.heads - n, flow.mass, now_f, now_g, simplex.pivots)


def _started(
    a: Vector,
    b: Vector,
    pricing: Pricing,
    f: Vector,
    g: Vector,
    rows: Indices,
    columns: Indices,
    leading: int,
    limit: int | None,
) -> NetworkSimplex:
    """Return a simplex whose costs are reduced by `f` and `g`: small numbers have more digits.

    Its forest ships along the `leading` pairs in their order, then along the cheapest.
    """
    n = a.size
    costs = pricing.at(rows, columns)
    reduced = costs - f[rows] - g[columns]
    supply = np.concatenate([a, -b])
    excess = supply.copy()
    tails, heads = rows.astype(np.uint32), (columns + n).astype(np.uint32)
    order = leading + np.argsort((reduced + TIE * costs)[leading:])
    basic = ship(np.concatenate([np.arange(leading), order]), tails, heads, excess)
    more_rows, more_columns = _matched(pricing, g, excess[:n], -excess[n:])
    more = pricing.at(more_rows, more_columns) - f[more_rows] - g[more_columns]
    return NetworkSimplex(
        supply,
        np.concatenate([rows, more_rows]),
        np.concatenate([columns, more_columns]) + n,
        np.concatenate([reduced, more]),
        np.concatenate([basic, rows.size + np.arange(more.size)]),
        np.zeros(supply.size),
        limit=limit,
    )


def _matched(pricing: Pricing, g: Vector, give: Vector, take: Vector) -> tuple[Indices, Indices]:
    """Return pairs that ship what is left, as far as they are not forbidden."""
    rows, columns = np.flatnonzero(give > 0), np.flatnonzero(take > 0)
    pairs = [(rows[:0], columns[:0])]
    left = take[columns]
    height = max(1, _TILE // max(1, columns.size))
    for start in range(0, rows.size, height):
        tile = rows[start : start + height]
        cost = pricing.block(tile, columns)
        found = match(cost, g[columns], give[tile], left)
        pairs.append((tile[found[0]], columns[found[1]]))
    of_rows, of_columns = zip(*pairs, strict=True)
    return np.concatenate(of_rows), np.concatenate(of_columns)


def _place(simplex: NetworkSimplex, pricing: Pricing, f: Vector, g: Vector) -> None:
    """Add pairs until all mass can be placed, which only forbidden pairs can prevent."""
    n = f.size
    rounds = 0
    while not simplex.feasible:
        stranded = simplex.place()
        if simplex.feasible:
            break
        # Any allowed pair out of the stranded nodes helps; the cheap ones are the most likely
        # to stay.
        source, sink = stranded[:n], ~stranded[n:]
        rows, columns = pricing.violated(
            np.where(source, np.inf, -np.inf), np.where(sink, g, -np.inf), PER_ROW << rounds
        )
        if rows.size == 0:
            raise NoPlanError(np.flatnonzero(source), np.flatnonzero(~sink))
        simplex.add(rows, columns + n, pricing.at(rows, columns) - f[rows] - g[columns])
        rounds += 1
