"""POT's network simplex, as exact and strict as every other method.

POT prices arcs with a tolerance relative to the largest cost, stops at an iteration limit with
a warning, and knows no forbidden pairs in a dense matrix. Its answers are therefore only taken
on scaled problems (`divkit.emd._problem`) and made exact afterwards
(`divkit.emd._backends.refine`), and its warnings are errors here.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from divkit._errors import ConvergenceError
from divkit.emd._solver_types import Answer, Matrix, NoPlanError, Vector, limit_reached

# Mass on forbidden pairs up to this share of the whole is rounding: tight cuts leave some.
ROUNDING = 1e-13


def solve(a: Vector, b: Vector, M: Matrix, limit: int | None) -> Answer:
    """Solve by ``ot.emd``; see `divkit.emd._solver_types.Backend` for the inputs.

    Raises
    ------
    ImportError
        If POT is not installed.
    ConvergenceError
        If POT stopped early.
    NoPlanError
        If the cheapest plan uses a forbidden pair.
    """
    ot = _import()
    # The simplex takes a few pivots per atom; a thousand per atom are a sign of cycling.
    limit = max(10**6, 1000 * sum(M.shape)) if limit is None else limit
    allowed = np.isfinite(M)
    # Costs are at most 1. A plan with mass δ on forbidden pairs differs from one without by
    # cycles, each of which saves at most min(n, m) δ elsewhere: this price is never worth paying.
    price = 2.0 * (min(M.shape) + 1)
    with warnings.catch_warnings():
        # POT's warnings are read from its log, where they have a name.
        warnings.simplefilter("ignore")
        plan, log = ot.emd(a, b, np.where(allowed, M, price), numItermax=limit, log=True)
    if log["warning"] is not None:
        if "numItermax" in log["warning"]:
            raise limit_reached("POT", limit)
        raise ConvergenceError(f"POT found no optimum: {log['warning']}; try method='highs'")
    if plan.sum(where=~allowed) > ROUNDING * a.sum():
        raise NoPlanError
    rows, columns = np.nonzero(np.where(allowed, plan, 0.0))
    return Answer(
        rows, columns, plan[rows, columns], np.asarray(log["u"]), np.asarray(log["v"]), None
    )


def _import() -> Any:
    try:
        with warnings.catch_warnings():
            # Warnings of its optional backends (torch, JAX, TensorFlow) are irrelevant here.
            warnings.simplefilter("ignore")
            import ot
    except ImportError as error:
        raise ImportError(
            "method='pot' needs POT, which is not installed: pip install 'divkit[pot]'"
        ) from error
    return ot
