"""D(P‖Q) on arrays: exact normalisation, zeros, axes; and the dual side, witness and bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from divkit import _check
from divkit._check import Array
from divkit.fdiv import scalar
from divkit.fdiv.divergence import Divergence
from divkit.fdiv.exact import difference_of_scaled, exact_sum, quotient


def evaluate(
    D: Divergence, p: Array, q: Array, *, axis: int, keepdims: bool, normalize: bool
) -> Array:
    """Return D(P‖Q); see `Divergence.__call__`."""
    value = _small(D, p, q, axis)
    if value is None:
        value = _large(D, p, q, axis, normalize)
    if value is not None:
        return np.expand_dims(value, axis) if keepdims else value
    pair = _pair(p, q, axis, normalize, _check.namespace(p, q))
    with np.errstate(all="ignore"):  # infinities are answers here
        value = _integral(D, pair) / pair.mass + D.at_one
    return _finished(value, pair, keepdims)


def witness(D: Divergence, p: Array, q: Array, *, axis: int, normalize: bool) -> Array:
    """Return T = f′(p/q) at every atom; see `Divergence.witness`."""
    pair = _pair(p, q, axis, normalize, _check.namespace(p, q))
    xp, p, q = pair.xp, pair.p, pair.q
    with np.errstate(all="ignore"):
        # A ratio too large or small for a double is still not 0 or ∞: there the critic would be
        # infinite at an atom where it must not be.
        limits = xp.finfo(xp.float64)
        u = xp.clip(p / q, float(limits.smallest_normal), float(limits.max))
        u = xp.where((p == 0) & (q > 0), 0.0, u)
        u = xp.where((p > 0) & (q == 0), np.inf, u)
        u = xp.where((p == 0) & (q == 0), 1.0, u)
        T = xp.astype(D.derivative(u), pair.dtype)
        if D.slope < np.inf:
            # Nor may rounding carry it to the end of the domain of f*, or past it.
            narrow = np.float32 if pair.dtype == xp.float32 else np.float64
            end = narrow(D.slope)
            if float(end) > D.slope or not math.isfinite(D.conjugate_at_slope):
                end = np.nextafter(end, narrow(-np.inf))
            T = xp.where((q > 0) & (float(end) < T), xp.asarray(float(end), dtype=pair.dtype), T)
    return xp.moveaxis(T, -1, pair.axis)


def bound(
    D: Divergence, p: Array, q: Array, T: Array, *, axis: int, keepdims: bool, normalize: bool
) -> Array:
    """Return E_P T − E_Q f*(T); see `Divergence.bound`."""
    xp = _check.namespace(p, q, T)
    pair = _pair(p, q, axis, normalize, xp)
    T = _check.real("T", T, xp)
    _check.not_nan("T", T, xp)
    T = _check.atoms_last("T", T, axis, xp)
    _check.broadcastable(("p", pair.p), ("T", T))
    with np.errstate(all="ignore"):
        penalty = D.conjugate(T)
        gain = xp.where(pair.p > 0, pair.p * T, 0.0)
        loss = xp.where(pair.q > 0, pair.q * penalty, 0.0)
        value = xp.sum(gain - loss, axis=-1) / pair.mass
        # A critic that is −inf where P has mass, or past the domain of f* where Q has, bounds
        # nothing, whatever it is worth elsewhere.
        worthless = ((pair.p > 0) & (-np.inf == T)) | ((pair.q > 0) & (penalty == np.inf))
        value = xp.where(xp.any(worthless, axis=-1), -np.inf, value)
    return _finished(value, pair, keepdims)


@dataclass(frozen=True)
class _Pair:
    """Two measures of the same mass, their atoms on the last axis."""

    p: Array
    q: Array  # times mass(p)/mass(q)
    difference: Array  # p − q, to full relative accuracy
    mass: Array
    axis: int  # where the caller has the atoms, counted from the end
    dtype: Any  # of the answer
    xp: Any


def _pair(p: Array, q: Array, axis: int, normalize: bool, xp: Any) -> _Pair:
    dtype = _check.result_dtype(xp, p, q)
    tolerance = _check.rounding(p, q) ** 0.5  # half the digits: more is a different mass
    given = p, q
    p, q = _check.real("p", p, xp), _check.real("q", q, xp)
    _check.nonnegative("p", p, xp)
    _check.nonnegative("q", q, xp)
    if p.ndim != q.ndim and axis >= 0:
        raise ValueError(
            "`axis` must count from the end when `p` and `q` differ in dimension, got "
            f"{axis} for {p.ndim} and {q.ndim} axes"
        )
    position = _check.axis_index("axis", axis, max(p.ndim, 1))
    p, q = _check.atoms_last("p", p, axis, xp), _check.atoms_last("q", q, axis, xp)
    _check.broadcastable(("p", p), ("q", q))

    (p, p_mass), (q, q_mass) = _with_mass("p", p, xp), _with_mass("q", q, xp)
    if not normalize:
        for name, x, mass in (("p", given[0], p_mass[0]), ("q", given[1], q_mass[0])):
            if _check.is_integer(x):
                _check.unit_mass(name, mass, xp)
        _check.equal_mass(p_mass[0], q_mass[0], tolerance, xp)
    # D is wanted for p/mass(p) and q/mass(q), but dividing would round p and q apart by an ulp
    # each, which is all there is to see when they are close. So q alone is rescaled, and p − q
    # kept to twice the precision; a common mass divides the result.
    p, p_mass = _near_one(p, p_mass, xp)
    q, q_mass = _near_one(q, q_mass, xp)
    if bool(xp.all((p_mass[0] == q_mass[0]) & (p_mass[1] == q_mass[1]))):
        difference = p - q
    else:
        high, low = quotient(p_mass, q_mass)
        positive = q > 0
        q, difference = difference_of_scaled(p, q, (high[..., None], low[..., None]))
        # A subnormal mass must not vanish by rounding: zero is another thing than small.
        q = xp.where(positive & (q == 0), 5e-324, q)
    return _Pair(p, q, difference, p_mass[0], position, dtype, xp)


# Up to this many atoms a loop over plain numbers is done before arrays are set up.
_SMALL = 64

# A divergence is compiled, which takes about a second, when the arrays have spent as much on it:
# on so many atoms, a call counting as some more for its overhead.
_COMPILE_AFTER, _PER_CALL = 1 << 22, 1 << 11
_spent: WeakKeyDictionary[Divergence, int] = WeakKeyDictionary()


def _small(D: Divergence, p: Array, q: Array, axis: int) -> Array | None:
    """Return D(P‖Q) by a loop over plain numbers; None where that does not serve."""
    if type(p) is np.ndarray and type(q) is np.ndarray:
        if not (p.ndim == q.ndim == 1 and p.dtype == q.dtype == np.float64 and p.size <= _SMALL):
            return None
        p, q = p.tolist(), q.tolist()
    elif not (type(p) is type(q) is list and len(p) <= _SMALL and {*map(type, p + q)} == {float}):
        return None
    if not (0 < len(p) == len(q) and type(axis) is int and axis in (0, -1)):
        return None
    found = scalar.integral(D, p, q)
    return None if found is None else np.float64(D.at_one + found[0] / found[1])


def _large(D: Divergence, p: Array, q: Array, axis: int, normalize: bool) -> Array | None:
    """Return D(P‖Q) by the compiled loop; None where that does not serve."""
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
    from divkit.fdiv import fused

    dtype, tolerance = p.dtype, _check.rounding(p) ** 0.5
    p, q = np.moveaxis(p, axis, -1), np.moveaxis(q, axis, -1)
    shape = p.shape[:-1]
    rows = [np.ascontiguousarray(x).reshape(-1, x.shape[-1]) for x in (p, q)]
    found = fused.integral(D, *rows)
    if found is None:
        return None
    excess, p_mass, q_mass = (part.reshape(shape) for part in found)
    if not normalize:
        _check.equal_mass(p_mass, q_mass, tolerance, np)
    return np.asarray(D.at_one + excess / p_mass, dtype=dtype)[()]


def _integral(D: Divergence, pair: _Pair) -> Array:
    """Return Σ h over atoms, those with a zero by their limits."""
    xp, p, q, difference = pair.xp, pair.p, pair.q, pair.difference
    both = (p > 0) & (q > 0)
    if bool(xp.all(both)):
        return xp.sum(D.formulas.integrand(p, q, difference, xp), axis=-1)
    h = D.formulas.integrand(
        xp.where(both, p, 1.0), xp.where(both, q, 1.0), xp.where(both, difference, 0.0), xp
    )
    total = xp.sum(xp.where(both, h, 0.0), axis=-1)
    # h(0, q) = q (f(0⁺) − f(1) + f′(1)) and h(p, 0) = p (f′(∞) − f′(1)).
    for mass, limit in (
        (xp.where(p == 0, q, 0.0), D.at_zero - D.at_one + D.derivative_at_one),
        (xp.where(q == 0, p, 0.0), D.slope - D.derivative_at_one),
    ):
        alone = xp.sum(mass + xp.zeros_like(difference), axis=-1)
        total = total + xp.where(alone > 0, limit * alone, 0.0)
    return total


def _with_mass(name: str, x: Array, xp: Any) -> tuple[Array, tuple[Array, Array]]:
    """Return `x`, made smaller where its sum would overflow, and that sum as high + low."""
    with np.errstate(over="ignore", invalid="ignore"):
        mass = exact_sum(x, xp)
        if not bool(xp.all(xp.isfinite(mass[0]) & xp.isfinite(mass[1]))):
            x = x * 2.0**-64
            mass = exact_sum(x, xp)
    _check.positive_mass(name, mass[0], xp)
    return x, mass


def _near_one(x: Array, mass: tuple[Array, Array], xp: Any) -> tuple[Array, tuple[Array, Array]]:
    """Scale by a power of two where products of masses could overflow or underflow."""
    if bool(xp.all((mass[0] > 1e-100) & (mass[0] < 1e100))):
        return x, mass
    # In two steps, as 2¹⁰⁷⁴ is not a double.
    factor = 2.0 ** -xp.floor(xp.log2(mass[0]) / 2)
    x = x * factor[..., None] * factor[..., None]
    return x, exact_sum(x, xp)


def _finished(value: Array, pair: _Pair, keepdims: bool) -> Array:
    if pair.xp is np:
        value = np.asarray(value, dtype=pair.dtype)[()]
        return np.expand_dims(value, pair.axis) if keepdims else value
    value = pair.xp.astype(value, pair.dtype)
    return pair.xp.expand_dims(value, axis=pair.axis) if keepdims else value
