"""Every identity that an exact transport solver must satisfy, built-in or user-defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from divkit.testing._checks import Identity, bound_checks
from divkit.testing._problems import Matrix, Problem, Vector, transport_problems

# (a, b, M) -> an object with `plan` (dense or sparse), `f`, `g` and `value`.
Solver = Callable[[Vector, Vector, Matrix], Any]

# Relative to the mass, or to mass times the largest cost. It leaves room for the tolerance of
# third-party solvers.
TOLERANCE = 1e-9


def check_transport(solver: Solver, examples: int = 50) -> None:
    """Check every identity of optimal transport on random problems.

    Parameters
    ----------
    solver : callable
        ``solver(a, b, M)`` returns an object with `plan` (an array or a sparse array), the
        potentials `f` and `g`, and `value`, like `divkit.emd.Transport`.
    examples : int
        Number of random problems per identity.

    Raises
    ------
    AssertionError
        If an identity fails, with its name, the input and the discrepancy.

    Examples
    --------
    >>> from divkit import emd
    >>> from divkit.testing import check_transport
    >>> check_transport(emd.solve, examples=2)
    """
    for _, run in transport_checks(solver):
        run(examples)


def transport_checks(solver: Solver) -> list[tuple[str, Callable[[int], None]]]:
    """Return (name, run) for every identity; run(examples) raises AssertionError if it fails."""
    return bound_checks(TRANSPORT_IDENTITIES, _Subject(solver))


class _Subject:
    """Wraps a solver: exceptions become AssertionErrors with the input, plans become dense."""

    def __init__(self, solver: Solver) -> None:
        self.solver = solver

    def __str__(self) -> str:
        return str(getattr(self.solver, "__qualname__", self.solver))

    def __call__(self, a: Vector, b: Vector, M: Matrix) -> _Answer:
        try:
            found = self.solver(a, b, M)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}, at {_text(a, b, M)}") from error
        return _Answer(found)


class _Answer:
    def __init__(self, found: Any) -> None:
        dense = found.plan.toarray() if hasattr(found.plan, "toarray") else found.plan
        self.plan: Matrix = np.asarray(dense, dtype=np.float64)
        self.f: Vector = np.asarray(found.f, dtype=np.float64)
        self.g: Vector = np.asarray(found.g, dtype=np.float64)
        self.value = float(found.value)


# --- properties of a single solution ---


def _marginals(solve: _Subject, problem: Problem) -> None:
    a, b, M = problem
    plan = solve(a, b, M).plan
    for name, found, given in (("π1 and a", plan.sum(1), a), ("πᵀ1 and b", plan.sum(0), b)):
        _require_small(np.max(np.abs(found - given)), a.sum(), f"between {name}", problem)


def _non_negative(solve: _Subject, problem: Problem) -> None:
    plan = solve(*problem).plan
    _require_small(-plan.min(), problem[0].sum(), "below 0 in the plan", problem)


def _value(solve: _Subject, problem: Problem) -> None:
    t = solve(*problem)
    cost = float(np.sum(t.plan * problem[2]))
    _require_equal(t.value, cost, _size(problem), "value and ⟨M, π⟩", problem)


def _feasible(solve: _Subject, problem: Problem) -> None:
    t, M = solve(*problem), problem[2]
    over = float(np.max(t.f[:, None] + t.g - M))
    _require_small(over, np.abs(M).max(), "above M in f_i + g_j", problem)


def _strong_duality(solve: _Subject, problem: Problem) -> None:
    a, b, _ = problem
    t = solve(*problem)
    dual = float(a @ t.f + b @ t.g)
    _require_equal(dual, t.value, _size(problem), "Σ a f + Σ b g and value", problem)


def _complementary_slackness(solve: _Subject, problem: Problem) -> None:
    t = solve(*problem)
    slack = t.plan * (problem[2] - t.f[:, None] - t.g)
    _require_small(
        np.max(np.abs(slack)), _size(problem), "in π_ij (M_ij − f_i − g_j), which is 0", problem
    )


# --- comparison with other solutions ---


def _linear_program(solve: _Subject, problem: Problem) -> None:
    reference = _reference(*problem)
    value = solve(*problem).value
    _require_equal(value, reference, _size(problem), "value and scipy's linear program", problem)


def _reference(a: Vector, b: Vector, M: Matrix) -> float:
    """Return the optimal value from a linear program, independently of divkit."""
    from scipy.optimize import linprog

    n, m = M.shape
    unit, mass = np.abs(M).max() or 1.0, a.sum()
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    # If masses are equal only up to rounding, the equality constraints are inconsistent: drop the
    # last one, which is redundant.
    result = linprog(
        (M / unit).ravel(),
        A_eq=np.vstack([rows, columns])[:-1],
        b_eq=np.concatenate([a, b])[:-1] / mass,
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return float(result.fun * unit * mass)


def _transposed(solve: _Subject, problem: Problem) -> None:
    a, b, M = problem
    value, mirrored = solve(a, b, M).value, solve(b, a, M.T).value
    _require_equal(mirrored, value, _size(problem), "W(b, a, Mᵀ) and W(a, b, M)", problem)


def _shift(solve: _Subject, problem: Problem) -> None:
    a, b, M = problem
    constant = 8.0 * (np.abs(M).max() or 1.0)
    shifted = M.copy()
    shifted[0] += constant
    before, after = solve(a, b, M).value, solve(a, b, shifted).value
    _require_equal(
        after,
        before + a[0] * constant,
        9 * _size(problem) or constant * a.sum(),
        f"W with {constant!r} added to row 0 and W + a[0] {constant!r}",
        problem,
    )


def _scale(solve: _Subject, problem: Problem) -> None:
    a, b, M = problem
    a, b, M = a / a.sum(), b / b.sum(), M / (np.abs(M).max() or 1.0)
    value = solve(a, b, M).value
    for cost in (1e-150, 1e150):
        scaled = solve(a, b, cost * M).value
        _require_equal(scaled / cost, value, 1.0, f"W of {cost:g} M and {cost:g} W", (a, b, M))
    for mass in (1e-9, 1e9):
        scaled = solve(mass * a, mass * b, M).value
        _require_equal(scaled / mass, value, 1.0, f"W of {mass:g} (a, b) and {mass:g} W", (a, b, M))


def _massless(solve: _Subject, problem: Problem) -> None:
    a, b, M = problem
    # Cheaper than every other pair, but without mass it must not be used.
    low = M.min() - (np.abs(M).max() or 1.0)
    wider = np.pad(M, ((0, 1), (0, 1)), constant_values=low)
    more: Problem = np.append(a, 0.0), np.append(b, 0.0), wider
    value, t = solve(a, b, M).value, solve(*more)
    _require_equal(t.value, value, _size(more), "W with massless atoms and without", problem)
    _require_small(t.plan[-1].sum() + t.plan[:, -1].sum(), a.sum(), "on massless atoms", more)
    over = float(np.max(t.f[:, None] + t.g - wider))
    _require_small(over, np.abs(wider).max(), "above M in f_i + g_j with massless atoms", more)


def _permuted(solve: _Subject, problem: Problem) -> None:
    a, b, M = problem
    value = solve(a, b, M).value
    permuted = solve(a[::-1], np.roll(b, 1), np.roll(M[::-1], 1, axis=1)).value
    _require_equal(permuted, value, _size(problem), "W with atoms in another order and W", problem)


def _kantorovich_rubinstein(solve: _Subject, problem: Problem) -> None:
    p, q, d = metric = _metric_problem(*problem)
    t = solve(p, q, d)
    # The c-transform of g, min over j of d_ij − g_j, is also optimal, and 1-Lipschitz as d is a
    # metric.
    critic = np.min(d - t.g, axis=1)
    steep = float(np.max(critic[:, None] - critic - d))
    _require_small(steep, d.max(), "by which the critic is not 1-Lipschitz", metric)
    _require_equal(
        float((p - q) @ critic), t.value, _size(metric), "E_P critic − E_Q critic and W", metric
    )
    _require_equal(solve(p, p, d).value, 0.0, _size(metric), "W(p, p) and 0", metric)


def _metric_problem(a: Vector, b: Vector, M: Matrix) -> Problem:
    """Return weights and a metric on one support, made from any problem."""
    k = min(M.shape)
    d = np.abs(M[:k, :k]) + np.abs(M[:k, :k]).T
    np.fill_diagonal(d, 0.0)
    for middle in range(k):
        d = np.minimum(d, d[:, middle, None] + d[middle])
    p, q = (w[:k] / w[:k].sum() if w[:k].any() else np.full(k, 1 / k) for w in (a, b))
    return p, q, d


# --- treatment of inputs ---


def _unchanged(solve: _Subject, problem: Problem) -> None:
    given = [x.copy() for x in problem]
    solve(*given)
    for name, before, after in zip("abM", problem, given, strict=True):
        if not np.array_equal(before, after):
            raise AssertionError(f"`{name}` was modified, at {_text(*problem)}")


def _rejects(solve: _Subject, problem: Problem) -> None:
    a, b, M = problem
    unknown, negative = M.copy(), a.copy()
    unknown[-1, -1], negative[0] = np.nan, -1.0
    wrong = {
        "a nan in M": (a, b, unknown),
        "masses that differ by a fifth": (a, 1.2 * b, M),
        "a negative weight": (negative, b, M),
        "weights of the wrong length": (np.append(a, 0.0), b, M),
    }
    for what, (a_, b_, M_) in wrong.items():
        try:
            solve.solver(a_, b_, M_)
        except (ValueError, TypeError):
            continue
        raise AssertionError(f"no ValueError for {what}, at {_text(a_, b_, M_)}")


def _size(problem: Problem) -> float:
    return float(problem[0].sum() * np.abs(problem[2]).max())


def _require_small(
    excess: float | np.floating[Any], scale: float | np.floating[Any], what: str, problem: Problem
) -> None:
    # Not `excess > …`, which a nan would pass.
    if not excess <= TOLERANCE * scale:
        raise AssertionError(f"{float(excess):.3g} {what}, at {_text(*problem)}")


def _require_equal(left: float, right: float, scale: float, what: str, problem: Problem) -> None:
    if not abs(left - right) <= TOLERANCE * scale:
        raise AssertionError(
            f"{what} differ by {abs(left - right):.3g}: {left!r} and {right!r}, "
            f"at {_text(*problem)}"
        )


def _text(a: Vector, b: Vector, M: NDArray[Any]) -> str:
    return f"a = {a.tolist()}, b = {b.tolist()}, M = {M.tolist()}"


def _problems(_: object) -> st.SearchStrategy[Problem]:
    return transport_problems()


TRANSPORT_IDENTITIES = tuple(
    Identity(name, claim, _problems, check)
    for name, claim, check in (
        ("marginals", "π1 = a, πᵀ1 = b", _marginals),
        ("non-negative plan", "π ≥ 0", _non_negative),
        ("value", "W = ⟨M, π⟩", _value),
        ("feasible potentials", "f_i + g_j ≤ M_ij", _feasible),
        ("strong duality", "Σ a f + Σ b g = W", _strong_duality),
        ("complementary slackness", "π_ij > 0 ⇒ f_i + g_j = M_ij", _complementary_slackness),
        ("linear program", "W is the optimum of the primal", _linear_program),
        ("transpose", "W(a, b, M) = W(b, a, Mᵀ)", _transposed),
        ("row constant", "M_0j + c moves W by a_0 c", _shift),
        ("scale", "W is linear in cost and mass, 1e±150 and 1e±9", _scale),
        ("massless atoms", "change neither W nor the plan", _massless),
        ("order of atoms", "W does not depend on it", _permuted),
        ("Kantorovich–Rubinstein", "W = E_P h − E_Q h, h 1-Lipschitz", _kantorovich_rubinstein),
        ("inputs", "a, b and M are left as they were", _unchanged),
        ("errors", "bad input raises ValueError or TypeError", _rejects),
    )
)
