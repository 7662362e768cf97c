"""Sorted points matched in order, and the potentials that are tight on the pairs next to these."""

from __future__ import annotations

from typing import Any

import numpy as np

from divkit.emd._certificate.measure import total
from divkit.emd._on_line import line_loops
from divkit.emd._on_line.line_loops import BLOCK, COST, SLACK
from divkit.emd._on_line.line_stretches import Gain, Measured, bounds, each, joined, no_sums, number
from divkit.emd._solver_types import Vector


class Pairs:
    """Potentials of equal sums that are tight on the pairs (i, i), the plan, and (i + 1, i).

    They are recomputed whenever they are needed, which costs less than storing them. The sorted
    points are not stored either.
    """

    def __init__(self, x: Vector, y: Vector, p: float) -> None:
        self.p = p
        blocks = -(-x.size // BLOCK)
        self.stretches = min(number(x.size), blocks)
        self.cuts = [k * blocks // self.stretches * BLOCK for k in range(self.stretches)]
        self.cuts.append(x.size)

        def gain(k: int) -> Gain:
            return Gain(*line_loops.pair_sums(x, y, p, *self.cuts[k : k + 2]))

        self.bounds = bounds(each(gain, self.stretches))

    def potentials(self, x: Vector, y: Vector) -> tuple[Vector, Vector]:
        """Return the potentials for the sorted points."""
        f, g = np.empty_like(x), np.empty_like(y)

        def solve(k: int) -> None:
            start, stop = self.cuts[k : k + 2]
            kept = f[start:], g[start:]
            line_loops.pair_potentials(x, y, self.p, start, stop, *self.bounds[k], *kept)

        each(solve, self.stretches)
        return f, g

    def measured(self, x: Vector, y: Vector) -> Measured:
        """Measure the potentials without visiting other pairs; requires exact powers."""

        def measure(k: int) -> Any:
            stretch, ends = self.cuts[k : k + 2], self.bounds[k : k + 2]
            sums = no_sums(*stretch)
            return *line_loops.measured_pairs(x, y, self.p, *stretch, *ends, sums), sums

        violation, loosest, sums = joined(each(measure, self.stretches))
        cost, slack = (total(sums[:, column]) / x.size for column in (COST, SLACK))
        # The marginals of a permutation are exact.
        return Measured(cost, slack, 0.0, violation, loosest, 0.0)
