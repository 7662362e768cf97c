"""Every loop as plain Python, where numba is told not to compile."""

import os
import subprocess
import sys

import numpy as np
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

# The loops for few atoms are plain anyway: here nothing is small.
PLAIN = """
import sys, warnings
warnings.simplefilter("error")
import numpy as np
from scipy.sparse import csr_array
from divkit import emd, fdiv
from divkit.emd._small import small

small.fits = lambda *_: False
given = np.load(sys.argv[1])
M, few, x, y, a, b = (given[name] for name in ("M", "few", "x", "y", "a", "b"))
rows, columns = np.nonzero(few < np.inf)
sparse = csr_array((few[rows, columns], (rows, columns)), shape=few.shape)
nodes = np.arange(a.size - 1)
ring = np.zeros((a.size, a.size))
ring[nodes, nodes + 1] = ring[nodes + 1, nodes] = 1.0
ring[0, -1] = ring[-1, 0] = 100.0
corner = np.zeros((5, 6))
corner[0, 0] = 1.0
for t in (
    emd.solve(None, None, M),
    emd.solve(None, None, sparse),
    emd.solve_points(x, y, metric="cityblock"),
    emd.solve_line(x[:, 0], y[:, 0]),
    emd.solve_graph(a, b, csr_array(ring)),
    emd.solve_grid(corner, np.full((5, 6), 1 / 30)),
):
    assert abs(t.gap) < 1e-14 and t.plan.shape == t.shape
    print(t.value)
p, q = np.tile(a, 1 << 18), np.tile(b, 1 << 18)
print(fdiv.kl(p, q, normalize=True))
"""


def test_everything_answers(tmp_path):
    rng = np.random.default_rng(0)
    M, (x, y), (a, b) = rng.random((40, 40)), rng.random((2, 40, 2)), rng.dirichlet(np.ones(20), 2)
    few = np.where((rng.random((40, 40)) < 0.3) | np.eye(40, dtype=bool), M, np.inf)
    np.savez(tmp_path / "given.npz", M=M, few=few, x=x, y=y, a=a, b=b)
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, str(tmp_path / "given.npz")],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assignments = [
        cost[linear_sum_assignment(cost)].mean() for cost in (M, few, cdist(x, y, "cityblock"))
    ]
    line = np.abs(np.sort(x[:, 0]) - np.sort(y[:, 0])).mean()
    path = np.abs(np.cumsum(a - b)).sum()  # the arc from end to end is too long to help
    grid = np.add.outer(np.arange(5), np.arange(6)).mean()
    kl = (a * np.log(a / b)).sum()
    expected = [*assignments, line, path, grid, kl]
    assert_allclose([float(value) for value in done.stdout.split()], expected, rtol=1e-12)
