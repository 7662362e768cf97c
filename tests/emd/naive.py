"""Slow and obvious references for transport."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from itertools import permutations
from typing import Any

import numpy as np


def assignment(M: np.ndarray) -> Fraction:
    """Return the optimum for uniform weights and n = m, over all permutations, exactly."""
    n = len(M)
    exact = [[Fraction(float(x)) for x in row] for row in M]
    return min(sum(exact[i][s[i]] for i in range(n)) for s in permutations(range(n))) / n


def sorted_line(x: Sequence[float], y: Sequence[float], p: float) -> float:
    """Return the mean of |x − y|^p over samples paired in order, optimal for convex costs."""
    pairs = zip(sorted(x), sorted(y), strict=True)
    return float(np.mean([abs(s - t) ** p for s, t in pairs]))


def c_transform(M: np.ndarray, f: np.ndarray) -> list[float]:
    return [min(M[i, j] - f[i] for i in range(M.shape[0])) for j in range(M.shape[1])]


def shortest_paths(graph: Any, sources: Iterable[int] | None = None) -> np.ndarray:
    """Return the distances from each source to all nodes (Dijkstra); +inf where no path leads."""
    entries = graph.tocoo()
    arcs: list[list[tuple[int, float]]] = [[] for _ in range(graph.shape[0])]
    for tail, head, length in zip(*entries.coords, entries.data, strict=True):
        arcs[tail].append((int(head), float(length)))
    rows = range(graph.shape[0]) if sources is None else sources
    return np.array([_from(int(source), arcs) for source in rows])


def _from(source: int, arcs: list[list[tuple[int, float]]]) -> list[float]:
    distance = [np.inf] * len(arcs)
    distance[source] = 0.0
    heap = [(0.0, source)]
    while heap:
        length, node = heappop(heap)
        if length > distance[node]:
            continue
        for head, step in arcs[node]:
            if length + step < distance[head]:
                distance[head] = length + step
                heappush(heap, (distance[head], head))
    return distance
