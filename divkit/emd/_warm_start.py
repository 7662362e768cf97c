"""Warm starts: start from the answer to a similar problem.

Its potentials give the initial reduced costs. Mass is shipped along the pairs of its plan again,
from the leaves of their forest inward: with the same weights this gives the same plan, and with
similar ones most of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from divkit import _check
from divkit.emd._backends import forest
from divkit.emd._solver_types import Indices, Vector
from divkit.emd._transport import Transport


class Start(NamedTuple):
    """Potentials, and pairs in the order in which to ship along them."""

    f: Vector
    g: Vector
    rows: Indices
    columns: Indices

    def transposed(self) -> Start:
        """Return the start of the problem with sources and sinks exchanged."""
        return Start(self.g, self.f, self.columns, self.rows)

    def among(self, sources: Indices, sinks: Indices) -> Start:
        """Return the start of the problem between some of the atoms, renumbered."""
        row, column = np.full(self.f.size, -1), np.full(self.g.size, -1)
        row[sources], column[sinks] = np.arange(sources.size), np.arange(sinks.size)
        rows, columns = row[self.rows], column[self.columns]
        kept = (rows >= 0) & (columns >= 0)
        return Start(self.f[sources], self.g[sinks], rows[kept], columns[kept])


def read(start: Any, shape: tuple[int, int]) -> Start:
    """Return the start from a previous `Transport`, or from a pair (f, g) of potentials.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If it belongs to a problem of another shape, or a potential is not finite.
    """
    if isinstance(start, Transport):
        f, g = start.f.ravel(), start.g.ravel()
    elif isinstance(start, tuple | list) and len(start) == 2:
        f, g = (_check.numpy_array(f"start[{k}]", x) for k, x in enumerate(start))
    else:
        raise TypeError(
            "`start` must be a Transport, or a pair (f, g) of potentials, got "
            f"{type(start).__name__}"
        )
    if (f.shape, g.shape) != ((shape[0],), (shape[1],)):
        raise ValueError(
            f"`start` must have potentials of shapes ({shape[0]},) and ({shape[1]},), got "
            f"{f.shape} and {g.shape}: it belongs to another problem"
        )
    _check.finite("start[0]", f, np)
    _check.finite("start[1]", g, np)
    nothing = np.empty(0, np.intp)
    pairs = _leaves_first(start) if isinstance(start, Transport) else (nothing, nothing)
    return Start(f, g, *pairs)


def _leaves_first(t: Transport) -> tuple[Indices, Indices]:
    """Return the pairs of a plan, those of leaves of its forest before those of their neighbors."""
    n, m = t.shape
    entries = t.plan.tocoo()
    rows, columns = (np.asarray(x, np.intp) for x in entries.coords)
    order, parent, _ = forest.rooted(n, m, rows, columns)
    atom = np.asarray(order[::-1], np.intp)
    above = np.asarray(parent, np.intp)[atom]
    atom, above = atom[above >= 0], above[above >= 0]
    return np.where(atom < n, atom, above), np.where(atom < n, above, atom) - n
