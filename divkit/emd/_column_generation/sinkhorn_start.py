"""Potentials nearer to the optimum, by Sinkhorn's algorithm on few pairs.

The dual of transport with an entropic penalty ε is smooth and has no constraints; its coordinate
ascent, one side at a time, is Sinkhorn's algorithm. On the pairs that a plan may need a sweep
takes hardly any time (Peyré and Cuturi 2019, sections 4.2 and 4.4).
"""

from __future__ import annotations

import numpy as np

from divkit import _threads
from divkit._compile import compiled
from divkit.emd._minimum import minimum
from divkit.emd._solver_types import Indices, Vector

# ε goes down from the mean reduced cost by powers of two, with some sweeps for each.
_HALVINGS = 5
_SWEEPS = 3
# (1 − z/2ᵏ)^(2ᵏ) stands for exp(−z): for z up to 1, where it matters, 0.2 % less. It takes k
# multiplications, for many pairs at once.
_STEPS = 8
# Pairs that are worth a thread: a millisecond of exponentials.
_PER_THREAD = 1 << 16


def refine(
    a: Vector,
    b: Vector,
    rows: Indices,
    columns: Indices,
    costs: Vector,
    f: Vector,
    g: Vector,
) -> tuple[Vector, Vector]:
    """Return potentials that are not feasible any more, but closer to optimal ones.

    Parameters
    ----------
    a, b : array, shapes (n,) and (m,)
        Positive weights.
    rows, columns : array of int, shape (k,)
        The pairs, in the order of their rows.
    costs : array, shape (k,)
        What they cost.
    f, g : array, shapes (n,) and (m,)
        Potentials to start from.
    """
    epsilon = float(np.maximum(costs - f[rows] - g[columns], 0.0).mean()) if costs.size else 0.0
    # Powers of two from here, and no less than what the costs can tell.
    if epsilon <= np.finfo(np.float64).eps * float(np.abs(costs).max(initial=0.0)):
        return f, g
    f, g = f.copy(), g.copy()
    by_column = np.argsort(columns, kind="stable")
    of_rows = np.searchsorted(rows, np.arange(a.size + 1)), columns, costs
    of_columns = (
        np.searchsorted(columns[by_column], np.arange(b.size + 1)),
        rows[by_column],
        costs[by_column],
    )
    for _ in range(_HALVINGS):
        for _ in range(_SWEEPS):
            _half_sweep(*of_rows, a, g, epsilon, f)
            _half_sweep(*of_columns, b, f, epsilon, g)
        epsilon /= 2
    return f, g


def _half_sweep(
    start: Indices,
    other: Indices,
    cost: Vector,
    weight: Vector,
    from_potential: Vector,
    epsilon: float,
    potential: Vector,
) -> None:
    def piece(first: int, last: int) -> None:
        _ascend(start, other, cost, weight, from_potential, epsilon, potential, first, last)

    _threads.run(piece, weight.size, _threads.worth(cost.size, _PER_THREAD))


# The order of additions does not matter here; no number is nan.
@compiled(fastmath={"nnan", "nsz", "reassoc"})
def _ascend(start, other, cost, weight, from_potential, epsilon, potential, first, last):  # type: ignore[no-untyped-def]
    """Set the potentials of the nodes `first` to `last` to their best, given the other side's.

    Node v has the pairs ``start[v]`` to ``start[v + 1]``, with ``other`` and ``cost`` of each:
    potential_v = ε log weight_v − ε log Σ exp((from_potential − cost) / ε).
    """
    per_step = 1.0 / (epsilon * 2.0**_STEPS)
    for v in range(first, last):
        low, high = start[v], start[v + 1]
        if low == high:
            continue
        least = np.inf
        for pair in range(low, high):
            least = minimum(least, cost[pair] - from_potential[other[pair]])
        total = 0.0
        for pair in range(low, high):
            further = cost[pair] - from_potential[other[pair]] - least
            power = 1.0 - minimum(further * per_step, 1.0)
            for _ in range(_STEPS):
                power *= power
            total += power
        potential[v] = epsilon * (np.log(weight[v]) - np.log(total)) + least
