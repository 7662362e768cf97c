"""When an optimality gap counts as rounding: one acceptance rule for every solver.

Plain arithmetic on scalars, so that compiled loops can call it too.
"""

from __future__ import annotations

# Rounding error of a gap in float64, relative to the sum of the |terms| of the gap: it comes from
# slacks, and from potentials that are feasible only up to rounding. The same in 32 digits.
ROUNDING = 2.0**-50
FINE_ROUNDING = 2.0**-100
# Relative to the plan's cost: a gap that is accepted, and rounding that is not added to the gap.
NEGLIGIBLE = 1e-13
# Rounding up to HARMLESS times the plan's cost hides no better plan; up to there, a gap of OF_SIZE
# times the sum of all |terms| is accepted.
HARMLESS = 2e-12
OF_SIZE = 1e-14
# The largest accepted error of the marginals, relative to the mass.
LARGEST_ERROR = 1e-12
# A factor on all accepted gaps, for every solver: less is stricter.
STRICTNESS = 1.0


def fine_rounding(paid: float, size: float) -> float:
    """Return the rounding error of a gap that is measured in 32 digits, 0 if it is negligible.

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
    """Return whether a gap is due to rounding, so that no rescaling can make it smaller.

    Parameters
    ----------
    slack : float
        The slack on the plan's arcs, plus what rounding of the potentials may add to it.
    fault : float
        The contribution of the errors in the marginals: Σ error · potential.
    paid : float
        The cost of the plan, with costs replaced by their absolute values.
    size : float
        The sum of the absolute values of all terms of the gap.
    rounding : float
        Slack that cannot be resolved numerically, accepted even if `paid` is tiny.
    """
    least = NEGLIGIBLE * paid
    largest_slack = STRICTNESS * max(least, min(OF_SIZE * size, HARMLESS * paid), rounding)
    largest_fault = STRICTNESS * max(least, LARGEST_ERROR * size)
    return slack <= largest_slack and abs(fault) <= largest_fault


def weights_are_right(error: float, mass: float) -> bool:
    """Tell whether the largest error in a weight is rounding."""
    return error <= LARGEST_ERROR * mass
