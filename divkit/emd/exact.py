"""Answers to problems of any form: certified, and whether they are exact."""

from __future__ import annotations

import numpy as np

from divkit.emd.answer import Answer, Vector
from divkit.emd.backends.refine import LARGEST_ERROR, LARGEST_ROUNDING
from divkit.emd.costs import Costs
from divkit.emd.transport import Transport, certificate, total

# A gap that is accepted at once, of the cost of the plan.
SMALLEST_GAP = 1e-13


def certified(a: Vector, b: Vector, costs: Costs, answer: Answer, method: str) -> Transport:
    """Return an answer's record, with its certificate."""
    from scipy.sparse import csr_array

    plan = csr_array((answer.mass, (answer.rows, answer.columns)), shape=costs.shape)
    return certificate(
        a, b, costs, plan, answer.f, answer.g, method=method, iterations=answer.iterations
    )


def is_exact(t: Transport, a: Vector, b: Vector, costs: Costs) -> bool:
    """Return whether the gap is rounding, and no scaling can make it smaller."""
    plan = t.plan.tocoo()
    cost = total(plan.data * np.abs(costs.at(*plan.coords)))
    return is_rounding(t, a, b, cost)


def is_rounding(t: Transport, a: Vector, b: Vector, cost: float) -> bool:
    """Return what `is_exact` does; `cost` is that of the plan if no cost were negative."""
    size = total(a * np.abs(t.f), b * np.abs(t.g)) + cost
    allowed = max(SMALLEST_GAP * cost, LARGEST_ROUNDING * size)
    return t.gap <= allowed and t.primal_residual <= LARGEST_ERROR


def check_limit(max_iter: object) -> None:
    """Raise an error unless `max_iter` is a number of iterations."""
    if isinstance(max_iter, bool) or not isinstance(max_iter, (int, np.integer)):
        raise TypeError(f"`max_iter` must be an integer or None, got {max_iter!r}")
    if max_iter < 1:
        raise ValueError(f"`max_iter` must be at least 1, got {max_iter}")
