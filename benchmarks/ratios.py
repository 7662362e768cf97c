"""Ratios against peers, both sides timed in turn in one process, the best of several repeats.

``python benchmarks/ratios.py`` prints them all; asv tracks them one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numba
import numpy as np
from scipy.spatial.distance import cdist, jensenshannon
from scipy.stats import entropy

from divkit import _threads, fdiv
from divkit.fdiv import CATALOGUE

try:
    from .inputs import distribution
except ImportError:  # as a script
    from inputs import distribution

LARGE = 10**7


def ratio(peer: Callable[[], object], ours: Callable[[], object], repeats: int = 9) -> float:
    """Return how many times as long the peer takes."""
    ours()  # compiled here, where that is needed
    best = [np.inf, np.inf]
    for _ in range(repeats):
        for side, call in enumerate((peer, ours)):
            start = time.perf_counter()
            call()
            best[side] = min(best[side], time.perf_counter() - start)
    return best[0] / best[1]


def large() -> tuple[np.ndarray, np.ndarray]:
    """Return two distributions on 10⁷ atoms."""
    return distribution(LARGE, seed=1), distribution(LARGE, seed=2)


def batches() -> tuple[np.ndarray, np.ndarray]:
    """Return two batches of 1000 distributions on 256 atoms."""
    rows = np.random.default_rng(0).random((2, 1000, 256))
    rows /= rows.sum(axis=-1, keepdims=True)
    return rows[0], rows[1]


@numba.njit(nogil=True, fastmath={"reassoc", "nsz"})
def _sum(p: np.ndarray, q: np.ndarray) -> float:
    total = 0.0
    for i in range(p.size):
        total += p[i] + q[i]
    return total


def read(p: np.ndarray, q: np.ndarray) -> None:
    """Read both once, with every thread: nothing that looks at each atom takes less."""

    def piece(start: int, stop: int) -> None:
        _sum(p[start:stop], q[start:stop])

    _threads.run(piece, p.size, _threads.available())


class Large:
    """Every row at n = 10⁷: its time over that of ``p @ q``, and over that of reading p and q."""

    params = (list(CATALOGUE),)
    param_names = ("divergence",)
    timeout = 300
    unit = "times as long"

    def setup(self, name: str) -> None:
        self.p, self.q = large()

    def track_over_dot(self, name: str) -> float:
        D = CATALOGUE[name]
        return 1 / ratio(lambda: self.p @ self.q, lambda: D(self.p, self.q))

    def track_over_read(self, name: str) -> float:
        D = CATALOGUE[name]
        return 1 / ratio(lambda: read(self.p, self.q), lambda: D(self.p, self.q))


def rows(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return two batches of 10⁵ distributions on 100 atoms."""
    x = np.random.default_rng(0).random((2, 10**5, 100))
    p, q = (x / x.sum(axis=-1, keepdims=True)).astype(dtype)
    return p, q


class Rows:
    """How many times as fast as SciPy on 10⁵ distributions of 100 atoms, in either precision."""

    params = (["kl", "jensen_shannon"], ["float64", "float32"])
    param_names = ("divergence", "dtype")
    timeout = 300
    unit = "times as fast"

    def track_over_scipy(self, name: str, dtype: str) -> float:
        p, q = rows(dtype)
        peer = {"kl": entropy, "jensen_shannon": jensenshannon}[name]
        return ratio(lambda: peer(p, q, axis=1), lambda: CATALOGUE[name](p, q), repeats=5)


class Peers:
    """How many times as fast as SciPy."""

    timeout = 600
    unit = "times as fast"

    def track_kl_large(self) -> float:
        p, q = large()
        return ratio(lambda: entropy(p, q), lambda: fdiv.kl(p, q))

    def track_jensen_shannon_large(self) -> float:
        p, q = large()
        return ratio(lambda: jensenshannon(p, q), lambda: fdiv.jensen_shannon(p, q))

    def track_kl_small(self) -> float:
        p, q = distribution(10, seed=1), distribution(10, seed=2)
        return ratio(lambda: entropy(p, q), lambda: fdiv.kl(p, q), repeats=2000)

    def track_jensen_shannon_small(self) -> float:
        p, q = distribution(10, seed=1), distribution(10, seed=2)
        return ratio(lambda: jensenshannon(p, q), lambda: fdiv.jensen_shannon(p, q), repeats=2000)

    def track_pairwise_jensen_shannon(self) -> float:
        P, Q = batches()
        return ratio(
            lambda: cdist(P, Q, "jensenshannon"), lambda: fdiv.pairwise(fdiv.jensen_shannon, P, Q)
        )


def main() -> None:
    """Print every ratio."""
    benchmark = Large()
    for name in CATALOGUE:
        benchmark.setup(name)
        over = benchmark.track_over_dot(name), benchmark.track_over_read(name)
        print(f"{name:28s} n = 10⁷: {over[0]:6.2f} × p @ q, {over[1]:6.2f} × reading p and q")
    batch = Rows()
    for name in batch.params[0]:
        for dtype in batch.params[1]:
            found = batch.track_over_scipy(name, dtype)
            print(f"{name:28s} 10⁵ × 100, {dtype}: {found:6.1f} × as fast as SciPy")
    peers = Peers()
    for name in dir(peers):
        if name.startswith("track_"):
            print(f"{name[6:]:28s} {getattr(peers, name)():6.1f} × as fast as SciPy")


if __name__ == "__main__":
    main()
