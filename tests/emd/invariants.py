"""What holds of a network simplex' tree after every pivot, checked node by node."""

from __future__ import annotations

from contextlib import contextmanager
from unittest import mock

import numpy as np

from divkit.emd._network_simplex import simplex
from divkit.emd._network_simplex.tree import ARTIFICIAL


def require_tree(nodes):
    """Check the thread, the sizes and the last nodes against the parents alone."""
    root = len(nodes) - 1
    order = [root]
    while (after := int(nodes["next"][order[-1]])) != root:
        assert int(nodes["previous"][after]) == order[-1]
        order.append(after)
        assert len(order) <= len(nodes)
    assert int(nodes["previous"][root]) == order[-1]
    assert sorted(order) == list(range(len(nodes)))
    below = {node: {node} for node in order}
    for node in reversed(order[1:]):
        below[int(nodes["parent"][node])] |= below[node]
    for position, node in enumerate(order):
        stretch = order[position : position + len(below[node])]
        assert set(stretch) == below[node]  # parents first, subtrees together
        assert int(nodes["size"][node]) == len(stretch)
        assert int(nodes["last"][node]) == stretch[-1]


def require_strongly_feasible(nodes):
    flow, upward = nodes["flow"][:-1], nodes["upward"][:-1]
    assert (flow >= 0).all()
    assert upward[flow == 0].all()


def require_flow(nodes, tail, head, supply, atol):
    """Check that the tree's arcs are where they claim to be, and carry the supplies."""
    net = np.zeros(len(nodes))
    for node in range(len(nodes) - 1):
        parent, arc, up = (nodes[key][node] for key in ("parent", "arc", "upward"))
        start, end = (node, int(parent)) if up else (int(parent), node)
        if arc == ARTIFICIAL:
            assert parent == len(nodes) - 1
        else:
            assert (int(tail[arc]), int(head[arc])) == (start, end)
        net[start] += nodes["flow"][node]
        net[end] -= nodes["flow"][node]
    np.testing.assert_allclose(net[:-1], supply, rtol=0, atol=atol)


def require_tight(nodes, potential, tail, head, cost, root_potential, rtol):
    scale = np.abs(potential).max()
    for node in range(len(nodes) - 1):
        arc = nodes["arc"][node]
        if arc == ARTIFICIAL:
            slack = root_potential[node] - potential[node] + potential[-1]
        else:
            slack = cost[arc] - potential[tail[arc]] + potential[head[arc]]
        assert abs(slack) <= rtol * scale


@contextmanager
def watched(solver, *, costs_matter=True):
    """Check everything after every pivot of `solver`, and that no tree comes back.

    Yields the numbers of pivots and of degenerate ones, in a dict.
    """
    whole = simplex.pivots
    supply = solver._supply
    mass = np.abs(supply).sum()
    seen = set()
    counts = {"pivots": 0, "degenerate": 0}

    def one_by_one(nodes, potential, tail, head, cost, first, last, tolerance, block, limit):
        label = solver._label
        done = 0
        while True:
            before = np.sort(nodes["flow"])
            status, one = whole(
                nodes, potential, tail, head, cost, first, last, tolerance, block, 1
            )
            require_tree(nodes)
            require_strongly_feasible(nodes)
            require_flow(nodes, tail, head, supply[label[:-1]], 1e-14 * mass)
            if costs_matter:
                require_tight(nodes, potential, tail, head, cost, solver._root_potential, 1e-13)
            if one == 0:
                return status, done
            done += one
            counts["pivots"] += 1
            counts["degenerate"] += np.array_equal(before, np.sort(nodes["flow"]))
            arcs = [
                (label[tail[arc]], label[head[arc]], cost[arc]) if arc >= 0 else (label[node],)
                for node, arc in enumerate(nodes["arc"][:-1])
            ]
            assert frozenset(arcs) not in seen
            seen.add(frozenset(arcs))
            if done == limit:
                return status, done

    with mock.patch.object(simplex, "pivots", one_by_one):
        yield counts
