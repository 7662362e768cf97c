"""What may not come in, and limits that are reached: each message names cause and remedy."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from divkit import emd
from divkit.emd import _methods
from divkit.emd._solver_types import NoPlanError

M = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 1.0]])
A = np.array([0.5, 0.5])
B = np.array([0.25, 0.25, 0.5])


def changed(x, index, value):
    x = np.array(x)
    x[index] = value
    return x


BAD_VALUES = {
    "nan cost": ((A, B, changed(M, (1, 2), np.nan)), r"`M` .* got M\[1, 2\] = nan"),
    "-inf cost": ((A, B, changed(M, (0, 1), -np.inf)), r"`M` .* got M\[0, 1\] = -inf"),
    "huge cost": ((A, B, changed(M, (0, 1), 1e305)), r"`M` must stay below .* rescale"),
    "overflow": ((1e9 * A, 1e9 * B, M * 1e299), r"must fit into float64, .* rescale"),
    "nan weight": ((changed(A, 1, np.nan), B, M), r"`a` .* got a\[1\] = nan"),
    "inf weight": ((A, changed(B, 2, np.inf), M), r"`b` .* got b\[2\] = inf"),
    "negative weight": ((A, changed(B, 0, -0.25), M), r"`b` .* got b\[0\] = -0.25"),
    "no mass": ((0 * A, 0 * B, M), r"`a` must hold mass, got 2 zeros"),
    "no mass in b": ((A, 0 * B, M), r"`b` must hold mass, got 3 zeros"),
    "infinite sum": ((changed(A, 0, 1.7e308), B, M), r"`a` must hold a mass below"),
    "unequal mass": (
        (A, 1.2 * B, M),
        r"`a` and `b` must have equal mass, got 1.0 and 1.2: rescale one, for example "
        r"`b \* \(a.sum\(\) / b.sum\(\)\)`",
    ),
    "short a": (
        (A[:1], B, M),
        r"`a` must have shape \(2,\), one weight per row of `M`, got \(1,\)",
    ),
    "long b": ((A, [0.25] * 4, M), r"`b` must have shape \(3,\), one weight per column"),
    "column vector": ((A[:, None], B, M), r"`a` must have shape \(2,\), .* use `a.ravel\(\)`"),
    "scalar weight": ((1.0, B, M), r"`a` must have shape \(2,\)"),
    "flat M": ((A, B, M.ravel()), r"`M` must be a matrix .* got shape \(6,\)"),
    "no rows": (([], B, M[:0]), r"at least one row and one column, got shape \(0, 3\)"),
    "no columns": ((A, [], M[:, :0]), r"at least one row and one column, got shape \(2, 0\)"),
    "unreachable row": (
        (A, B, changed(M, 1, np.inf)),
        r"no plan avoids the forbidden pairs .* a\[1\] = 0.5, but all of row 1",
    ),
    "unreachable column": (
        (A, B, changed(M, (slice(None), 0), np.inf)),
        r"no plan avoids the forbidden pairs .* b\[0\] = 0.25, but all of column 0",
    ),
    "violated cut": (
        (A, B, changed(M, (0, [1, 2]), np.inf)),
        r"rows \[0\] hold a mass of 0.5, but the columns they may reach, \[0\], take 0.25",
    ),
}

BAD_TYPES = {
    "complex": ((A, B, M + 0j), "`M` .* complex128"),
    "boolean": ((A, B, M > 0), "`M` .* bool"),
    "object": ((A.astype(object), B, M), "`a` .* object"),
    "text": ((A, ["x", "y", "z"], M), "`b` .* real numbers"),
    "ragged": ((A, B, [[0.0, 1.0, 2.0], [1.0]]), "`M` .* ragged"),
    "none": ((A, B, None), "`M` .* object"),
}


@pytest.mark.parametrize("case", BAD_VALUES)
def test_bad_values(solver, case):
    inputs, message = BAD_VALUES[case]
    with pytest.raises(ValueError, match=message):
        solver(*inputs)


@pytest.mark.parametrize("case", BAD_TYPES)
def test_bad_types(solver, case):
    inputs, message = BAD_TYPES[case]
    with pytest.raises(TypeError, match=message):
        solver(*inputs)


def test_the_cut_is_the_worst_one(solver):
    # Rows 1 and 3 may reach columns 0 and 2 only, and hold 0.6 of a mass of which those take 0.2.
    cost = np.ones((4, 4))
    cost[np.ix_([1, 3], [1, 3])] = np.inf
    with pytest.raises(ValueError, match=r"rows \[1, 3\] hold .* 0.6, .* \[0, 2\], take 0.2"):
        solver([0.2, 0.3, 0.2, 0.3], [0.1, 0.4, 0.1, 0.4], cost)


def test_masses_may_differ_by_rounding(solver):
    t = solver(A, B * (1 + 1e-9), M)
    assert t.plan.sum() == pytest.approx(1.0, rel=1e-15)
    assert t.primal_residual <= 1e-15
    with pytest.raises(ValueError, match=r"equal mass"):
        solver(A, B * (1 + 1e-7), M)
    single = (B * (1 + 1e-5)).astype(np.float32)
    assert solver(A.astype(np.float32), single, M).primal_residual <= 1e-15


def test_other_libraries():
    xp = pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match=r"`M` must be a NumPy array .* got array_api_strict"):
        emd.solve(None, None, xp.asarray([[1.0]]))


def test_unknown_method():
    with pytest.raises(ValueError, match=r"must be one of 'auto', 'simplex', .* 'sinkhorn'"):
        emd.solve(A, B, M, "sinkhorn")
    for program in (emd.primal, emd.dual):
        with pytest.raises(
            ValueError, match=r"`method` must be one of 'highs', 'cvxpy', got 'pot'"
        ):
            program(A, B, M, "pot")


def test_the_iteration_limit_is_an_error(solver, rng):
    cost = rng.random((30, 30))
    with pytest.raises(emd.ConvergenceError, match=r"limit of 3 iterations .* raise `max_iter`"):
        solver(None, None, cost, max_iter=3)


def test_bad_options():
    with pytest.raises(ValueError, match=r"`max_iter` must be at least 1, got 0"):
        emd.solve(A, B, M, max_iter=0)
    with pytest.raises(TypeError, match=r"`max_iter` must be an integer or None, got 1.5"):
        emd.solve(A, B, M, max_iter=1.5)
    with pytest.raises(ValueError, match=r"`solver` chooses cvxpy's solver"):
        emd.solve(A, B, M, "highs", solver="SCS")


def test_bad_options_of_cvxpy():
    pytest.importorskip("cvxpy")
    with pytest.raises(ValueError, match=r"`solver` must be one of .* got 'ABACUS'"):
        emd.solve(A, B, M, "cvxpy", solver="ABACUS")
    with pytest.raises(ValueError, match=r"`max_iter` is known for .* got 'SCIPY'"):
        emd.solve(A, B, M, "cvxpy", solver="SCIPY", max_iter=5)


@pytest.mark.parametrize(("method", "library"), [("pot", "ot"), ("cvxpy", "cvxpy")])
def test_missing_libraries(monkeypatch, method, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"pip install 'divkit\[{method}\]'"):
        emd.solve(A, B, M, method)


def test_pot_that_gives_up_is_an_error(monkeypatch):
    ot = pytest.importorskip("ot")

    def gives_up(a, b, M, **options):
        log = {"warning": "Problem unbounded", "u": 0 * a, "v": 0 * b}
        return np.zeros_like(M), log

    monkeypatch.setattr(ot, "emd", gives_up)
    with pytest.raises(emd.ConvergenceError, match=r"POT found no optimum: Problem unbounded"):
        emd.solve(A, B, M, "pot")


def test_wrong_answers_of_a_backend_are_errors(monkeypatch):
    ot = pytest.importorskip("ot")

    def truncated(a, b, M, **options):
        # A plan with half the mass and no warning.
        return np.diag(np.minimum(a, b)) / 2, {"warning": None, "u": 0 * a, "v": 0 * b}

    monkeypatch.setattr(ot, "emd", truncated)
    with pytest.raises(emd.ConvergenceError, match=r"pot left a gap .* and an error of 2"):
        emd.solve([0.7, 0.3], [0.3, 0.7], [[0.0, 1.0], [1.0, 0.0]], "pot")


def test_a_backend_that_cannot_tell_is_an_error(monkeypatch):
    def cannot_tell(a, b, M, limit):
        raise NoPlanError

    highs = replace(_methods.METHODS["highs"], solve=cannot_tell)
    monkeypatch.setitem(_methods.METHODS, "highs", highs)
    with pytest.raises(emd.ConvergenceError, match=r"highs found neither a plan nor a proof"):
        emd.solve(A, B, M, "highs")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("Numerical trouble", r"HiGHS found no optimum: Numerical trouble"),
        ("infeasible", "neither"),
    ],
)
def test_highs_that_gives_up_is_an_error(monkeypatch, message, error):
    result = SimpleNamespace(status=4, message=message)
    monkeypatch.setattr("scipy.optimize.linprog", lambda *args, **options: result)
    with pytest.raises(emd.ConvergenceError, match=error):
        emd.solve(A, B, M, "highs")


def test_cvxpy_that_gives_up_is_an_error(monkeypatch):
    cp = pytest.importorskip("cvxpy")

    def gives_up(self, **options):
        raise cp.error.SolverError("out of luck")

    monkeypatch.setattr(cp.Problem, "solve", gives_up)
    with pytest.raises(emd.ConvergenceError, match=r"cvxpy's \w+ found no optimum: out of luck"):
        emd.solve(A, B, M, "cvxpy")
    # Nothing was solved, and the status says so.
    monkeypatch.setattr(cp.Problem, "solve", lambda self, **options: None)
    monkeypatch.setattr(cp.Problem, "status", "user_limit")
    with pytest.raises(emd.ConvergenceError, match=r"found no optimum: status user_limit"):
        emd.solve(A, B, M, "cvxpy")


def test_arrays_where_a_name_is_due():
    names = np.array(["auto", "simplex"])
    for solve in (emd.solve, emd.primal, emd.dual, emd.distance):
        with pytest.raises(ValueError, match="`method` must be one of"):
            solve(A, B, M, names)
    with pytest.raises(ValueError, match="`metric` must be one of"):
        emd.solve_grid(M, M, names)
    with pytest.raises(ValueError, match="`solver` must be one of"):
        emd.solve(A, B, M, "cvxpy", solver=names)


def test_every_array_comes_from_numpy():
    torch = pytest.importorskip("torch")
    f, g = torch.zeros(2), torch.zeros(3)
    plan = np.outer(A, B)
    match = r"`{}` must be a NumPy array .* got torch: convert it first"
    with pytest.raises(TypeError, match=match.format("f")):
        emd.certify(A, B, M, plan, f, g, method="")
    with pytest.raises(TypeError, match=match.format("plan")):
        emd.certify(A, B, M, torch.tensor(plan), A, B, method="")
    with pytest.raises(TypeError, match=match.format("f")):
        emd.c_transform(f, M)
    with pytest.raises(TypeError, match=match.format(r"start\[0\]")):
        emd.solve(A, B, M, start=(f, g))
    with pytest.raises(TypeError, match=match.format("spacing")):
        emd.solve_grid(M, M, spacing=f + 1)
    with pytest.raises(TypeError, match=match.format("x")):
        emd.wasserstein(torch.zeros(2, 2), np.zeros((2, 2)), metric=lambda x, y: abs(x @ y.T))
