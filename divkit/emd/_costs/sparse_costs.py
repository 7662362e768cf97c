"""Costs in a sparse matrix: stored pairs are allowed, all others are forbidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from divkit import _check
from divkit._cached import cached_property
from divkit.emd._solver_types import Indices, Vector


@dataclass(frozen=True, eq=False)
class SparseCosts:
    """Costs of the allowed pairs in CSR form; a stored 0 is a cost of 0, not a forbidden pair.

    Parameters
    ----------
    starts : array of int, shape (n + 1,)
        Where the pairs of each row start.
    columns : array of int
        The pairs' columns, in order within a row.
    cost : array
        Their costs, finite.
    width : int
        The number of columns.
    """

    starts: Indices
    columns: Indices
    cost: Vector
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of sources and of sinks."""
        return self.starts.size - 1, self.width

    @property
    def largest(self) -> float:
        """The largest |M_ij|, 0 if no pair is allowed."""
        return float(np.max(np.abs(self.cost), initial=0.0))

    @cached_property
    def rows(self) -> Indices:
        """The rows of the pairs."""
        return np.repeat(np.arange(self.starts.size - 1), np.diff(self.starts))

    def at(self, rows: Indices, columns: Indices) -> Vector:
        """Return the costs of single pairs, +inf where they are forbidden."""
        if not self.cost.size:
            return np.full(rows.size, np.inf)
        key = rows.astype(np.int64) * self.width + columns
        place = np.minimum(np.searchsorted(self._keys, key), self.cost.size - 1)
        return np.where(self._keys[place] == key, self.cost[place], np.inf)

    def row_minima(self, g: Vector) -> Vector:
        """Return min_j M_ij − g_j."""
        return _minima(self.cost - g[self.columns], self.starts)

    def column_minima(self, f: Vector) -> Vector:
        """Return min_i M_ij − f_i."""
        order, starts = self._by_columns
        return _minima((self.cost - f[self.rows])[order], starts)

    def minima(self, f: Vector, g: Vector) -> tuple[Vector, Vector]:
        """Return both."""
        return self.row_minima(g), self.column_minima(f)

    @cached_property
    def _keys(self) -> Any:
        return self.rows.astype(np.int64) * self.width + self.columns

    @cached_property
    def _by_columns(self) -> tuple[Indices, Indices]:
        number = np.bincount(self.columns, minlength=self.width)
        order = np.argsort(self.columns, kind="stable")
        return order, np.concatenate([[0], np.cumsum(number)])


def _minima(values: Vector, starts: Indices) -> Vector:
    """Return the minimum of every segment of `values`, +inf for an empty one."""
    minima = np.full(starts.size - 1, np.inf)
    filled = starts[:-1] < starts[1:]
    if filled.any():
        minima[filled] = np.minimum.reduceat(values, starts[:-1][filled])
    return minima


def stored(name: str, M: Any) -> tuple[Indices, Indices, Vector]:
    """Return the rows, the columns and the values of all stored entries, zeros included.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If the format is BSR and a block holds a 0, which may be an entry or padding.
    """
    values: Vector
    if M.format == "dia":  # whose `tocoo` drops zeros
        column = np.arange(M.data.shape[1])
        row = column - np.asarray(M.offsets, np.intp)[:, None]
        inside = (row >= 0) & (row < M.shape[0]) & (column < M.shape[1])
        values = _check.real(name, M.data[inside], np)
        return row[inside], np.broadcast_to(column, row.shape)[inside], values
    if M.format == "bsr" and M.blocksize != (1, 1) and not np.all(M.data):
        raise ValueError(
            f"`{name}` must say which zeros are stored, got the format BSR, which fills its "
            f"blocks of {M.blocksize[0]}x{M.blocksize[1]} with them: use `{name}.tocsr()`, then "
            "`eliminate_zeros()` if no 0 was meant"
        )
    entries = M.tocoo()
    rows, columns = (np.asarray(index, np.intp) for index in (entries.row, entries.col))
    values = _check.real(name, entries.data, np)
    return rows, columns, values


def read(M: Any) -> SparseCosts:
    """Return the costs in a SciPy sparse matrix or array; a stored +inf forbids its pair, too.

    Raises
    ------
    TypeError
        If the entries are not real numbers.
    ValueError
        If `M` is not a matrix, is empty, holds a pair twice, a nan, a -inf or a number above
        2**1000.
    """
    if M.ndim != 2 or 0 in M.shape:
        raise ValueError(
            f"`M` must be a matrix with at least one row and one column, got shape {M.shape}"
        )
    rows, columns, cost = stored("M", M)
    for bad in np.flatnonzero(np.isnan(cost) | np.isneginf(cost))[:1]:
        raise ValueError(
            "`M` must be finite, or +inf for a forbidden pair, got "
            f"M[{rows[bad]}, {columns[bad]}] = {cost[bad]}"
        )
    if cost.size:
        _check.largest_cost("M", cost[None, :])
    order = np.lexsort((columns, rows))
    rows, columns, cost = rows[order], columns[order], cost[order]
    twice = np.flatnonzero((np.diff(rows) == 0) & (np.diff(columns) == 0))
    if twice.size:
        pair = int(rows[twice[0]]), int(columns[twice[0]])
        raise ValueError(
            f"`M` must hold each pair once, got M[{pair[0]}, {pair[1]}] twice: "
            "add up with `M.sum_duplicates()`, or keep the cheaper one"
        )
    finite = np.isfinite(cost)
    number = np.bincount(rows[finite], minlength=M.shape[0])
    starts = np.concatenate([[0], np.cumsum(number)])
    return SparseCosts(starts, columns[finite], cost[finite], M.shape[1])
