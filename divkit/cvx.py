"""Divergences and optimal transport as expressions in convex problems of cvxpy.

Both are jointly convex in the two distributions, so each may be minimized, bounded above and added
to other convex terms: for barycenters, projections, or fits with a bounded divergence.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from divkit import _check
from divkit.fdiv._divergence import Divergence

__all__ = [
    "divergence",
    "emd",
]

Expression = Any  # of cvxpy, which is an optional dependency


def divergence(D: Divergence, p: Any, q: Any) -> Expression:
    r"""Return D(P‖Q) as a convex expression.

    .. math:: D(P\|Q) = \sum_i q_i f(p_i / q_i)

    Parameters
    ----------
    D : Divergence
        One with a cone form: a divergence of the catalogue, or one derived from those by the
        algebra of divergences.
    p, q : cvxpy expressions or array_like, of one shape
        Masses, affine in the variables of the problem. The problem must itself ensure that they are
        non-negative and of equal total, e.g. by ``cvxpy.Variable(n, nonneg=True)`` and
        ``cvxpy.sum(p) == 1``.

    Returns
    -------
    cvxpy expression
        A convex scalar, in nats where f has a logarithm.

    Raises
    ------
    ImportError
        If cvxpy is not installed.
    TypeError
        If D is not a divergence, or an array is not real.
    ValueError
        If shapes differ, p or q is not affine, or D has no cone form.

    Notes
    -----
    The expression is the sum of q f(p/q) − f(1) q − f′(1)(p−q), whose terms are non-negative, plus
    f(1) times the mass of q. It equals D(P‖Q) if p and q have the same mass.

    References
    ----------
    Boyd and Vandenberghe (2004), "Convex Optimization", section 3.2.6 (the perspective).

    Examples
    --------
    The distribution closest to uniform with mean 2:

    >>> import cvxpy as cp, numpy as np
    >>> from divkit import cvx, fdiv
    >>> p = cp.Variable(4, nonneg=True)
    >>> distance = cvx.divergence(fdiv.kl, p, np.full(4, 0.25))
    >>> problem = cp.Problem(cp.Minimize(distance), [cp.sum(p) == 1, p @ np.arange(4) == 2])
    >>> value = problem.solve(solver="CLARABEL")
    >>> round(float(value), 6), [round(float(x), 4) for x in p.value]
    (0.102388, [0.1197, 0.182, 0.277, 0.4213])
    """
    if not isinstance(D, Divergence):
        raise TypeError(f"`D` must be a Divergence, got {D!r}: for example fdiv.kl")
    if D.formulas.cone is None:
        raise ValueError(
            f"{D} has no cone form: give its formulas one, `cone(p, q, xp)`, see "
            "divkit.fdiv._divergence.Formulas"
        )
    cp = _import_cvxpy()
    p, q = _affine(cp, "p", p), _affine(cp, "q", q)
    if p.shape != q.shape:
        raise ValueError(f"`p` and `q` must have the same shape, got {p.shape} and {q.shape}")
    p, q = (cp.vec(x, order="C") for x in (p, q))
    atoms = _Atoms(cp)
    value = cp.sum(D.formulas.cone(p, q, atoms))
    if D.at_one:
        value += D.at_one * cp.sum(q)
    return atoms.minimized(value)


def emd(a: Any, b: Any, M: Any) -> Expression:
    r"""Return the earth mover's distance as a convex expression.

    .. math:: W(a, b) = \min_{\pi \ge 0} \{ \langle M, \pi \rangle : \pi 1 = a, \pi^T 1 = b \}

    Parameters
    ----------
    a, b : cvxpy expressions or array_like, shapes (n,) and (m,)
        Weights, affine in the variables of the problem.
    M : array_like, shape (n, m)
        Costs; +inf forbids a pair.

    Returns
    -------
    cvxpy expression
        A convex scalar, +inf if there is no feasible plan, e.g. for weights that are negative or of
        unequal mass.

    Raises
    ------
    ImportError
        If cvxpy is not installed.
    TypeError
        If an array is not real.
    ValueError
        If a shape does not fit, a or b is not affine, or a cost is nan or −inf.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", sections 2.3 and 9.2.

    Examples
    --------
    The barycenter of two distributions on a line is between them:

    >>> import cvxpy as cp, numpy as np
    >>> from divkit import cvx
    >>> M = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0))) ** 2
    >>> left, right, b = [1, 0, 0, 0, 0], [0, 0, 0, 0, 1], cp.Variable(5)
    >>> cost = cvx.emd(left, b, M) + cvx.emd(right, b, M)
    >>> value = cp.Problem(cp.Minimize(cost)).solve(solver="CLARABEL")
    >>> round(float(value), 6), [round(abs(float(x)), 4) for x in b.value]
    (8.0, [0.0, 0.0, 1.0, 0.0, 0.0])
    """
    cp = _import_cvxpy()
    M = _check.cost_matrix("M", M)
    a, b = _affine(cp, "a", a), _affine(cp, "b", b)
    for name, weights, length, axis in zip("ab", (a, b), M.shape, ("row", "column"), strict=True):
        if weights.shape != (length,):
            raise ValueError(
                f"`{name}` must have shape ({length},), one weight per {axis} of `M`, got "
                f"{weights.shape}"
            )
    from scipy.sparse import csr_array

    n, m = M.shape
    rows, columns = np.nonzero(np.isfinite(M))
    arcs = np.arange(rows.size)
    one = np.ones(rows.size)
    plan = cp.Variable(rows.size, nonneg=True)
    marginals = [
        csr_array((one, (rows, arcs)), shape=(n, rows.size)) @ plan == a,
        csr_array((one, (columns, arcs)), shape=(m, rows.size)) @ plan == b,
    ]
    return _least(cp, M[rows, columns] @ plan, marginals, [plan])


class _Atoms:
    """The elementwise functions from which cone forms are built, for cvxpy vectors."""

    def __init__(self, cp: Any) -> None:
        self._cp = cp
        self._constraints: list[Any] = []
        self._variables: list[Any] = []

    def relative_entropy(self, p: Any, q: Any) -> Expression:
        """Return p log(p/q) − p + q."""
        return self._cp.kl_div(p, q)

    def absolute(self, x: Any) -> Expression:
        """Return |x|."""
        return self._cp.abs(x)

    def positive(self, x: Any) -> Expression:
        """Return max(x, 0)."""
        return self._cp.pos(x)

    def length(self, x: Any, y: Any) -> Expression:
        """Return √(x² + y²)."""
        return self._cp.norm(self._cp.vstack([x, y]), 2, axis=0)

    def square_over(self, x: Any, y: Any) -> Expression:
        """Return x²/y, for y ≥ 0."""
        value = self._variable(x)
        # For t, y ≥ 0, ‖(2x, t − y)‖ ≤ t + y is equivalent to x² ≤ t y.
        columns = self._cp.vstack([2 * x, value - y])
        self._constraints.append(self._cp.SOC(value + y, columns, axis=0))
        return value

    def power(self, p: Any, q: Any, a: float) -> Expression:
        """Return p^a q^(1−a), for p, q ≥ 0: concave for 0 < a < 1, convex for other a."""
        value = self._variable(p)
        if 0 < a < 1:
            cone = p, q, value, a
        elif a > 1:
            cone = value, q, p, 1 / a
        else:
            cone = value, p, q, 1 / (1 - a)
        # PowCone3D(x, y, z, α) means x^α y^(1−α) ≥ |z|.
        self._constraints.append(self._cp.PowCone3D(*cone))
        return value

    def minimized(self, value: Any) -> Expression:
        """Return an expression with the least value that the constraints allow."""
        return _least(self._cp, value, self._constraints, self._variables)

    def _variable(self, like: Any) -> Any:
        self._variables.append(self._cp.Variable(like.shape))
        return self._variables[-1]


def _least(cp: Any, value: Any, constraints: list[Any], variables: list[Any]) -> Expression:
    if not variables:
        return value
    from cvxpy.transforms.partial_optimize import partial_optimize

    return partial_optimize(cp.Problem(cp.Minimize(value), constraints), opt_vars=variables)


def _affine(cp: Any, name: str, x: Any) -> Expression:
    if not isinstance(x, cp.Expression):
        return cp.Constant(_check.numpy_array(name, x))
    if not x.is_affine():
        raise ValueError(
            f"`{name}` must be affine in the variables, got a {x.curvature.lower()} expression: "
            "introduce a variable that equals or bounds it"
        )
    return x


def _import_cvxpy() -> Any:
    try:
        import cvxpy
    except ImportError as error:
        raise ImportError("divkit.cvx needs cvxpy: pip install 'divkit[cvxpy]'") from error
    return cvxpy
