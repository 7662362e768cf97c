"""Exact transport for a cost matrix in memory, which is not copied if it is contiguous."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from divkit import _threads
from divkit.emd._column_generation import candidates, coarse
from divkit.emd._column_generation import column_generation as columns
from divkit.emd._column_generation.column_generation import each_once
from divkit.emd._solver_types import Answer, Indices, Matrix, NoPlanError, Vector
from divkit.emd._warm_start import Start

# Up to this many atoms per side, the costs alone give a good start.
_SMALL = 400
# Atoms per group, which one of them represents, and how many of their costs are compared.
_GROUP = 4
_FEATURES = 16
# Among this many consecutive columns, only the most violated pair of a row is added.
_WIDTH = 256
# Entries that justify another thread: a millisecond of work.
_PER_THREAD = 1 << 20


def solve(
    a: Vector,
    b: Vector,
    M: NDArray[Any],
    limit: int | None = None,
    start: Start | None = None,
) -> Answer:
    """Return an optimal plan with its potentials.

    Parameters
    ----------
    a, b : array, shapes (n,) and (m,)
        Positive weights of equal mass.
    M : ndarray, shape (n, m)
        Costs, float32 or float64, in any order; +inf forbids a pair. Only an array that is
        contiguous in neither order is copied.
    limit : int, optional
        The largest number of pivots.
    start : Start, optional
        An answer to a similar problem; by default, the answer to a coarser problem.

    Raises
    ------
    NoPlanError
        If no plan avoids the forbidden pairs.
    ConvergenceError
        If the limit is reached.
    """
    if not M.flags.c_contiguous and M.flags.f_contiguous:
        transposed = None if start is None else start.transposed()
        rows, cols, mass, f, g, pivots = solve(b, a, M.T, limit, transposed)
        return Answer(cols, rows, mass, g, f, pivots)
    sources, sinks = np.flatnonzero(a), np.flatnonzero(b)
    pricing = MatrixPricing(M, sources, sinks)
    a, b = a[sources], b[sinks]
    if start is None:
        answer = columns.solve(a, b, pricing, _start(a, b, pricing), limit)
    else:
        start = start.among(sources, sinks)
        allowed = np.isfinite(pricing.at(start.rows, start.columns))
        pairs = start.rows[allowed], start.columns[allowed]
        answer = columns.solve(a, b, pricing, start.g, limit, pairs)
    f, g = np.zeros(M.shape[0]), np.zeros(M.shape[1])
    f[sources], g[sinks] = answer.f, answer.g
    return answer._replace(rows=sources[answer.rows], columns=sinks[answer.columns], f=f, g=g)


class MatrixPricing:
    """Pricing of a cost matrix, between the sources and the sinks that have mass.

    Parameters
    ----------
    M : ndarray, shape (rows, columns)
        Costs, float32 or float64.
    sources, sinks : array of int
        Rows and columns of `M` that take part, in order.
    """

    def __init__(self, M: NDArray[Any], sources: Indices, sinks: Indices) -> None:
        # A read-only view, so that numba compiles one signature, whether `M` is writable or not.
        self._M = np.ascontiguousarray(M).view()
        self._M.flags.writeable = False
        self._sources, self._sinks = sources, sinks
        self._number = np.zeros(M.shape[1], np.intp)
        self._number[sinks] = np.arange(sinks.size)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of sources and of sinks."""
        return self._sources.size, self._sinks.size

    def at(self, rows: Indices, columns: Indices) -> Vector:
        """Return the costs of single pairs."""
        cost: Vector = self._M[self._sources[rows], self._sinks[columns]].astype(np.float64)
        return cost

    def block(self, rows: Indices, columns: Indices) -> NDArray[Any]:
        """Return the costs of all `rows` to all `columns`."""
        cost: NDArray[Any] = self._M[np.ix_(self._sources[rows], self._sinks[columns])]
        return cost

    def column_minima(self, rows: Indices, f: Vector) -> Vector:
        """Return min M_ij − f_i over `rows`, whose potentials `f` are, for every sink j."""
        rows = self._sources[rows]
        minima: list[Vector] = []

        def piece(start: int, stop: int) -> None:
            below = np.full(self._M.shape[1], np.inf)
            candidates.column_minima(self._M, rows, f, start, stop, below)
            minima.append(below)

        self._in_pieces(piece, rows.size)
        minimum: Vector = np.minimum.reduce(minima)
        return minimum[self._sinks]

    def shortlist(self, g: Vector, k: int, tie: float) -> tuple[Vector, Indices, Indices]:
        """Return f = min_j M_ij − g_j and the shortlist; see `protocol.Pricing`."""
        n, m = self._sources.size, self._M.shape[1]
        f = np.empty(n)
        of_rows = np.empty((n, k), np.int32)
        lists: dict[int, tuple[NDArray[Any], Vector]] = {}
        full_g = self._on_all_columns(g)

        def piece(start: int, stop: int) -> None:
            best, least = np.full((m, k), -1, np.int32), np.full((m, k), np.inf)
            candidates.shortlist(
                self._M, self._sources, full_g, 1 + tie, k, start, stop, f, of_rows, best, least
            )
            lists[start] = best, least

        self._in_pieces(piece, n)
        best, least = (np.hstack(x) for x in zip(*(lists[s] for s in sorted(lists)), strict=True))
        if len(lists) > 1:
            order = np.argsort(least, axis=1, kind="stable")[:, :k]
            best = np.take_along_axis(best, order, axis=1)
        rows, columns = np.nonzero(of_rows >= 0)
        of_columns, ranks = np.nonzero(best >= 0)
        rows, columns = each_once(
            np.concatenate([rows, best[of_columns, ranks]]),
            np.concatenate([of_rows[rows, columns], of_columns]),
            m,
        )
        return f, rows, self._number[columns]

    def violated(self, f: Vector, g: Vector, k: int) -> tuple[Indices, Indices]:
        """Return rows and columns of pairs with M_ij − g_j < f_i; see `protocol.Pricing`."""
        rows = np.flatnonzero(f > -np.inf)
        k = min(k, self._sinks.size)
        width = max(1, min(_WIDTH, self._sinks.size // k))
        found = np.empty((rows.size, k), np.int32)
        excess = np.empty(found.shape)
        full_g, sources, of_sources = self._on_all_columns(g), self._sources[rows], f[rows]

        def piece(start: int, stop: int) -> None:
            candidates.violated(
                self._M, sources, of_sources, full_g, width, start, stop, found, excess
            )

        self._in_pieces(piece, rows.size)
        at, rank = np.nonzero(found >= 0)
        return rows[at], self._number[found[at, rank]]

    def _on_all_columns(self, g: Vector) -> Vector:
        full = np.full(self._M.shape[1], -np.inf)
        full[self._sinks] = g
        return full

    def _in_pieces(self, piece: Callable[[int, int], object], rows: int) -> None:
        pieces = _threads.worth(rows * self._M.shape[1], _PER_THREAD)
        _threads.run(piece, rows, min(pieces, max(1, rows // candidates.ROWS)))


def _start(a: Vector, b: Vector, pricing: MatrixPricing) -> Vector:
    """Return initial potentials of the sinks."""
    n, m = pricing.shape
    if max(n, m) > _SMALL:
        with suppress(NoPlanError):
            return _finite(_interpolated(a, b, pricing))
    return _finite(pricing.column_minima(np.arange(n), np.zeros(n)))


def _interpolated(a: Vector, b: Vector, pricing: MatrixPricing) -> Vector:
    """Return the c-transform of the optimal potentials of a coarser problem.

    Atoms are grouped by their costs to a few atoms of the other side.
    """
    n, m = pricing.shape
    rng = np.random.default_rng(0)
    some_rows, some_columns = (rng.choice(k, min(k, _FEATURES), replace=False) for k in (n, m))
    to_columns = pricing.block(np.arange(n), some_columns)
    to_rows = pricing.block(some_rows, np.arange(m)).T
    rows, mass_a = coarse.representatives(_features(to_columns), a, _groups(n))
    columns, mass_b = coarse.representatives(_features(to_rows), b, _groups(m))
    answer = solve(mass_a, mass_b, pricing.block(rows, columns))
    return pricing.column_minima(rows, answer.f)


def _groups(size: int) -> int:
    return -(-size // _GROUP) if size > _SMALL // 2 else size


def _features(costs: NDArray[Any]) -> Matrix:
    """Return the costs with finite numbers in place of forbidden pairs."""
    finite = np.isfinite(costs)
    features: Matrix = np.ascontiguousarray(costs, np.float64)
    return np.where(finite, features, np.max(costs, where=finite, initial=0.0))


def _finite(potential: Vector) -> Vector:
    return np.where(np.isfinite(potential), potential, 0.0)
