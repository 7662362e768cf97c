"""The linear programs: solvers of cvxpy, interior points, options."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from divkit import emd


@pytest.fixture
def problem(rng):
    a, b = rng.random(10), rng.random(12)
    return a / a.sum(), b / b.sum(), rng.random((10, 12))


@pytest.mark.parametrize("program", [emd.primal, emd.dual])
@pytest.mark.parametrize("name", ["HIGHS", "SCIPY", "CLARABEL", "SCS"])
def test_any_solver_of_cvxpy(problem, program, name):
    cp = pytest.importorskip("cvxpy")
    if name not in cp.installed_solvers():
        pytest.skip(f"{name} is not installed")
    t = program(*problem, "cvxpy", solver=name)
    assert t.value == pytest.approx(emd.solve(*problem).value, rel=1e-14)
    assert abs(t.gap) <= 1e-14
    assert t.plan.nnz <= 21


@pytest.mark.parametrize("program", [emd.primal, emd.dual])
@pytest.mark.parametrize(
    "M", [np.ones((8, 8)), 1 - np.eye(8), np.arange(64).reshape(8, 8) % 3], ids=["one", "tv", "tie"]
)
def test_interior_points_of_an_optimal_face_become_vertices(program, M):
    # Where many plans are optimal an interior point method returns their center, full of cycles.
    cp = pytest.importorskip("cvxpy")
    if "CLARABEL" not in cp.installed_solvers():
        pytest.skip("CLARABEL is not installed")
    a, b = np.arange(1, 9) / 36, np.arange(8, 0, -1) / 36
    t = program(a, b, M, "cvxpy", solver="CLARABEL")
    assert t.value == pytest.approx(emd.solve(a, b, M).value, abs=1e-14)
    assert t.plan.nnz <= 15
    assert t.primal_residual <= 1e-15


def test_iterations_are_counted(problem):
    assert emd.primal(*problem).iterations > 0
    assert emd.dual(*problem).iterations > 0
    enough = emd.primal(*problem).iterations
    assert emd.primal(*problem, max_iter=enough + 1).value == emd.primal(*problem).value


def test_a_rough_answer_is_an_error(problem, monkeypatch):
    pytest.importorskip("cvxpy")
    rough = {"SCS": {"eps_abs": 0.5, "eps_rel": 0.5}}
    monkeypatch.setattr("divkit.emd._backends.linear_program._PRECISE", rough)
    with pytest.raises(emd.ConvergenceError, match=r"left a gap of .* try another method"):
        emd.primal(*problem, "cvxpy", solver="SCS")


def test_imports_are_light():
    program = (
        "import sys; from divkit import emd; "
        "heavy = {'scipy', 'ot', 'cvxpy', 'divkit.gan'} & set(sys.modules); "
        "assert not heavy, heavy; "
        "emd.solve(None, None, [[0.0, 1.0], [1.0, 0.0]]); "
        "assert not {'ot', 'cvxpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
