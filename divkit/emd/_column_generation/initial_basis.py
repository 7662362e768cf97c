"""An initial basis for the network simplex: a plan on a forest, a crash basis.

It ships along the pairs of least reduced cost at the given potentials first; or it divides a plan
between groups of atoms among their members, which avoids long shipments of the mass left last, and
improves the result (`divkit.emd._network_simplex.cells`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from divkit.emd._column_generation.protocol import Pricing, allowed_costs
from divkit.emd._network_simplex import cells
from divkit.emd._network_simplex.basis import match, ship, ship_within
from divkit.emd._network_simplex.simplex import NetworkSimplex
from divkit.emd._solver_types import Indices, Vector

# Many pairs may have equal reduced costs; adding this share of the cost breaks the ties.
TIE = 1e-6
# Entries of a tile of the costs between atoms with mass left over.
_TILE = 1 << 18
# Atoms of the larger side in each of the smallest cells, at most.
_CELL = 64
# Levels of cells made optimal in every order but the last, in which all are.
_LEVELS = 7
# Mass that an atom has left is rounding of its group's mass up to this share of its weight.
_LEFT = 1e-9


class Groups(NamedTuple):
    """A plan between groups of atoms, and orders in which neighbors are together."""

    rows: tuple[Indices, Indices]  # group by group, and where each group starts, with the end
    columns: tuple[Indices, Indices]
    sources: Indices  # groups of rows, one for each entry of the plan
    sinks: Indices
    mass: Vector
    ranks: tuple[Indices, ...]  # of the atoms of the larger side, in each order


def along_cheapest(
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
    """Return a simplex whose costs are reduced by `f` and `g`: small numbers lose fewer digits.

    Its forest ships along the first `leading` pairs in order, then by ascending reduced cost.
    """
    n = a.size
    costs = allowed_costs(pricing, rows, columns)
    reduced = costs - f[rows] - g[columns]
    supply = np.concatenate([a, -b])
    excess = supply.copy()
    tails, heads = rows.astype(np.uint32), (columns + n).astype(np.uint32)
    order = leading + np.argsort((reduced + TIE * costs)[leading:])
    basic = ship(np.concatenate([np.arange(leading), order]), tails, heads, excess)
    more_rows, more_columns, _ = _matched(pricing, g, excess[:n], -excess[n:])
    more = allowed_costs(pricing, more_rows, more_columns) - f[more_rows] - g[more_columns]
    return NetworkSimplex(
        supply,
        np.concatenate([rows, more_rows]),
        np.concatenate([columns, more_columns]) + n,
        np.concatenate([reduced, more]),
        np.concatenate([basic, rows.size + np.arange(more.size)]),
        np.zeros(supply.size),
        limit=limit,
    )


def between_groups(
    a: Vector,
    b: Vector,
    pricing: Pricing,
    f: Vector,
    g: Vector,
    rows: Indices,
    columns: Indices,
    groups: Groups,
    limit: int | None,
) -> NetworkSimplex:
    """Return a simplex as `along_cheapest` does, with a forest from a plan between groups.

    It is optimal on the given pairs and those of the divided plan. The pairs are sorted by row.
    """
    n, m = a.size, b.size
    plan = more_rows, more_columns, more_mass = _divided(a, b, pricing, f, g, groups)
    pairs, more = rows * m + columns, more_rows * m + more_columns
    place = np.searchsorted(pairs, more)
    new = np.append(pairs, -1)[place] != more
    mass = np.zeros(pairs.size)
    mass[place[~new]] = more_mass[~new]
    mass = np.concatenate([mass, more_mass[new]])
    rows, columns = np.append(rows, more_rows[new]), np.append(columns, more_columns[new])
    reduced = allowed_costs(pricing, rows, columns) - f[rows] - g[columns]
    pivots = 0
    smallest = max(0, (max(n, m) - 1).bit_length() - _CELL.bit_length() + 1)
    for rank in groups.ranks:
        cell = _cells(rank, plan, n, m, smallest)
        levels = smallest + 1 if rank is groups.ranks[-1] else min(_LEVELS, smallest)
        mass, pivots = cells.improve(rows, columns + n, reduced, mass, cell, levels, limit, pivots)
    return NetworkSimplex(
        np.concatenate([a, -b]),
        rows,
        columns + n,
        reduced,
        np.flatnonzero(mass),
        np.zeros(n + m),
        limit=limit,
        pivots=pivots,
    )


def _divided(
    a: Vector, b: Vector, pricing: Pricing, f: Vector, g: Vector, groups: Groups
) -> tuple[Indices, Indices, Vector]:
    """Return a plan as (rows, columns, mass), dividing that between groups as far as possible."""
    (row_order, row_starts), (column_order, column_starts) = groups.rows, groups.columns
    height, width = np.diff(row_starts)[groups.sources], np.diff(column_starts)[groups.sinks]
    # All pairs of members of all pairs of groups in the plan.
    part = np.repeat(np.arange(height.size), height * width)
    within = np.arange(part.size) - (np.cumsum(height * width) - height * width)[part]
    rows = row_order[row_starts[groups.sources][part] + within // width[part]]
    columns = column_order[column_starts[groups.sinks][part] + within % width[part]]
    costs = pricing.at(rows, columns)
    reduced = costs - f[rows] - g[columns] + TIE * costs
    allowed = np.flatnonzero(np.isfinite(reduced))
    order = allowed[np.argsort(reduced[allowed])]
    give, take = a.copy(), b * (a.sum() / b.sum())
    carried = ship_within(order, rows, columns, part, give, take, groups.mass.copy())
    used = np.flatnonzero(carried)
    left = [np.where(x > _LEFT * weights, x, 0.0) for x, weights in ((give, a), (take, b))]
    more_rows, more_columns, more_mass = _matched(pricing, g, *left)
    return (
        np.concatenate([rows[used], more_rows]),
        np.concatenate([columns[used], more_columns]),
        np.concatenate([carried[used], more_mass]),
    )


def _cells(
    rank: Indices, plan: tuple[Indices, Indices, Vector], n: int, m: int, smallest: int
) -> Indices:
    """Return which of the 2**smallest cells every atom is in, rows first.

    Atoms of the larger side are divided in the order of their ranks. An atom of the other side is
    in the cell of the partner with which it exchanges most mass.
    """
    rows, columns, mass = plan
    cell = (rank << smallest) // rank.size
    order = np.argsort(mass)
    if n >= m:
        other = np.zeros(m, cell.dtype)
        other[columns[order]] = cell[rows[order]]
        return np.concatenate([cell, other])
    other = np.zeros(n, cell.dtype)
    other[rows[order]] = cell[columns[order]]
    return np.concatenate([other, cell])


def _matched(
    pricing: Pricing, g: Vector, give: Vector, take: Vector
) -> tuple[Indices, Indices, Vector]:
    """Return allowed pairs that ship the mass left over, as far as possible, and their mass."""
    rows, columns = np.flatnonzero(give > 0), np.flatnonzero(take > 0)
    pairs = [(rows[:0], columns[:0], give[:0])]
    left = take[columns]
    height = max(1, _TILE // max(1, columns.size))
    for start in range(0, rows.size, height):
        tile = rows[start : start + height]
        cost = pricing.block(tile, columns)
        found = match(cost, g[columns], give[tile], left)
        pairs.append((tile[found[0]], columns[found[1]], found[2]))
    of_rows, of_columns, mass = zip(*pairs, strict=True)
    return np.concatenate(of_rows), np.concatenate(of_columns), np.concatenate(mass)
