"""Variational lower bounds of D(P‖Q), plain and optimized over a shift and a scale.

Every critic T with values in the domain of f* gives E_P T − E_Q f*(T) ≤ D(P‖Q). So does every
cT − ν; the best of these bounds is tighter, at the cost of an optimization over one or two numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from divkit import _check
from divkit._check import Array
from divkit.fdiv._divergence import Divergence
from divkit.fdiv.catalogue.kl import kl

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bound:
    """A lower bound of D(P‖Q), reached by the critic ``scale * T - shift``.

    Attributes
    ----------
    value : array
        The bound, in the library and on the device of the inputs; gradients flow through it to p,
        q and T.
    shift, scale : array
        The optimal ν and c, as NumPy arrays with one entry for each pair of distributions.
    """

    value: Array
    shift: Array
    scale: Array


def plain(
    D: Divergence, p: Array, q: Array, T: Array, *, axis: int = -1, normalize: bool = False
) -> Bound:
    """Return E_P T − E_Q f*(T), the bound of T itself, as `Divergence.bound` does.

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import bounds
    >>> round(float(bounds.plain(fdiv.kl, [0.5, 0.5], [0.25, 0.75], [1.0, 0.0]).value), 6)
    -0.02591
    """
    value = D.bound(p, q, T, axis=axis, normalize=normalize)
    return Bound(value, np.zeros(value.shape), np.ones(value.shape))


def shifted(
    D: Divergence, p: Array, q: Array, T: Array, *, axis: int = -1, normalize: bool = False
) -> Bound:
    """Return sup over ν of E_P T − (ν + E_Q f*(T−ν)), at least the plain bound [1]_.

    For `kl` this is the bound of Donsker and Varadhan, E_P T − log E_Q e^T [2]_. T need not lie
    in the domain of f*: the shift takes it there.

    Parameters
    ----------
    D : Divergence
        Any f-divergence; values are in nats where f has a logarithm.
    p, q : array, shape (..., n, ...)
        Masses of the atoms, as in ``D(p, q)``.
    T : array, shape (..., n, ...)
        A critic's value at every atom; broadcasts against p and q.
    axis : int
        The axis of the atoms.
    normalize : bool
        Divide p and q each by its own mass.

    Returns
    -------
    Bound

    Raises
    ------
    TypeError, ValueError
        As `Divergence.bound`.

    References
    ----------
    .. [1] J. Birrell, M. A. Katsoulakis, Y. Pantazis, "Optimizing variational representations of
       divergences and accelerating their statistical estimation", IEEE Trans. Inf. Theory 68
       (2022).
    .. [2] M. D. Donsker, S. R. S. Varadhan, "Asymptotic evaluation of certain Markov process
       expectations for large time, I", Comm. Pure Appl. Math. 28 (1975).

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import bounds
    >>> p, q, T = [0.5, 0.5], [0.25, 0.75], [1.0, 0.0]
    >>> best = bounds.shifted(fdiv.kl, p, q, T)  # ½ − log(¼e + ¾)
    >>> round(float(best.value), 6), round(float(best.shift), 6)
    (0.142626, -0.642626)
    """
    rows = _Rows.of(D, p, q, T, axis, normalize)
    scale = np.ones(len(rows.T))
    return rows.bound((p, q, T), axis, normalize, rows.best_shifts(scale)[0], scale)


def shifted_and_scaled(
    D: Divergence, p: Array, q: Array, T: Array, *, axis: int = -1, normalize: bool = False
) -> Bound:
    """Return sup over c and ν of c E_P T − (ν + E_Q f*(cT−ν)), at least the shifted bound.

    Shifting T or multiplying it by a nonzero number does not change this bound. For `pearson` it
    is at least (E_P T − E_Q T)² / Var_Q T, the bound of Hammersley, Chapman and Robbins. Where it
    keeps growing with c, the search stops at a very large c.

    Parameters and result are those of `shifted`; T must be finite.

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import bounds
    >>> p, q, T = [0.5, 0.5], [0.25, 0.75], [1.0, 0.0]
    >>> best = bounds.shifted_and_scaled(fdiv.pearson, p, q, T)  # two atoms: T is a witness
    >>> round(float(best.value), 12), round(float(fdiv.pearson(p, q)), 12)
    (0.333333333333, 0.333333333333)
    """
    rows = _Rows.of(D, p, q, T, axis, normalize)
    _check.finite("T", _plain(T), np)
    # At c = 0 the derivative in c is E_P T − E_Q T, and the bound is concave in c.
    slope = rows.mean_difference()
    rows = rows.facing(np.where(slope < 0, -1.0, 1.0))
    width = np.maximum(np.max(np.abs(rows.T), axis=1), 1e-250)
    scale, _ = _root(rows.rise_in_scale, 1e-12 / width, 1e30 / width, 1e-14)
    scale = np.where(slope == 0, 0.0, scale)
    best = rows.bound((p, q, T), axis, normalize, rows.best_shifts(scale)[0], scale)
    if (best.scale != 1).all() and np.isfinite(_plain(best.value)).all():
        return best
    # The penalty of a very large critic may overflow, which leaves no useful bound.
    other = shifted(D, p, q, T, axis=axis, normalize=normalize)
    xp = _check.namespace(p, q, T)
    worse = other.value > best.value
    kept = ~np.asarray(_plain(worse), dtype=bool)
    return Bound(
        xp.where(worse, other.value, best.value),
        np.where(kept, best.shift, other.shift),
        np.where(kept, best.scale, other.scale),
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """The pairs of distributions and their critics as NumPy arrays, one pair per row.

    The critics are ±T minus the largest value of the row among atoms where a penalty or the end of
    the domain limits it. Shifts refer to these critics.
    """

    D: Divergence
    p: Vector
    q: Vector
    given: Vector  # T itself
    T: Vector
    sign: Vector
    origin: Vector  # the value of T that is shifted to 0
    shape: tuple[int, ...]
    plain: Array  # the bound of T itself, in the library of the inputs

    @staticmethod
    def of(D: Divergence, p: Array, q: Array, T: Array, axis: int, normalize: bool) -> _Rows:
        # Computing the plain bound validates all input and gives the shape of the result.
        plain = D.bound(p, q, T, axis=axis, normalize=normalize)
        shape = tuple(plain.shape)
        arrays = [np.moveaxis(_plain(x), axis, -1) for x in (p, q, T)]
        n = arrays[0].shape[-1]
        p, q, T = (np.broadcast_to(x, (*shape, n)).reshape(-1, n) for x in arrays)
        p, q = (x / x.sum(axis=1, keepdims=True) for x in (p, q))
        ones = np.ones(len(T))
        return _Rows(D, p, q, T, T, ones, ones, shape, plain).facing(ones)

    def facing(self, sign: Vector) -> _Rows:
        """Return the rows with the critics sign·T."""
        seen = (self.p > 0) | (self.q > 0)
        T = sign[:, None] * self.given
        # If the domain of f* is unbounded, T is unlimited where q = 0, as there is no penalty.
        limited = seen if np.isfinite(self.D.slope) else self.q > 0
        top = np.max(T, axis=1, where=limited & (np.inf > T), initial=-np.inf)
        top = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(over="ignore"):
            T = np.where(seen, T - top[:, None], 0.0)
        return replace(self, T=T, sign=sign, origin=sign * top)

    def mean_difference(self) -> Vector:
        difference: Vector = np.sum((self.p - self.q) * self.T, axis=1)
        return difference

    def best_shifts(self, scale: Vector) -> tuple[Vector, Vector]:
        """Return two ν that bracket the optimal shift of cT − ν, at which E_Q f*′(cT−ν) = 1.

        They agree to rounding.
        """
        T = _times(scale[:, None], self.T)
        if self.D.formulas == kl.formulas:
            with np.errstate(all="ignore"):
                mean: Vector = np.sum(self.q * np.exp(T), axis=1, where=self.q > 0)
                return np.log(mean) - 1, np.log(mean) - 1
        # Solve for x = ν + f′(∞) if that is finite: the end of the domain is at x = 0, and the root
        # may be arbitrarily close to it.
        end = self.D.slope if np.isfinite(self.D.slope) else 0.0
        inner = (self.q > 0) & np.isfinite(T)
        low = np.min(T, axis=1, where=inner, initial=0.0) - self.D.derivative_at_one + end
        high = np.full(len(T), end - self.D.derivative_at_one)
        # Widen: an end must not fall on a kink of f at 1, where f′ may be taken from either side.
        low, high = low - 0.1 * (1 + np.abs(low)), high + 0.1 * (1 + np.abs(high))

        def excess(x: Vector) -> Vector:
            mass: Vector = np.sum(self._tilted(T - (x - end)[:, None]), axis=1)
            return mass - 1

        least = 0.0 if np.isfinite(self.D.slope) else -np.inf
        left, right = _root(excess, np.maximum(low, least), high)
        return left - end, right - end

    def rise_in_scale(self, scale: Vector) -> Vector:
        """Return the derivative with respect to c of the best bound over ν."""
        T = _times(scale[:, None], self.T)
        heavy, light = (self._tilted(T - nu[:, None]) for nu in self.best_shifts(scale))
        # At a kink of f* the mass jumps across 1; the mixture with mass 1 gives the derivative.
        above, below = heavy.sum(axis=1) - 1, 1 - light.sum(axis=1)
        with np.errstate(all="ignore"):
            share = np.nan_to_num(below / (above + below), nan=0.0)[:, None]
        share = np.clip(np.where(above[:, None] < np.inf, share, 0.0), 0.0, 1.0)
        tilted = _times(share, heavy) + (1 - share) * light
        rise: Vector = np.sum(_times(self.p, self.T) - _times(tilted, self.T), axis=1)
        return rise

    def _tilted(self, S: Vector) -> Vector:
        """Return q f*′(S), the measure for which S is the optimal critic."""
        D, seen = self.D, self.q > 0
        # `Divergence.ratio` without its validation of S, as this is called very often.
        below = D.slope > S
        inside = (D.derivative_at_zero <= S) & (-np.inf < S) & below
        if np.isfinite(D.conjugate_at_slope):
            inside |= np.equal(S, D.slope)
        with np.errstate(all="ignore"):
            ratio = D.formulas.ratio(np.where(inside, S, D.derivative_at_one), np)
        ratio = np.where(inside, ratio, np.where(below, 0.0, np.inf))
        return np.asarray(self.q * np.where(seen, ratio, 0.0), dtype=np.float64)

    def bound(
        self, given: Sequence[Array], axis: int, normalize: bool, shift: Vector, scale: Vector
    ) -> Bound:
        """Return the bound at this shift and scale, computed in the library of the inputs.

        At the optimum its derivatives in both vanish, so no gradient need pass through them.
        """
        scale = self.sign * scale
        shift = np.where(np.isfinite(shift), shift, 0.0)  # no shift helps, or any does
        xp = _check.namespace(*given)
        T = _check.real("T", given[2], xp)
        c, origin, nu = (
            xp.asarray(
                np.expand_dims(x.reshape(self.shape), axis),
                dtype=xp.float64,
                device=getattr(T, "device", None),
            )
            for x in (scale, self.origin, shift)
        )
        with np.errstate(all="ignore"):
            critic = c * (T - origin) - nu
            # Rounding may carry values just inside the domain of f* past its end: move them back.
            end = self.D.conjugate_domain.largest()
            over = (end < critic) & (critic <= end + 1e-15 * (abs(end) + xp.abs(nu)))
            critic = xp.where(over, end, critic)
            value = self.D.bound(given[0], given[1], critic, axis=axis, normalize=normalize)
            total = shift + scale * self.origin
        value = xp.astype(value, _check.result_dtype(xp, *given[:2]))
        total, scale = total.reshape(self.shape), scale.reshape(self.shape)
        # Rounding may make the optimized bound smaller than the plain one: then return that.
        worse = self.plain > value
        value = xp.where(worse, xp.astype(self.plain, value.dtype), value)
        kept = ~np.asarray(_plain(worse), dtype=bool)
        return Bound(value, np.where(kept, total, 0.0), np.where(kept, scale, 1.0))


def _times(a: Vector, b: Vector) -> Vector:
    """Return a·b with 0·∞ = 0."""
    with np.errstate(all="ignore"):
        product: Vector = a * b
    return np.where((a == 0) | (b == 0), 0.0, product)


def _plain(x: Array) -> Vector:
    """Return `x` as a NumPy array, detached from its gradient and moved to the CPU."""
    for step in ("detach", "cpu"):
        x = getattr(x, step)() if hasattr(x, step) else x
    return np.asarray(x, dtype=np.float64)


def _root(
    f: Callable[[Vector], Vector], low: Vector, high: Vector, width: float = 4e-16
) -> tuple[Vector, Vector]:
    """Return brackets of the root of each entry of the decreasing f, to a relative `width`.

    Secant steps; every third step instead bisects the set of doubles between the ends, so that
    roots near 0 and jumps of f are found too. An end is returned where f does not change sign.
    """
    low, high = low.copy(), np.maximum(low, high)
    at_low, at_high = f(low), f(high)
    at_high = np.where(at_high == 0, -1e-300, at_high)  # 0 at this end counts as a sign change
    side = np.zeros(len(low))
    for step in range(200):
        crossed = (at_low > 0) & (at_high < 0)
        narrow = high - low <= width * np.minimum(np.abs(low), np.abs(high))
        middle = _between(low, high)
        if not np.any(crossed & ~narrow & (middle != low) & (middle != high)):
            break
        with np.errstate(all="ignore"):
            secant = low + (high - low) * (at_low / (at_low - at_high))
        x = np.where((step % 3 < 2) & (secant > low) & (secant < high), secant, middle)
        value = f(np.where(crossed, x, low))
        met = crossed & (value == 0)
        up, down = crossed & (value > 0), crossed & (value < 0)
        # Illinois method: halve the value at an end kept twice in a row, so that both ends move.
        at_high = np.where(down, value, np.where(up & (side > 0), at_high / 2, at_high))
        at_low = np.where(up, value, np.where(down & (side < 0), at_low / 2, at_low))
        at_low, at_high = np.where(met, 0.0, at_low), np.where(met, 0.0, at_high)
        low, high = np.where(up | met, x, low), np.where(down | met, x, high)
        side = np.where(up, 1.0, np.where(down, -1.0, side))
    low, high = np.where(at_high > 0, high, low), np.where(at_low < 0, low, high)
    return low, high


def _between(low: Vector, high: Vector) -> Vector:
    """Return the double halfway between two others, by the number of doubles between them."""

    def ordered(bits: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)

    a, b = (ordered((x + 0.0).view(np.int64)) for x in (low, high))
    return ordered((a & b) + ((a ^ b) >> 1)).view(np.float64)
