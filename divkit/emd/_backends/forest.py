"""Exact plans from approximate ones, by the forest that carries the plan.

A vertex of the transport polytope is supported on a forest of the bipartite graph of sources
and sinks (Peyré and Cuturi 2019, section 3.4). Given the forest, the flows follow from the
weights by removing leaves: by sums only, whatever the accuracy of the solver that found it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from divkit._forks import loading
from divkit.emd._solver_types import Answer, Indices, Mask, Matrix, Vector


class Forest(NamedTuple):
    """Arcs without a cycle, and an order of the n + m atoms in which parents come first."""

    rows: Indices
    columns: Indices
    mass: Vector
    order: list[int]
    parent: list[int]  # of an atom; -1 for the first atom of a tree
    tree: Indices  # the tree that an atom belongs to


def spanning(a: Vector, b: Vector, M: Matrix, answer: Answer) -> Forest:
    """Return a forest that carries the mass of an answer, without its cycles.

    The support of a vertex is a forest already. Other points carry mass on cycles: each cycle is
    canceled by moving mass around it, in the direction that costs less, until an arc is empty.
    """
    n, m = M.shape
    carried = answer.mass > 0
    rows, columns, mass = answer.rows[carried], answer.columns[carried], answer.mass[carried]
    inside = _heaviest_forest(n, m, rows, columns, mass)
    if not inside.all():
        # Arcs lighter than the answer's own error in the weights are noise.
        noise = max(
            np.max(np.abs(np.bincount(rows, mass, n) - a)),
            np.max(np.abs(np.bincount(columns, mass, m) - b)),
        )
        keep = inside | (mass > noise)
        rows, columns, mass = _without_cycles(
            M, rows[keep], columns[keep], mass[keep], inside[keep]
        )
    order, parent, tree = rooted(n, m, rows, columns)
    return Forest(rows, columns, mass, order, parent, tree)


def flows(a: Vector, b: Vector, forest: Forest) -> Vector:
    """Return the only flows along the forest with marginals `a` and `b`, by removing leaves.

    They may be negative where the forest belongs to no plan.
    """
    n = a.size
    # As sums of two numbers: otherwise the roundings of very many equal weights accumulate.
    need = [*a.tolist(), *b.tolist()]
    rest = [0.0] * len(need)
    upward = [0.0] * len(need)
    for atom in reversed(forest.order):
        above = forest.parent[atom]
        if above >= 0:
            upward[atom] = need[atom] + rest[atom]
            left = need[above] - need[atom]
            taken = need[above] - left
            error = (need[above] - (left + taken)) + (taken - need[atom])
            need[above], rest[above] = left, rest[above] - rest[atom] + error
    parent = np.asarray(forest.parent)
    sinks = forest.columns + n
    lower = np.where(parent[forest.rows] == sinks, forest.rows, sinks)
    return np.asarray(upward)[lower]


def _heaviest_forest(n: int, m: int, rows: Indices, columns: Indices, mass: Vector) -> Mask:
    """Return which arcs form a spanning forest of maximal mass."""
    with loading:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import minimum_spanning_tree

    rank = np.empty(mass.size)
    rank[np.argsort(-mass, kind="stable")] = np.arange(1, mass.size + 1)
    kept = minimum_spanning_tree(csr_array((rank, (rows, columns + n)), shape=(n + m, n + m)))
    return np.isin(rank, kept.data)


def _without_cycles(
    M: Matrix, rows: Indices, columns: Indices, mass: Vector, inside: Mask
) -> tuple[Indices, Indices, Vector]:
    n, m = M.shape
    flow: list[dict[int, float]] = [{} for _ in range(n + m)]

    def put(i: int, j: int, amount: float) -> None:
        flow[i][j] = flow[j][i] = amount

    # Arcs of the forest first, so that every later one closes a cycle; heavy before light.
    for k in np.lexsort((-mass, ~inside)).tolist():
        i, j, amount = int(rows[k]), int(columns[k]) + n, float(mass[k])
        path = _path(flow, j, i)
        put(i, j, amount)
        if path is None:
            continue
        cycle = [i, *path]
        arcs = [tuple(sorted(pair)) for pair in zip(cycle, path, strict=False)]
        even, odd = arcs[0::2], arcs[1::2]
        dearer = sum(M[s, t - n] for s, t in even) - sum(M[s, t - n] for s, t in odd)
        up, down = (odd, even) if dearer > 0 else (even, odd)
        moved = min(flow[s][t] for s, t in down)
        for s, t in up:
            put(s, t, flow[s][t] + moved)
        for s, t in down:
            put(s, t, flow[s][t] - moved)
            if flow[s][t] == 0:
                del flow[s][t], flow[t][s]
    left = [(s, t - n, w) for s in range(n) for t, w in flow[s].items()]
    kept_rows, kept_columns, kept_mass = zip(*left, strict=True)
    return np.array(kept_rows), np.array(kept_columns), np.array(kept_mass)


def _path(flow: list[dict[int, float]], start: int, end: int) -> list[int] | None:
    """Return the atoms from `start` to `end` along the forest, None where it has no path."""
    before = {start: start}
    front = [start]
    while front and end not in before:
        reached = []
        for atom in front:
            for neighbor in flow[atom]:
                if neighbor not in before:
                    before[neighbor] = atom
                    reached.append(neighbor)
        front = reached
    if end not in before:
        return None
    path = [end]
    while path[-1] != start:
        path.append(before[path[-1]])
    return path[::-1]


def rooted(n: int, m: int, rows: Indices, columns: Indices) -> tuple[list[int], list[int], Indices]:
    """Return an order of the atoms, parents first, their parents (−1: none), and their trees."""
    with loading:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import breadth_first_order, connected_components

    size = n + m
    arcs = csr_array((np.ones(rows.size), (rows, columns + n)), shape=(size, size))
    trees, tree = connected_components(arcs, directed=False)
    # An extra root, joined to the first atom of every tree, lets one search reach them all.
    _, first = np.unique(tree, return_index=True)
    tails = np.concatenate([rows, np.full(trees, size)])
    heads = np.concatenate([columns + n, first])
    graph = csr_array((np.ones(tails.size), (tails, heads)), shape=(size + 1, size + 1))
    order, before = breadth_first_order(graph, size, directed=False)
    parent = np.where(before[:size] == size, -1, before[:size])
    return order[1:].tolist(), parent.tolist(), tree
