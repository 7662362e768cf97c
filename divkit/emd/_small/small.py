"""Exact transport between few atoms: on all pairs at once, and with nothing to compile first.

The loops run interpreted until they have taken about as long as loading the compiled ones takes,
and compiled from then on, with bitwise equal results.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from divkit._forks import loading
from divkit.emd._certificate.exact import check_limit
from divkit.emd._costs.costs import MatrixCosts
from divkit.emd._small import single, small_problem
from divkit.emd._small.small_problem import (
    INEXACT,
    LIMIT,
    NUMBERS,
    PIVOTS,
    SOLVED,
    STATUS,
    STUCK,
    Found,
)
from divkit.emd._solver_types import Answer, Indices, NoPlanError, Vector, limit_reached
from divkit.emd._transport import Transport

# Pairs, and atoms of both sides together, up to which pricing all pairs is quicker than column
# generation.
_MOST_PAIRS, _MOST_ATOMS = 1 << 18, 1 << 11
# If one side is small, more atoms are allowed: all atoms times those of that side, up to this.
_MOST_OF_FEW = 1 << 14
# With a single source or sink: atoms up to which loops are quicker than array operations.
_MOST_BY_LOOPS = 1 << 5
# Pairs for which plain loops take some ten milliseconds: 64 atoms per side.
_FEW_PAIRS = 1 << 12
# Seconds of plain loops after which a process loads the compiled ones, 40 to 100 times as fast.
# Loading takes half a second, or several the first time, when they are compiled.
_PATIENCE = 1.0
# The time that plain loops take per pair, at most.
_SECONDS = 4e-6
# A few pivots per atom are usual; this many are a sign of cycling.
_USUAL_LIMIT = 10**6
# Compiled loops count in int64.
_LARGEST_LIMIT = 2**63 - 1

_compiled: Callable[..., None] | None = None
_spent = 0.0


def fits(shape: tuple[int, int], start: object = None) -> bool:
    """Return whether a problem is small; given a `start`, whether too small to profit from it."""
    n, m = shape
    if start is not None:
        return n * m <= _FEW_PAIRS
    few = min(n, m)
    light = n + m <= _MOST_ATOMS or few == 1 or few * (n + m) <= _MOST_OF_FEW
    return light and n * m <= _MOST_PAIRS


def solve(a: Any, b: Any, M: Any, max_iter: int | None = None) -> Transport | None:
    """Return the answer to a small problem by the fast path, None if that does not apply.

    It applies to float64 arrays of matching shapes, with weights of equal mass, costs far from the
    ends of the range of float64, and a plan on the allowed pairs. Everything else that
    `divkit.emd.solve` accepts or rejects is left to the general path.

    Raises
    ------
    TypeError, ValueError
        If `max_iter` is not a valid limit.
    ConvergenceError
        If the limit is reached.
    """
    if max_iter is not None:
        max_iter = check_limit(max_iter)
    if type(M) is not np.ndarray or M.dtype != np.float64 or M.ndim != 2:
        return None
    n, m = shape = M.shape
    if not (fits(shape) and n > 0 and m > 0 and M.flags.aligned):
        return None
    if a is None and b is None:
        a, b = np.full(n, 1 / n), np.full(m, 1 / m)
    elif not (_is_plain(a, n) and _is_plain(b, m)):
        return None
    if min(n, m) == 1 and n * m > _MOST_BY_LOOPS:
        t = single.solve(a, b, M)
        if t is not None:
            return t
    found = _find(a, b, M, max_iter)
    status = found.numbers[STATUS]
    if status == SOLVED:
        return transport(found, shape)
    return _proven(a, b, M, found) if status == INEXACT else None


def _proven(a: Vector, b: Vector, M: NDArray[Any], found: Found) -> Transport | None:
    """Return the answer if its plan proves exact although its potentials are not, else None."""
    from divkit.emd._certificate.exact import certified

    t, is_exact = certified(a, b, MatrixCosts(M), _answer(found), "simplex", prove=True)
    return t if is_exact else None


def transport(found: Found, shape: tuple[int, int]) -> Transport:
    """Return what was found as a `Transport`."""
    _, value, dual_value, gap, primal_residual, dual_residual, pivots, _ = _numbers(found)
    return Transport(
        value=value,
        dual_value=dual_value,
        gap=gap,
        primal_residual=primal_residual,
        dual_residual=dual_residual,
        method="simplex",
        iterations=int(pivots),
        shape=shape,
        _plan=partial(plan, found, shape),
        _potentials=(np.asarray(found.f), np.asarray(found.g)),
    )


def answer(a: Vector, b: Vector, M: NDArray[Any], limit: int | None = None) -> Answer:
    """Solve a scaled problem; see `divkit.emd._solver_types.Backend` for the inputs.

    Raises
    ------
    NoPlanError
        If no plan avoids the forbidden pairs.
    ConvergenceError
        If the limit is reached.
    """
    found = _find(a, b, np.asarray(M, np.float64), limit)
    status = found.numbers[STATUS]
    if status == STUCK:
        raise NoPlanError
    assert status in (SOLVED, INEXACT)
    return _answer(found)


def plan(found: Found, shape: tuple[int, int]) -> Any:
    """Return the plan, a csr_array."""
    with loading:
        from scipy.sparse import csr_array

    rows, columns, mass = _entries(found)
    return csr_array((mass, (rows, columns)), shape=shape)


def usual_limit(limit: int | None) -> int:
    """Return the limit on the pivots of one problem."""
    return _USUAL_LIMIT if limit is None else min(int(limit), _LARGEST_LIMIT)


def compiled_pays(pairs: int) -> bool:
    """Return whether compiled loops are loaded, or worth loading for this many more pairs."""
    return _compiled is not None or _spent + _SECONDS * pairs > _PATIENCE


def load() -> Callable[..., None]:
    """Load the compiled `small_compiled.solve`, which is used from then on, and return it."""
    global _compiled
    if _compiled is None:
        with loading:
            from divkit.emd._small import small_compiled

        _compiled = small_compiled.solve
    return _compiled


def _is_plain(weights: Any, length: int) -> bool:
    return (
        type(weights) is np.ndarray
        and weights.dtype == np.float64
        and weights.shape == (length,)
        and weights.flags.aligned
    )


def _find(a: Vector, b: Vector, M: NDArray[Any], limit: int | None) -> Found:
    global _spent
    n, m = M.shape
    limit = usual_limit(limit)
    floats, integers = NUMBERS + 2 * (n + m), 2 * (n + m)
    if compiled_pays(n * m):
        of_all = np.empty((1, floats)), np.empty((1, integers), np.int32)
        load()(a[None], b[None], M[None], limit, 0, 1, *of_all)
        found = small_problem.found(of_all[0][0], of_all[1][0], n, m)
    else:
        start = time.perf_counter()
        found = small_problem.found([0.0] * floats, [0] * integers, n, m)
        if small_problem.is_tall(n, m):
            small_problem.solve(
                M.T.tolist(), b.tolist(), a.tolist(), limit, small_problem.transposed(found)
            )
        else:
            small_problem.solve(M.tolist(), a.tolist(), b.tolist(), limit, found)
        _spent += time.perf_counter() - start
    if found.numbers[STATUS] == LIMIT:
        raise limit_reached("the network simplex", limit)
    return found


def _answer(found: Found) -> Answer:
    f, g = np.asarray(found.f), np.asarray(found.g)
    return Answer(*_entries(found), f, g, int(found.numbers[PIVOTS]))


def _numbers(found: Found) -> list[float]:
    numbers = found.numbers
    return numbers if isinstance(numbers, list) else numbers.tolist()


def _entries(found: Found) -> tuple[Indices, Indices, Vector]:
    size = int(found.numbers[small_problem.ENTRIES])
    rows, columns = (np.asarray(x[:size], np.intp) for x in (found.rows, found.columns))
    return rows, columns, np.asarray(found.mass[:size], np.float64)
