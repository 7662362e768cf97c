"""Assignment: as many sources as sinks, all of one weight.

The vertices of the polytope of plans are the permutations then (Birkhoff 1946, von Neumann 1953;
Peyré and Cuturi 2019, "Computational Optimal Transport", proposition 2.1). A simplex method ends
at a vertex, and every flow on its way is a sum of weights and their opposites, 0 or the weight
itself: no rounding, provided that both sides have the same weight to the last digit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from divkit.emd._solver_types import Indices, Vector

# How far weights may be apart that are meant to be equal, of each: sqrt(eps).
_APART = 2.0**-26
# The largest error in the marginals of a plan, of each weight.
_LARGEST_ERROR = 1e-3


def same_weight(a: Vector, b: Vector) -> Vector:
    """Return `a` in place of `b` if both are uniform, of the same length and mass: else `b`.

    Two ways to come to a mass of n equal weights may differ by a rounding.
    """
    uniform = a.size == b.size and (a == a[0]).all() and (b == b[0]).all()
    return a if uniform else b


def permutation(plan: Any, primal_residual: float) -> Indices:
    """Return the permutation that a plan is; see `divkit.emd._transport.Transport`.

    Parameters
    ----------
    plan : csr_array, shape (n, m)
        Any.
    primal_residual : float
        The error in its marginals, of the mass. They tell the weights up to that.

    Raises
    ------
    ValueError
        If the plan is not a permutation, or the problem not an assignment.
    """
    n, m = plan.shape
    if n != m:
        raise ValueError(
            f"a permutation needs as many sinks as sources, got {m} and {n}: `plan` says what "
            "goes where"
        )
    error = n * primal_residual
    if not error <= _LARGEST_ERROR:
        raise ValueError(
            "a permutation needs a plan with the marginals `a` and `b`, got one with "
            f"primal_residual={primal_residual:.2g}: solve the problem, for example by `emd.solve`"
        )
    rounding = _APART + 2 * error
    marginals = np.concatenate([plan.sum(axis=1), plan.sum(axis=0)])
    least, weight = float(marginals.min()), float(marginals.max())
    if weight - least > rounding * weight:
        raise ValueError(
            "a permutation needs equal weights, got some from "
            f"{least:.10g} to {weight:.10g}: `plan` says what goes where"
        )
    entries = plan.tocoo()
    whole = entries.data >= (1 - rounding) * weight
    rows, columns = (index[whole] for index in entries.coords)
    of_row, of_column = (np.bincount(index, minlength=n) for index in (rows, columns))
    served = int(np.sum((of_row[rows] == 1) & (of_column[columns] == 1)))
    if served < n:
        raise ValueError(
            f"a permutation needs a plan that carries the whole weight {weight:.6g} of each source "
            f"to one sink, got one that does so for {served} of {n}: method='simplex' finds one"
        )
    found = np.empty(n, np.intp)
    found[rows] = columns
    return found
