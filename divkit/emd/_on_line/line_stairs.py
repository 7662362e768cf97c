"""Sorted points with weights served in order, and the potentials that are tight on that plan."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from divkit.emd._certificate.measure import total
from divkit.emd._on_line import staircase, staircase_loops
from divkit.emd._on_line.line_loops import COST, SLACK
from divkit.emd._on_line.line_stretches import Gain, Measured, bounds, each, joined, no_sums, number
from divkit.emd._solver_types import Indices, Vector


class Stairs:
    """The plan, and potentials tight on its cells, with Σ a_i f_i = Σ b_j g_j.

    The weights are given in multiples of `unit`. The potentials are recomputed whenever they are
    needed.
    """

    def __init__(self, x: Vector, y: Vector, p: float, a: Vector, b: Vector, unit: float) -> None:
        self.x, self.y, self.p, self.a, self.b, self.unit = x, y, p, a, b, unit
        cells = x.size + y.size - 1
        self.down, self.mass = np.empty(cells - 1, np.bool_), np.empty(cells)
        if not self._serve(min(number(cells), x.size)):
            self._serve(1)

        def gain(k: int) -> Gain:
            stretch = *self.cuts[k : k + 2], self.rows[k]
            return Gain(*staircase_loops.sums_of(x, y, p, self.down, self.mass, *stretch))

        self.bounds = bounds(each(gain, len(self.rows)))

    def _serve(self, stretches: int) -> bool:
        """Find the plan in this many stretches; return whether they fit together."""
        n = self.x.size
        self.rows = np.arange(stretches) * n // stretches
        columns, highs, lows = np.empty(stretches, np.intp), *np.empty((2, stretches))
        staircase_loops.entered(self.a, self.b, self.rows, columns, highs, lows)
        entries = list(
            zip(self.rows, columns, highs, lows, np.append(self.rows[1:], n), strict=True)
        )
        self.cuts = [*(self.rows + columns), self.mass.size]

        def serve(k: int) -> int:
            column: int = staircase_loops.north_west(
                self.a, self.b, *entries[k], self.down, self.mass
            )
            return column

        found = each(serve, stretches)
        return bool(found[:-1] == columns[1:].tolist())

    def cells(self) -> tuple[Indices, Indices, Vector]:
        """Return rows, columns and mass of the plan."""
        return *staircase.cells(self.down), self.unit * self.mass

    def potentials(self) -> tuple[Vector, Vector]:
        """Return the potentials for the sorted points."""
        f, g = np.empty_like(self.x), np.empty_like(self.y)

        def solve(k: int) -> None:
            stretch = *self.cuts[k : k + 2], self.rows[k], self.bounds[k]
            staircase_loops.keep(self.x, self.y, self.p, self.down, *stretch, f, g)

        each(solve, len(self.rows))
        return f, g

    def measured(self) -> Measured:
        """Measure plan and potentials, without visiting other pairs.

        Without exact powers the violation is meaningless.
        """

        def measure(k: int) -> Any:
            stretch, ends = self.cuts[k : k + 2], self.bounds[k : k + 2]
            sums = no_sums(*stretch)
            given = self.x, self.y, self.a, self.b, self.p, self.down, self.mass
            found = staircase_loops.measured(*given, *stretch, self.rows[k], *ends, sums)
            return *found, sums

        found = each(measure, len(self.rows))
        violation, loosest, sums = joined(found)
        # Consecutive stretches share a column; both compute its potential, and must agree.
        if any(one[7] != other[6] for one, other in pairwise(found)):
            loosest = np.inf
        mass = float(self.a.sum())
        cost, slack = (total(sums[:, column]) / mass for column in (COST, SLACK))
        error, fault = max(one[4] for one in found), sum(one[5] for one in found)
        return Measured(cost, slack, fault / mass, violation, loosest, error / mass)

    @property
    def whole(self) -> float:
        """The mass of either side."""
        return self.unit * float(self.a.sum())
