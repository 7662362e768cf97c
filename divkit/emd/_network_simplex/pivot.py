"""Pivots of the network simplex' spanning tree, in plain loops.

They run compiled on records (`divkit.emd._network_simplex.pivots`), or as they are on a list of
`Node`, and import nothing that compiles.

A tree is strongly feasible if each of its arcs carries mass or leads to the root. Where several
arcs of the cycle that an entering arc closes could leave, the last one does, in the direction of
the entering arc and counted from the apex of the cycle: the tree stays strongly feasible, and no
tree comes back (Cunningham 1976, "A network simplex method", Mathematical Programming 11).
"""

from __future__ import annotations

import numpy as np

# Unsigned indices spare every compiled access the question whether it counts from the end.
NONE = np.uint32(0xFFFFFFFF)


class Node:
    """A node of a tree in a list, with the fields of `divkit.emd._network_simplex.tree.NODE`."""

    __slots__ = ("arc", "flow", "last", "next", "parent", "previous", "size", "upward")


def pivot(tree, potential, entering, tail, head, reduced):
    """Exchange a tree arc for the arc `entering`; return False if none limits the flow."""
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
    """Make an arc that carries flow outside the tree basic, or empty: a step of crossover.

    Flow is sent around the cycle that the arc closes, in the direction that costs less, until the
    arc is empty or a tree arc is, which it replaces then.
    """
    cheap = reduced < 0.0
    if not cheap:
        # Taking flow from the arc is sending it from the head, through the arc, to the tail.
        tail, head, reduced = head, tail, -reduced
    apex = find_apex(tree, tail, head)
    leaving, from_tail, flow = find_leaving_arc(tree, tail, head, apex)
    if flow == 0.0:
        # Where nothing moves either way round, as between two trees, the smaller subtree does.
        other, from_other_tail, other_flow = find_leaving_arc(tree, head, tail, apex)
        if other_flow == 0.0 and tree[other].size < tree[leaving].size:
            leaving, from_tail = other, from_other_tail
            cheap, tail, head, reduced = not cheap, head, tail, -reduced
    # Tied with an arc that would be left empty and leading from the root, it replaces that one.
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
    """Return where the paths to the root meet; the smaller subtree cannot hold the other node."""
    u, v = tail, head
    while u != v:
        if tree[u].size < tree[v].size:
            u = tree[u].parent
        else:
            v = tree[v].parent
    return u


def find_leaving_arc(tree, tail, head, apex):
    """Return the lower node of the leaving arc, if it is on the tail's side, and the cycle's flow.

    The cycle runs from the apex down to the tail, over the entering arc, and up from the head.
    """
    leaving, from_tail, flow = NONE, False, np.inf
    node = tail
    while node != apex:
        # Upwards from the tail is backwards: the first of several is the last on the way.
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
    """Make the ancestors of `top` forget its subtree; the thread still leads through it."""
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
    """Make `inner` the top of the subtree of `top`, below `outer`; return the subtree's last node.

    Its thread then starts at `inner` and is taken out of the tree's. Every node from `inner` up
    to `top` gets the arc of the one before. What was below it but not below that one is a
    stretch of the thread; the stretches follow one another in the order of the path.
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
    """Insert the thread from `top` to `last` after its parent `above`; tell the ancestors."""
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


# All are compiled together.
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
