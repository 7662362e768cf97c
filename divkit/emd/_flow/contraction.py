"""Graph coarsening, compiled: clusters of nearby nodes are contracted.

Graphs are in CSR format: the arcs of node v are those from ``start[v]`` to ``start[v + 1]``.
"""

from __future__ import annotations

import numpy as np

from divkit._compile import compiled


@compiled
def clusters(start, head, length):
    """Put every node into a cluster with near neighbors; return (number, offset, joint).

    A node in no cluster founds one with its nearest neighbor that is in none either; if there is
    no such neighbor, it joins the cluster of its nearest neighbor, so that only nodes without arcs
    stay single. `number` is the cluster of each node, `offset` the length of its path to the
    founder, and `joint` lists the arcs of these paths.
    """
    nodes = start.size - 1
    number = np.full(nodes, -1, np.int64)
    offset = np.zeros(nodes)
    joint = np.empty(nodes, np.int64)
    joints, founded = 0, 0
    for node in range(nodes):
        if number[node] >= 0:
            continue
        free, nearest = -1, -1
        for arc in range(start[node], start[node + 1]):
            if nearest < 0 or length[arc] < length[nearest]:
                nearest = arc
            if number[head[arc]] < 0 and (free < 0 or length[arc] < length[free]):
                free = arc
        if nearest >= 0 and free < 0:
            number[node] = number[head[nearest]]
            offset[node] = offset[head[nearest]] + length[nearest]
            joint[joints] = nearest
            joints += 1
            continue
        number[node] = founded
        if free >= 0:
            number[head[free]] = founded
            offset[head[free]] = length[free]
            joint[joints] = free
            joints += 1
        founded += 1
    return number, offset, joint[:joints]


@compiled
def contract(start, head, length, opposite, number, offset):
    """Return the graph of the clusters as (start, head, length, opposite, origin).

    The length of an arc between two clusters is that of the shortest path between their founders
    with one arc outside the clusters, its `origin`. Arcs inside a cluster are dropped.
    """
    first, member = _members(number)
    size = first.size - 1
    new_start = np.zeros(size + 1, start.dtype)
    new_head, new_length = np.empty_like(head), np.empty_like(length)
    origin = np.empty(head.size, np.int64)
    image = np.full(head.size, -1, np.int64)
    place = np.full(size, -1, np.int64)  # of the arc to each cluster, if in the current row
    arcs = 0
    for cluster in range(size):
        for position in range(first[cluster], first[cluster + 1]):
            node = member[position]
            for arc in range(start[node], start[node + 1]):
                other = number[head[arc]]
                if other == cluster:
                    continue
                way = offset[node] + length[arc] + offset[head[arc]]
                new = place[other]
                if new < new_start[cluster]:
                    new = place[other] = arcs
                    new_head[new] = other
                    new_length[new] = np.inf
                    arcs += 1
                if way < new_length[new]:
                    new_length[new] = way
                    origin[new] = arc
                image[arc] = new
        new_start[cluster + 1] = arcs
    new_opposite = np.full(arcs, -1, opposite.dtype)
    for new in range(arcs):
        back = opposite[origin[new]]
        if back >= 0:
            new_opposite[new] = image[back]
    return new_start, new_head[:arcs], new_length[:arcs], new_opposite, origin[:arcs]


@compiled
def _members(number):
    """Return the nodes of every cluster in turn, and where each cluster begins."""
    first = np.zeros(number.max() + 2, np.int64)
    for cluster in number:
        first[cluster + 1] += 1
    first = np.cumsum(first)
    place = first.copy()
    member = np.empty(number.size, np.int64)
    for node in range(number.size):
        member[place[number[node]]] = node
        place[number[node]] += 1
    return first, member


@compiled
def spanning(tail, head, order, nodes):
    """Return the arcs of a spanning forest, by taking arcs in `order` if they close no cycle."""
    above = np.arange(nodes)
    taken = np.empty(nodes, np.int64)
    count = 0
    for arc in order:
        u, v = _top(above, tail[arc]), _top(above, head[arc])
        if u != v:
            above[max(u, v)] = min(u, v)
            taken[count] = arc
            count += 1
    return taken[:count]


@compiled
def _top(above, node):
    while above[node] != node:
        above[node] = above[above[node]]
        node = above[node]
    return node


@compiled
def numbers(start, head, tails, heads):
    """Return the indices of arcs that are given by their ends, grouped by tail."""
    place = np.empty(start.size - 1, np.int64)
    found = np.empty(tails.size, np.int64)
    row = -1
    for k in range(tails.size):
        if tails[k] != row:
            row = tails[k]
            for arc in range(start[row], start[row + 1]):
                place[head[arc]] = arc
        found[k] = place[heads[k]]
    return found


@compiled
def opposites(start, head):
    """Return the index of the reverse of every arc, −1 where there is none.

    The heads in each row ascend.
    """
    reached = start[:-1].copy()
    opposite = np.full(head.size, -1, np.int64)
    for node in range(start.size - 1):
        for arc in range(start[node], start[node + 1]):
            other = head[arc]
            while reached[other] < start[other + 1] and head[reached[other]] < node:
                reached[other] += 1
            if reached[other] < start[other + 1] and head[reached[other]] == node:
                opposite[arc] = reached[other]
    return opposite
