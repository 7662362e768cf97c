"""Many small transport problems at once, in threads that release the GIL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from divkit import _check, _threads
from divkit._cached import cached_property
from divkit._errors import ConvergenceError
from divkit.emd._certificate.exact import check_limit
from divkit.emd._small import small, small_problem
from divkit.emd._small.small_problem import NUMBERS, SOLVED, STATUS, UNUSUAL, Found
from divkit.emd._solve import solve
from divkit.emd._solver_types import Indices, Matrix, Vector
from divkit.emd._transport import Transport

# Pairs that justify a thread: a millisecond of work.
_PER_THREAD = 1 << 15


@dataclass(frozen=True, eq=False, repr=False)
class Batch:
    """The answers to many transport problems of one shape; ``batch[i]`` is the `Transport` of one.

    Attributes
    ----------
    values, dual_values, gaps : ndarray, shape (k,)
        The cost of each plan, the lower bound on the optimum, and the gap between the two.
    primal_residuals, dual_residuals : ndarray, shape (k,)
        The relative constraint violations of plans and potentials; see `Transport`.
    iterations : ndarray of int, shape (k,)
        The number of pivots of each problem.
    f, g : ndarray, shapes (k, n) and (k, m)
        The potentials.
    plans : ndarray, shape (k, n, m)
        The plans, with at most n + m − 1 nonzero entries each; built on first access.
    shape : tuple of int
        (k, n, m).
    """

    shape: tuple[int, int, int]
    # One row per problem, in the layout of `divkit.emd._small.small_problem`.
    _found: Found

    @property
    def values(self) -> Vector:
        """The costs of the plans."""
        return self._number(small_problem.VALUE)

    @property
    def dual_values(self) -> Vector:
        """The dual values of the potentials."""
        return self._number(small_problem.DUAL_VALUE)

    @property
    def gaps(self) -> Vector:
        """How far each value can be from the optimum."""
        return self._number(small_problem.GAP)

    @property
    def primal_residuals(self) -> Vector:
        """The largest errors in a weight, divided by the mass."""
        return self._number(small_problem.PRIMAL_RESIDUAL)

    @property
    def dual_residuals(self) -> Vector:
        """The largest f_i + g_j − M_ij above 0, divided by the largest finite |M_ij|."""
        return self._number(small_problem.DUAL_RESIDUAL)

    @property
    def iterations(self) -> Indices:
        """The numbers of pivots."""
        return self._number(small_problem.PIVOTS).astype(np.intp)

    @property
    def f(self) -> Matrix:
        """The potentials of the sources."""
        potential: Matrix = self._found.f
        return potential

    @property
    def g(self) -> Matrix:
        """The potentials of the sinks."""
        potential: Matrix = self._found.g
        return potential

    @cached_property
    def plans(self) -> NDArray[np.float64]:
        """The plans, an array of shape (k, n, m)."""
        entries = self._number(small_problem.ENTRIES)
        at = np.nonzero(np.arange(self._found.mass.shape[1]) < entries[:, None])
        plans = np.zeros(self.shape)
        plans[at[0], self._found.rows[at], self._found.columns[at]] = self._found.mass[at]
        return plans

    def __len__(self) -> int:
        """Return the number of problems."""
        return self.shape[0]

    def __getitem__(self, index: int) -> Transport:
        """Return the answer to one problem."""
        i = range(len(self))[index]
        return small.transport(Found(*(part[i] for part in self._found)), self.shape[1:])

    def __iter__(self) -> Iterator[Transport]:
        """Return the answers one by one."""
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        """Return one line with the worst certificate."""
        k, n, m = self.shape
        return (
            f"Batch({k} problems of {n}x{m}, gap<={self.gaps.max():.1e}, "
            f"primal_residual<={self.primal_residuals.max():.1e}, "
            f"dual_residual<={self.dual_residuals.max():.1e})"
        )

    def _number(self, which: int) -> Vector:
        numbers: Vector = self._found.numbers[:, which]
        return numbers


def solve_batch(a: Any, b: Any, M: Any, *, max_iter: int | None = None) -> Batch:
    r"""Solve many small problems of one shape, each exactly and with its certificate.

    .. math::

        W_k = \min_{\pi \ge 0} \{ \langle M_k, \pi \rangle : \pi 1 = a_k, \pi^T 1 = b_k \}

    The answers are those of `solve`, without its overhead of some microseconds per call, and on as
    many threads as the amount of work justifies.

    Parameters
    ----------
    a, b : array_like, shapes (k, n) or (n,), and (k, m) or (m,), or None
        Weights per problem, or shared by all. None is uniform, with the mass of the other side.
    M : array_like, shape (k, n, m) or (n, m)
        Costs per problem, or shared by all; +inf forbids a pair.
    max_iter : int, optional
        The largest number of pivots of one problem.

    Returns
    -------
    Batch
        With `values`, `dual_values`, `gaps`, `plans`, `f`, `g` as arrays over the problems, and
        each answer as a `Transport` by its index.

    Raises
    ------
    TypeError
        If an input is complex, boolean, not numeric or from a library other than NumPy.
    ValueError
        If shapes do not fit, or if a problem is invalid for one of the reasons listed in `solve`;
        the message begins with the index of the problem.
    ConvergenceError
        If the iterations run out for a problem, or an answer is not optimal to rounding.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", section 3.5.

    Examples
    --------
    >>> from divkit import emd
    >>> a = [[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]]
    >>> batch = emd.solve_batch(a, [0.25, 0.75], [[0.0, 1.0], [1.0, 0.0]])
    >>> batch.values, batch.gaps
    (array([0.25, 0.75, 0.  ]), array([0., 0., 0.]))
    >>> batch[1].plan.toarray()
    array([[0.25, 0.75],
           [0.  , 0.  ]])
    """
    if max_iter is not None:
        max_iter = check_limit(max_iter)
    M = _costs(M)
    n, m = M.shape[1:]
    source = None if a is None else _weights("a", a, n, "row")
    sink = None if b is None else _weights("b", b, m, "column")
    k = _problems(M, source, sink)
    source, sink = _balanced(source, sink, (n, m), _check.rounding(a, b))
    floats = np.empty((k, NUMBERS + 2 * (n + m)))
    integers = np.empty((k, 2 * (n + m)), np.int32)
    floats[:, STATUS] = UNUSUAL
    if small.fits((n, m)) and small.compiled_pays(k * n * m):
        loops, limit = small.load(), small.usual_limit(max_iter)

        def piece(start: int, stop: int) -> None:
            loops(source, sink, M, limit, start, stop, floats, integers)

        _threads.run(piece, k, _threads.worth(k * n * m, _PER_THREAD))
    for i in np.flatnonzero(floats[:, STATUS] != SOLVED).tolist():
        one = (x[min(i, len(x) - 1)] for x in (source, sink, M))
        try:
            t = solve(*one, max_iter=max_iter)
        except (ValueError, ConvergenceError) as error:
            raise type(error)(f"problem {i}: {error}") from error
        _note(t, small_problem.found(floats[i], integers[i], n, m))
    parts = small_problem.found(floats.T, integers.T, n, m)
    return Batch((k, n, m), Found(*(part.T for part in parts)))


def _costs(M: Any) -> NDArray[np.float64]:
    """Return the costs, shape (k, n, m), with k = 1 if all problems share them."""
    M = _check.numpy_array("M", M)
    if M.ndim not in (2, 3) or 0 in M.shape:
        raise ValueError(
            "`M` must have shape (k, n, m), or (n, m) for all problems, and at least one row and "
            f"one column, got {M.shape}"
        )
    costs: NDArray[np.float64] = M if M.ndim == 3 else M[None]
    return costs


def _weights(name: str, x: Any, length: int, axis: str) -> Matrix:
    """Return weights, shape (k, length), with k = 1 if all problems share them."""
    x = _check.numpy_array(name, x)
    if x.ndim not in (1, 2) or x.shape[-1] != length or x.size == 0:
        raise ValueError(
            f"`{name}` must have shape (k, {length}), one weight per {axis} of `M`, or ({length},) "
            f"for all problems, got {x.shape}"
        )
    weights: Matrix = np.atleast_2d(x)
    return weights


def _problems(M: NDArray[np.float64], a: Matrix | None, b: Matrix | None) -> int:
    """Return how many problems there are."""
    given = {name: len(x) for name, x in (("M", M), ("a", a), ("b", b)) if x is not None}
    k = max(given.values())
    if not set(given.values()) <= {1, k}:
        listed = ", ".join(f"{length} in `{name}`" for name, length in given.items())
        raise ValueError(f"there must be equally many problems in all arrays, got {listed}")
    return k


def _balanced(
    a: Matrix | None, b: Matrix | None, shape: tuple[int, int], rounding: float
) -> tuple[Matrix, Matrix]:
    """Return weights, uniform for None; masses that differ by float32 rounding are made equal."""
    n, m = shape
    # Invalid weights are reported later, with the index of their problem.
    with np.errstate(all="ignore"):
        if a is None:
            mass = np.ones((1, 1)) if b is None else b.sum(axis=1, keepdims=True)
            a = np.repeat(mass / n, n, axis=1)
        if b is None:
            b = np.repeat(a.sum(axis=1, keepdims=True) / m, m, axis=1)
        if rounding > np.finfo(np.float64).eps:
            of_a, of_b = a.sum(axis=1, keepdims=True), b.sum(axis=1, keepdims=True)
            close = np.abs(of_a - of_b) < rounding**0.5 * np.maximum(of_a, of_b)
            b = np.where(close, b * (of_a / of_b), b)
    return a, b


def _note(t: Transport, found: Found) -> None:
    """Store the answer to one problem in `found`."""
    plan = t.plan.tocoo()
    size = plan.nnz
    certificate = t.value, t.dual_value, t.gap, t.primal_residual, t.dual_residual
    found.numbers[:] = SOLVED, *certificate, t.iterations, size
    found.f[:], found.g[:], found.mass[:size] = t.f, t.g, plan.data
    found.rows[:size], found.columns[:size] = plan.coords
