"""D(P‖Q) on arrays: exact normalization, zeros, axes; and the dual side, witness and bound."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from divkit import _check
from divkit._check import Array
from divkit.fdiv import _scalar
from divkit.fdiv._integral import critic, integral
from divkit.fdiv._normalize import Pair, pair
from divkit.fdiv._record import Record


def evaluate(D: Record, p: Array, q: Array, *, axis: int, keepdims: bool, normalize: bool) -> Array:
    """Return D(P‖Q); see `Divergence.__call__`."""
    value = _small(D, p, q, axis)
    if value is None:
        value = _large(D, p, q, axis, normalize)
    if value is not None and not _is_near_maximum(D, value):
        return np.expand_dims(value, axis) if keepdims else value
    if _check.is_blocked(p) or _check.is_blocked(q):
        from divkit.fdiv import _dask

        return _dask.evaluate(D, p, q, axis=axis, keepdims=keepdims, normalize=normalize)
    both = pair(p, q, axis, normalize, _check.namespace(p, q))
    with _check.quiet(both.xp):
        others = both if both.tiny is None else _without(both, both.tiny.where)
        common, infinite = integral(D, others)
        if both.xp is np and np.any((common < _scalar.SMALLEST) & (infinite == 0)):
            common = _without_underflow(D, others, common)
        if both.xp is np and np.any(common == math.inf):
            common = _without_overflow(D, others)
        value = common / both.mass + D.at_one + infinite
        if both.tiny is not None:
            value = value + both.tiny.value(D)
        if both.xp is np and _is_near_maximum(D, value):
            value = np.where(value > 0.1 * D.at_one, _below_maximum(D, both), value)
    return _finished(value, both, keepdims)


def _is_near_maximum(D: Record, value: Array) -> bool:
    """Return whether a value is close to 0, for a D with f(1) < 0 and maximum 0 such as `gan`."""
    if not (D.at_one < 0 and D.at_zero == 0 == D.slope and D.is_symmetric):
        return False
    near = value > 0.1 * D.at_one
    return bool(near.any() if near.ndim else near)


def _below_maximum(D: Record, both: Pair) -> Array:
    """Return Σ q f(p/q) itself, over common atoms, for a symmetric f with f(0⁺) = 0."""
    larger, smaller = np.maximum(both.p, both.q), np.minimum(both.p, both.q)
    shared = smaller > 0
    u = np.where(shared, smaller, 1.0) / np.where(shared, larger, 1.0)
    terms = larger * D.generator(u)
    return np.sum(np.where(shared, terms, 0.0), axis=-1) / both.mass


def _without(both: Pair, where: Array) -> Pair:
    """Return the pair without some of its atoms, its mass unchanged."""
    p, q, q_own, difference = (
        np.where(where, 0.0, x) for x in (both.p, both.q, both.q_own, both.difference)
    )
    return replace(both, p=p, q=q, q_own=q_own, difference=difference, full=False)


def _without_underflow(D: Record, both: Pair, common: Array) -> Array:
    """Return Σ h, recomputed with scaled-up masses where it is so small that terms underflow."""
    large = 2.0**512
    larger = replace(
        both,
        p=both.p * large,
        q=both.q * large,
        q_own=both.q_own * large,
        difference=both.difference * large,
    )
    return np.where(common < _scalar.SMALLEST, integral(D, larger)[0] / large, common)


def _without_overflow(D: Record, both: Pair) -> Array:
    """Return Σ h, with terms that overflow in f(p/q) computed from their logarithms."""
    from divkit.fdiv._log_integrand import log_of_unit

    p, q = np.broadcast_arrays(both.p, both.q)
    h = np.where((p > 0) & (q > 0), D.formulas.integrand(p, q, both.difference, np), 0.0)
    lost = np.isinf(h)
    p, q = p[lost], q[lost]
    h[lost] = np.exp(log_of_unit(D, np.log(p) - np.log(q)) + np.log(np.maximum(p, q)))
    alone = replace(both, p=np.where(both.q > 0, 0.0, both.p), q=np.where(both.p > 0, 0.0, both.q))
    alone = replace(alone, q_own=np.where(both.p > 0, 0.0, both.q_own), full=False)
    return h.sum(axis=-1) + integral(D, alone)[0]


def witness(D: Record, p: Array, q: Array, *, axis: int, normalize: bool) -> Array:
    """Return T = f′(p/q) at every atom; see `Divergence.witness`."""
    if _check.is_blocked(p) or _check.is_blocked(q):
        from divkit.fdiv import _dask

        return _dask.witness(D, p, q, axis=axis, normalize=normalize)
    both = pair(p, q, axis, normalize, _check.namespace(p, q))
    return both.xp.moveaxis(critic(D, both), -1, both.axis)


def bound(
    D: Record, p: Array, q: Array, T: Array, *, axis: int, keepdims: bool, normalize: bool
) -> Array:
    """Return E_P T − E_Q f*(T); see `Divergence.bound`."""
    xp = _check.namespace(p, q, T)
    both = pair(p, q, axis, normalize, xp)
    p, q = both.p, both.q
    end = D.slope
    if _check.float_bits(T) == 32:
        end = max(end, float(np.float32(end)))  # single precision may round up to this
    T = _check.real("T", T, xp, like=p)
    _check.not_nan("T", T, xp)
    T = _check.atoms_last("T", T, axis, xp)
    _check.broadcastable(("p", p), ("T", T))
    _check.broadcastable(("q", q), ("T", T))
    with _check.quiet(xp):
        penalty = D.conjugate(T)
        gain, infinite_gain = _weighted(p, T, xp)
        loss, infinite_loss = _weighted(q, penalty, xp)
        value = xp.sum(gain - loss, axis=-1) / both.mass
        value = value + xp.sum(infinite_gain - infinite_loss, axis=-1)
        # A critic that is −inf where P has mass, or past the domain of f*, gives the bound −inf,
        # whatever its values elsewhere.
        worthless = (p > 0) & ((-math.inf == T) | (end < T)) | ((q > 0) & (penalty == math.inf))
        value = xp.where(xp.any(worthless, axis=-1), -math.inf, value)
    return _finished(value, both, keepdims)


def _weighted(mass: Array, x: Array, xp: Any) -> tuple[Array, Array]:
    """Return mass · x where x is finite, and the infinities among x that have mass."""
    finite = xp.isfinite(x)
    return mass * xp.where(finite, x, 0.0), xp.where((mass > 0) & ~finite, x, 0.0)


# Up to this many atoms, a loop over Python floats is faster than setting up arrays.
_SMALL = 64

# A divergence is compiled, which takes about a second, once its evaluation on arrays has cost as
# much: after this many atoms in all, each call counting as some more for its overhead.
_COMPILE_AFTER, _PER_CALL = 1 << 22, 1 << 11
_spent: WeakKeyDictionary[Record, int] = WeakKeyDictionary()


def _small(D: Record, p: Array, q: Array, axis: int) -> Array | None:
    """Return D(P‖Q) by a loop over Python floats; None where that does not apply."""
    if type(p) is np.ndarray and type(q) is np.ndarray:
        if not (p.ndim == q.ndim == 1 and p.dtype == q.dtype == np.float64 and p.size <= _SMALL):
            return None
        p, q = p.tolist(), q.tolist()
    elif not (type(p) is type(q) is list and len(p) <= _SMALL and {*map(type, p + q)} == {float}):
        return None
    if not (0 < len(p) == len(q) and type(axis) is int and axis in (0, -1)):
        return None
    found = _scalar.integral(D, p, q)
    return None if found is None else np.float64(D.at_one + found[0] / found[1])


def _large(D: Record, p: Array, q: Array, axis: int, normalize: bool) -> Array | None:
    """Return D(P‖Q) by the compiled loop; None where that does not apply."""
    if not (
        type(p) is type(q) is np.ndarray
        and p.size > _SMALL
        and p.shape == q.shape
        and p.dtype == q.dtype
        and p.dtype in (np.float64, np.float32)
        and type(axis) is int
        and -p.ndim <= axis < p.ndim
    ):
        return None
    _spent[D] = _spent.get(D, 0) + p.size + _PER_CALL
    if _spent[D] < _COMPILE_AFTER:
        return None
    dtype, tolerance = p.dtype, _check.rounding(p) ** 0.5
    p, q = np.moveaxis(p, axis, -1), np.moveaxis(q, axis, -1)
    shape = p.shape[:-1]
    p, q = (np.ascontiguousarray(x).reshape(-1, x.shape[-1]) for x in (p, q))
    found = _loops().integral(D, p, q, equal=not normalize)
    if found is None:
        return None
    excess, p_mass, q_mass = (part.reshape(shape) for part in found)
    if not normalize:
        _check.equal_mass(p_mass, q_mass, tolerance, np)
    return np.asarray(D.at_one + excess / p_mass, dtype=dtype)[()]


@functools.cache
def _loops() -> Any:
    """Return `divkit.fdiv._fused`, imported on first use because it is slow to load."""
    from divkit._forks import loading

    with loading:
        from divkit.fdiv import _fused

    return _fused


def _finished(value: Array, both: Pair, keepdims: bool) -> Array:
    if both.xp is np:
        value = np.asarray(value, dtype=both.dtype)[()]
        return np.expand_dims(value, both.axis) if keepdims else value
    value = both.xp.astype(value, both.dtype)
    return both.xp.expand_dims(value, axis=both.axis) if keepdims else value
