"""`divkit.emd.solve_grid` and `solve_graph`: beside POT on all pairs, and on what no matrix holds.

``python benchmarks/grid.py`` prints ratios, seconds and certificates; asv tracks them. OR-tools,
which knows flows but rounds weights to integers, stands beside them where it is installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product

import numpy as np
import ot
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from scipy.spatial import Delaunay
from scipy.spatial.distance import cdist

from divkit import emd

try:
    from .ratios import ratio
except ImportError:  # as a script
    from ratios import ratio

METRICS = ["cityblock", "chebyshev"]
SMALL, LARGE = 64, 256
ROADS_SMALL, ROADS_LARGE = 2000, 10**5
# What a unit of mass is in OR-tools, whose flows are integers.
UNITS = 2**40

Histograms = tuple[np.ndarray, np.ndarray]


def random(n: int) -> Histograms:
    """Return two histograms without structure on n × n cells."""
    x = np.random.default_rng(0).random((2, n, n))
    a, b = x / x.sum(axis=(1, 2), keepdims=True)
    return a, b


def smooth(n: int) -> Histograms:
    """Return two mixtures of five Gaussians each on n × n cells."""
    rng = np.random.default_rng(0)
    cells = (np.indices((n, n)) + 0.5) / n
    centers = rng.random((2, 5, 2, 1, 1))
    x = np.exp(-100 * ((cells - centers) ** 2).sum(axis=2)).sum(axis=1)
    a, b = x / x.sum(axis=(1, 2), keepdims=True)
    return a, b


def sparse(n: int) -> Histograms:
    """Return two histograms on n × n cells of which nine out of ten are empty."""
    rng = np.random.default_rng(0)
    x = rng.random((2, n, n)) * (rng.random((2, n, n)) < 0.1)
    a, b = x / x.sum(axis=(1, 2), keepdims=True)
    return a, b


HISTOGRAMS: dict[str, Callable[[int], Histograms]] = {
    f.__name__: f for f in (random, smooth, sparse)
}


def roads(n: int) -> tuple[np.ndarray, np.ndarray, csr_array]:
    """Return weights on the junctions of a planar network in which they have 2.8 ways to go."""
    rng = np.random.default_rng(0)
    points = rng.random((n, 2))
    corners = Delaunay(points).simplices
    edges = np.unique(np.sort(corners[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2), axis=1), axis=0)
    lengths = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    whole = coo_array((lengths, edges.T), shape=(n, n)).tocsr()
    tree = minimum_spanning_tree(whole)
    kept = rng.random(len(edges)) < 0.2
    some = coo_array((lengths[kept], edges[kept].T), shape=(n, n)).tocsr()
    graph = tree.maximum(some)
    return rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n)), csr_array(graph + graph.T)


def distances(n: int, metric: str) -> np.ndarray:
    """Return those between all pairs of cells."""
    cells = np.indices((n, n)).reshape(2, -1).T
    return cdist(cells, cells, metric)


def over_pot(histograms: Histograms, metric: str, repeats: int = 2) -> float:
    """Return how many times as fast as POT, given the matrix, `emd.solve_grid` is."""
    a, b = histograms
    M = distances(len(a), metric)
    return ratio(
        lambda: ot.emd2(a.ravel(), b.ravel(), M, numItermax=10**9),
        lambda: emd.solve_grid(a, b, metric),
        repeats,
    )


def over_or_tools(histograms: Histograms, metric: str) -> float:
    """Return how many times as fast as the min-cost flow of OR-tools `emd.solve_grid` is."""
    from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

    a, b = histograms
    n = len(a)
    number = np.arange(n * n).reshape(n, n)
    steps = [
        step
        for step in product((-1, 0, 1), repeat=2)
        if any(step) and (metric == "chebyshev" or not all(step))
    ]
    tails, heads = [], []
    for step in steps:
        here = tuple(slice(max(0, -s), n - max(0, s)) for s in step)
        there = tuple(slice(max(0, s), n - max(0, -s)) for s in step)
        tails.append(number[here].ravel())
        heads.append(number[there].ravel())
    tail, head = np.concatenate(tails), np.concatenate(heads)
    supply = np.rint(a * UNITS).astype(np.int64) - np.rint(b * UNITS).astype(np.int64)
    supply.flat[0] -= supply.sum()

    def solve() -> None:
        flow = SimpleMinCostFlow()
        flow.add_arcs_with_capacity_and_unit_cost(
            tail, head, np.full(tail.size, UNITS), np.ones(tail.size, np.int64)
        )
        flow.set_nodes_supplies(number.ravel(), supply.ravel())
        if flow.solve() != flow.OPTIMAL:
            raise RuntimeError("OR-tools found no flow")

    return ratio(solve, lambda: emd.solve_grid(a, b, metric), 1)


def over_all_pairs(n: int = ROADS_SMALL, repeats: int = 2) -> float:
    """Return how many times as fast as Dijkstra from everywhere and POT `emd.solve_graph` is."""
    a, b, graph = roads(n)
    return ratio(
        lambda: ot.emd2(a, b, dijkstra(graph), numItermax=10**9),
        lambda: emd.solve_graph(a, b, graph),
        repeats,
    )


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Return the least time that a call took."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


class Grid:
    """How many times as fast as a peer on 64 × 64 cells; seconds on 256 × 256."""

    params = (list(HISTOGRAMS), METRICS)
    param_names = ("histograms", "metric")
    timeout = 900

    def track_over_pot(self, histograms: str, metric: str) -> float:
        return over_pot(HISTOGRAMS[histograms](SMALL), metric)

    track_over_pot.unit = "times as fast"

    def track_over_or_tools(self, histograms: str, metric: str) -> float:
        if find_spec("ortools") is None:
            return np.nan
        return over_or_tools(HISTOGRAMS[histograms](SMALL), metric)

    track_over_or_tools.unit = "times as fast"

    def track_large(self, histograms: str, metric: str) -> float:
        a, b = HISTOGRAMS[histograms](LARGE)
        return seconds(lambda: emd.solve_grid(a, b, metric))

    track_large.unit = "seconds"


class Certificate:
    """What is left between plan and potentials on 256 × 256 cells."""

    params = (list(HISTOGRAMS), METRICS)
    param_names = ("histograms", "metric")
    timeout = 300

    def setup(self, histograms: str, metric: str) -> None:
        self.t = emd.solve_grid(*HISTOGRAMS[histograms](LARGE), metric)

    def track_gap(self, histograms: str, metric: str) -> float:
        return abs(self.t.gap) / self.t.value

    track_gap.unit = "|gap| / value"

    def track_residual(self, histograms: str, metric: str) -> float:
        return max(self.t.primal_residual, self.t.dual_residual)

    track_residual.unit = "of the mass, of the largest cost"


class Roads:
    """A planar network of junctions and roads."""

    timeout = 600

    def track_over_all_pairs(self) -> float:
        return over_all_pairs()

    track_over_all_pairs.unit = "times as fast"

    def track_large(self) -> float:
        problem = roads(ROADS_LARGE)
        return seconds(lambda: emd.solve_graph(*problem))

    track_large.unit = "seconds"


def certificate(t: emd.Transport) -> str:
    """Return what is left between plan and potentials, in words."""
    return (
        f"|gap| / value {abs(t.gap) / t.value:.0e}, marginals {t.primal_residual:.0e}, "
        f"violation {t.dual_residual:.0e}"
    )


def main() -> None:
    """Print every ratio and every certificate."""
    peers = {"POT": over_pot}
    if find_spec("ortools") is not None:
        peers["OR-tools"] = over_or_tools
    for (name, histograms), metric in product(HISTOGRAMS.items(), METRICS):
        for peer, over_peer in peers.items():
            found = over_peer(histograms(SMALL), metric)
            print(f"{name:6s} {metric:9s} {SMALL}²: {found:6.0f} × as fast as {peer}", flush=True)
        a, b = histograms(LARGE)
        took = seconds(lambda a=a, b=b, metric=metric: emd.solve_grid(a, b, metric))
        t = emd.solve_grid(a, b, metric)
        print(f"{name:6s} {metric:9s} {LARGE}²: {took:6.2f} s, {certificate(t)}", flush=True)
    print(f"roads, {ROADS_SMALL} nodes: {over_all_pairs():.0f} × as fast as all distances and POT")
    problem = roads(ROADS_LARGE)
    took = seconds(lambda: emd.solve_graph(*problem))
    t = emd.solve_graph(*problem)
    print(f"roads, {ROADS_LARGE} nodes: {took:.2f} s, {certificate(t)}")


if __name__ == "__main__":
    main()
