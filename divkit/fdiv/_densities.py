"""D between two densities, by adaptive quadrature with an error estimate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from divkit import _check
from divkit._check import Array
from divkit._errors import ConvergenceError
from divkit.fdiv._divergence import Divergence
from divkit.fdiv._log_integrand import log_of_unit
from divkit.fdiv._quadrature import Estimate, integrate
from divkit.fdiv._record import if_only_p, if_only_q

Vector = NDArray[np.float64]
LogDensity = Callable[[Array], Array]
INF = math.inf
# The largest distance used as a scale around a peak: its multiples must not overflow.
_FAR = 1e299


@dataclass(frozen=True)
class Integral:
    """A divergence by quadrature.

    Attributes
    ----------
    value : float
        D(P‖Q).
    error : float
        An estimate of the absolute error of `value`, not a bound.
    mass_p, mass_q : float
        ∫ p and ∫ q as given, before `normalize` divides by them.
    """

    value: float
    error: float
    mass_p: float
    mass_q: float

    def __float__(self) -> float:
        return self.value


def from_densities(
    D: Divergence,
    logp: LogDensity,
    logq: LogDensity,
    support: Sequence[Any],
    *,
    normalize: bool = False,
    points: Sequence[Any] = (),
    rtol: float = 1e-10,
) -> Integral:
    """Return D(P‖Q) = ∫ q f(p/q) between two densities on an interval or a rectangle.

    The inputs are log-densities, as densities underflow where their ratio still matters; −inf
    stands for a density of 0. The integrand is computed from the difference of the two, so that
    nearly equal densities do not cancel.

    Parameters
    ----------
    D : Divergence
        The divergence.
    logp, logq : callable
        The log-densities. They take an array of n points, of shape (n,) on an interval or (n, 2)
        on a rectangle, and return n values below +inf.
    support : pair of floats, or two pairs
        ``(low, high)``, or one such pair for each coordinate of a rectangle; ends may be infinite.
    normalize : bool
        Divide each density by its integral, for unnormalized ones.
    points : sequence of points
        Where to split the region: at jumps, kinks and narrow peaks. The peaks of univariate
        densities are found automatically.
    rtol : float
        The relative accuracy to reach. Where the log-densities nearly agree, their rounding errors
        limit it; these are included in `error`.

    Returns
    -------
    Integral
        With `value`, `error`, `mass_p` and `mass_q`; ``float`` of it is the value. The value is
        +inf if, at a quadrature node, p > 0 = q and f′(∞) is infinite, or p = 0 < q and f(0⁺) is.

    Raises
    ------
    TypeError
        If `D` is not a divergence, or a log-density does not return a real array.
    ValueError
        If a log-density returns nan, +inf or an array of the wrong shape, or a density does not
        integrate to 1.
    ConvergenceError
        If the quadrature does not converge, for example because the tails make D infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from divkit import fdiv
    >>> def normal(x):
    ...     return -0.5 * x**2 - 0.5 * np.log(2 * np.pi)
    >>> laws = normal, lambda x: normal(x - 1)
    >>> found = fdiv.from_densities(fdiv.kl, *laws, (-np.inf, np.inf))
    >>> round(found.value, 9), found.error < 1e-9
    (0.5, True)
    >>> round(fdiv.from_densities(fdiv.jensen_shannon, *laws, (-np.inf, np.inf)).value, 9)
    0.111421482
    """
    if not isinstance(D, Divergence):
        raise TypeError(f"`D` must be a Divergence, got {D!r}: for example fdiv.kl")
    box = _box(support)
    rtol = _check.real_number("rtol", rtol)
    if not 0 <= rtol < INF:
        raise ValueError(f"`rtol` must be finite and at least 0, got {rtol!r}")
    logs = _evaluated("logp", logp, box), _evaluated("logq", logq, box)
    cuts = _cuts(box, points, logs)

    def mass(log: LogDensity) -> Estimate:
        def density(x: Vector) -> tuple[Vector, Vector]:
            values, rounding = _with_rounding(log, x)
            with np.errstate(over="ignore"):  # an infinite mass is reported as not converged
                return np.exp(values), np.exp(values) * rounding

        return _converged(integrate(density, cuts, 1e-12), "a density", support)

    masses = [mass(log) for log in logs]
    for name, found in zip("pq", masses, strict=True):
        _check_mass(name, found.value, max(10 * found.error, 1e-9), normalize)
    shift = [math.log(found.value) if normalize else 0.0 for found in masses]

    def integrand(x: Vector) -> tuple[Vector, Vector]:
        (lp, off_p), (lq, off_q) = (_with_rounding(log, x) for log in logs)
        lp, lq = lp - shift[0], lq - shift[1]
        h = _integrand(D, lp, lq)
        # The effect of rounding errors in the logarithms: small for smooth f, larger at a kink.
        # It may be inf − inf, where the quadrature does not converge anyway.
        with np.errstate(over="ignore", invalid="ignore"):
            noise = np.abs(_integrand(D, lp + off_p, lq) - h)
            noise += np.abs(_integrand(D, lp, lq + off_q) - h)
        return h, noise

    try:
        found = _converged(integrate(integrand, cuts, rtol), str(D), support)
    except _InfiniteAtNodeError:
        found = Estimate(INF, 0.0, True)
    return Integral(D.at_one + found.value, found.error, masses[0].value, masses[1].value)


def _with_rounding(log: LogDensity, x: Vector) -> tuple[Vector, Vector]:
    """Return log(x), and how much rounding errors, its own and that of x, may change it."""
    values = log(x)
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.abs(log(np.nextafter(x, INF)) - values) + 2.2e-16 * (1 + np.abs(values))
    return values, np.where(np.isfinite(step), np.minimum(step, 1.0), 0.0)


class _InfiniteAtNodeError(Exception):
    """The integrand is +inf at a quadrature node, and so is D."""


def _integrand(D: Divergence, lp: Vector, lq: Vector) -> Vector:
    """Return q f(p/q) − f(1) q − f′(1)(p−q) from log p and log q."""
    both = (lp > -INF) & (lq > -INF)
    ratio = np.where(both, lp, 0.0) - np.where(both, lq, 0.0)
    top = np.maximum(lp, lq)
    with np.errstate(all="ignore"):
        # Add logarithms before exponentiating: densities underflow in tails where h is large.
        value = np.where(both, np.exp(top + log_of_unit(D, ratio)), 0.0)
    for alone, limit in (
        ((lp == -INF) & (lq > -INF), if_only_q(D)),
        ((lp > -INF) & (lq == -INF), if_only_p(D)),
    ):
        if alone.any():
            if limit == INF:
                raise _InfiniteAtNodeError
            value = np.where(alone, limit * np.exp(top), value)
    return value


def _converged(found: Estimate, what: str, support: Sequence[Any]) -> Estimate:
    if not found.converged:
        raise ConvergenceError(
            f"the integral of {what} over {support} did not converge, it stands at "
            f"{found.value:.6g} ± {found.error:.2g}: it may be infinite because of the tails, or "
            "need `points` at jumps and narrow peaks, or a larger `rtol`"
        )
    return found


def _box(support: Sequence[Any]) -> list[tuple[float, float]]:
    ends = _check.real("support", support, np)
    _check.not_nan("support", ends, np)
    ends = ends[None] if ends.ndim == 1 else ends
    if ends.shape not in ((1, 2), (2, 2)) or not np.all(ends[:, 0] < ends[:, 1]):
        raise ValueError(
            "`support` must be (low, high) with low < high, or two such pairs for a rectangle, "
            f"got {support!r}"
        )
    return [(float(low), float(high)) for low, high in ends]


def _evaluated(name: str, log: LogDensity, box: list[tuple[float, float]]) -> LogDensity:
    """Return `log`, evaluated strictly inside the support and with its output validated."""
    low, high = (np.array(ends) for ends in zip(*box, strict=True))
    least, most = np.nextafter(low, INF), np.nextafter(high, -INF)

    def checked(x: Vector) -> Vector:
        x = np.clip(x, least, most)
        x = x[:, 0] if len(box) == 1 else x
        with np.errstate(all="ignore"):  # log 0 is −inf, as it should be
            values = _check.real(f"{name}(x)", log(x), np)
        if values.shape != x.shape[:1]:
            raise ValueError(
                f"`{name}` must return one value for each of {len(x)} points, got shape "
                f"{values.shape}: write it with NumPy's functions, or wrap it in numpy.vectorize"
            )
        bad = ~(values < INF)
        if bad.any():
            raise ValueError(
                f"`{name}` must be below +inf and not nan inside the support, got "
                f"{values[bad][0]} at x = {x[bad][0]}"
            )
        result: Vector = values
        return result

    return checked


def _check_mass(name: str, mass: float, tolerance: float, normalize: bool) -> None:
    if mass <= 0:
        raise ValueError(
            f"`log{name}` must be the logarithm of a density, got one with mass {mass:g}: if it "
            "has a narrow peak, say where with `points`"
        )
    if not normalize and abs(mass - 1) > tolerance:
        raise ValueError(
            f"`log{name}` must be the logarithm of a density with mass 1, got {mass:.10g}: pass "
            "`normalize=True` to divide by it, or `points` where narrow peaks are if it should be 1"
        )


def _cuts(
    box: list[tuple[float, float]], points: Sequence[Any], logs: Sequence[LogDensity]
) -> list[Vector]:
    """Return where to cut each axis: at given points, and around peaks where there is one axis."""
    given = _check.real("points", points, np)
    if given.ndim not in (1, 2):
        raise ValueError(
            f"`points` must be a sequence of points, shape (n,) or (n, {len(box)}), got shape "
            f"{given.shape}"
        )
    if given.ndim == 1:
        given = given.reshape(len(given), -1 if given.size else len(box))
    _check.finite("points", given, np)
    if given.shape[1] != len(box):
        raise ValueError(
            f"`points` must have {len(box)} coordinates each, as `support`, got {given.shape[1]}"
        )
    cuts = []
    for axis, (low, high) in enumerate(box):
        inner = given[:, axis]
        if len(box) == 1:
            peaks = [_around(log, peak, box[0]) for log in logs for peak in _peak(log, box[0])]
            near = [_around(log, point, box[0]) for log in logs for point in inner]
            inner = np.concatenate([inner, *peaks, *near])
        inner = np.unique(inner[(inner > low) & (inner < high)])
        if not len(inner) and math.isinf(low) and math.isinf(high):
            inner = np.zeros(1)
        cuts.append(np.array([low, *inner, high]))
    return cuts


def _peak(log: LogDensity, ends: tuple[float, float]) -> list[float]:
    """Return the mode of a density, if a search over all scales finds one."""
    low, high = ends
    sizes = 10.0 ** np.arange(-8, 9)
    if math.isfinite(low) and math.isfinite(high):
        grid = low + (high - low) * np.linspace(0, 1, 402)[1:-1]
    else:
        anchor = low if math.isfinite(low) else high if math.isfinite(high) else 0.0
        # Around an end far from 0 the smallest steps would be lost to rounding: enlarge them.
        steps = np.outer([1, 2, 5], sizes).ravel() * max(1.0, abs(anchor) * 2.0**-40)
        with np.errstate(over="ignore"):
            grid = anchor + np.sort(np.concatenate([-steps, [0.0], steps]))
        grid = grid[(grid > low) & (grid < high)]
    if not len(grid):
        return []
    for _ in range(60):
        values = log(grid[:, None])
        best = int(np.argmax(values))
        if values[best] == -INF:
            return []
        peak, width = float(grid[best]), float(grid[-1] - grid[0])
        below, above = (float(grid[np.clip(best + i, 0, len(grid) - 1)]) for i in (-1, 1))
        if above - below <= 1e-9 * abs(peak) or not 0 < above - below < 0.9 * width:
            break
        grid = np.unique(np.append(np.linspace(below, above, 21), peak))
    return [peak]


def _around(log: LogDensity, center: float, ends: tuple[float, float]) -> Vector:
    """Return points around a peak, at growing distances until the density has vanished.

    Cuts there let the quadrature resolve the density on its own scale, wherever it lies.
    """
    low, high = ends
    top = float(log(np.array([[center]]))[0])
    if top == -INF:
        return np.array([center])
    found = [center]
    for end in ends:
        reach = abs(center) + 1
        if abs(end - center) < 1e-6 * reach:
            # A peak at an end is a pole, whose mass extends down to the smallest distances.
            x = end + math.copysign(1.0, center - end) * 10.0 ** -np.arange(0.0, 300, 2)
            found.extend(x[(x > low) & (x < high)])
            continue
        # Avoid round numbers: jumps tend to lie there, and one right beside a cut is missed.
        distances = 0.7345 * min(reach, _FAR) * 10.0 ** np.linspace(-12, 8, 81)
        x = center + math.copysign(1.0, end - center) * distances
        x = x[(x > low) & (x < high) & (x != center)]
        if len(x):
            with np.errstate(over="ignore"):
                drop = top - log(x[:, None])
            # From where the density has begun to drop to the first point where it is negligible.
            last = int(np.argmax(drop > 100)) if drop[-1] > 100 else len(x)
            found.extend(x[: last + 1][drop[: last + 1] > 0.1])
    return np.unique(found)
