"""Potentials that prove a plan optimal, derived from the plan, for costs of any range.

An optimal plan has potentials that are tight on its arcs, f_i + g_j = M_ij. On each tree of the
forest of its arcs they follow from the costs up to a constant s, as f + s and g − s. The constants
of the trees have to satisfy difference constraints, s_t − s_u ≤ the least reduced cost from a
source in t to a sink in u, which is a shortest path problem (Ahuja, Magnanti and Orlin 1993,
"Network Flows", section 5.2 for such systems and 9.6 for potentials of optimal flows). It is
solvable if and only if the plan is optimal. All sums are kept in about 32 digits, so that large
potentials do not swamp the costs that matter.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from divkit.emd._backends import forest
from divkit.emd._certificate.double_double import DoubleDouble, reduced
from divkit.emd._costs.costs import Costs, MatrixCosts, tiles
from divkit.emd._costs.sparse_costs import SparseCosts
from divkit.emd._solver_types import Indices, Matrix, Vector

# Pairs up to which all are examined, some ten times: of costs in a matrix, and of other costs.
_MOST_PAIRS, _MOST_COMPUTED = 1 << 26, 1 << 22
_EPS = float(np.finfo(np.float64).eps)
# A bound on what is left, relative to the potentials, when their sums and the costs cancel.
SMALLEST = 2.0**-90
# Each round leaves a rounding error relative to what it changed: after two, 32 digits are right.
_ROUNDS = 4
# Bellman-Ford iterations: shortest paths through more trees than this take too much time.
_LONGEST_WAY = 1 << 10


class Slacks:
    """Reduced costs of all pairs of atoms with mass, at double-double potentials.

    Parameters
    ----------
    costs : Costs
        The costs.
    sources, sinks : array of int
        The atoms that take part.
    """

    def __init__(self, costs: Costs, sources: Indices, sinks: Indices) -> None:
        self._costs, self._sources, self._sinks = costs, sources, sinks
        self._arcs: tuple[Indices, Indices, Vector] | None = None
        if isinstance(costs, SparseCosts):
            row, column = np.full(costs.shape[0], -1), np.full(costs.shape[1], -1)
            row[sources], column[sinks] = np.arange(sources.size), np.arange(sinks.size)
            rows, columns = row[costs.rows], column[costs.columns]
            kept = (rows >= 0) & (columns >= 0)
            self._arcs = rows[kept], columns[kept], costs.cost[kept]

    @staticmethod
    def known(costs: Costs) -> bool:
        """Return whether there are few enough pairs to examine all of them."""
        most = _MOST_PAIRS if isinstance(costs, MatrixCosts) else _MOST_COMPUTED
        return costs.shape[0] * costs.shape[1] <= most

    def at(self, rows: Indices, columns: Indices) -> Vector:
        """Return the costs of single pairs."""
        return self._costs.at(self._sources[rows], self._sinks[columns])

    def row_minima(self, f: DoubleDouble, g: DoubleDouble, *, below: bool = False) -> Vector:
        """Return min_j M_ij − f_i − g_j, or with `below` numbers that are certainly no larger."""
        one = np.zeros(g.high.size, np.intp)
        least: Vector = self.between(f, g, np.arange(f.high.size), one, below=below)[:, 0]
        return least

    def column_minima(self, f: DoubleDouble, g: DoubleDouble) -> Vector:
        """Return min_i M_ij − f_i − g_j."""
        one = np.zeros(f.high.size, np.intp)
        least: Vector = self.between(f, g, one, np.arange(g.high.size))[0]
        return least

    def feasible(self, f: DoubleDouble, g: DoubleDouble) -> tuple[DoubleDouble, DoubleDouble]:
        """Return the potentials, f lowered until they are feasible whatever the rounding."""
        return f.plus(np.minimum(self.row_minima(f, g, below=True), 0.0)), g

    def between(
        self,
        f: DoubleDouble,
        g: DoubleDouble,
        of_rows: Indices,
        of_columns: Indices,
        *,
        below: bool = False,
    ) -> Matrix:
        """Return the least reduced costs from groups of sources to groups of sinks.

        Parameters
        ----------
        f, g : DoubleDouble
            The potentials.
        of_rows, of_columns : array of int
            The group that each source and each sink is in, numbered from 0 on.
        """
        least = np.full((of_rows.max() + 1, of_columns.max() + 1), np.inf)
        if self._arcs is not None:
            rows, columns, cost = self._arcs
            slack = reduced(cost, f[rows], g[columns], below=below)
            np.minimum.at(least, (of_rows[rows], of_columns[columns]), slack)
            return least
        # Sorted by group, so that the members of each are contiguous.
        by_row, by_column = (np.argsort(x, kind="stable") for x in (of_rows, of_columns))
        sources, sinks = self._sources[by_row], self._sinks[by_column]
        f, g, of_rows = f[by_row], g[by_column], of_rows[by_row]
        columns, column_starts = np.unique(of_columns[by_column], return_index=True)
        for tile in tiles(0, sources.size, sinks.size):
            slack = reduced(
                _block(self._costs, sources[tile], sinks), f[tile][:, None], g, below=below
            )
            rows, row_starts = np.unique(of_rows[tile], return_index=True)
            slack = np.minimum.reduceat(slack, row_starts, axis=0)
            slack = np.minimum.reduceat(slack, column_starts, axis=1)
            place = np.ix_(rows, columns)
            least[place] = np.minimum(least[place], slack)
        return least


def tight(
    slacks: Slacks, rows: Indices, columns: Indices, f: Vector, g: Vector, negligible: float
) -> tuple[DoubleDouble, DoubleDouble] | None:
    """Return potentials, feasible up to rounding, that are tight on a plan's arcs, or None.

    Parameters
    ----------
    slacks : Slacks
        The costs.
    rows, columns : array of int
        The arcs that carry mass.
    f, g : array
        Potentials from which the constants of the trees are estimated first.
    negligible : float
        By how much the result may be infeasible: a plan that costs so little more than the optimum
        counts as optimal.
    """
    high_f, high_g, tree = _along_trees(slacks, rows, columns, f, g)
    of_rows, of_columns = tree[: f.size], tree[f.size :]
    for _ in range(_ROUNDS):
        least = slacks.between(high_f, high_g, of_rows, of_columns)
        size = max(map(_largest, (high_f.high, high_g.high)))
        shift = _shortest(least, max(negligible, SMALLEST * size))
        if shift is None:
            return None
        if not shift.any():
            break
        high_f, high_g = high_f.plus(shift[of_rows]), high_g.plus(-shift[of_columns])
    # Atoms that the plan leaves out get the largest feasible potential.
    row_left_out = np.bincount(rows, minlength=f.size) == 0
    if row_left_out.any():
        most = _finite(slacks.row_minima(high_f, high_g))
        high_f = high_f.plus(np.where(row_left_out, most, 0.0))
    column_left_out = np.bincount(columns, minlength=g.size) == 0
    if column_left_out.any():
        most = _finite(slacks.column_minima(high_f, high_g))
        high_g = high_g.plus(np.where(column_left_out, most, 0.0))
    return high_f, high_g


def conjugate(
    slacks: Slacks, a: Vector, b: Vector, f: DoubleDouble, g: DoubleDouble
) -> tuple[DoubleDouble, DoubleDouble]:
    """Return the better of (f^cc, f^c) and (g^c, g^cc)."""
    first_f = _lowered(slacks.row_minima, f, g, 0)
    first = first_f, _lowered(slacks.column_minima, first_f, g, 1)
    second_g = _lowered(slacks.column_minima, f, g, 1)
    second = _lowered(slacks.row_minima, f, second_g, 0), second_g
    return max(first, second, key=lambda pair: float(a @ pair[0].high + b @ pair[1].high))


def _lowered(
    minima: Callable[[DoubleDouble, DoubleDouble], Vector],
    f: DoubleDouble,
    g: DoubleDouble,
    side: int,
) -> DoubleDouble:
    """Return the c-transform of the other side's potential."""
    pair = [f, g]
    for _ in range(2):  # the second pass corrects the rounding of the first
        pair[side] = pair[side].plus(_finite(minima(*pair)))
    return pair[side]


def _block(costs: Costs, rows: Indices, columns: Indices) -> Matrix:
    if isinstance(costs, MatrixCosts):
        block: Matrix = costs.M[np.ix_(rows, columns)].astype(np.float64, copy=False)
        return block
    every = np.repeat(rows, columns.size), np.tile(columns, rows.size)
    return costs.at(*every).reshape(rows.size, columns.size)


def _along_trees(
    slacks: Slacks, rows: Indices, columns: Indices, f: Vector, g: Vector
) -> tuple[DoubleDouble, DoubleDouble, Indices]:
    """Return potentials tight on the trees of a plan, and the tree of each atom."""
    n, m = f.size, g.size
    order, parent, tree = forest.rooted(n, m, rows, columns)
    child = np.array([atom for atom in order if parent[atom] >= 0], np.intp)
    above = np.asarray(parent)[child]
    cost = np.zeros(n + m)
    cost[child] = slacks.at(np.minimum(child, above), np.maximum(child, above) - n)
    costs, high, low = cost.tolist(), [0.0] * (n + m), [0.0] * (n + m)
    for atom in child.tolist():
        up = parent[atom]
        total = costs[atom] - high[up]
        back = total - costs[atom]
        error = (costs[atom] - (total - back)) - (high[up] + back) - low[up]
        high[atom] = total + error
        low[atom] = error - (high[atom] - total)
    potential = DoubleDouble(np.array(high), np.array(low))
    of_f, of_g = potential[:n], potential[n:]
    apart = np.concatenate([f - of_f.high, of_g.high - g])
    shift = (np.bincount(tree, apart) / np.bincount(tree))[tree]
    return of_f.plus(shift[:n]), of_g.plus(-shift[n:]), tree


def _shortest(least: Matrix, smallest: float) -> Vector | None:
    """Return the largest s ≤ 0 with s_t ≤ least_tu + s_u, None if there is none.

    Violations up to `smallest` count as rounding. If the iterations run out, s may be too large.
    """
    size = max(least.shape)
    away = np.full((size, size), np.inf)
    away[: least.shape[0], : least.shape[1]] = least
    violated = -float(np.minimum(away, 0.0).min())
    shift = np.zeros(size)
    if violated <= smallest:
        return shift
    if away.diagonal().min() < -smallest:
        return None
    np.fill_diagonal(away, 0.0)
    for _ in range(min(size, _LONGEST_WAY)):
        lower = np.min(away + shift, axis=1)
        # Ties make many cycles of length 0, along which rounding must not cause endless updates.
        rounding = max(smallest, 8 * _EPS * max(violated, float(np.abs(shift).max())))
        if not (shift - lower > rounding).any():
            return shift
        shift = lower
    return None if size <= _LONGEST_WAY else shift


def _finite(minima: Vector) -> Vector:
    """Return the minima with 0 where all pairs are forbidden: there any potential is feasible."""
    return np.where(np.isfinite(minima), minima, 0.0)


def _largest(x: Vector) -> float:
    return float(np.max(np.abs(x), initial=0.0))
