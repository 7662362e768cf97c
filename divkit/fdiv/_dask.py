"""D(P‖Q) of Dask arrays larger than memory: partial sums per block, reduced in a tree.

The first of two passes computes the masses, the second, knowing each row's factor, the sum. The
second has tasks of its own, so that no block is kept in memory from one pass to the other. Entries
and masses are checked when they are computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from divkit import _check
from divkit._check import Array
from divkit.fdiv._double_double import exact_sum, quotient
from divkit.fdiv._integral import critic, integral
from divkit.fdiv._normalize import Pair, atoms_last, equal_masses, mass_tolerance
from divkit.fdiv._record import Record

LEAST, MOST = 1e-100, 1e100  # masses whose products neither overflow nor underflow


def evaluate(D: Record, p: Array, q: Array, *, axis: int, keepdims: bool, normalize: bool) -> Array:
    """Return D(P‖Q) as a Dask array; see `Divergence.__call__`."""

    def partial(both: Pair) -> Array:
        common, infinite = integral(D, both)
        return np.asarray(common / both.mass + infinite)[..., None]

    xp, parts, position, dtype = _over_blocks(partial, p, q, axis, normalize, one_each=True)
    value = (xp.sum(parts, axis=-1) + D.at_one).astype(dtype)
    return xp.expand_dims(value, axis=position) if keepdims else value


def witness(D: Record, p: Array, q: Array, *, axis: int, normalize: bool) -> Array:
    """Return T = f′(p/q) at every atom as a Dask array; see `Divergence.witness`."""

    def of_block(both: Pair) -> Array:
        return critic(D, both)

    xp, T, position, dtype = _over_blocks(of_block, p, q, axis, normalize, one_each=False)
    return xp.moveaxis(T.astype(dtype), -1, position)


def _over_blocks(
    function: Callable[[Pair], Array],
    p: Array,
    q: Array,
    axis: int,
    normalize: bool,
    *,
    one_each: bool,
) -> tuple[Any, Array, int, Any]:
    """Return the namespace, `function` of every pair of blocks, the axis and the dtype."""
    # Only reached with Dask arrays, so Dask is installed.
    from dask.graph_manipulation import bind

    xp = _check.namespace(p, q)
    p, q = (x if _check.is_blocked(x) else xp.asarray(_check.real("p", x, np)) for x in (p, q))
    dtype = _check.result_dtype(np, p, q)
    for name, x in (("p", p), ("q", q)):
        if x.dtype.kind not in "fiu":
            _check.real(name, np.empty(0, x.dtype), np)
    counts = tuple(_check.is_integer(x) for x in (p, q))
    tolerance = mass_tolerance(p, q)
    p, q, position = atoms_last(p, q, axis, xp)
    p_mass, q_mass = _mass("p", p, xp), _mass("q", q, xp)
    # One number per row: they are checked together, and the second pass waits for that.
    masses = xp.stack(xp.broadcast_arrays(p_mass, q_mass)).rechunk(-1)
    masses = masses.map_blocks(_checked, counts, tolerance, normalize, dtype=complex, meta=_META)
    p, q = bind((p, q), masses)
    rows = max(p.ndim, q.ndim) - 1
    atom, row = rows, tuple(range(rows))
    parts = xp.blockwise(
        _block,
        (*row, atom),
        *(p, (*row, atom)[-p.ndim :], q, (*row, atom)[-q.ndim :]),
        *(masses[0], row, masses[1], row),
        function=function,
        result=dtype,
        adjust_chunks={atom: 1} if one_each else None,
        align_arrays=True,
        dtype=np.float64,
        meta=np.empty((0,) * (rows + 1)),
    )
    return xp, parts, position, dtype


_META = np.empty((0,), dtype=complex)


def _mass(name: str, x: Array, xp: Any) -> Array:
    """Return the sums over atoms to twice working precision, as high + low · i."""
    chunks = (*x.chunks[:-1], (1,) * len(x.chunks[-1]))
    partial = x.map_blocks(
        _block_mass, name, chunks=chunks, dtype=complex, meta=np.empty((0,) * x.ndim, complex)
    )
    return xp.reduction(partial, _added, _added, axis=-1, dtype=complex)


def _block_mass(x: Array, name: str, block_info: Any = None) -> Array:
    start = [first for first, _ in block_info[0]["array-location"]]
    x = _check.real(name, x, np)
    _check.nonnegative(name, x, np, start)
    with np.errstate(over="ignore", invalid="ignore"):
        high, low = exact_sum(x, np)
    return (high + 1j * low)[..., None]


def _added(x: Array, axis: Any, keepdims: bool) -> Array:
    """Return the sum over the last axis of numbers high + low · i, in the same form."""
    high, low = exact_sum(x.real, np)
    total = high + 1j * (low + x.imag.sum(axis=-1))
    return total[..., None] if keepdims else total


def _checked(masses: Array, counts: tuple[bool, bool], tolerance: float, normalize: bool) -> Array:
    p_mass, q_mass = masses.real
    for name, mass, counted in (("p", p_mass, counts[0]), ("q", q_mass, counts[1])):
        _check.positive_mass(name, mass, np)
        if counted and not normalize:
            _check.unit_mass(name, mass, np)
        if not np.all((mass > LEAST) & (mass < MOST)):
            raise ValueError(
                f"`{name}` must have a mass between {LEAST} and {MOST} where it is a Dask array: "
                f"rescale it, for example `{name} * 2.0**200`"
            )
    if not normalize:
        _check.equal_mass(p_mass, q_mass, tolerance, np)
    return masses


def _block(p: Array, q: Array, p_mass: Array, q_mass: Array, function: Any, result: Any) -> Array:
    p, q = _check.real("p", p, np), _check.real("q", q, np)
    p_pair, q_pair = (p_mass.real, p_mass.imag), (q_mass.real, q_mass.imag)
    with np.errstate(all="ignore"):
        scaled, difference = equal_masses(p, q, quotient(p_pair, q_pair), np)
        return function(Pair(p, scaled, q, difference, p_mass.real, False, None, -1, result, np))
