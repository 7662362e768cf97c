"""When what separates an answer from an optimum is rounding: one rule for every solver.

Plain arithmetic on numbers, so that compiled loops can call it too.
"""

from __future__ import annotations

# The roundings of a gap in float64, of the size of all its terms: of potentials that are feasible
# up to one, and of slacks. The same in 32 digits.
ROUNDING = 2.0**-50
FINE_ROUNDING = 2.0**-100
# A gap that is accepted, and roundings that are not worth a word, of the cost of the plan.
NEGLIGIBLE = 1e-13
# Roundings that hide nothing, of the cost of the plan; and those that are accepted up to there, of
# the size of all terms.
HARMLESS = 2e-12
OF_SIZE = 1e-14
# What the marginals may be off, of the mass.
LARGEST_ERROR = 1e-12
# Gaps may be so many times what is said here: less is stricter, for every solver.
STRICTNESS = 1.0


def fine_rounding(paid: float, size: float) -> float:
    """Return what roundings may add to a gap that is measured in 32 digits, 0 if that is nothing.

    The parameters are those of `is_rounding`.
    """
    rounding = FINE_ROUNDING * size
    return rounding if rounding > NEGLIGIBLE * paid else 0.0


def is_rounding(
    slack: float,
    fault: float,
    paid: float,
    size: float,
    rounding: float = 0.0,
) -> bool:
    """Return whether a gap is rounding, and no scaling can make it smaller.

    Parameters
    ----------
    slack : float
        The slack on the plan's arcs, and what roundings of the potentials may add to it.
    fault : float
        What the faults of the marginals are worth.
    paid : float
        The cost of the plan if no cost were negative.
    size : float
        The sum of all terms of the gap if none were negative.
    rounding : float
        What cannot be told of the slack, however little is paid.
    """
    least = NEGLIGIBLE * paid
    largest_slack = STRICTNESS * max(least, min(OF_SIZE * size, HARMLESS * paid), rounding)
    largest_fault = STRICTNESS * max(least, LARGEST_ERROR * size)
    return slack <= largest_slack and abs(fault) <= largest_fault


def weights_are_right(error: float, mass: float) -> bool:
    """Tell whether the largest error in a weight is rounding."""
    return error <= LARGEST_ERROR * mass
