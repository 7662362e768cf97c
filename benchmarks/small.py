"""`divkit.emd.solve` between few atoms beside POT, and what a new process waits for.

``python benchmarks/small.py`` prints it all; asv tracks it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable

import numpy as np
import ot

from divkit import emd
from divkit.emd._small import small

try:
    from .dense import COSTS, Problem, awkward, weighted
    from .fresh import in_fresh_process
except ImportError:  # as a script
    from dense import COSTS, Problem, awkward, weighted
    from fresh import in_fresh_process

SIZES = [2, 5, 10, 20, 40, 64, 65, 100, 200, 300, 400, 500]
# Few on one side, many on the other.
SHAPES = [
    (1, 2000),
    (2000, 1),
    (2000, 2),
    (3000, 3),
    (5, 2000),
    (2000, 5),
    (10, 1000),
    (1000, 10),
    (2000, 20),
    (130, 1900),
]
PLAIN_SIZES = [2, 10, 30, 64, 100, 200]


def seconds(*calls: Callable[[], object], budget: float = 0.3) -> list[float]:
    """Return the least time of each of several calls, made in turn."""
    best = [np.inf] * len(calls)
    end, rounds = time.perf_counter() + budget, 0
    while time.perf_counter() < end or rounds < 5:
        rounds += 1
        for k, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[k] = min(best[k], time.perf_counter() - start)
    return best


def uneven(n: int, m: int) -> Problem:
    """Return a problem with distances in the plane between n and m points."""
    rng = np.random.default_rng(0)
    return weighted(np.hypot(*(rng.random((2, n, 1)) - rng.random((2, 1, m)))), rng)


def beside_pot(problem: Problem) -> tuple[float, float]:
    """Return what POT and divkit take for plan and potentials, divkit for a certificate, too."""
    small.load()
    peer, ours = seconds(lambda: ot.emd(*problem, log=True), lambda: emd.solve(*problem))
    return peer, ours


def without_compiling(problem: Problem) -> float:
    """Return what plain loops take."""
    compiled, patience = small._compiled, small._PATIENCE
    small._compiled, small._PATIENCE = None, np.inf
    try:
        return seconds(lambda: emd.solve(*problem))[0]
    finally:
        small._compiled, small._PATIENCE = compiled, patience


NUMPY = """
import time; start = time.perf_counter()
import numpy
print(time.perf_counter() - start)
"""
FIRST = """
import time; start = time.perf_counter()
import divkit
divkit.emd.solve([0.5, 0.5], [0.25, 0.75], [[0.0, 1.0], [1.0, 0.0]])
print(time.perf_counter() - start)
"""
LOAD = """
import time
from divkit.emd._small import small
start = time.perf_counter()
small.load()
print(time.perf_counter() - start)
"""


class Small:
    """How many times as fast as POT."""

    params = (list(COSTS), SIZES)
    param_names = ("costs", "n")
    timeout = 120
    unit = "times as fast"

    def track_over_pot(self, costs: str, n: int) -> float:
        peer, ours = beside_pot(COSTS[costs](n))
        return peer / ours


class Uneven:
    """How many times as fast as POT with few atoms on one side."""

    params = (SHAPES,)
    param_names = ("n and m",)
    timeout = 120
    unit = "times as fast"

    def track_over_pot(self, shape: tuple[int, int]) -> float:
        peer, ours = beside_pot(uneven(*shape))
        return peer / ours


class FreshProcess:
    """Seconds that pass before a first answer, and before compiled loops are there."""

    timeout = 120
    unit = "seconds"

    def track_first_answer(self) -> float:
        return min(in_fresh_process(FIRST) for _ in range(5))

    def track_import_numpy(self) -> float:
        return min(in_fresh_process(NUMPY) for _ in range(5))

    def track_load(self) -> float:
        return min(in_fresh_process(LOAD) for _ in range(5))

    def track_compile(self) -> float:
        with tempfile.TemporaryDirectory() as cache:
            return in_fresh_process(LOAD, cache)


def main() -> None:
    """Print every time and ratio."""
    for n in SIZES:
        for name, problem in COSTS.items():
            peer, ours = beside_pot(problem(n))
            print(
                f"{name:26s} n = {n:4d} {1e6 * ours:8.1f} µs {peer / ours:6.1f} × as fast as POT",
                flush=True,
            )
    for n in (10, 64, 200, 400):
        for name, problem in awkward(n).items():
            peer, ours = beside_pot(problem)
            print(
                f"{name:26s} n = {n:4d} {1e6 * ours:8.1f} µs {peer / ours:6.1f} × as fast as POT",
                flush=True,
            )
    for n, m in SHAPES:
        peer, ours = beside_pot(uneven(n, m))
        print(f"{n:5d} × {m:5d} {1e6 * ours:8.1f} µs {peer / ours:6.1f} × as fast as POT")
    for n in PLAIN_SIZES:
        slow, (_, fast) = without_compiling(COSTS["plane"](n)), beside_pot(COSTS["plane"](n))
        print(
            f"plain loops,          n = {n:4d} {1e3 * slow:8.2f} ms {slow / fast:6.0f} × compiled"
        )
    fresh = FreshProcess()
    print(f"a new process: import numpy {fresh.track_import_numpy():.2f} s")
    print(f"import divkit and a first answer {fresh.track_first_answer():.2f} s")
    print(f"loading compiled loops {fresh.track_load():.2f} s")
    print(f"compiling them {fresh.track_compile():.1f} s")


if __name__ == "__main__":
    main()
