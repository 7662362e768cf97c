"""Rényi, Bhattacharyya, Chernoff: increasing functions of f-divergences, with bounds of their own.

None is an f-divergence, so none has a conjugate; each has a variational formula instead, reached
at the log-ratio T = log(p/q), and so an answer with both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from divkit import _check
from divkit._check import Array
from divkit.fdiv._elementary import expm1_minus
from divkit.fdiv.catalogue.alpha import alpha
from divkit.fdiv.catalogue.kl import kl
from divkit.fdiv.catalogue.squared_hellinger import squared_hellinger


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Transform:
    """A measure of difference with a primal value and a dual bound, not an f-divergence itself.

    Parameters
    ----------
    name, title : str
        As in `Divergence`.
    value : (p, q, normalize) -> array
        The value for atoms on the last axis.
    dual : (log_p, log_q, T, xp) -> array
        The lower bound by a critic T, given the logarithms of normalized p and q, atoms on the
        last axis.
    formula : str
        The definition.
    citation : str
        Where it and its bound come from.
    parameters : mapping
        The parameters of a member of a family.
    between : (laws) -> value, optional
        As in `Formulas`.

    Examples
    --------
    >>> from divkit import fdiv
    >>> p, q = [0.5, 0.5], [0.25, 0.75]
    >>> T = fdiv.bhattacharyya.witness(p, q)
    >>> round(float(fdiv.bhattacharyya(p, q)), 12)
    0.034668232098
    >>> round(float(fdiv.bhattacharyya.bound(p, q, T)), 12)
    0.034668232098
    """

    name: str
    title: str
    value: Callable[[Array, Array, bool], Array]
    dual: Callable[[Array, Array, Array, Any], Array]
    formula: str
    citation: str
    parameters: dict[str, float] = field(default_factory=dict)
    between: Callable[[Any], float | None] | None = None

    def __call__(
        self, p: Array, q: Array, *, axis: int = -1, keepdims: bool = False, normalize: bool = False
    ) -> Array:
        """Return the value, in nats; takes, refuses and returns what ``fdiv.kl(p, q)`` does."""
        squared_hellinger(p, q, axis=axis, normalize=normalize)  # refuses what is no pair
        xp = _check.namespace(p, q)
        x, y = _last(p, axis, xp), _last(q, axis, xp)
        with np.errstate(all="ignore"):  # infinities are answers here
            result = self.value(x, y, normalize)
        if not keepdims:
            return result
        ndim = max(x.ndim, y.ndim)
        return xp.expand_dims(result, axis=axis if axis < 0 else axis - ndim)

    def witness(self, p: Array, q: Array, *, axis: int = -1, normalize: bool = False) -> Array:
        """Return the optimal critic T = log(p/q): −inf where p = 0, +inf where q = 0."""
        return kl.witness(p, q, axis=axis, normalize=normalize) - 1.0

    def bound(
        self,
        p: Array,
        q: Array,
        T: Array,
        *,
        axis: int = -1,
        keepdims: bool = False,
        normalize: bool = False,
    ) -> Array:
        """Return a lower bound of the value, with equality at the witness.

        T holds a critic's value at every atom and broadcasts against p and q.
        """
        kl.bound(p, q, T, axis=axis, normalize=normalize)  # refuses what is no pair or no critic
        xp = _check.namespace(p, q, T)
        dtype = _check.result_dtype(xp, p, q, T)
        x, y, critic = (_last(_check.real("T", a, xp), axis, xp) for a in (p, q, T))
        with np.errstate(all="ignore"):
            x, y = (xp.where(a > 0, _log_share(a, xp), -np.inf) for a in (x, y))
            value = xp.astype(xp.asarray(self.dual(x, y, critic, xp)), dtype)
            # +inf and −inf in one bound: the critic is worth nothing.
            value = xp.where(xp.isnan(value), -np.inf, value)
        if xp is np:
            value = value[()]
        return xp.expand_dims(value, axis=axis) if keepdims else value

    def __str__(self) -> str:
        given = ", ".join(f"{value:.12g}" for value in self.parameters.values())
        return f"{self.name}({given})" if given else self.name

    def __repr__(self) -> str:
        return f"<Transform {self}: {self.formula}>"

    def __reduce__(self) -> Any:
        return (renyi, tuple(self.parameters.values())) if self.parameters else self.name


def renyi(order: float) -> Transform:
    """Return the Rényi divergence R_α = log(Σ p^α q^(1−α)) / (α−1).

    It is log(1 + α(α−1) D)/(α−1) of the α-divergence D, and tends to `kl` as α tends to 1. The
    bound is α/(α−1) log E_P e^((α−1)T) − log E_Q e^(αT) [2]_.

    Parameters
    ----------
    order : float
        The order α, positive, finite and not 1.

    Raises
    ------
    ValueError
        If α is 1, not positive or not finite.

    References
    ----------
    .. [1] T. van Erven, P. Harremoës, "Rényi divergence and Kullback-Leibler divergence", IEEE
       Trans. Inf. Theory 60 (2014), eq. (1).
    .. [2] J. Birrell et al., "Variational representations and neural network estimation of Rényi
       divergences", SIAM J. Math. Data Sci. 3 (2021), Theorem 2.1; theirs is R_α/α.

    Examples
    --------
    >>> from divkit import fdiv
    >>> p, q = [0.5, 0.5], [0.25, 0.75]
    >>> round(float(fdiv.renyi(2)(p, q)), 12)  # log(1 + χ²)
    0.287682072452
    >>> bool(fdiv.renyi(2).bound(p, q, [0.5, 0.0]) <= fdiv.renyi(2)(p, q))
    True
    """
    a = _check.real_number("order", order)
    if not 0 < a < math.inf or a == 1:
        raise ValueError(
            f"`order` must be positive, finite and not 1, got {order!r}: the limit at 1 is fdiv.kl"
        )
    b = a - 1

    def value(p: Array, q: Array, normalize: bool) -> Array:
        return _minus_log_affinity(p, q, a, normalize) / -b

    def dual(log_p: Array, log_q: Array, T: Array, xp: Any) -> Array:
        return a / b * _log_mean(log_p, b * T, xp) - _log_mean(log_q, a * T, xp)

    return Transform(
        name="renyi",
        title="Rényi",
        value=value,
        dual=dual,
        formula=f"log(Σ p^{a:.12g} q^{-b:.12g})/{b:.12g}",
        citation="van Erven & Harremoës (2014), eq. (1); Birrell et al. (2021), Theorem 2.1",
        parameters={"order": a},
        between=lambda laws: laws.exponent(a) / -b,
    )


def _bhattacharyya(p: Array, q: Array, normalize: bool) -> Array:
    return _minus_log_affinity(p, q, 0.5, normalize)


def _hoelder(log_p: Array, log_q: Array, T: Array, s: Any, xp: Any) -> Array:
    """Return −s log E_P e^(−(1−s)T) − (1−s) log E_Q e^(sT) ≤ −log Σ p^s q^(1−s)."""
    on_p = _log_mean(log_p, -(1 - s) * T, xp)
    on_q = _log_mean(log_q, s * T, xp)
    return -_of_mean(s, on_p) - _of_mean(1 - s, on_q)


bhattacharyya = Transform(
    name="bhattacharyya",
    title="Bhattacharyya distance",
    value=_bhattacharyya,
    dual=lambda log_p, log_q, T, xp: _hoelder(log_p, log_q, T, 0.5, xp),
    formula="-log(Σ √(p q))",
    citation="Bhattacharyya (1943); its bound by the Cauchy–Schwarz inequality",
    between=lambda laws: laws.exponent(0.5),
)


def _chernoff(p: Array, q: Array, normalize: bool) -> Array:
    xp = _check.namespace(p, q)
    s = chernoff_exponent(p, q)
    if s.ndim == 0:
        return _minus_log_affinity(p, q, float(s), normalize)
    if 0 in s.shape:
        return xp.zeros(s.shape, dtype=_check.result_dtype(xp, p, q))
    # One α-divergence a row: its accuracy where p ≈ q is worth more than one pass over all.
    shape = (*s.shape, p.shape[-1])
    rows = (xp.reshape(xp.broadcast_to(x, shape), (-1, shape[-1])) for x in (p, q))
    pairs = zip(*rows, [float(x) for x in xp.reshape(s, (-1,))], strict=True)
    values = [_minus_log_affinity(x, y, e, normalize) for x, y, e in pairs]
    return xp.reshape(xp.stack([xp.asarray(v) for v in values]), s.shape)


def chernoff_exponent(p: Array, q: Array) -> Array:
    """Return the s in (0, 1) that maximizes −log Σ p^s q^(1−s), atoms on the last axis.

    The maximum is where log(p/q) has mean 0 under p^s q^(1−s); 52 halvings find it to rounding,
    and the value at it to the square of that.

    Examples
    --------
    >>> import numpy as np
    >>> from divkit.fdiv._transforms import chernoff_exponent
    >>> round(float(chernoff_exponent(np.array([0.5, 0.5]), np.array([0.25, 0.75]))), 9)
    0.511922868
    """
    xp = _check.namespace(p, q)
    p, q = _check.real("p", p, xp), _check.real("q", q, xp)
    both = (p > 0) & (q > 0)
    log_p, log_q = (xp.where(both, _log_share(x, xp), 0.0) for x in (p, q))
    shares = [_normalized(x, xp) for x in (p, q)]
    p, q = (xp.where(both, x, 1.0) for x in shares)
    # Where p ≈ q the logarithm must not come from a rounded p/q.
    d = (p - q) / q
    # Nor from shares that are no normal numbers, which have few digits.
    least = float(xp.finfo(d.dtype).smallest_normal)
    coarse = both & ((p < least) | (q < least)) & (xp.abs(log_p - log_q) < 0.4)
    d = xp.where(coarse, xp.expm1(xp.where(coarse, log_p - log_q, 0.0)), d)
    close = xp.abs(d) < 0.5
    r = xp.where(close, xp.log1p(xp.where(close, d, 0.0)), log_p - log_q)
    small = xp.where(close, r, 0.0)
    excess = expm1_minus(small, xp.expm1(small), xp)
    # Σ (p − q) is taken off close atoms, so that they do not cancel, and given back. Over all atoms
    # it is 0: of its two parts the one with fewer roundings is summed.
    among = close & both
    of_close = xp.sum(xp.where(among, p - q, 0.0), axis=-1)
    of_others = xp.sum(xp.where(among, 0.0, shares[1] - shares[0]), axis=-1)
    mass = xp.sum(xp.where(among, q, 0.0), axis=-1)
    taken = xp.where(mass < 0.5, of_close, of_others)
    low = xp.zeros(r.shape[:-1], dtype=r.dtype)
    high = low + 1.0
    for _ in range(52):
        s = 0.5 * (low + high)
        # Σ w r with w = p^s q^(1−s)
        log_w = log_q + s[..., None] * r
        # Where every w is tiny, they are told from 0 in units of the largest.
        largest = xp.max(xp.where(both, log_w, -xp.inf), axis=-1, keepdims=True)
        tiny = (largest < -300.0) & (largest > -xp.inf)
        near = q * (small * xp.expm1(s[..., None] * small) - excess)
        far = r * xp.exp(log_w - xp.where(tiny, largest, 0.0))
        terms = xp.where(both, xp.where(close & ~tiny, near, far), 0.0)
        rising = xp.sum(terms, axis=-1) + xp.where(tiny[..., 0], 0.0, taken) < 0
        low, high = xp.where(rising, s, low), xp.where(rising, high, s)
    return 0.5 * (low + high)


def _chernoff_dual(log_p: Array, log_q: Array, T: Array, xp: Any) -> Array:
    # Concave in s, so thirds close in on the maximum; any s gives a bound.
    low = xp.zeros(np.broadcast_shapes(*(x.shape for x in (log_p, log_q, T)))[:-1], dtype=T.dtype)
    high = low + 1.0
    for _ in range(80):
        a, b = (2 * low + high) / 3, (low + 2 * high) / 3
        better = _hoelder(log_p, log_q, T, a[..., None], xp) < _hoelder(
            log_p, log_q, T, b[..., None], xp
        )
        low, high = xp.where(better, a, low), xp.where(better, high, b)
    return _hoelder(log_p, log_q, T, (0.5 * (low + high))[..., None], xp)


chernoff = Transform(
    name="chernoff",
    title="Chernoff information",
    value=_chernoff,
    dual=_chernoff_dual,
    formula="max over 0 < s < 1 of -log(Σ p^s q^(1-s))",
    citation="Chernoff (1952); Cover & Thomas (2006), eq. (11.239); its bound by Hölder's",
    between=lambda laws: laws.largest_exponent(),
)


def _minus_log_affinity(p: Array, q: Array, s: float, normalize: bool) -> Array:
    """Return −log Σ p^s q^(1−s), from the α-divergence where it is small."""
    xp = _check.namespace(p, q)
    x = s * (s - 1) * alpha(s)(p, q, normalize=normalize)  # the affinity − 1
    dtype = _check.result_dtype(xp, p, q)
    p, q = _check.real("p", p, xp), _check.real("q", q, xp)
    both = (p > 0) & (q > 0)
    logs = s * _log_share(p, xp) + (1 - s) * xp.where(both, _log_share(q, xp), 0.0)
    far = -_log_sum(xp.where(both, logs, -np.inf), xp)
    near = -xp.log1p(xp.where(xp.abs(x) < 0.5, x, 0.0))
    infinite = (s > 1) & xp.any((p > 0) & (q == 0), axis=-1)
    value = xp.where(infinite, -np.inf, xp.where(xp.abs(x) < 0.5, near, far))
    value = xp.astype(xp.asarray(value), dtype)
    return value[()] if xp is np else value


def _normalized(x: Array, xp: Any) -> Array:
    """Return x divided by its mass, which may overflow."""
    mass = xp.sum(x, axis=-1, keepdims=True)
    large = mass == np.inf
    x = xp.where(large, x * 2.0**-64, x)
    return x / xp.where(large, xp.sum(x, axis=-1, keepdims=True), mass)


def _log_share(x: Array, xp: Any) -> Array:
    """Return log of x divided by its mass where x > 0, and a finite number where it is 0."""
    share = _normalized(x, xp)
    ordinary = share >= float(xp.finfo(share.dtype).smallest_normal)
    # A smaller share has few digits, or none.
    mass = xp.sum(x, axis=-1, keepdims=True)
    large = mass == np.inf
    smaller = xp.sum(xp.where(large, x * 2.0**-64, 0.0), axis=-1, keepdims=True)
    log_mass = xp.log(xp.where(large, smaller, mass)) + xp.where(large, 64 * math.log(2), 0.0)
    apart = xp.log(xp.where(x > 0, x, 1.0)) - log_mass
    return xp.where(ordinary, xp.log(xp.where(ordinary, share, 1.0)), apart)


def _log_mean(log_weights: Array, T: Array, xp: Any) -> Array:
    """Return log Σ w e^T, atoms without weight left out."""
    return _log_sum(xp.where(log_weights > -np.inf, log_weights + T, -np.inf), xp)


def _log_sum(logs: Array, xp: Any) -> Array:
    top = xp.max(logs, axis=-1)
    shift = xp.where(xp.isfinite(top), top, 0.0)
    return shift + xp.log(xp.sum(xp.exp(logs - shift[..., None]), axis=-1))


def _of_mean(s: Any, log_mean: Array) -> Array:
    return (s[..., 0] if hasattr(s, "ndim") else s) * log_mean


def _last(x: Array, axis: int, xp: Any) -> Array:
    array = np.asarray(x) if xp is np else x
    return xp.moveaxis(array, axis, -1) if array.ndim > 1 else array
