"""Certify the answers of solvers, for costs of any form, and refuse those that are not exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from divkit._errors import ConvergenceError
from divkit._forks import loading
from divkit.emd._certificate.certify import judged
from divkit.emd._costs.costs import Costs
from divkit.emd._solver_types import Answer, Indices, Vector
from divkit.emd._transport import Transport

# More iterations than are ever feasible, and few enough for a 64-bit counter.
_NO_LIMIT = 1 << 62


def certified(
    a: Vector, b: Vector, costs: Costs, answer: Answer, method: str, *, prove: bool = False
) -> tuple[Transport, bool]:
    """Return an answer's record, with its certificate, and whether it is optimal to rounding."""
    with loading:
        from scipy.sparse import csr_array

    f, g, number = answer.f, answer.g, answer.iterations
    arcs = answer.mass, answer.rows, answer.columns
    left_out = _left_out(answer.rows, a), _left_out(answer.columns, b)
    if any(atoms.size for atoms in left_out):
        arcs = _with(*left_out, a, b, costs, answer)
    plan = csr_array((arcs[0], arcs[1:]), shape=costs.shape)
    return judged(a, b, costs, plan, f, g, method=method, iterations=number, prove=prove)


def _left_out(served: Indices, weights: Vector) -> Indices:
    """Return the atoms with mass that a plan does not serve."""
    rest = weights > 0
    rest[served] = False
    return np.flatnonzero(rest)


def _with(
    sources: Indices, sinks: Indices, a: Vector, b: Vector, costs: Costs, answer: Answer
) -> tuple[Vector, Indices, Indices]:
    """Return the plan with the atoms it left out, each joined to its cheapest partners.

    Of equally cheap partners the heaviest is taken, where the excess mass is relatively smallest.
    """
    n, m = costs.shape
    f, g = (np.where(x > 0, y, -np.inf) for x, y in ((a, answer.f), (b, answer.g)))
    left = dict(zip(sources.tolist(), a[sources].tolist(), strict=True))
    pairs: list[tuple[int, int, float]] = []
    for j in sinks.tolist():
        reduced = costs.at(np.arange(n), np.full(n, j)) - f
        need = float(b[j])
        # Of equally cheap partners, those that are left out themselves come first.
        for i in sorted(left, key=reduced.__getitem__):
            mass = min(need, left[i])
            if mass > 0 and reduced[i] <= reduced.min():
                pairs.append((i, j, mass))
                need, left[i] = need - mass, left[i] - mass
        if need > 0:
            reduced[list(left)] = np.inf
            pairs.append((_heaviest_of_the_cheapest(reduced, a), j, need))
    g[sinks] = -np.inf
    for i, mass in left.items():
        if mass > 0:
            reduced = costs.at(np.full(m, i), np.arange(m)) - g
            pairs.append((i, _heaviest_of_the_cheapest(reduced, b), mass))
    rows, columns, masses = (np.array(x) for x in zip(*pairs, strict=True))
    allowed = np.isfinite(costs.at(rows, columns))
    return (
        np.concatenate([answer.mass, masses[allowed]]),
        np.concatenate([answer.rows, rows[allowed]]),
        np.concatenate([answer.columns, columns[allowed]]),
    )


def _heaviest_of_the_cheapest(reduced: Vector, weights: Vector) -> int:
    least = reduced.min()
    rounding = (
        4 * np.finfo(np.float64).eps * np.max(np.abs(reduced[np.isfinite(reduced)]), initial=0)
    )
    return int(np.argmax(np.where(reduced <= least + rounding, weights, -1.0)))


def exact(
    a: Vector, b: Vector, costs: Costs, answer: Answer, method: str, remedy: str
) -> Transport:
    """Return an answer's record, or raise ConvergenceError if it is not optimal to rounding."""
    t, is_exact = certified(a, b, costs, answer, method, prove=True)
    if not is_exact:
        raise ConvergenceError(
            f"{method} left a gap of {t.gap:.1e} at a value of {t.value:.6g}, and an error of "
            f"{t.primal_residual:.1e} in the weights: {remedy}"
        )
    return t


def check_limit(max_iter: Any) -> int:
    """Return `max_iter` as an int that fits into 64 bits, or raise an error if it is not valid.

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If it is less than 1.
    """
    if isinstance(max_iter, bool) or not isinstance(max_iter, (int, np.integer)):
        raise TypeError(f"`max_iter` must be an integer or None, got {max_iter!r}")
    if max_iter < 1:
        raise ValueError(f"`max_iter` must be at least 1, got {max_iter}")
    return min(int(max_iter), _NO_LIMIT)
