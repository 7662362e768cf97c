"""`divkit.emd.solve` on a cost matrix beside POT: time, memory, and what the first call takes.

``python benchmarks/dense.py`` prints it all; asv tracks it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import numpy as np
import ot
from scipy.spatial.distance import cdist

from divkit import emd

try:
    from .fresh import in_fresh_process
    from .ratios import ratio
except ImportError:  # as a script
    from fresh import in_fresh_process
    from ratios import ratio

Problem = tuple[np.ndarray, np.ndarray, np.ndarray]
SIZES = [1000, 2000, 4000, 8000]


def weighted(M: np.ndarray, rng: np.random.Generator) -> Problem:
    """Return random weights for a cost matrix, and it."""
    n, m = M.shape
    return rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m)), M


def plane(n: int) -> Problem:
    """Return Euclidean distances in the unit square."""
    rng = np.random.default_rng(0)
    return weighted(cdist(rng.random((n, 2)), rng.random((n, 2))), rng)


def gaussians(n: int) -> Problem:
    """Return squared distances between samples of two Gaussians that lie apart."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) / 2 + [2, 1]
    return weighted(cdist(x, y, "sqeuclidean"), rng)


def high_dimension(n: int) -> Problem:
    """Return squared distances in 20 dimensions."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 20)), rng.normal(size=(n, 20)) + 0.3
    return weighted(cdist(x, y, "sqeuclidean"), rng)


def independent(n: int) -> Problem:
    """Return costs without any structure."""
    rng = np.random.default_rng(0)
    return weighted(rng.random((n, n)), rng)


def uniform(n: int) -> Problem:
    """Return an assignment problem in the plane: equal weights, fully degenerate."""
    return (np.full(n, 1 / n), np.full(n, 1 / n), plane(n)[2])


COSTS: dict[str, Callable[[int], Problem]] = {
    f.__name__: f for f in (plane, gaussians, high_dimension, independent, uniform)
}


def awkward(n: int) -> dict[str, Problem]:
    """Return inputs that are hard on column generation or on a simplex."""
    rng = np.random.default_rng(3)
    a, b, M = plane(n)
    few = a * (rng.random(n) < 0.3)
    x = rng.random((n, 2))
    on_grid = rng.integers(0, 20, (n, 2)).astype(float)
    heavy = rng.random(n) ** 20
    whole = rng.integers(1, 4, n).astype(float)
    line, curve = np.linspace(0, 1, n), np.linspace(0, 1, n) ** 2
    return {
        "zero weights": (few / few.sum(), b, M),
        "few against many": weighted(M[: n // 8], rng),
        "one against all": (np.ones(1), b, M[:1]),
        "constant cost": (a, b, np.ones((n, n))),
        "zero cost": (a, b, np.zeros((n, n))),
        "0/1 cost": (a, b, 1.0 - np.eye(n)),
        "duplicates, cityblock": (a, b, cdist(on_grid, on_grid[::-1], "cityblock")),
        "a = b, points moved": (a, a, cdist(on_grid + rng.random((n, 2)), on_grid)),
        "a = b, the same points": (a, a, cdist(x, x)),
        "uniform, the same points": (*uniform(n)[:2], cdist(x, x, "sqeuclidean")),
        "costs over 9 decades": (a, b, np.exp(20 * rng.random((n, n)))),
        "costs of rank 1": (a, b, rng.random(n)[:, None] * rng.random(n)),
        "negative costs": (a, b, rng.normal(size=(n, n))),
        "heavy tails": (heavy / heavy.sum(), rng.permutation(heavy) / heavy.sum(), M),
        "whole weights": (whole / whole.sum(), rng.permutation(whole) / whole.sum(), M),
        "points on a line": (a, b, np.abs(np.subtract.outer(line, curve))),
        "thresholded cost": (a, b, np.minimum(M, 0.05)),
        "small whole costs": (a, b, rng.integers(1, 100, (n, n)).astype(float)),
    }


def over_pot(problem: Problem, repeats: int = 3) -> float:
    """Return how many times as fast as POT `emd.solve` is, its certificate included."""
    return ratio(lambda: ot.emd2(*problem, numItermax=10**9), lambda: emd.solve(*problem), repeats)


# In both, 600 atoms a side: fewer are solved by other loops.
# What getrusage calls the largest resident set is that of the process which started this one, too.
MEMORY = """
import re, numpy as np
from pathlib import Path
from divkit import emd
def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
rng = np.random.default_rng(0)
emd.solve(None, None, rng.random((600, 600)))
before = peak()
M = rng.random(({n}, {n}))
a = rng.dirichlet(np.ones({n}))
emd.solve(a, None, M)
print((peak() - before) / M.nbytes)
"""
FIRST = """
import time, numpy as np
from divkit import emd
M = np.random.default_rng(0).random((600, 600))
start = time.perf_counter()
emd.solve(None, None, M)
print(time.perf_counter() - start)
"""


class Dense:
    """How many times as fast as POT."""

    params = (list(COSTS), SIZES)
    param_names = ("costs", "n")
    timeout = 900
    unit = "times as fast"

    def setup(self, costs: str, n: int) -> None:
        self.problem = COSTS[costs](n)

    def track_over_pot(self, costs: str, n: int) -> float:
        return over_pot(self.problem, 3 if n < 4000 else 1)


class Awkward:
    """How many times as fast as POT on inputs that are hard on such a method."""

    params = (list(awkward(8)),)
    param_names = ("problem",)
    timeout = 900
    unit = "times as fast"

    def track_over_pot(self, problem: str) -> float:
        return over_pot(awkward(2000)[problem], 1)


class Resources:
    """Memory and compiling."""

    timeout = 300

    def track_memory(self) -> float:
        return in_fresh_process(MEMORY.format(n=8000))

    track_memory.unit = "sizes of M, M included"

    def track_first_call_ever(self) -> float:
        with tempfile.TemporaryDirectory() as cache:
            return in_fresh_process(FIRST, cache)

    track_first_call_ever.unit = "seconds"

    def track_first_call_of_a_process(self) -> float:
        return in_fresh_process(FIRST)

    track_first_call_of_a_process.unit = "seconds"


def main() -> None:
    """Print every ratio."""
    for n in SIZES:
        for name, problem in COSTS.items():
            found = over_pot(problem(n), 3 if n < 4000 else 1)
            print(f"{name:26s} n = {n:5d} {found:8.1f} × as fast as POT", flush=True)
    for name, problem in awkward(2000).items():
        print(f"{name:26s} n =  2000 {over_pot(problem, 1):8.1f} × as fast as POT", flush=True)
    resources = Resources()
    print(f"memory at n = 8000: {resources.track_memory():.2f} sizes of M, M included")
    print(f"first call ever: {resources.track_first_call_ever():.1f} s")
    print(f"first call of a process: {resources.track_first_call_of_a_process():.2f} s")


if __name__ == "__main__":
    main()
