"""Certify a plan and potentials as the answer to a transport problem.

W = min ⟨M, π⟩ over plans π ≥ 0 with marginals a and b, and
W = max Σ a_i f_i + Σ b_j g_j over potentials with f_i + g_j ≤ M_ij: any plan is an upper bound,
any feasible pair of potentials a lower bound, and the gap between the two says how far an
answer can be from the optimum, no matter how it was computed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from divkit import _check
from divkit._forks import loading
from divkit.emd import _problem
from divkit.emd._certificate import rational
from divkit.emd._certificate.acceptance import ROUNDING, weights_are_right
from divkit.emd._certificate.measure import Carried, in_double_double, in_float64, total
from divkit.emd._certificate.tight_potentials import Slacks
from divkit.emd._costs import sparse_costs
from divkit.emd._costs.costs import Costs, MatrixCosts
from divkit.emd._solver_types import Indices, Vector
from divkit.emd._transport import Transport

# Rounding error of a potential that is a sum of a few costs, relative to the largest cost.
_ROUNDING = 4 * np.finfo(np.float64).eps
# A gain in the dual value, relative to its terms, that is not worth trying a second start for.
_LITTLE = 16 * _ROUNDING


def certify(
    a: Any,
    b: Any,
    M: Any,
    plan: Any,
    f: Any,
    g: Any,
    *,
    method: str = "given",
    iterations: int | None = None,
) -> Transport:
    """Return the certificate of an answer, computed from the problem and the answer alone.

    The potentials are made feasible, and feasible ones never worse, by c-transforms over the atoms
    with mass: g = f^c, then f = g^c. Atoms without mass get the largest feasible potential, which
    is tight, or 0 if all their pairs are forbidden. The plan is not changed; its constraint
    violations are measured. Where the potentials are so much larger than the cost of the plan that
    their rounding might hide whether it is optimal, everything is computed in double-double
    arithmetic (about 32 digits), and potentials derived from the plan are used if they are better.

    Parameters
    ----------
    a, b : array_like, shapes (n,) and (m,), or None
        Weights of equal mass; None is uniform.
    M : array_like or SciPy sparse array, shape (n, m)
        Costs; +inf forbids a pair, and so does absence from a sparse array.
    plan : array_like or sparse array, shape (n, m)
        The plan, not necessarily feasible.
    f, g : array_like, shapes (n,) and (m,)
        The potentials, not necessarily feasible. The c-transforms start from the better of the two.
    method : str
        The name to record for the method that found the answer.
    iterations : int, optional
        The number of iterations to record.

    Raises
    ------
    TypeError
        If an input is not an array of real numbers.
    ValueError
        If an input has the wrong shape or holds a nan, or the problem is not valid; see
        `divkit.emd.solve`.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", sections 2.5, 3.1 and 3.2.

    Examples
    --------
    >>> from divkit import emd
    >>> M = [[0.0, 1.0], [1.0, 0.0]]
    >>> t = emd.certify([0.5, 0.5], [0.5, 0.5], M, [[0.0, 0.5], [0.5, 0.0]], [0, 0], [0, 0])
    >>> t.value, t.dual_value, t.gap, t.primal_residual
    (1.0, 0.0, 1.0, 0.0)
    """
    a, b, costs = (_problem.read_sparse if _problem.is_sparse(M) else _problem.read)(a, b, M)
    n, m = costs.shape
    return judged(
        a,
        b,
        costs,
        _sparse(plan, (n, m)),
        _potential("f", f, n),
        _potential("g", g, m),
        method=method,
        iterations=iterations,
    )[0]


def c_transform(f: Any, M: Any) -> Vector:
    r"""Return the largest g with f_i + g_j ≤ M_ij, the c-transform of f.

    .. math:: f^c_j = \min_i M_{ij} - f_i

    Forbidden pairs (M_ij = +inf) impose no constraint; where a whole column is forbidden, f^c_j is
    +inf. The transform of g is ``c_transform(g, M.T)``; f^cc ≥ f and f^ccc = f^c.

    Parameters
    ----------
    f : array_like, shape (n,)
        Potential on the rows; +inf only where every pair is forbidden.
    M : array_like or SciPy sparse array, shape (n, m)
        Costs; +inf forbids a pair, and so does absence from a sparse array.

    Returns
    -------
    ndarray, shape (m,)

    Raises
    ------
    TypeError
        If an input is not an array of real numbers.
    ValueError
        If `M` holds a nan or −inf, or `f` has another length, a nan or −inf.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", section 5.1.

    Examples
    --------
    >>> from divkit import emd
    >>> emd.c_transform([0.0, 0.5], [[0.0, 3.0], [1.0, 1.0]])
    array([0. , 0.5])
    """
    costs: Costs
    if _problem.is_sparse(M):
        costs = sparse_costs.read(M)
        reachable = np.diff(costs.starts) > 0
    else:
        M = _check.cost_matrix("M", M)
        costs, reachable = MatrixCosts(M), np.isfinite(M).any(axis=1)
    f = _potential("f", f, costs.shape[0], infinite=True)
    if np.isinf(f[reachable]).any():
        i = int(np.flatnonzero(reachable & np.isinf(f))[0])
        raise ValueError(f"`f` must be finite where `M` has a finite cost, got f[{i}] = inf")
    # A row of forbidden pairs imposes no constraint, but inf − inf would be nan.
    return costs.column_minima(np.where(reachable, f, 0.0))


def judged(
    a: Vector,
    b: Vector,
    costs: Costs,
    plan: Any,
    f: Vector,
    g: Vector,
    *,
    method: str,
    iterations: int | None,
    prove: bool = False,
) -> tuple[Transport, bool]:
    """Return `certify`'s answer, and whether its gap and its errors are due to rounding alone.

    With `prove`, potentials that leave a larger gap are replaced by potentials derived from the
    plan.
    """
    mass_exponent = int(np.frexp(a.sum())[1])
    entries = plan.tocoo()
    rows, columns = entries.coords
    # Powers of two, so that no product or sum leaves the range of float64 and no digit is lost.
    a, b, mass = (np.ldexp(x, -mass_exponent) for x in (a, b, entries.data))
    f, g = _bounded(f, costs.largest), _bounded(g, costs.largest)
    given, (f, g) = (f, g), feasible(a, b, costs, f, g)
    cost = costs.at(rows, columns)
    row_error, column_error = marginal_error(rows, mass, a), marginal_error(columns, mass, b)
    wrong = [
        np.abs(row_error).max(),
        np.abs(column_error).max(),
        -mass.min(initial=0.0),
        mass.max(where=np.isinf(cost), initial=0.0),
    ]
    carried = Carried(
        mass_exponent, a, b, costs, rows, columns, mass, cost, row_error, column_error
    )
    least = costs.row_minima(g)
    if a @ np.maximum(f - least, 0.0) > ROUNDING * (a @ np.abs(f) + b @ np.abs(g)):
        # Potentials far larger than the costs have lost digits of these in the transforms, and are
        # infeasible by as much.
        f = np.minimum(f, least)
    measure = in_float64(carried, f, g)
    unproven = not measure.exact and (measure.hidden or prove)
    if (unproven or (prove and measure.widened and not measure.hidden)) and Slacks.known(costs):
        measure = in_double_double(carried, *given)
        if measure.untold and math.prod(costs.shape) <= rational.MOST_PAIRS:
            arcs = (mass > 0) & (a[rows] > 0) & (b[columns] > 0)
            atoms = np.flatnonzero(a), np.flatnonzero(b)
            is_optimal = rational.is_optimal(costs, *atoms, rows[arcs], columns[arcs])
            measure = measure._replace(exact=is_optimal)
        least = costs.row_minima(measure.g)
    excess = np.maximum(measure.f - least, 0.0)
    primal_residual = float(max(wrong) / a.sum())
    t = Transport(
        value=measure.value,
        dual_value=measure.dual_value,
        gap=measure.gap,
        primal_residual=primal_residual,
        dual_residual=float(excess.max()) / (costs.largest or 1.0),
        method=method,
        iterations=iterations,
        shape=costs.shape,
        _plan=plan,
        _potentials=(measure.f, measure.g),
    )
    return t, measure.exact and weights_are_right(primal_residual, 1.0)


def feasible(a: Vector, b: Vector, costs: Costs, f: Vector, g: Vector) -> tuple[Vector, Vector]:
    """Return the better of (f^cc, f^c) and (g^c, g^cc), extended to the atoms without mass.

    If (g^c, g) is as good and as tight up to rounding, the second transform is skipped, on one
    side or on both.
    """
    from_g, from_f = map(_finite, costs.minima(_where_mass(f, a), _where_mass(g, b)))
    pair = from_g, g
    # How far g is below f^c, and f above g^c: a second transform cannot gain more than this.
    below = np.maximum(from_f - g, 0.0, where=b > 0, out=np.zeros_like(g))
    above = np.maximum(f - from_g, 0.0, where=a > 0, out=np.zeros_like(f))
    apart = max(float(above.max()), float(np.max(g - from_f, where=b > 0, initial=0.0)))
    gain = total(b * below) + apart * float(a.sum())
    size = total(a * np.abs(from_g), b * np.abs(g))
    loose = max(apart, float(below.max())) > _ROUNDING * costs.largest
    if gain > _LITTLE * size:
        second = costs.minima(_where_mass(from_g, a), _where_mass(from_f, b))
        second_f, second_g = map(_finite, second)
        pairs = (second_f, from_f), (from_g, second_g)
        pair = max(pairs, key=lambda pair: total(a * pair[0], b * pair[1]))
    elif gain > _ROUNDING * size or loose:
        pair = from_g, _finite(costs.column_minima(_where_mass(from_g, a)))
    if pair[1] is not g and pair[0] is from_g and not a.all():
        # The new g is larger, but it ignores rows without mass, whose f has to follow.
        pair = np.where(a > 0, from_g, _finite(costs.row_minima(_where_mass(pair[1], b)))), pair[1]

    shift = (total(b * pair[1]) - total(a * pair[0])) / (2 * float(a.sum()))
    f, g = pair[0] + shift, pair[1] - shift
    # Every row is now tight against a column with mass. Columns without mass follow.
    if not b.all():
        g = np.where(b > 0, g, _finite(costs.column_minima(f)))
    return f, g


def marginal_error(atoms: Indices, mass: Vector, weights: Vector) -> Vector:
    """Return the mass at every atom minus its weight; the total mass is about 1."""
    # Split each mass into a multiple of 2**-52, whose sums are exact, and a remainder so small that
    # rounding its sums is harmless: a sum of 100 000 small masses keeps its last digit.
    coarse = (mass + 1.0) - 1.0
    of_coarse = np.bincount(atoms, coarse, weights.size)
    of_fine = np.bincount(atoms, mass - coarse, weights.size)
    error: Vector = (of_coarse - weights) + of_fine
    return error


def _where_mass(potential: Vector, weights: Vector) -> Vector:
    """Return the potential with −inf at atoms without mass, so that minima ignore them."""
    return potential if weights.all() else np.where(weights > 0, potential, -np.inf)


def _bounded(potential: Vector, largest: float) -> Vector:
    # Potentials this large retain no digit of any cost; clipped, their differences stay finite.
    limit = math.ldexp(min(largest, 2.0**920), 100)
    bounded: Vector = np.clip(potential, -limit, limit)
    return bounded


def _finite(potential: Vector) -> Vector:
    """Return the potential with 0 where all pairs are forbidden: there any value is feasible."""
    return np.where(np.isfinite(potential), potential, 0.0)


def _potential(name: str, x: Any, length: int, *, infinite: bool = False) -> Vector:
    x = _check.numpy_array(name, x)
    if x.shape != (length,):
        raise ValueError(f"`{name}` must have shape ({length},) to match `M`, got {x.shape}")
    if infinite:
        _check.not_nan(name, x, np)
        if np.isneginf(x).any():
            raise ValueError(f"`{name}` must be greater than -inf")
    else:
        _check.finite(name, x, np)
    potential: Vector = x
    return potential


def _sparse(plan: Any, shape: tuple[int, int]) -> Any:
    """Return `plan` as a new csr_array without stored zeros."""
    with loading:
        from scipy.sparse import csr_array, issparse

    if not issparse(plan):
        plan = _check.numpy_array("plan", plan)
    if plan.shape != shape:
        raise ValueError(f"`plan` must have the shape {shape} of `M`, got {plan.shape}")
    plan = csr_array(plan, dtype=np.float64, copy=True)
    plan.sum_duplicates()
    plan.eliminate_zeros()
    _check.finite("plan", plan.data, np)
    return plan
