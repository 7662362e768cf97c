"""One interface to all methods that solve a transport problem with a cost matrix.

divkit's own simplex solves the problem without scaling: a small one on all its pairs
(`divkit.emd._small`), any other by column generation (`divkit.emd._column_generation.dense`).
Every other method gets the same scaled problem (`divkit.emd._problem`), and its answer is made
exact by iterative refinement (`divkit.emd._backends.refine`). Every answer is certified
(`divkit.emd._certificate.certify`).
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from divkit._errors import ConvergenceError
from divkit._forks import loading
from divkit.emd import _assignment, _problem, _warm_start
from divkit.emd._backends import feasibility
from divkit.emd._backends.refine import refine
from divkit.emd._certificate.exact import certified, check_limit, exact
from divkit.emd._costs.costs import MatrixCosts
from divkit.emd._methods import AUTO, METHODS, chosen, require
from divkit.emd._problem import Scaled
from divkit.emd._small import small
from divkit.emd._solver_types import Answer, Backend, NoPlanError, Vector
from divkit.emd._transport import Transport
from divkit.emd._warm_start import Start


def solve(
    a: Any,
    b: Any,
    M: Any,
    method: str = "auto",
    *,
    max_iter: int | None = None,
    solver: str | None = None,
    start: Transport | tuple[Any, Any] | None = None,
) -> Transport:
    r"""Return the cheapest plan that carries `a` to `b`, its potentials and its certificate.

    .. math::

        W = \min_{\pi \ge 0} \{ \langle M, \pi \rangle : \pi 1 = a, \pi^T 1 = b \}
          = \max_{f, g} \{ \langle a, f \rangle + \langle b, g \rangle : f_i + g_j \le M_{ij} \}

    Parameters
    ----------
    a, b : array_like, shapes (n,) and (m,), or None
        Weights of the sources and of the sinks, at least 0 and of equal mass, not necessarily
        1. None is uniform, with the mass of the other side. Masses that differ by rounding (a
        relative sqrt(eps) of the input's float type) are made equal by rescaling `b`.
    M : array_like or SciPy sparse array, shape (n, m)
        Costs, of any sign and size; +inf forbids a pair. In a sparse array, stored pairs are
        allowed, zeros included, and all others forbidden; only the simplex accepts one.
    method : {"auto", "simplex", "highs", "pot", "cvxpy"}
        ``"simplex"`` is the network simplex of divkit, with column generation where there are
        many pairs; ``"highs"`` the linear program through SciPy; ``"pot"`` the network simplex
        of POT; ``"cvxpy"`` the linear program through cvxpy; ``"auto"`` is the simplex.
    max_iter : int, optional
        The largest number of iterations (pivots of a simplex method) of one run of the solver.
        Running out of them is an error.
    solver : str, optional
        cvxpy's solver; HiGHS where it is installed.
    start : Transport or pair (f, g), optional
        An answer to a problem of this shape with similar weights or costs, or potentials. The
        simplex starts there, which saves most of its pivots; the answer is equally exact.
        If there are few pairs, `start` is ignored, because starting from scratch is faster.

    Returns
    -------
    Transport
        In float64, whatever the input's type; its `method` is the one that was used.

    Raises
    ------
    TypeError
        If an input is complex, boolean, not numeric or from a library other than NumPy.
    ValueError
        If a shape does not fit; a weight is negative, nan or infinite; a side has no mass, or
        the masses differ; a cost is nan or −inf; or no plan avoids the forbidden pairs (the
        message names rows that hold more mass than the columns they may reach can take).
    ConvergenceError
        If the iterations run out, or the answer is not optimal to rounding.
    ImportError
        If the method's library is not installed.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", sections 2.3, 2.5 and 3.1.

    Examples
    --------
    >>> from divkit import emd
    >>> t = emd.solve([0.5, 0.5], [0.25, 0.75], [[0.0, 1.0], [1.0, 0.0]])
    >>> t.value, t.dual_value, t.gap
    (0.25, 0.25, 0.0)
    >>> t.plan.toarray()
    array([[0.25, 0.25],
           [0.  , 0.5 ]])
    """
    ours = isinstance(method, str) and method in ("auto", AUTO)
    if ours and start is None and solver is None:
        # A fast path: small and well-formed problems skip the checks below.
        t = small.solve(a, b, M, max_iter)
        if t is not None:
            return t
    method = chosen(method)
    if start is not None:
        require(method, "start", "`start` is where the simplex starts")
    if METHODS[method].sparse and _problem.is_sparse(M):
        if start is not None:
            raise ValueError("`start` needs a dense matrix `M`, got a sparse one")
        return _solve_sparse(a, b, M, max_iter)
    a, b, costs = _problem.read(a, b, M)
    begin = None if start is None else _warm_start.read(start, costs.shape)
    return _solve(a, b, costs, METHODS[method].solve, method, max_iter, solver, begin)


def primal(
    a: Any,
    b: Any,
    M: Any,
    method: str = "highs",
    *,
    max_iter: int | None = None,
    solver: str | None = None,
) -> Transport:
    r"""Solve only the primal linear program, for the cheapest plan.

    .. math:: \min_{\pi \ge 0} \{ \langle M, \pi \rangle : \pi 1 = a, \pi^T 1 = b \}

    The potentials are the Lagrange multipliers of its constraints. `dual` solves the dual program
    independently, so agreement of the two values is evidence that both are right.

    Parameters, return value and errors are those of `solve`; the methods are ``"highs"`` and
    ``"cvxpy"``.

    Examples
    --------
    >>> from divkit import emd
    >>> problem = [0.5, 0.5], [0.25, 0.75], [[0.0, 1.0], [1.0, 0.0]]
    >>> emd.primal(*problem).value == emd.dual(*problem).dual_value
    True
    """
    method = chosen(method, "primal")
    a, b, costs = _problem.read(a, b, M)
    return _solve(a, b, costs, METHODS[method].primal, method, max_iter, solver)


def dual(
    a: Any,
    b: Any,
    M: Any,
    method: str = "highs",
    *,
    max_iter: int | None = None,
    solver: str | None = None,
) -> Transport:
    r"""Solve only the dual linear program, for the best potentials.

    .. math:: \max_{f, g} \{ \langle a, f \rangle + \langle b, g \rangle : f_i + g_j \le M_{ij} \}

    The plan consists of the Lagrange multipliers of its constraints. Parameters, return value and
    errors are those of `solve`; the methods are ``"highs"`` and ``"cvxpy"``.

    Examples
    --------
    >>> from divkit import emd
    >>> t = emd.dual([1.0, 0.0], [0.0, 1.0], [[0.0, 2.0], [2.0, 0.0]])
    >>> t.f - t.f[0], t.g + t.f[0]
    (array([ 0., -2.]), array([0., 2.]))
    """
    method = chosen(method, "dual")
    a, b, costs = _problem.read(a, b, M)
    return _solve(a, b, costs, METHODS[method].dual, method, max_iter, solver)


def distance(
    a: Any,
    b: Any,
    M: Any,
    method: str = "auto",
    *,
    max_iter: int | None = None,
    solver: str | None = None,
) -> float:
    """Return the cost ⟨M, π⟩ of the cheapest plan; see `solve`, whose parameters these are.

    Examples
    --------
    >>> from divkit import emd
    >>> emd.distance([1.0, 0.0], [0.0, 1.0], [[0.0, 2.0], [2.0, 0.0]])
    2.0
    """
    return solve(a, b, M, method, max_iter=max_iter, solver=solver).value


def _solve(
    a: Vector,
    b: Vector,
    costs: MatrixCosts,
    backend: Any,
    method: str,
    max_iter: int | None,
    solver: str | None,
    start: Start | None = None,
) -> Transport:
    if max_iter is not None:
        max_iter = check_limit(max_iter)
    if solver is not None:
        require(method, "solver", "`solver` chooses cvxpy's solver")
        backend = partial(backend, solver=solver)
    b = _assignment.same_weight(a, b)
    if method == AUTO:
        t = _as_it_is(a, b, costs, max_iter, start)
        if t is not None:
            return t
    scaled = _problem.scale(a, b, costs)
    answer = _answer(scaled, backend, max_iter, method)
    answer = scaled.unscaled(answer, costs.shape)
    return exact(a, b, costs, answer, method, "try another method, for example 'highs'")


def _as_it_is(
    a: Vector, b: Vector, costs: MatrixCosts, max_iter: int | None, start: Start | None
) -> Transport | None:
    """Return the simplex answer to the unscaled problem, or None if it is not exact."""
    if small.fits(costs.shape, start):
        return small.solve(a, b, costs.M.astype(np.float64, copy=False), max_iter)
    with loading:
        from divkit.emd._column_generation import dense  # compiled code

    with suppress(NoPlanError):
        answer = dense.solve(a, b, costs.M, max_iter, start)
        t, is_exact = certified(a, b, costs, answer, "simplex")
        if is_exact:
            return t
    return None


def _solve_sparse(a: Any, b: Any, M: Any, max_iter: int | None) -> Transport:
    with loading:
        from divkit.emd._column_generation import sparse  # compiled code

    if max_iter is not None:
        max_iter = check_limit(max_iter)
    a, b, costs = _problem.read_sparse(a, b, M)
    b = _assignment.same_weight(a, b)
    answer = sparse.solve(a, b, costs, max_iter)
    remedy = "reduce rows and columns of `M` by what their costs have in common"
    return exact(a, b, costs, answer, "simplex", remedy)


def _answer(scaled: Scaled, backend: Backend, limit: int | None, method: str) -> Answer:
    feasibility.require_reachable(scaled)
    with suppress(NoPlanError):
        return refine(scaled.a, scaled.b, scaled.M, backend, limit, method)
    with suppress(NoPlanError):
        a, b = feasibility.placed_marginals(scaled, backend, limit, method)
        return refine(a, b, scaled.M, backend, limit, method)
    raise ConvergenceError(
        f"{method} found neither a plan nor a proof that there is none: try another method"
    )
