"""A spanning tree with its thread, compiled: building, relabeling and potentials.

The thread visits the nodes in preorder, so that a subtree is contiguous in it, from its top to its
`last` node (Ahuja, Magnanti and Orlin 1993, "Network Flows", section 11.3). The root is an
artificial node, numbered last, and every arc to or from it is artificial.
"""

from __future__ import annotations

import numpy as np

from divkit._compile import compiled, record
from divkit.emd._network_simplex.pivot import NONE

# One record per node: a pivot visits nodes all over the tree and needs most fields of each.
NODE = record(
    [
        ("parent", np.uint32),
        ("next", np.uint32),  # in the thread
        ("previous", np.uint32),
        ("last", np.uint32),  # node in the thread of this node's subtree
        ("size", np.uint32),
        ("arc", np.int32),  # that joins it to its parent
        ("flow", np.float64),
        ("upward", np.bool_),  # whether that arc leads to the parent
    ]
)
ARTIFICIAL = np.int32(-1)


@compiled
def build_tree(tree, supply, tail, head, basic, opposite):
    """Fill `tree` with the forest of the arcs `basic`, its trees joined to the root.

    The forest's flows follow from the supplies (positive where flow starts). An arc whose flow
    would be negative, or 0 and away from the root, is replaced by its reverse (``opposite[k]``,
    −1 or an empty array where there is none), or else cut: the subtree below it is joined to the
    root. So the tree is strongly feasible: every arc carries mass or leads to the root.
    Artificial arcs carry what the forest cannot.
    """
    nodes = tree.size - 1
    root = np.uint32(nodes)
    parent, order = _rooted(supply, tail, head, basic, tree)
    # As sums of two numbers: otherwise the roundings of very many equal weights accumulate.
    excess, rest = supply.copy(), np.zeros(nodes)
    for position in range(nodes - 1, -1, -1):
        node = order[position]
        x = excess[node] + rest[node]
        above = parent[node]
        if above != root:
            arc = tree[node].arc
            upward = tail[arc] == node
            if (x < 0.0) if upward else (x >= 0.0):
                arc = opposite[arc] if opposite.size else np.int32(-1)
                upward = not upward
            if arc >= 0:
                tree[node].arc = arc
                tree[node].upward = upward
                tree[node].flow = abs(x)
                total = excess[above] + excess[node]
                of_node = total - excess[above]
                error = (excess[above] - (total - of_node)) + (excess[node] - of_node)
                rest[above] += error + rest[node]
                excess[above] = total
                continue
        parent[node] = root
        tree[node].arc = ARTIFICIAL
        tree[node].upward = x >= 0.0
        tree[node].flow = abs(x)
    thread(tree, parent)


@compiled
def set_potentials(tree, cost, root_potential, potential):
    """Make every arc of the tree tight: cost − potential[tail] + potential[head] = 0.

    A node that is joined to the root gets its `root_potential`, the root gets 0.
    """
    root = np.uint32(tree.size - 1)
    potential[root] = 0.0
    node = tree[root].next
    while node != root:
        arc = tree[node].arc
        above = potential[tree[node].parent]
        if arc < 0:
            potential[node] = root_potential[node]
        elif tree[node].upward:
            potential[node] = above + cost[arc]
        else:
            potential[node] = above - cost[arc]
        node = tree[node].next


@compiled
def set_fine_potentials(tree, cost, root_potential, high, low):
    """Do what `set_potentials` does, with potentials ``high + low`` of about 32 digits."""
    root = np.uint32(tree.size - 1)
    high[root] = low[root] = 0.0
    node = tree[root].next
    while node != root:
        arc = tree[node].arc
        if arc < 0:
            high[node], low[node] = root_potential[node], 0.0
        else:
            above = tree[node].parent
            step = cost[arc] if tree[node].upward else -cost[arc]
            # The sum of three numbers as two, with the errors of the additions (Knuth).
            total = high[above] + step
            of_step = total - high[above]
            rest = (high[above] - (total - of_step)) + (step - of_step) + low[above]
            high[node] = total + rest
            low[node] = rest - (high[node] - total)
        node = tree[node].next


@compiled
def relabel(tree, tail, head, cost, root_potential, label):
    """Return all six with the nodes numbered along the thread and the arcs sorted by their tails.

    Neighbors in the tree become neighbors in memory: cache misses dominate the cost of a pivot.
    """
    order, number = _along_thread(tree)
    place = _places(tail, number)
    new_tail, new_head, new_cost = np.empty_like(tail), np.empty_like(head), np.empty_like(cost)
    for arc in range(tail.size):
        new = place[arc]
        new_tail[new] = number[tail[arc]]
        new_head[new] = number[head[arc]]
        new_cost[new] = cost[arc]
    new_tree, new_label = _renumbered(tree, order, number, label)
    new_root_potential = np.empty_like(root_potential)
    for node in range(new_tree.size):
        new_root_potential[node] = root_potential[order[node]]
        if new_tree[node].arc >= 0:
            new_tree[node].arc = place[new_tree[node].arc]
    return new_tree, new_tail, new_head, new_cost, new_root_potential, new_label


@compiled
def relabel_nodes(tree, tail, head, label):
    """Return tree and label with the nodes numbered along the thread; the arcs stay in place."""
    order, number = _along_thread(tree)
    for arc in range(tail.size):
        tail[arc], head[arc] = number[tail[arc]], number[head[arc]]
    return _renumbered(tree, order, number, label)


@compiled
def _along_thread(tree):
    """Return the nodes along the thread, the root last, and the number of each in that order."""
    root = np.uint32(tree.size - 1)
    order = np.empty(tree.size, np.uint32)
    node = root
    for position in range(-1, tree.size - 1):
        order[position if position >= 0 else root] = node
        node = tree[node].next
    number = np.empty(tree.size, np.uint32)
    for new in range(tree.size):
        number[order[new]] = new
    return order, number


@compiled
def _renumbered(tree, order, number, label):
    root = np.uint32(tree.size - 1)
    new_tree, new_label = np.empty_like(tree), np.empty_like(label)
    for new in range(tree.size):
        old = order[new]
        new_tree[new] = tree[old]
        new_tree[new].next = number[tree[old].next]
        new_tree[new].previous = number[tree[old].previous]
        new_tree[new].last = number[tree[old].last]
        if old != root:
            new_tree[new].parent = number[tree[old].parent]
        new_label[new] = label[old]
    return new_tree, new_label


@compiled
def _places(tail, number):
    """Return where each arc goes when they are sorted by the new numbers of their tails."""
    free = np.zeros(number.size + 1, np.int32)
    for arc in range(tail.size):
        free[number[tail[arc]] + 1] += 1
    for node in range(number.size):
        free[node + 1] += free[node]
    place = np.empty(tail.size, np.int32)
    for arc in range(tail.size):
        node = number[tail[arc]]
        place[arc] = free[node]
        free[node] += 1
    return place


@compiled
def _rooted(supply, tail, head, basic, tree):
    """Return the parents of the forest's nodes and an order in which parents come first.

    The top of a tree is its node of largest |supply|, on which the rounding of the others has the
    least effect. Each node's `arc` is set to the one to its parent.
    """
    nodes = tree.size - 1
    root = np.uint32(nodes)
    start, incident = _incidence(nodes, tail, head, basic)
    parent = np.full(nodes, NONE)
    order = np.empty(nodes, np.uint32)
    found = 0
    for first in range(nodes):
        if parent[first] != NONE:
            continue
        top = np.uint32(first)
        # Search twice: from any node, to find the top, then from the top.
        for last_time in range(2):
            begin, end = found, found + 1
            order[begin] = top
            parent[top] = root
            while begin < end:
                node = order[begin]
                begin += 1
                for position in range(start[node], start[node + 1]):
                    arc = incident[position]
                    other = head[arc] if tail[arc] == node else tail[arc]
                    if other != parent[node]:
                        order[end] = other
                        end += 1
                        parent[other] = node
                        tree[other].arc = arc
            if last_time == 0:
                for position in range(found, end):
                    if abs(supply[order[position]]) > abs(supply[top]):
                        top = order[position]
            else:
                found = end
    return parent, order


@compiled
def _incidence(nodes, tail, head, basic):
    start = np.zeros(nodes + 1, np.int64)
    for arc in basic:
        start[tail[arc]] += 1
        start[head[arc]] += 1
    for node in range(nodes):
        start[node + 1] += start[node]
    incident = np.empty(2 * basic.size, np.int32)
    for arc in basic:
        for node in (tail[arc], head[arc]):
            start[node] -= 1
            incident[start[node]] = arc
    return start, incident


@compiled
def thread(tree, parent):
    """Fill in parents, thread, last nodes and sizes, from the parent of every node but the root."""
    nodes = tree.size - 1
    root = np.uint32(nodes)
    child = np.full(nodes + 1, NONE)
    sibling = np.full(nodes + 1, NONE)
    for node in range(nodes):
        sibling[node] = child[parent[node]]
        child[parent[node]] = node
    tree[root].parent = NONE
    tree[root].arc = ARTIFICIAL
    tree[root].flow = 0.0
    tree[root].upward = True
    order = np.empty(nodes + 1, np.uint32)
    stack = np.empty(nodes + 1, np.uint32)
    stack[0] = root
    height = 1
    for position in range(nodes + 1):
        height -= 1
        node = stack[height]
        order[position] = node
        if node != root:
            tree[node].parent = parent[node]
        tree[node].size = 1
        below = child[node]
        while below != NONE:
            stack[height] = below
            height += 1
            below = sibling[below]
    for position in range(nodes, -1, -1):
        node = order[position]
        after = order[position + 1] if position < nodes else root
        tree[node].next = after
        tree[after].previous = node
        tree[node].last = order[position + tree[node].size - 1]
        if node != root:
            tree[tree[node].parent].size += tree[node].size
