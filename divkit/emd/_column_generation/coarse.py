"""Coarsening, compiled: groups of atoms whose features are close, and representatives of them.

Optimal potentials between the representatives extend to all atoms, to start close to the optimum.
"""

from __future__ import annotations

import numpy as np

from divkit._compile import compiled


@compiled
def representatives(features, weights, groups):
    """Split the atoms into groups; return an atom of each, and the weights of the groups.

    Parameters
    ----------
    features : array, shape (n, d)
        Finite numbers.
    weights : array, shape (n,)
        Positive.
    groups : int
        Their number, at most n. Groups have nearly equal size, so they are narrow where the atoms
        are dense.

    Returns
    -------
    atoms : array of int, shape (groups,)
        The atom of each group nearest to its centroid, in the 1-norm.
    mass : array, shape (groups,)
    """
    return nearest_to_centroids(features, weights, *bisect(features, groups))


@compiled
def nearest_to_centroids(features, weights, order, starts):
    """Return what `representatives` does for groups given as `bisect` returns them."""
    groups = starts.size - 1
    atoms = np.empty(groups, np.int64)
    mass = np.zeros(groups)
    centroid = np.empty(features.shape[1])
    for group in range(groups):
        members = order[starts[group] : starts[group + 1]]
        for atom in members:
            mass[group] += weights[atom]
        centroid[:] = 0.0
        for atom in members:
            share = weights[atom] / mass[group]
            for k in range(centroid.size):
                centroid[k] += share * features[atom, k]
        nearest = np.inf
        for atom in members:
            distance = 0.0
            for k in range(centroid.size):
                distance += abs(features[atom, k] - centroid[k])
            if distance < nearest or atom == members[0]:
                nearest = distance
                atoms[group] = atom
    return atoms, mass


@compiled
def bisect(features, groups):
    """Bisect the atoms recursively by their widest feature, into `groups` groups.

    Returns the atoms, group by group, and where each group starts, followed by the end of the last.
    """
    n = features.shape[0]
    order = np.arange(n)
    starts = np.empty(groups + 1, np.int64)
    starts[0], starts[groups] = 0, n
    # Ranges still to be split: bounds of their atoms, then of their groups.
    stack = np.empty((64, 4), np.int64)
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = 0, n, 0, groups
    height = 1
    key = np.empty(n)
    while height > 0:
        height -= 1
        low, high, first, last = stack[height]
        if last - first == 1:
            continue
        feature = _widest(features, order[low:high])
        for position in range(low, high):
            key[position] = features[order[position], feature]
        middle_group = (first + last) // 2
        middle = low + (high - low) * (middle_group - first) // (last - first)
        _select(key[low:high], order[low:high], middle - low)
        starts[middle_group] = middle
        for part in range(2):
            stack[height, 0] = low if part == 0 else middle
            stack[height, 1] = middle if part == 0 else high
            stack[height, 2] = first if part == 0 else middle_group
            stack[height, 3] = middle_group if part == 0 else last
            height += 1
    return order, starts


@compiled
def _widest(features, atoms):
    low, high = features[atoms[0]].copy(), features[atoms[0]].copy()
    for atom in atoms:
        for k in range(low.size):
            low[k] = min(low[k], features[atom, k])
            high[k] = max(high[k], features[atom, k])
    widest = 0
    for k in range(low.size):
        if high[k] - low[k] > high[widest] - low[widest]:
            widest = k
    return widest


@compiled
def _select(key, atoms, place):
    """Partition keys, and atoms with them: no key before `place` is larger than one after.

    Hoare's quickselect.
    """
    low, high = 0, key.size - 1
    while low < high:
        pivot = key[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while key[i] < pivot:
                i += 1
            while key[j] > pivot:
                j -= 1
            if i <= j:
                key[i], key[j] = key[j], key[i]
                atoms[i], atoms[j] = atoms[j], atoms[i]
                i += 1
                j -= 1
        if place <= j:
            high = j
        elif place >= i:
            low = i
        else:
            return
