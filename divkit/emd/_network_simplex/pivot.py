"""Pivots on the spanning tree of the network simplex, in plain loops.

They run compiled on records (`divkit.emd._network_simplex.pivots`) or interpreted on a list of
`Node`, so this module imports nothing that compiles.

A tree is strongly feasible if each of its arcs carries mass or leads to the root. Of several
blocking arcs, the leaving arc is the last one on the cycle when it is traversed from its apex in
the direction of the entering arc. This keeps the tree strongly feasible and prevents cycling
(Cunningham 1976, "A network simplex method", Mathematical Programming 11).
"""

from __future__ import annotations

import numpy as np

# Indices are unsigned: compiled code need not check them for negative values (from the end).
NONE = np.uint32(0xFFFFFFFF)


class Node:
    """A node of a tree in a list, with the fields of `divkit.emd._network_simplex.tree.NODE`."""

    __slots__ = ("arc", "flow", "last", "next", "parent", "previous", "size", "upward")


def pivot(tree, potential, entering, tail, head, reduced):
    """Let the arc `entering` replace a tree arc; return False if no arc blocks (unbounded)."""
    apex = find_apex(tree, tail, head)
    leaving, from_tail, flow = find_leaving_arc(tree, tail, head, apex)
    if leaving == NONE:
        return False
    if flow > 0.0:
        augment_flow(tree, tail, head, apex, flow)
    exchange_arcs(
        tree, potential, tail, head, apex, leaving, from_tail, entering, flow, from_tail, reduced
    )
    return True


def cross_over(tree, potential, arc, tail, head, reduced, carried):
    """Make a nonbasic arc that carries flow basic, or empty it: a step of crossover.

    Flow is sent around the cycle that the arc closes, in the direction that costs less, until
    either the arc is empty or a tree arc is, which it then replaces.
    """
    cheap = reduced < 0.0
    if not cheap:
        # Reducing the flow on the arc sends flow from its head back to its tail.
        tail, head, reduced = head, tail, -reduced
    apex = find_apex(tree, tail, head)
    leaving, from_tail, flow = find_leaving_arc(tree, tail, head, apex)
    if flow == 0.0:
        # If no flow can move in either direction, as between two trees, move the smaller subtree.
        other, from_other_tail, other_flow = find_leaving_arc(tree, head, tail, apex)
        if other_flow == 0.0 and tree[other].size < tree[leaving].size:
            leaving, from_tail = other, from_other_tail
            cheap, tail, head, reduced = not cheap, head, tail, -reduced
    # On a tie with a blocking arc directed away from the root, the arc enters instead: left in
    # the tree without flow, the blocking arc would violate strong feasibility.
    if not cheap and (carried < flow or (carried == flow and from_tail)):
        augment_flow(tree, tail, head, apex, carried)
        return
    if flow > 0.0:
        augment_flow(tree, tail, head, apex, flow)
    carried += flow if cheap else -flow
    exchange_arcs(
        tree,
        potential,
        tail,
        head,
        apex,
        leaving,
        from_tail,
        arc,
        carried,
        from_tail == cheap,
        reduced,
    )


def exchange_arcs(
    tree, potential, tail, head, apex, leaving, from_tail, entering, flow, upward, reduced
):
    """Move the subtree below the leaving arc to the other end of the entering arc."""
    inner, outer = (tail, head) if from_tail else (head, tail)
    size = tree[leaving].size
    remove_edge(tree, leaving, apex)
    last = make_root(tree, leaving, inner, outer, entering, flow, upward)
    add_edge(tree, inner, last, outer, apex, size)
    update_potentials(tree, potential, inner, last, size, reduced if from_tail else -reduced)


def find_apex(tree, tail, head):
    """Return the node where the paths from `tail` and `head` to the root meet."""
    u, v = tail, head
    while u != v:
        # The node of smaller subtree cannot be an ancestor of the other.
        if tree[u].size < tree[v].size:
            u = tree[u].parent
        else:
            v = tree[v].parent
    return u


def find_leaving_arc(tree, tail, head, apex):
    """Return the lower node of the leaving arc, whether it is on the tail's side, and the flow.

    The cycle runs from the apex down to the tail, over the entering arc, and up from the head.
    """
    leaving, from_tail, flow = NONE, False, np.inf
    node = tail
    while node != apex:
        # Upward from the tail is backward on the cycle: the first blocking arc found is the last.
        if tree[node].upward and tree[node].flow < flow:
            leaving, from_tail, flow = node, True, tree[node].flow
        node = tree[node].parent
    node = head
    while node != apex:
        if not tree[node].upward and tree[node].flow <= flow:
            leaving, from_tail, flow = node, False, tree[node].flow
        node = tree[node].parent
    return leaving, from_tail, flow


def augment_flow(tree, tail, head, apex, flow):
    node = tail
    while node != apex:
        tree[node].flow += -flow if tree[node].upward else flow
        node = tree[node].parent
    node = head
    while node != apex:
        tree[node].flow += flow if tree[node].upward else -flow
        node = tree[node].parent


def remove_edge(tree, top, apex):
    """Remove the subtree of `top` from its ancestors' sizes and last nodes, not from the thread."""
    size, last, before = tree[top].size, tree[top].last, tree[top].previous
    node = tree[top].parent
    while node != NONE and tree[node].last == last:
        tree[node].last = before
        node = tree[node].parent
    node = tree[top].parent
    while node != apex:
        tree[node].size -= size
        node = tree[node].parent


def make_root(tree, top, inner, outer, entering, flow, upward):
    """Re-root the subtree of `top` at `inner`, with parent `outer`; return its last node.

    The thread of the subtree then starts at `inner`, and is cut out of the tree's thread. On the
    path from `inner` up to `top`, every node takes over the arc of the one before. Once the subtree
    of that one is cut out, what is below a node is contiguous in the thread; these parts are
    concatenated in the order of the path.
    """
    size = tree[top].size
    end = NONE
    above, arc = outer, np.int32(entering)
    taken = np.uint32(0)
    node = inner
    node_last = tree[inner].last
    while True:
        old_above, old_arc = tree[node].parent, tree[node].arc
        old_flow, old_upward, old_size = tree[node].flow, tree[node].upward, tree[node].size
        before, after = tree[node].previous, tree[node_last].next
        tree[before].next = after
        tree[after].previous = before
        above_last = tree[old_above].last
        if above_last == tree[node].last:
            above_last = before
        if end != NONE:
            tree[end].next = node
            tree[node].previous = end
        end = node_last
        tree[node].parent, tree[node].arc = above, arc
        tree[node].flow, tree[node].upward = flow, upward
        tree[node].size = size - taken
        if node == top:
            break
        taken = old_size
        above, arc, flow, upward = node, old_arc, old_flow, not old_upward
        node, node_last = old_above, above_last
    node = top
    while node != outer:
        tree[node].last = end
        node = tree[node].parent
    return end


def add_edge(tree, top, last, above, apex, size):
    """Insert the thread from `top` to `last` after its parent `above`; update the ancestors."""
    after = tree[above].next
    tree[above].next = top
    tree[top].previous = above
    tree[last].next = after
    tree[after].previous = last
    node = above
    while node != NONE and tree[node].last == above:
        tree[node].last = last
        node = tree[node].parent
    node = above
    while node != apex:
        tree[node].size += size
        node = tree[node].parent


def update_potentials(tree, potential, top, last, size, step):
    """Raise the subtree's potentials by `step`, or lower all others, whichever are fewer."""
    if 2 * size <= len(tree):
        first, stop, change = top, tree[last].next, step
    else:
        first, stop, change = tree[last].next, top, -step
    node = first
    while node != stop:
        potential[node] += change
        node = tree[node].next


# The functions to compile, for `pivots`.
STEPS = (
    pivot,
    cross_over,
    find_apex,
    find_leaving_arc,
    augment_flow,
    exchange_arcs,
    remove_edge,
    make_root,
    add_edge,
    update_potentials,
)
