"""One rule says when an answer is optimal to rounding, and every solver asks it."""

import os
import subprocess
import sys

import pytest

# Loops are not compiled here, so that they see the constant that is changed.
SCRIPT = """
import sys

import numpy as np
from scipy.sparse import csr_array

from divkit import emd
from divkit.emd._certificate import acceptance

acceptance.STRICTNESS = float(sys.argv[1])
rng = np.random.default_rng(0)


def weights(n):
    return rng.dirichlet(np.ones(n))


def costs(n, m):
    return rng.random((n, m)) / 3


def metric_of(n):
    x = rng.random((n, 2)) / 3
    return np.linalg.norm(x[:, None] - x, axis=2)


def batch(n, m):
    return np.stack([weights(n)] * 2), np.stack([weights(m)] * 2), costs(n, m)


ring = csr_array((rng.random(30), (np.arange(30), (np.arange(30) + 1) % 30)), (30, 30))
few = weights(20), weights(20), costs(20, 20)
start = emd.solve(*few) if acceptance.STRICTNESS == 1 else (np.zeros(20), np.zeros(20))
dense = weights(150), weights(150), costs(150, 150)
sparse = *dense[:2], csr_array(dense[2])
points = rng.random((60, 2)), rng.random((70, 2))
line = rng.random(40) / 3, rng.random(50) / 3
many = rng.random(2100) / 3, rng.random(2100) / 3
paths = {
    "small": lambda: emd.solve(*few),
    "single": lambda: emd.solve([1.0], weights(50), costs(1, 50)),
    "dense": lambda: emd.solve(*dense),
    "sparse": lambda: emd.solve(*sparse),
    "warm": lambda: emd.solve(*few, start=start),
    "assignment": lambda: emd.solve(None, None, costs(60, 60)),
    "highs": lambda: emd.solve(*few, method="highs"),
    "pot": lambda: emd.solve(*few, method="pot"),
    "cvxpy": lambda: emd.solve(*few, method="cvxpy"),
    "points": lambda: emd.solve_points(*points),
    "squares": lambda: emd.solve_points(*points, metric="sqeuclidean"),
    "line": lambda: emd.solve_line(*line, p=2),
    "line, h": lambda: emd.solve_line(*line, p=lambda d: np.abs(d) ** 1.2 + d / 3),
    "line, matched": lambda: emd.solve_line(*many, p=2),
    "line, weighted": lambda: emd.solve_line(*many, weights(2100), weights(2100), p=1.5),
    "line, any power": lambda: emd.solve_line(*many, p=1.3),
    "grid": lambda: emd.solve_grid(weights(30).reshape(5, 6), weights(30).reshape(5, 6)),
    "graph": lambda: emd.solve_graph(weights(30), weights(30), ring),
    "batch": lambda: emd.solve_batch(*batch(8, 9)),
    "batch of larger ones": lambda: emd.solve_batch(*batch(150, 140)),
    "pairwise": lambda: emd.pairwise(rng.dirichlet(np.ones(9), 3), None, metric_of(9)),
    "wasserstein": lambda: emd.wasserstein(*points, p=3),
    "dual": lambda: emd.dual(*few),
}
for name, solve in paths.items():
    try:
        solve()
    except (emd.ConvergenceError, ValueError):  # to a function h it says that it is not convex
        print(name, "refuses", sep=": ")
    else:
        print(name, "answers", sep=": ")
"""


@pytest.fixture(scope="module")
def answers():
    def run(strictness):
        environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SCRIPT, str(strictness)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return dict(line.split(": ") for line in done.stdout.splitlines())

    return run


def test_every_path_answers_by_the_rule_and_refuses_by_a_stricter_one(answers):
    assert set(answers(1.0).values()) == {"answers"}
    assert {name for name, what in answers(1e-100).items() if what == "answers"} == set()
