"""Stretches of sorted points, one per thread: their initial potentials and combined results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np

from divkit import _threads
from divkit.emd._on_line.line_loops import CHUNK, SUMS

T = TypeVar("T")
# A number in two parts, rounded and its error; it is their sum.
InTwo = tuple[float, float]

# Points that justify another thread.
PER_THREAD = 1 << 17


class Measured(NamedTuple):
    """The cost of the plan and the errors of plan and potentials, per unit of mass."""

    value: float
    slack: float  # the sum of mass · slack
    fault: float  # the sum of the marginal errors times their potentials
    violation: float
    loosest: float  # the largest |slack| on the cells where the potentials are tight
    primal_residual: float


class Gain(NamedTuple):
    """Sums over a stretch, for tight potentials with f = 0 where it begins."""

    high: float  # f at the end is high + low
    low: float
    apart: float  # the sum of mass · (g − f)
    weight: float  # the sum of mass


def number(points: int) -> int:
    """Return into how many stretches to divide so many points."""
    return _threads.worth(points, PER_THREAD)


def each(piece: Callable[[int], T], stretches: int) -> list[T]:
    """Return ``piece(k)`` for every stretch, in threads."""
    found: list[Any] = [None] * stretches

    def pieces(first: int, last: int) -> None:
        for k in range(first, last):
            found[k] = piece(k)

    _threads.run(pieces, stretches, stretches)
    return found


def bounds(gains: Sequence[Gain]) -> list[InTwo]:
    """Return f where each stretch begins, and at the end of the last.

    It is shifted so that the sums of mass · f and mass · g over all stretches are equal.
    """
    ends = [(gain.high, gain.low) for gain in gains]
    offsets = [_in_two(*chain.from_iterable(ends[:k])) for k in range(len(ends) + 1)]
    apart = math.fsum(
        gain.apart - 2 * gain.weight * offset
        for gain, (offset, _) in zip(gains, offsets[:-1], strict=True)
    )
    shift = apart / (2 * math.fsum(gain.weight for gain in gains))
    return [_in_two(*offset, shift) for offset in offsets]


def no_sums(start: int, stop: int) -> Any:
    """Return zeros, for a stretch to add its sums to."""
    return np.zeros((-(-(stop - start) // CHUNK), SUMS))


def joined(found: Sequence[Any]) -> tuple[float, float, Any]:
    """Return the violation, the largest |slack| and all sums, from the results of each stretch.

    These begin with ``most_f, most_g, drift, loosest`` and end with the sums.
    """
    drift, most_f, most_g, loosest = 0.0, -math.inf, -math.inf, 0.0
    for of_f, of_g, further, loose, *_ in found:
        most_f, most_g = max(most_f, drift + of_f), max(most_g, of_g - drift)
        drift, loosest = drift + further, max(loosest, loose)
    return max(0.0, most_f + most_g), loosest, np.concatenate([sums for *_, sums in found])


def _in_two(*terms: float) -> InTwo:
    high = math.fsum(terms)
    return high, math.fsum([*terms, -high])
