"""Integrals ∫ p^α q^(1−α) between members of a family, in forms that do not cancel as p → q.

A family is the exponent J(α) = −log ∫ p^α q^(1−α) and KL(P‖Q) = J′(0) read backwards; every
divergence that is a power of p/q, or a limit of such, follows from the two. For an exponential
family with log-partition A, J(α) = α A(θ_p) + (1−α) A(θ_q) − A(α θ_p + (1−α) θ_q) [1]_.

References
----------
.. [1] F. Nielsen, R. Nock, "On Rényi and Tsallis entropies and divergences for exponential
   families", arXiv:1105.3259 (2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import kl_term
from divkit.fdiv._log_gamma import (
    LARGE,
    SMALLER,
    large_log_gamma_bregman,
    large_log_gamma_gap,
    log_gamma_bregman,
    log_gamma_gap,
)
from divkit.fdiv._log_gaps import (
    excess_over_log,
    gap_of_ratio,
    log_mean,
    log_mean_gap,
    log_ratio,
    x_minus_log1p,
)
from divkit.fdiv.catalogue.alpha import alpha as alpha_divergence

if TYPE_CHECKING:
    from divkit.fdiv._transforms import Transform

INF = math.inf


@dataclass(frozen=True)
class Family:
    """What is known in closed form of two members p and q, given by their parameters.

    Parameters
    ----------
    name : str
        For messages.
    exponent : (alpha, p, q) -> J(α)
        −inf where the integral diverges; called with |α| ≤ |1−α|, where it must be accurate.
    kl : (p, q) -> KL(P‖Q)
    total_variation : (p, q) -> TV or None, optional
        None where these two have no closed form.
    """

    name: str
    exponent: Callable[[float, Any, Any], float]
    kl: Callable[[Any, Any], float]
    total_variation: Callable[[Any, Any], float | None] = lambda p, q: None


@dataclass(frozen=True)
class Laws:
    """Two members p and q of a family, and what divergences between them are made of."""

    family: Family
    p: Any
    q: Any

    def exponent(self, a: float) -> float:
        """Return J(α) = −log ∫ p^α q^(1−α)."""
        # J_pq(α) = J_qp(1−α): the smaller weight goes first, for what is proportional to it.
        if a in (0, 1):
            return 0.0
        p, q, weight = (self.p, self.q, a) if abs(a) <= abs(1 - a) else (self.q, self.p, 1 - a)
        J = self.family.exponent(weight, p, q)
        # 0 ≤ J inside (0, 1) and J ≤ 0 outside, whatever the last rounding.
        return max(J, 0.0) if 0 < a < 1 else min(J, 0.0)

    def largest_exponent(self) -> float:
        """Return the largest J(α) over 0 < α < 1; J is concave."""
        from scipy.optimize import minimize_scalar

        found = minimize_scalar(
            lambda a: -self.exponent(a),
            bounds=(0.0, 1.0),
            method="bounded",
            options={"xatol": 1e-9},
        )
        return -float(found.fun)

    def power(self, a: float) -> float:
        """Return (∫ p^α q^(1−α) − 1) / (α(α−1)), the α-divergence."""
        return _expm1(-self.exponent(a)) / (a * (a - 1))

    def kl(self) -> float:
        """Return KL(P‖Q)."""
        return self.family.kl(self.p, self.q)

    def reverse_kl(self) -> float:
        """Return KL(Q‖P)."""
        return self.family.kl(self.q, self.p)

    def total_variation(self) -> float | None:
        """Return TV(P, Q), None where it has no closed form."""
        return self.family.total_variation(self.p, self.q)


def divergence(D: Divergence | Transform, family: Family, p: Any, q: Any) -> float:
    """Return D(P‖Q) for two members of `family`; ValueError where no closed form is known."""
    between = D.formulas.between if isinstance(D, Divergence) else D.between
    with np.errstate(all="ignore"):  # infinities are answers here
        value = None if between is None else between(Laws(family, p, q))
    if value is None:
        raise ValueError(
            f"`D` must have a closed form between these {family.name} laws, got {D}: integrate "
            "it with fdiv.from_densities, or sum it over atoms"
        )
    return float(value)


def _expm1(x: float) -> float:
    return math.expm1(x) if x < 709 else INF


# --- the families ---


def _gaussian_exponent(a: float, p: Any, q: Any) -> float:
    white = _whitened(p, q)
    scale = np.where(np.abs(white.e) < 0.5, 1 + (1 - a) * white.e, a + (1 - a) * white.ratio)
    # In these coordinates (1−α) Σ_p + α Σ_q; what is singular but for rounding is singular.
    largest = np.max(white.ratio)
    if np.any(scale <= 1e-15 * abs(a) + abs(1 - a) * (1e-15 * largest if largest < INF else 0.0)):
        return -INF
    pairs = [*zip(white.inverse_e.tolist(), (-white.log_ratio).tolist(), strict=True)]
    gaps = [gap_of_ratio(a, e, log_u) for e, log_u in pairs]
    square = white.shift**2 / scale
    # Where a square or a ratio is beyond a double, by logarithms.
    log_scale = white.log_ratio + [log_mean(a, e, log_u) for e, log_u in pairs]
    logs = 2 * white.log_shift - log_scale
    ordinary = (square > 1e-290) & (square < INF) & (scale < INF) & (white.ratio > 0)
    quadratic = float(np.sum(np.where(ordinary, square, np.exp(logs))))
    return 0.5 * (a * (1 - a) * quadratic + math.fsum(gaps))


def _gaussian_kl(p: Any, q: Any) -> float:
    white = _whitened(p, q)
    terms = map(excess_over_log, white.ratio, white.e, white.log_ratio)
    return 0.5 * float(np.sum(white.shift**2) + np.sum([*terms]))


def _gaussian_total_variation(p: Any, q: Any) -> float | None:
    white = _whitened(p, q)
    return None if white.e.any() else math.erf(float(np.linalg.norm(white.shift)) / math.sqrt(8))


@dataclass(frozen=True)
class _White:
    """Coordinates in which Σ_q is 1, Σ_p is diag(λ) and the shift is δ.

    λ and δ are 0 or infinite where they are beyond a double; their logarithms are not.
    """

    ratio: Any  # λ
    e: Any  # λ − 1
    shift: Any
    log_ratio: Any
    log_shift: Any

    @property
    def inverse_e(self) -> Any:
        """1/λ − 1."""
        finite = self.ratio < INF
        return np.where(finite, -self.e / np.where(finite, self.ratio, 1.0), -1.0)


def _whitened(p: Any, q: Any) -> _White:
    # All sizes are brought near 1; the powers of 2 go into the results.
    (cov_p, i), (cov_q, j) = (_near_one(law[1], even=True) for law in (p, q))
    half, k = _near_one(0.5 * p[0] - 0.5 * q[0])
    L = np.linalg.cholesky(cov_q)
    left, roots, _ = np.linalg.svd(np.linalg.solve(L, np.linalg.cholesky(cov_p)))
    # Squares of singular values keep twice the digits of small λ, and λ−1 those of λ near 1.
    roots, rotation = roots[::-1], left[:, ::-1]
    ratio = np.ldexp(roots**2, i - j)
    e = ratio - 1
    log_ratio = 2 * np.log(roots) + (i - j) * math.log(2)
    if abs(i - j) < 500:
        half_excess = np.linalg.solve(L, np.ldexp(cov_p, i - j) - cov_q)
        excess = np.linalg.solve(L, half_excess.T)
        near, rotation = np.linalg.eigh((excess + excess.T) / 2)
        e = np.where(np.abs(near) < 0.5, near, e)
        ratio = np.where(np.abs(near) < 0.5, 1 + near, ratio)
        log_ratio = np.where(np.abs(near) < 0.5, np.log1p(near), log_ratio)
    shift = rotation.T @ np.linalg.solve(L, half)
    log_shift = np.log(np.abs(shift)) + (k + 1 - j // 2) * math.log(2)
    return _White(ratio, e, np.ldexp(shift, k + 1 - j // 2), log_ratio, log_shift)


def _near_one(x: Any, even: bool = False) -> tuple[Any, int]:
    """Return x/2ᵏ with a largest entry near 1, and k."""
    k = int(np.frexp(np.max(np.abs(x)))[1])
    k += k % 2 if even else 0
    return np.ldexp(x, -k), k


def _rate_exponent(a: float, p: float, q: float) -> float:
    return log_mean_gap(a, p, q, p - q)


def _rate_kl(p: float, q: float) -> float:
    return excess_over_log(q / p, (q - p) / p, log_ratio(q, p, q - p))


def _exponential_total_variation(p: float, q: float) -> float:
    low, high = sorted((p, q))
    if low == high:
        return 0.0
    # The densities cross once, where low·x is this.
    crossing = log_ratio(high, low, high - low) / ((high - low) / low)
    return math.exp(-crossing) * ((high - low) / high)


def _poisson_exponent(a: float, p: float, q: float) -> float:
    return _arithmetic_less_geometric(a, p, q, p - q)


def _arithmetic_less_geometric(a: float, p: float, q: float, difference: float) -> float:
    """Return α p + (1−α) q − p^α q^(1−α)."""
    largest = max(p, q)
    if min(p, q) > 1e-250 and largest < 1e250:
        h = float(alpha_divergence(a).formulas.integrand(p, q, difference, np))
        if h < INF:
            return a * (1 - a) * h
    # It is of degree 1, so that the larger may be 1.
    if abs(difference) < 0.5 * q:
        k = math.frexp(largest)[1]
        p, q, difference = (math.ldexp(x, -k) for x in (p, q, difference))
        h = float(alpha_divergence(a).formulas.integrand(p, q, difference, np))
        return math.ldexp(1.0, k // 2) * (a * (1 - a) * h) * math.ldexp(1.0, k - k // 2)
    log_u = log_ratio(p, q, difference)
    if p < q:
        return q * (-_expm1(a * log_u) - a * (1 - p / q))
    r = q / p
    rest = r * _expm1(a * log_u) if r else math.exp((a - 1) * log_u)
    return p * (a * (1 - r) - rest)


def _poisson_kl(p: float, q: float) -> float:
    difference = p - q
    if abs(difference) < 0.9 * max(p, q):
        k = math.frexp(q)[1] if max(p, q) > 1e300 else 0
        p, q, difference = (math.ldexp(x, -k) for x in (p, q, difference))
        return float(np.ldexp(kl_term(p, q, difference, np), k))
    return p * (log_ratio(p, q, difference) - 1) + q


def _geometric_exponent(a: float, p: float, q: float) -> float:
    # 1 − x^α y^(1−α), with x = 1−p and y = 1−q, is the mean of p and q plus this gap of x and y.
    gap = _arithmetic_less_geometric(a, 1 - p, 1 - q, q - p)
    mean = q + a * (p - q)
    if mean + gap <= 0:
        return -INF
    if mean <= 0:
        x, y = math.log1p(-p), math.log1p(-q)
        total = -math.expm1(a * x + (1 - a) * y)
        return math.log(total) - a * math.log(p) - (1 - a) * math.log(q) if total > 0 else -INF
    return log_mean_gap(a, p, q, p - q) + math.log1p(gap / mean)


def _geometric_kl(p: float, q: float) -> float:
    return float(kl_term(p, q, p - q, np) + kl_term(1 - p, 1 - q, q - p, np)) / p


def _gamma_exponent(a: float, p: Any, q: Any) -> float:
    (k, b), (j, c) = p, q
    shape = j + a * (k - j)
    rates = log_mean_gap(a, b, c, b - c)
    if shape <= 0 or rates == -INF:
        return -INF
    log_u = log_ratio(c, b, c - b)
    if max(k, j) > LARGE:
        k, j = k * SMALLER, j * SMALLER
        shapes, shape, size = large_log_gamma_gap(a, k, j), j + a * (k - j), SMALLER
    else:
        shapes, size = log_gamma_gap(a, k, j, k - j), 1.0
    return _total([shapes, shape * rates, a * (1 - a) * (k - j) * log_u]) / size


def _gamma_kl(p: Any, q: Any) -> float:
    (k, b), (j, c) = p, q
    log_u = log_ratio(c, b, c - b)
    if max(k, j) > LARGE:
        k, j, size = k * SMALLER, j * SMALLER, SMALLER
        shapes = large_log_gamma_bregman(k, j)
    else:
        shapes, size = log_gamma_bregman(k, j, j - k), 1.0
    if c / b < 1e3:
        rates = k * excess_over_log(c / b, (c - b) / b, log_u)
    else:
        rates = _product_over(k, c, b) - k * (1 + log_u)
    return _total([shapes, rates, (k - j) * log_u]) / size


def _product_over(x: float, y: float, z: float) -> float:
    """Return x y / z where y/z may be beyond a double."""
    (m, i), (n, j), (r, k) = map(math.frexp, (x, y, z))
    with np.errstate(all="ignore"):
        return float(np.ldexp(m * n / r, i + j - k))


def _dirichlet_exponent(a: float, p: Any, q: Any) -> float:
    if max(*p, *q) > LARGE:
        pairs, size = [(x * SMALLER, y * SMALLER) for x, y in zip(p, q, strict=True)], SMALLER
        gaps = [
            large_log_gamma_gap(a, *small)
            if max(x, y) > LARGE
            else SMALLER * log_gamma_gap(a, x, y, x - y)
            for x, y, small in zip(p, q, pairs, strict=True)
        ]
        sums = [math.fsum(side) for side in zip(*pairs, strict=True)]
        of_sums = large_log_gamma_gap(a, *sums)
    else:
        size = 1.0
        gaps = [log_gamma_gap(a, x, y, x - y) for x, y in zip(p, q, strict=True)]
        step = math.fsum([*p, *(-y for y in q)])
        of_sums = log_gamma_gap(a, math.fsum(p), math.fsum(q), step)
    return -INF if -INF in gaps else _total([*gaps, -of_sums]) / size


def _dirichlet_kl(p: Any, q: Any) -> float:
    if max(*p, *q) > LARGE:
        pairs, size = [(x * SMALLER, y * SMALLER) for x, y in zip(p, q, strict=True)], SMALLER
        parts = [
            large_log_gamma_bregman(*small)
            if max(x, y) > LARGE
            else SMALLER * log_gamma_bregman(x, y, y - x)
            for x, y, small in zip(p, q, pairs, strict=True)
        ]
        of_sums = large_log_gamma_bregman(*(math.fsum(side) for side in zip(*pairs, strict=True)))
    else:
        size = 1.0
        parts = [log_gamma_bregman(x, y, y - x) for x, y in zip(p, q, strict=True)]
        step = math.fsum([*q, *(-x for x in p)])
        of_sums = log_gamma_bregman(math.fsum(p), math.fsum(q), step)
    if INF in parts:  # Σ q/p − Σq/Σp overflows with them, but for the last of the doubles
        return INF
    return _total([*parts, -of_sums]) / size


def _total(terms: list[float]) -> float:
    """Return the sum of the terms; ValueError where they cancel to what could not be told."""
    if INF in terms and -INF not in terms and not any(map(math.isnan, terms)):
        return INF
    size = max(map(abs, terms))
    total = math.fsum(terms) if size < INF else math.nan
    if size > 1e-10 and not size < 1e9 * abs(total):
        raise ValueError(
            "parameters must be of such sizes that double precision tells the two laws apart, got "
            f"terms of size {size:.3g} that cancel: integrate their densities with "
            "`fdiv.from_densities`"
        )
    return total


def _laplace_exponent(a: float, p: Any, q: Any) -> float:
    # With rates s and t of the two sides, ∫ is (s e^(−tΔ) − t e^(−sΔ))/(s−t) over the scales'
    # log-mean; for s < t the quotient is e^(−sΔ)(1 + sΔ E), E = (1 − e^(−y))/y at y = (t−s)Δ.
    (m, b), (n, c) = p, q
    scales = log_mean_gap(a, c, b, c - b)
    if scales == -INF:
        return -INF
    half = abs(0.5 * m - 0.5 * n)
    x, larger = sorted(map(float, (a * (2 * (half / b)), (1 - a) * (2 * (half / c)))))
    if abs(x) == INF:
        return float(x)
    y = larger - x
    E = -math.expm1(-y) / y if y else 1.0
    decay = _decay(y) / y if 0 < y < INF else float(y > 0)
    return float(scales + x_minus_log1p(x * E) + x * decay)


def _laplace_kl(p: Any, q: Any) -> float:
    (m, b), (n, c) = p, q
    half = abs(0.5 * m - 0.5 * n)
    u, y = b / c, 2 * (half / b)
    scales = excess_over_log(u, (b - c) / c, log_ratio(b, c, b - c))
    if scales == INF:
        return INF
    return float(scales + (u * _decay(y) if y <= 1 else u * math.expm1(-y) + 2 * (half / c)))


def _decay(y: float) -> float:
    """Return e^(−y) − 1 + y for y ≥ 0."""
    if y > 1:
        return math.expm1(-y) + y
    return float(kl_term(1.0, math.exp(-y), -math.expm1(-y), np))


def _laplace_total_variation(p: Any, q: Any) -> float | None:
    (m, b), (n, c) = p, q
    return -math.expm1(-abs(0.5 * m - 0.5 * n) / b) if b == c else None


GAUSSIAN = Family("Gaussian", _gaussian_exponent, _gaussian_kl, _gaussian_total_variation)
EXPONENTIAL = Family("exponential", _rate_exponent, _rate_kl, _exponential_total_variation)
POISSON = Family("Poisson", _poisson_exponent, _poisson_kl)
GEOMETRIC = Family("geometric", _geometric_exponent, _geometric_kl)
GAMMA = Family("gamma", _gamma_exponent, _gamma_kl)
DIRICHLET = Family("Dirichlet", _dirichlet_exponent, _dirichlet_kl)
LAPLACE = Family("Laplace", _laplace_exponent, _laplace_kl, _laplace_total_variation)
