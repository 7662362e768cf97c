"""Answers to problems of any form: certified, and whether they are exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from divkit.emd.answer import Answer, ConvergenceError, Vector
from divkit.emd.costs import Costs
from divkit.emd.transport import Transport, judged

# More iterations than anybody can wait for, and no more than 64 bits hold.
_NO_LIMIT = 1 << 62


def certified(
    a: Vector, b: Vector, costs: Costs, answer: Answer, method: str, *, prove: bool = False
) -> tuple[Transport, bool]:
    """Return an answer's record, with its certificate, and whether it is optimal to rounding."""
    from scipy.sparse import csr_array

    plan = csr_array((answer.mass, (answer.rows, answer.columns)), shape=costs.shape)
    f, g, number = answer.f, answer.g, answer.iterations
    return judged(a, b, costs, plan, f, g, method=method, iterations=number, prove=prove)


def exact(
    a: Vector, b: Vector, costs: Costs, answer: Answer, method: str, remedy: str
) -> Transport:
    """Return an answer's record, or raise ConvergenceError if it is not optimal to rounding."""
    t, is_exact = certified(a, b, costs, answer, method, prove=True)
    if not is_exact:
        raise ConvergenceError(
            f"{method} left a gap of {t.gap:.1e} at a value of {t.value:.6g}, and an error of "
            f"{t.primal_residual:.1e} in the weights: {remedy}"
        )
    return t


def check_limit(max_iter: Any) -> int:
    """Return `max_iter` as the loops count it, or raise an error if it is no number of iterations.

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If it is less than 1.
    """
    if isinstance(max_iter, bool) or not isinstance(max_iter, (int, np.integer)):
        raise TypeError(f"`max_iter` must be an integer or None, got {max_iter!r}")
    if max_iter < 1:
        raise ValueError(f"`max_iter` must be at least 1, got {max_iter}")
    return min(int(max_iter), _NO_LIMIT)
