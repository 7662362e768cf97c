"""Assignment problems: equally many sources and sinks, all of the same weight.

The vertices of the polytope of plans are then the permutations (Birkhoff 1946, von Neumann 1953;
Peyré and Cuturi 2019, "Computational Optimal Transport", proposition 2.1). A simplex method ends
at a vertex, and every flow on its way is a sum of weights with signs, either 0 or the weight
itself: there is no rounding if the weights of both sides are equal to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from divkit.emd._solver_types import Indices, Vector

# The largest relative difference of weights that count as equal: sqrt(eps).
_APART = 2.0**-26
# The largest accepted error in the marginals of a plan, relative to each weight.
_LARGEST_ERROR = 1e-3


def same_weight(a: Vector, b: Vector) -> Vector:
    """Return `a` in place of `b` if both are uniform and of the same length, else `b`.

    Their masses are equal already, but the weights may still differ by rounding.
    """
    uniform = a.size == b.size and (a == a[0]).all() and (b == b[0]).all()
    return a if uniform else b


def permutation(plan: Any, primal_residual: float) -> Indices:
    """Return the permutation that a plan represents; see `divkit.emd._transport.Transport`.

    Parameters
    ----------
    plan : csr_array, shape (n, m)
        Any plan.
    primal_residual : float
        The error in its marginals, divided by the mass. They give the weights up to that error.

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
