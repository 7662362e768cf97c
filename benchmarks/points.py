"""`divkit.emd.solve_points` beside POT, from a cost matrix and with lazy costs; and large clouds.

``python benchmarks/points.py`` prints ratios, certificates, seconds and memory; asv tracks them.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from divkit import emd

# POT comes with torch, whose memory is not to count: it is imported where it is called.
try:
    from .fresh import in_fresh_process, printed
    from .ratios import ratio
except ImportError:  # as a script
    from fresh import in_fresh_process, printed
    from ratios import ratio

# x, y, a, b and the metric.
Problem = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str]
SIZES = [1000, 2000, 4000, 8000]
LARGE = [50_000, 100_000]


def weighted(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, metric: str) -> Problem:
    """Return random weights with the points."""
    return x, y, rng.dirichlet(np.ones(len(x))), rng.dirichlet(np.ones(len(y))), metric


def square(n: int) -> Problem:
    """Return points in the unit square, at Euclidean distances."""
    rng = np.random.default_rng(0)
    return weighted(rng.random((n, 2)), rng.random((n, 2)), rng, "euclidean")


def gaussians(n: int) -> Problem:
    """Return samples of two Gaussians that lie apart, at squared distances."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) / 2 + [2, 1]
    return weighted(x, y, rng, "sqeuclidean")


def clusters(n: int) -> Problem:
    """Return sixteen clusters and nine, by the cityblock metric."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2)) / 10 + rng.integers(0, 4, (n, 2))
    y = rng.normal(size=(n, 2)) / 3 + rng.integers(0, 3, (n, 2)) * 1.5
    return weighted(x, y, rng, "cityblock")


def uniform(n: int) -> Problem:
    """Return an assignment problem: equal weights, fully degenerate."""
    x, y, _, _, metric = square(n)
    return x, y, np.full(n, 1 / n), np.full(n, 1 / n), metric


def space(n: int) -> Problem:
    """Return points in the unit cube."""
    rng = np.random.default_rng(0)
    return weighted(rng.random((n, 3)), rng.random((n, 3)), rng, "euclidean")


def high_dimension(n: int) -> Problem:
    """Return points in 20 dimensions, at squared distances."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 20)), rng.normal(size=(n, 20)) + 0.3
    return weighted(x, y, rng, "sqeuclidean")


CLOUDS: dict[str, Callable[[int], Problem]] = {
    f.__name__: f for f in (square, gaussians, clusters, uniform, space, high_dimension)
}


def dense_pot(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, metric: str) -> float:
    """Return POT's value from a cost matrix, which it makes."""
    import ot

    return float(ot.emd2(a, b, ot.dist(x, y, metric=metric), numItermax=10**9))


def lazy_pot(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, metric: str) -> float:
    """Return POT's value from costs that it computes whenever they are needed."""
    import ot

    return float(ot.emd2_lazy(x, y, a, b, metric, 10**9, return_matrix=False))


PEERS: dict[str, Callable[..., float]] = {"ot.emd2": dense_pot, "ot.emd2_lazy": lazy_pot}


def over(peer: str, problem: Problem, repeats: int = 3) -> float:
    """Return how many times as fast as the peer `emd.solve_points` is, its certificate included."""
    return ratio(lambda: PEERS[peer](*problem), lambda: emd.solve_points(*problem), repeats)


def large(cloud: str, n: int) -> tuple[float, float, emd.Transport]:
    """Return seconds, peak memory of this process in bytes, and the answer; nothing compiles."""
    problem = CLOUDS[cloud](n)
    emd.solve_points(*CLOUDS[cloud](600))
    start = time.perf_counter()
    t = emd.solve_points(*problem)
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()
    # What getrusage calls the largest resident set is that of the process which started this one.
    return seconds, 1024.0 * int(re.search(r"VmHWM:\s+(\d+)", status)[1]), t


IN_FRESH = "import points; found = points.large({cloud!r}, {n}); print(found[0], found[1])"
FIRST = """
import time, numpy as np
from divkit import emd
x, y = np.random.default_rng(0).random((2, 600, 2))
start = time.perf_counter()
emd.solve_points(x, y)
print(time.perf_counter() - start)
"""


class Points:
    """How many times as fast as POT."""

    params = (list(CLOUDS), SIZES, list(PEERS))
    param_names = ("cloud", "n", "peer")
    timeout = 900
    unit = "times as fast"

    def setup(self, cloud: str, n: int, peer: str) -> None:
        self.problem = CLOUDS[cloud](n)

    def track_over(self, cloud: str, n: int, peer: str) -> float:
        return over(peer, self.problem, 3 if n < 4000 else 1)


class Large:
    """Clouds whose cost matrix would take 20 and 80 GB."""

    params = (["square", "gaussians"], LARGE)
    param_names = ("cloud", "n")
    timeout = 900

    def track_seconds(self, cloud: str, n: int) -> float:
        return printed(IN_FRESH.format(cloud=cloud, n=n))[0]

    track_seconds.unit = "seconds"

    def track_memory(self, cloud: str, n: int) -> float:
        return printed(IN_FRESH.format(cloud=cloud, n=n))[1]

    track_memory.unit = "bytes, of the whole process"


class Compiling:
    """What the first call takes."""

    timeout = 300
    unit = "seconds"

    def track_first_call_ever(self) -> float:
        with tempfile.TemporaryDirectory() as cache:
            return in_fresh_process(FIRST, cache)

    def track_first_call_of_a_process(self) -> float:
        return in_fresh_process(FIRST)


def certificate(t: emd.Transport) -> str:
    """Return what separates an answer from the optimum."""
    return (
        f"gap {t.gap / t.value:8.1e}, dual violation {t.dual_residual:.1e}, "
        f"marginals {t.primal_residual:.1e}"
    )


def main() -> None:
    """Print every ratio, and the answers for large clouds."""
    for n in SIZES:
        for name, cloud in CLOUDS.items():
            problem = cloud(n)
            dense, lazy = (over(peer, problem, 3 if n < 8000 else 1) for peer in PEERS)
            print(
                f"{name:14s} n = {n:6d}: {dense:6.1f} × as fast as POT, {lazy:6.1f} × as its lazy "
                f"costs; {certificate(emd.solve_points(*problem))}",
                flush=True,
            )
    for name in Large.params[0]:
        for n in LARGE:
            seconds, memory = printed(IN_FRESH.format(cloud=name, n=n))
            print(f"{name:14s} n = {n:6d}: {seconds:6.1f} s, {memory / 2**30:.2f} GiB", flush=True)
            print(f"{'':28s}{certificate(large(name, n)[2])}", flush=True)
    compiling = Compiling()
    print(f"first call ever: {compiling.track_first_call_ever():.1f} s")
    print(f"first call of a process: {compiling.track_first_call_of_a_process():.2f} s")


if __name__ == "__main__":
    main()
