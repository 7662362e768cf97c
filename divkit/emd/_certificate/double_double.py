"""Potentials as unevaluated sums of two float64 numbers, about 32 digits.

Where costs span many orders of magnitude, potentials may dwarf the cost of a plan, and float64
loses the digits that matter. The error of a sum or a difference of two floats is itself a float
(Knuth, The Art of Computer Programming 2, section 4.2.2, theorem B), so it can be kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from divkit._compensated import two_sum
from divkit.emd._solver_types import Vector

Floats = NDArray[np.float64]
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class DoubleDouble:
    """Numbers ``high + low``, where `high` is the number rounded to float64."""

    high: Vector
    low: Vector

    @classmethod
    def of(cls, x: Vector) -> DoubleDouble:
        """Return float64 numbers as they are, with `low` 0."""
        return cls(x, np.zeros_like(x))

    def __getitem__(self, index: Any) -> DoubleDouble:
        """Return some of the numbers."""
        return DoubleDouble(self.high[index], self.low[index])

    def __neg__(self) -> DoubleDouble:
        """Return the negated numbers."""
        return DoubleDouble(-self.high, -self.low)

    def scaled(self, exponent: int) -> DoubleDouble:
        """Return the numbers times 2**exponent."""
        return DoubleDouble(np.ldexp(self.high, exponent), np.ldexp(self.low, exponent))

    def plus(self, x: Floats) -> DoubleDouble:
        """Return the sums with float64 numbers."""
        total, error = two_sum(self.high, x)
        low = self.low + error
        high = total + low
        return DoubleDouble(high, low - (high - total))


def reduced(cost: Floats, f: DoubleDouble, g: DoubleDouble, *, below: bool = False) -> Floats:
    """Return cost − f − g in float64, or with `below` numbers that are certainly no larger.

    +inf costs remain +inf. The arguments broadcast. Rounding is not compensated when the errors of
    the two differences and the low parts are added up, and in the last sum; the error of a
    difference does not exceed its smaller operand.
    """
    forbidden = np.isinf(cost)
    some = bool(forbidden.any())
    less_f, error_f = two_sum(np.where(forbidden, 0.0, cost) if some else cost, -f.high)
    less_both, error_g = two_sum(less_f, -g.high)
    rest: Floats = less_both + ((error_f + error_g) - (f.low + g.low))
    if below:
        lost = np.abs(error_f) + np.abs(error_g) + (np.abs(f.low) + np.abs(g.low))
        rest = rest - _EPS * (4 * lost + np.abs(rest))
    return np.where(forbidden, np.inf, rest) if some else rest
