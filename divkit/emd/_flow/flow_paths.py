"""Path decomposition of a flow, compiled."""

from __future__ import annotations

import numpy as np

from divkit._compile import compiled


@compiled
def paths(supply, start, head, mass):
    """Decompose an acyclic flow into paths; return their (first nodes, last nodes, masses).

    The arcs that carry it are in CSR format, those of node v from ``start[v]`` to
    ``start[v + 1]``. Mass at a node first meets its own demand, then the flow of its arcs in turn,
    first in, first out; the last one served takes all that is left, so that no rounding stays
    behind. If the arcs are a forest, there are fewer paths than nodes with a supply or a demand.
    """
    nodes = supply.size
    # The mass at a node is a linked list of parcels, from `first` to `last`; the mass that stays
    # there is list number nodes + node. Serving a demand or an arc divides at most one parcel.
    parcels = 2 * nodes + head.size
    source, amount = np.empty(parcels, np.int64), np.empty(parcels)
    after = np.full(parcels, -1, np.int64)
    first, last = np.full(2 * nodes, -1, np.int64), np.full(2 * nodes, -1, np.int64)
    count = 0
    for node in _topological(start, head):
        if supply[node] > 0.0:
            source[count], amount[count] = node, supply[node]
            _append(first, last, after, node, count, count)
            count += 1
        arcs = start[node + 1] - start[node]
        if supply[node] < 0.0 and arcs > 0:
            count = _serve(
                first, last, source, amount, after, count, node, nodes + node, -supply[node]
            )
        for arc in range(start[node], start[node + 1] - 1):
            count = _serve(first, last, source, amount, after, count, node, head[arc], mass[arc])
        if first[node] >= 0:
            rest = head[start[node + 1] - 1] if arcs > 0 else nodes + node
            _append(first, last, after, rest, first[node], last[node])

    rows, columns, masses = np.empty_like(source), np.empty_like(source), np.empty_like(amount)
    found = 0
    for node in range(nodes):
        parcel = first[nodes + node]
        while parcel >= 0:
            rows[found], columns[found], masses[found] = source[parcel], node, amount[parcel]
            found += 1
            parcel = after[parcel]
    return rows[:found], columns[:found], masses[:found]


@compiled
def _topological(start, head):
    """Return the nodes in topological order."""
    nodes = start.size - 1
    missing = np.zeros(nodes, np.int64)
    for node in head:
        missing[node] += 1
    order = np.empty(nodes, np.int64)
    end = 0
    for node in range(nodes):
        if missing[node] == 0:
            order[end] = node
            end += 1
    begin = 0
    while begin < end:
        node = order[begin]
        begin += 1
        for arc in range(start[node], start[node + 1]):
            missing[head[arc]] -= 1
            if missing[head[arc]] == 0:
                order[end] = head[arc]
                end += 1
    return order[:end]


@compiled
def _serve(first, last, source, amount, after, count, node, target, wanted):
    """Move parcels worth `wanted` from the front of a list to the end of another."""
    while first[node] >= 0 and wanted > 0.0:
        parcel = first[node]
        if amount[parcel] > wanted:
            amount[parcel] -= wanted
            source[count], amount[count] = source[parcel], wanted
            parcel = count
            count += 1
        else:
            first[node] = after[parcel]
        wanted -= amount[parcel]
        after[parcel] = -1
        _append(first, last, after, target, parcel, parcel)
    return count


@compiled
def _append(first, last, after, target, begin, end):
    if first[target] < 0:
        first[target] = begin
    else:
        after[last[target]] = begin
    last[target] = end
