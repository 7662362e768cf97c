"""Small problems, one or many, in compiled loops: those of `small_problem`, on arrays."""

from __future__ import annotations

from inspect import getmembers, isfunction
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

import divkit.emd._network_simplex.pivots  # noqa: F401  (registers the pivots with numba)
from divkit._compile import compiled, record
from divkit.emd._certificate import acceptance
from divkit.emd._minimum import minimum
from divkit.emd._network_simplex.tree import NODE
from divkit.emd._small import dense_simplex, rows, small_problem

# A function without a `fastmath` option inherits that of the first caller that has it compiled,
# which could optimize the errors of the compensated sums away.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": False}


def _in_place_of(plain):
    """Have numba compile the decorated loop in place of calls to `plain`."""

    def register(loop):
        overload(plain, jit_options=_OPTIONS, strict=False)(lambda *arguments: loop)
        return loop

    return register


_ATOM = record(
    [
        ("mass", np.float64),
        ("left", np.float64),
        ("number", np.uint32),
        ("order", np.uint32),
        ("open", np.uint32),
        ("top", np.uint32),
        ("heaviest", np.uint32),
    ]
)


# --- rows ---


@_in_place_of(rows.largest)
def _largest(row):
    bits = row.view(np.int64)
    wrong = 0
    for j in range(row.size):
        wrong |= ((bits[j] & _SIZE) > _INFINITY) | (bits[j] == _INFINITY - _SIZE - 1)
    if wrong:
        return np.nan
    least = 0.0
    for j in range(row.size):
        size = abs(row[j])
        least = minimum(least, -size if size < np.inf else 0.0)
    return -least


# A mask for the bits of |x|, and the bits of +inf: if they are exceeded, x is nan.
_SIZE = 0x7FFFFFFFFFFFFFFF
_INFINITY = 0x7FF0000000000000


@_in_place_of(rows.cheapest)
def _cheapest(row, prices):
    least = np.inf
    for j in range(row.size):
        least = minimum(least, row[j] + prices[j])
    return least


@_in_place_of(rows.index_of)
def _index_of(row, prices, least):
    j = 0
    while row[j] + prices[j] != least:
        j += 1
    return j


@_in_place_of(rows.reduced)
def _reduced(cost):
    n, m = cost.shape
    of_rows, of_columns = np.empty(n), np.empty(m)
    for j in range(m):
        of_columns[j] = np.inf
    for i in range(n):
        row = cost[i]
        least = np.inf
        for j in range(m):
            least = minimum(least, row[j])
        of_rows[i] = least
        least = least if least < np.inf else 0.0
        for j in range(m):
            row[j] -= least
            of_columns[j] = minimum(of_columns[j], row[j])
    for i in range(n):
        row = cost[i]
        for j in range(m):
            row[j] -= of_columns[j] if of_columns[j] < np.inf else 0.0
    return of_rows, of_columns


@_in_place_of(rows.phase_one_costs)
def _phase_one_costs(cost):
    free = np.empty_like(cost)
    for i in range(len(cost)):
        for j in range(cost.shape[1]):
            free[i, j] = 0.0 if cost[i, j] < np.inf else np.inf
    return free


@_in_place_of(rows.with_mass)
def _with_mass(weights):
    atoms = np.empty(weights.size, np.int64)
    number = 0
    for atom in range(weights.size):
        if weights[atom] > 0.0:
            atoms[number] = atom
            number += 1
    return atoms[:number]


@_in_place_of(rows.chosen)
def _chosen(given, sources, sinks):
    cost = np.empty((sources.size, sinks.size))
    for i in range(sources.size):
        of_source, row = cost[i], given[sources[i]]
        if sinks.size == row.size:
            _copy(row, of_source)
        else:
            for j in range(sinks.size):
                of_source[j] = row[sinks[j]]
    return cost


@register_jitable(**_OPTIONS)
def _copy(source, target):
    # An assignment to a slice would also compile the error message for different shapes.
    for k in range(target.size):
        target[k] = source[k]


@_in_place_of(rows.zeros)
def _zeros(length):
    return np.zeros(length)


@_in_place_of(dense_simplex.state)
def _state(nodes):
    atoms = np.empty(nodes + 1, _ATOM)
    for number in range(nodes + 1):
        atoms[number].number = number
    return dense_simplex.State(np.empty(nodes + 1, NODE), np.empty(nodes + 1), atoms)


# --- problems ---

for _module in (acceptance, dense_simplex, small_problem):
    for _, _function in getmembers(_module, isfunction):
        if _function.__module__ == _module.__name__ and _function is not dense_simplex.state:
            register_jitable(**_OPTIONS)(_function)


def _given(dimensions):
    """Return the type of an array that is only read, with any strides."""
    return types.Array(types.float64, dimensions, "A", readonly=True)


@compiled(
    signature=types.void(
        _given(2),
        _given(2),
        _given(3),
        *(types.int64,) * 3,
        types.float64[:, ::1],
        types.int32[:, ::1],
    ),
    **_OPTIONS,
)
def solve(a, b, M, limit, start, stop, floats, integers):
    """Solve the problems from `start` to `stop`.

    Parameters are weights, shapes (k, n) and (k, m), and costs, shape (k, n, m), each for one
    problem or for all if k = 1; the limit on the pivots of each; and two arrays with a row per
    problem, which `small_problem.found` divides.
    """
    n, m = M.shape[1:]
    tall = small_problem.is_tall(n, m)
    given = np.empty((m, n) if tall else (n, m))
    of_source, of_sink = np.empty(n), np.empty(m)
    for problem in range(start, stop):
        costs = M[problem if len(M) > 1 else 0]
        for i in range(len(given)):
            _copy(costs[:, i] if tall else costs[i], given[i])
        _copy(a[problem if len(a) > 1 else 0], of_source)
        _copy(b[problem if len(b) > 1 else 0], of_sink)
        found = small_problem.found(floats[problem], integers[problem], n, m)
        if tall:
            small_problem.solve(given, of_sink, of_source, limit, small_problem.transposed(found))
        else:
            small_problem.solve(given, of_source, of_sink, limit, found)
