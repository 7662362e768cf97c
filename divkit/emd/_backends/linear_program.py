"""The primal and the dual linear program, each solved on its own.

Primal: min Σ M_k π_k over the allowed arcs k = (i, j), with Σ_j π_ij = a_i, Σ_i π_ij = b_j and
π ≥ 0. Dual: max Σ a_i f_i + Σ b_j g_j with f_i + g_j ≤ M_ij on the allowed arcs. One of the
constraints follows from the others: the last sink's is left out, and its potential is 0.

Along with its solution a solver returns multipliers, which are a solution of the other program.
They complete the answer, and the certificate judges both.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from divkit._errors import ConvergenceError
from divkit._forks import loading
from divkit.emd._solver_types import Answer, Indices, Matrix, NoPlanError, Vector, limit_reached

# The tolerances of HiGHS and similar solvers are absolute: 1e-7 by default, and 1e-10 at least.
TOLERANCE = 1e-10
# Weights are scaled to about this on average, so that light atoms exceed the tolerances.
AVERAGE_MASS = 2.0**10


class Program(NamedTuple):
    """The arcs that are allowed, their costs, and the matrix of the constraints."""

    rows: Indices
    columns: Indices
    cost: Vector
    incidence: Any  # sparse, n + m − 1 atoms by arcs
    weights: Vector  # of those n + m − 1 atoms, times `unit`
    unit: float
    sources: int

    def answer(self, mass: Any, potential: Any, iterations: int | None) -> Answer:
        """Return what a solver found, in the units of the problem."""
        potential = np.append(potential, 0.0)
        return Answer(
            self.rows,
            self.columns,
            np.asarray(mass) / self.unit,
            potential[: self.sources],
            potential[self.sources :],
            iterations,
        )


def highs_primal(a: Vector, b: Vector, M: Matrix, limit: int | None) -> Answer:
    """Solve the primal with HiGHS, through ``scipy.optimize.linprog``."""
    program = program_of(a, b, M)
    result = _linprog(
        limit,
        c=program.cost,
        A_eq=program.incidence,
        b_eq=program.weights,
        bounds=(0, None),
    )
    return program.answer(result.x, result.eqlin.marginals, int(result.nit))


def highs_dual(a: Vector, b: Vector, M: Matrix, limit: int | None) -> Answer:
    """Solve the dual with HiGHS, through ``scipy.optimize.linprog``."""
    program = program_of(a, b, M)
    result = _linprog(
        limit,
        c=-program.weights,
        A_ub=program.incidence.T,
        b_ub=program.cost,
        bounds=(None, None),
    )
    return program.answer(-result.ineqlin.marginals, result.x, int(result.nit))


def cvxpy_primal(
    a: Vector, b: Vector, M: Matrix, limit: int | None, solver: str | None = None
) -> Answer:
    """Solve the primal as a cvxpy problem, with any installed solver."""
    cp = _import_cvxpy()
    program = program_of(a, b, M)
    plan = cp.Variable(program.cost.size, nonneg=True)
    marginals = program.incidence @ plan == program.weights
    problem = cp.Problem(cp.Minimize(program.cost @ plan), [marginals])
    iterations = _solve_cvxpy(cp, problem, solver, limit)
    # cvxpy's Lagrangian adds the multiplier times (left − right) to what is minimized.
    return program.answer(plan.value, -marginals.dual_value, iterations)


def cvxpy_dual(
    a: Vector, b: Vector, M: Matrix, limit: int | None, solver: str | None = None
) -> Answer:
    """Solve the dual as a cvxpy problem, with any installed solver."""
    cp = _import_cvxpy()
    program = program_of(a, b, M)
    potential = cp.Variable(program.weights.size)
    feasible = program.incidence.T @ potential <= program.cost
    problem = cp.Problem(cp.Maximize(program.weights @ potential), [feasible])
    iterations = _solve_cvxpy(cp, problem, solver, limit)
    return program.answer(feasible.dual_value, potential.value, iterations)


def program_of(a: Vector, b: Vector, M: Matrix) -> Program:
    """Return the linear program of a problem, with a variable for each allowed pair."""
    with loading:
        from scipy.sparse import csr_array

    n, m = M.shape
    rows, columns = np.nonzero(np.isfinite(M))
    arcs = np.arange(rows.size)
    atoms = np.concatenate([rows, columns + n])
    incidence = csr_array(
        (np.ones(atoms.size), (atoms, np.tile(arcs, 2))), shape=(n + m, rows.size)
    )
    unit = AVERAGE_MASS * 2.0 ** np.ceil(np.log2(max(n, m)))
    weights = unit * np.concatenate([a, b])
    return Program(rows, columns, M[rows, columns], incidence[:-1], weights[:-1], unit, n)


def _linprog(limit: int | None, **program: Any) -> Any:
    with loading:
        from scipy.optimize import linprog

    options: dict[str, float] = {
        "primal_feasibility_tolerance": TOLERANCE,
        "dual_feasibility_tolerance": TOLERANCE,
    }
    if limit is not None:
        options["maxiter"] = min(limit, _LARGEST_LIMIT)
    result = linprog(**program, method="highs", options=options)
    if result.status == 0:
        return result
    if result.status == 1 and limit is not None:
        raise limit_reached("HiGHS", limit)
    # Status 4 covers "unbounded or infeasible", which is how presolve may see a dual.
    if result.status in (2, 3) or "infeasible" in result.message.lower():
        raise NoPlanError
    raise ConvergenceError(f"HiGHS found no optimum: {result.message}; try method='pot'")


# Solvers count iterations in 32 bits.
_LARGEST_LIMIT = 2**31 - 1

# What cvxpy's solvers call their limit on iterations.
_LIMITS = {
    "HIGHS": "simplex_iteration_limit",
    "CLARABEL": "max_iter",
    "OSQP": "max_iter",
    "SCS": "max_iters",
}
# Options without which the answer is too rough to be made exact.
_PRECISE: dict[str, dict[str, Any]] = {
    "HIGHS": {
        "primal_feasibility_tolerance": TOLERANCE,
        "dual_feasibility_tolerance": TOLERANCE,
    },
    "CLARABEL": {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12},
    "SCS": {"eps_abs": 1e-9, "eps_rel": 1e-9},
}


def _solve_cvxpy(cp: Any, problem: Any, solver: str | None, limit: int | None) -> int | None:
    """Solve `problem` in place and return the number of iterations, if the solver reports it."""
    installed = cp.installed_solvers()
    if solver is None:
        solver = next((s for s in ("HIGHS", "SCIPY", "CLARABEL") if s in installed), installed[0])
    elif not (isinstance(solver, str) and solver in installed):
        raise ValueError(
            f"`solver` must be one of the solvers that cvxpy finds installed, "
            f"{', '.join(installed)}, got {solver!r}"
        )
    options = dict(_PRECISE.get(solver, {}))
    if limit is not None:
        if solver not in _LIMITS:
            raise ValueError(
                f"`max_iter` is known for cvxpy's solvers {', '.join(_LIMITS)}, got {solver!r}: "
                "choose one of them, or leave `max_iter` None"
            )
        options[_LIMITS[solver]] = min(limit, _LARGEST_LIMIT)
    try:
        with warnings.catch_warnings():
            # The certificate detects inaccurate answers.
            warnings.simplefilter("ignore")
            problem.solve(solver=solver, **options)
    except cp.error.SolverError as error:
        raise ConvergenceError(f"cvxpy's {solver} found no optimum: {error}") from error
    iterations = problem.solver_stats.num_iters if problem.solver_stats else None
    if problem.status.startswith(("infeasible", "unbounded")):
        raise NoPlanError
    if problem.status != cp.OPTIMAL and limit is not None:
        raise limit_reached(f"cvxpy's {solver}", limit)
    if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        raise ConvergenceError(f"cvxpy's {solver} found no optimum: status {problem.status}")
    return iterations


def _import_cvxpy() -> Any:
    try:
        import cvxpy
    except ImportError as error:
        raise ImportError(
            "method='cvxpy' needs cvxpy, which is not installed: pip install 'divkit[cvxpy]'"
        ) from error
    return cvxpy
