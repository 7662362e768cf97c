"""A basis to start the network simplex from: a plan that serves everybody, on a forest.

Linear programming calls it a crash basis. It ships along the pairs that are cheapest after the
potentials at hand; or it divides a plan between groups of atoms among their members, which leaves
nobody far away to be served in the end, and improves it (`divkit.emd._network_simplex.cells`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from divkit.emd._column_generation.protocol import Pricing, allowed_costs
from divkit.emd._network_simplex import cells
from divkit.emd._network_simplex.basis import match, ship, ship_within
from divkit.emd._network_simplex.simplex import NetworkSimplex
from divkit.emd._solver_types import Indices, Vector

# Equal costs make for many equally good pairs; this share of the cost tells them apart.
TIE = 1e-6
# Costs of leftovers that are looked at together.
_TILE = 1 << 18
# Atoms of a side in the smallest cells.
_CELL = 64
# Levels of cells in every order but the last.
_LEVELS = 7
# A share of its weight that an atom has left and that is not the rounding of its group's mass.
_LEFT = 1e-9


class Groups(NamedTuple):
    """A plan between groups of atoms, and orders in which neighbors are together."""

    rows: tuple[Indices, Indices]  # group by group, and where each group starts, with the end
    columns: tuple[Indices, Indices]
    sources: Indices  # groups
    sinks: Indices
    mass: Vector
    ranks: tuple[Indices, ...]  # of the rows in each order; where they are fewer, of the columns


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
    """Return a simplex whose costs are reduced by `f` and `g`: small numbers have more digits.

    Its forest ships along the `leading` pairs in their order, then along the cheapest.
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
    """Return what `along_cheapest` does; its forest is optimal on the pairs given and its own.

    The pairs are in order, row by row.
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
    """Return a plan by its pairs and their mass, the plan between groups as far as possible."""
    (row_order, row_starts), (column_order, column_starts) = groups.rows, groups.columns
    height, width = np.diff(row_starts)[groups.sources], np.diff(column_starts)[groups.sinks]
    # All pairs of members of all pairs of groups.
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
    """Return in which of the 2**smallest cells every atom is, rows first.

    Those of the larger side are divided in the order of their ranks. One of the other side is
    where most of its mass goes.
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
    """Return pairs that ship what is left, as far as they are not forbidden, and their mass."""
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
