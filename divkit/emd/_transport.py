"""The record of an answer: plan, potentials, and a bound on their distance from the optimum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from divkit._cached import cached_property
from divkit.emd import _assignment
from divkit.emd._solver_types import Indices, Vector


@dataclass(frozen=True, eq=False, repr=False)
class Transport:
    """A transport plan, Kantorovich potentials, and how far they can be from the optimum.

    Attributes
    ----------
    value : float
        The cost ⟨M, π⟩ of the plan. For a cost that is a p-th power of a distance,
        W_p is ``value ** (1 / p)``.
    plan : scipy.sparse.csr_array, shape (n, m)
        π, with at most n + m − 1 entries when it comes from a solver of `divkit.emd`.
    permutation : ndarray of int, shape (n,)
        If n = m and all weights are equal, the sink s[i] that each source i is assigned to, with
        plan[i, s[i]] = a_i. Raises ValueError for other problems, and for a plan that splits the
        weight of a source, which the plans from solvers of `divkit.emd` do not.
    f, g : ndarray, shapes (n,) and (m,)
        Potentials with f_i + g_j ≤ M_ij, each the c-transform of the other, shifted so that
        both sides contribute equally to the dual value.
    dual_value : float
        Σ a_i f_i + Σ b_j g_j, a lower bound of the optimum.
    gap : float
        ``value - dual_value``, computed from the slack on the plan's entries and not as a
        difference of two large numbers. Its rounding error is below 1e-13 of the cost of the plan,
        or else included in it and in `dual_value`. Errors in the marginals may make it slightly
        negative.
    primal_residual : float
        The largest of |π1 − a|, |πᵀ1 − b|, negative entries of the plan and its mass on a
        forbidden pair, divided by the mass.
    dual_residual : float
        The largest f_i + g_j − M_ij above 0, divided by the largest finite |M_ij|.
    method : str
        The name of the method that was used.
    iterations : int or None
        The number of iterations, None if the solver does not report it.
    shape : tuple of int
        (n, m).

    Notes
    -----
    All numbers are float64, whatever the input's type. Where the plan or the potentials take longer
    to compute than the value and its certificate, they are computed on first access.

    Examples
    --------
    >>> from divkit import emd
    >>> t = emd.solve(None, None, [[4.0, 1.0, 3.0], [2.0, 0.0, 5.0], [3.0, 2.0, 2.0]])
    >>> t.plan.toarray().round(3)
    array([[0.   , 0.333, 0.   ],
           [0.333, 0.   , 0.   ],
           [0.   , 0.   , 0.333]])
    >>> t.permutation
    array([1, 0, 2])
    """

    value: float
    dual_value: float
    gap: float
    primal_residual: float
    dual_residual: float
    method: str
    iterations: int | None
    shape: tuple[int, int]
    # Each is given as it is, or as a function that computes it.
    _plan: Any
    _potentials: tuple[Vector, Vector] | Callable[[], tuple[Vector, Vector]]

    @cached_property
    def plan(self) -> Any:
        """The plan π, a csr_array of shape (n, m)."""
        return self._plan() if callable(self._plan) else self._plan

    @cached_property
    def permutation(self) -> Indices:
        """The permutation s with plan[i, s[i]] = a_i, shape (n,), of an assignment problem."""
        return _assignment.permutation(self.plan, self.primal_residual)

    @cached_property
    def _pair(self) -> tuple[Vector, Vector]:
        return self._potentials() if callable(self._potentials) else self._potentials

    @property
    def f(self) -> Vector:
        """The potential of the sources."""
        return self._pair[0]

    @property
    def g(self) -> Vector:
        """The potential of the sinks."""
        return self._pair[1]

    def __repr__(self) -> str:
        """Return one line with the value and its certificate."""
        n, m = self.shape
        plan = f"{n}x{m}"
        if "plan" in self.__dict__ or not callable(self._plan):
            plan += f", {self.plan.nnz} entries"
        return (
            f"Transport(value={self.value:.12g}, dual_value={self.dual_value:.12g}, "
            f"gap={self.gap:.1e}, primal_residual={self.primal_residual:.1e}, "
            f"dual_residual={self.dual_residual:.1e}, plan=<{plan}>, method={self.method!r})"
        )
