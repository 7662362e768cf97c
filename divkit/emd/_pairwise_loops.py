"""A compiled loop over pairs of histograms, which solves each on the bins that hold mass."""

from __future__ import annotations

import numpy as np
from numba import types

from divkit._compile import compiled
from divkit.emd._small import small_compiled
from divkit.emd._small.small_problem import NUMBERS


@compiled(
    signature=types.void(
        types.float64[:, ::1],
        types.float64[:, ::1],
        types.Array(types.float64, 2, "A", readonly=True),
        types.int64,
        types.Array(types.int64, 1, "C", readonly=True),
        types.float64[:, ::1],
    ),
)
def solve(a, b, M, limit, pairs, numbers):
    """Solve the problems `pairs`, with weights in rows of `a` and `b` and costs `M`.

    The scalar results of each, as `divkit.emd._small.small_problem` defines them, are written to
    its row of `numbers`; potentials and plan are dropped.
    """
    for pair in pairs:
        sources, sinks = np.flatnonzero(a[pair]), np.flatnonzero(b[pair])
        atoms = sources.size + sinks.size
        costs = np.empty((1, sources.size, sinks.size))
        for i in range(sources.size):
            for j in range(sinks.size):
                costs[0, i, j] = M[sources[i], sinks[j]]
        of_source, of_sink = np.empty((1, sources.size)), np.empty((1, sinks.size))
        for i in range(sources.size):
            of_source[0, i] = a[pair, sources[i]]
        for j in range(sinks.size):
            of_sink[0, j] = b[pair, sinks[j]]
        floats = np.empty((1, NUMBERS + 2 * atoms))
        integers = np.empty((1, 2 * atoms), np.int32)
        small_compiled.solve(of_source, of_sink, costs, limit, 0, 1, floats, integers)
        for k in range(NUMBERS):
            numbers[pair, k] = floats[0, k]
