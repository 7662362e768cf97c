"""One source or one sink: the only plan, by array operations."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from divkit._forks import loading
from divkit.emd._certificate.acceptance import NEGLIGIBLE, is_rounding
from divkit.emd._small.small_problem import APART, LARGEST_COST, LARGEST_MASS
from divkit.emd._solver_types import Vector
from divkit.emd._transport import Transport


def solve(a: Vector, b: Vector, M: Any) -> Transport | None:
    """Return the answer for one row or column, None if only the general path can tell it.

    The parameters are float64 arrays of matching shapes.
    """
    is_row = len(M) == 1
    cost = M.ravel()
    many = b if is_row else a
    mass, of_sinks = float(a.sum()), float(b.sum())
    largest = float(np.abs(cost).max())
    # Written so that nan fails every comparison.
    usual = (
        min(float(a.min()), float(b.min())) >= 0.0
        and 1 / LARGEST_MASS <= mass <= LARGEST_MASS
        and abs(mass - of_sinks) <= APART * mass
        and (largest == 0.0 or 1 / LARGEST_COST <= largest <= LARGEST_COST)
    )
    if not usual:
        return None
    if is_row and of_sinks != mass:
        many = many * (mass / of_sinks)
    terms = many * cost
    value = float(terms.sum())
    # The single potential is such that each side contributes half of the value.
    one = value / (2 * mass)
    others = cost - one
    slack = cost - one - others
    error = float(many.sum()) - mass
    slack_paid, fault = float((many * slack).sum()), one * error
    gap, paid = slack_paid + fault, float(np.abs(terms).sum())
    # Potentials are of the size of the costs here, so that their rounding hides no error.
    if not (abs(gap) <= NEGLIGIBLE * paid and is_rounding(abs(slack_paid), fault, paid, paid)):
        return None
    of_one = np.array([one])
    return Transport(
        value=value,
        dual_value=mass * one + float((many * others).sum()),
        gap=gap,
        primal_residual=abs(error) / mass,
        dual_residual=max(0.0, -float(slack.min())) / (largest or 1.0),
        method="simplex",
        iterations=0,
        shape=M.shape,
        _plan=partial(_plan, many.copy(), is_row),
        _potentials=(of_one, others) if is_row else (others, of_one),
    )


def _plan(many: Vector, is_row: bool) -> Any:
    with loading:
        from scipy.sparse import csr_array

    plan = csr_array(many[None] if is_row else many[:, None])
    plan.eliminate_zeros()
    return plan
