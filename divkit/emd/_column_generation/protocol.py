"""The interface of costs to column generation."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from divkit.emd._solver_types import Indices, Vector

INCONSISTENT = "the costs are not the same whenever they are asked for"


class Pricing(Protocol):
    """Costs M_ij of n sources and m sinks, and the pairs worth adding at given potentials."""

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of sources and of sinks."""

    def at(self, rows: Indices, columns: Indices) -> Vector:
        """Return the costs of single pairs."""

    def block(self, rows: Indices, columns: Indices) -> Any:
        """Return the costs of all `rows` to all `columns`, shape (rows, columns)."""

    def shortlist(self, g: Vector, k: int, tie: float) -> tuple[Vector, Indices, Indices]:
        """Return f = min_j M_ij − g_j, and rows and columns of pairs, each once and in order.

        These are the `k` least (1 + tie) M_ij − g_j of every row and the `k` least
        (1 + tie) M_ij − f_i of every column; none is forbidden. The minimum f_i is over those of
        row i, and so may slightly exceed that of the whole row if `tie` > 0.
        """

    def violated(self, f: Vector, g: Vector, k: int) -> tuple[Indices, Indices]:
        """Return rows and columns of pairs with M_ij − g_j < f_i, about `k` of the worst per row.

        If there are any, at least one is returned. Potentials may be infinite, though no g is
        +inf.
        """


def allowed_costs(pricing: Pricing, rows: Indices, columns: Indices) -> Vector:
    """Return the costs of pairs that were chosen because they are not forbidden.

    Raises
    ------
    ValueError
        If one of them is infinite now: a user's function may return different costs each time.
    """
    costs = pricing.at(rows, columns)
    for k in np.flatnonzero(np.isinf(costs))[:1]:
        raise ValueError(
            "`metric` must return the same costs whenever it is asked, got "
            f"{costs[k]} for a pair whose cost was finite"
        )
    return costs
