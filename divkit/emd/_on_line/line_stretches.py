"""Stretches of sorted points, in threads: where their potentials begin, and what all come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np

from divkit import _threads
from divkit.emd._on_line.line_loops import CHUNK, SUMS

T = TypeVar("T")
# The sum of both, as a rounded number and what is missing.
InTwo = tuple[float, float]

# Points that are worth a thread.
PER_THREAD = 1 << 17


class Measured(NamedTuple):
    """What the plan costs, and how far it and its potentials are from right; for a mass of 1."""

    value: float
    slack: float  # the sum of mass · slack
    fault: float  # what the faults of the marginals are worth
    violation: float
    loosest: float  # the largest slack, in size, on the cells where the potentials are tight
    primal_residual: float


class Gain(NamedTuple):
    """What potentials do on a stretch if f is 0 where it begins."""

    high: float
    low: float
    apart: float
    weight: float


def number(points: int) -> int:
    """Return how many stretches there should be of so many points."""
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
    """Return f where each stretch begins, and at the end of all, if both sides weigh the same.

    f gains high + low on a stretch, whose weight times f is less than that times g by `apart`.
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
    """Return the violation, the largest slack and all sums.

    From what the loops return for each stretch, first ``most_f, most_g, drift, loosest``, and the
    sums, last.
    """
    drift, most_f, most_g, loosest = 0.0, -math.inf, -math.inf, 0.0
    for of_f, of_g, further, loose, *_ in found:
        most_f, most_g = max(most_f, drift + of_f), max(most_g, of_g - drift)
        drift, loosest = drift + further, max(loosest, loose)
    return max(0.0, most_f + most_g), loosest, np.concatenate([sums for *_, sums in found])


def _in_two(*terms: float) -> InTwo:
    high = math.fsum(terms)
    return high, math.fsum([*terms, -high])
