"""Families other than the Gaussian: ∫ p^α q^(1−α) and KL, in forms that do not cancel as p → q."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from divkit.fdiv._elementary import kl_term
from divkit.fdiv._exponential_family import Family
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
    expm1,
    log_mean_gap,
    log_ratio,
    x_minus_log1p,
)
from divkit.fdiv.catalogue.alpha import alpha as alpha_divergence

if TYPE_CHECKING:
    pass

INF = math.inf


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
    # Homogeneous of degree 1: scale the larger to about 1.
    if abs(difference) < 0.5 * q:
        k = math.frexp(largest)[1]
        p, q, difference = (math.ldexp(x, -k) for x in (p, q, difference))
        h = float(alpha_divergence(a).formulas.integrand(p, q, difference, np))
        return math.ldexp(1.0, k // 2) * (a * (1 - a) * h) * math.ldexp(1.0, k - k // 2)
    log_u = log_ratio(p, q, difference)
    if p < q:
        return q * (-expm1(a * log_u) - a * (1 - p / q))
    r = q / p
    rest = r * expm1(a * log_u) if r else math.exp((a - 1) * log_u)
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
    """Return x y / z, where y/z may overflow or underflow."""
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
    if INF in parts:  # Σ q/p − Σq/Σp then overflows too, except at the very end of the range
        return INF
    return _total([*parts, -of_sums]) / size


def _total(terms: list[float]) -> float:
    """Return the sum of the terms; raise ValueError if too few digits survive cancellation."""
    if INF in terms and -INF not in terms and not any(map(math.isnan, terms)):
        return INF
    size = max(map(abs, terms))
    # Scaled, since partial sums may overflow where the sum does not.
    total = 2.0**8 * math.fsum(x / 2.0**8 for x in terms) if size > 1e300 else math.fsum(terms)
    if size == INF:
        total = math.nan
    if size > 1e-10 and not size < 1e9 * abs(total):
        raise ValueError(
            "parameters must be of such sizes that double precision tells the two laws apart, got "
            f"terms of size {size:.3g} that cancel: integrate their densities with "
            "`fdiv.from_densities`"
        )
    return total


def _laplace_exponent(a: float, p: Any, q: Any) -> float:
    # With s = α/b and t = (1−α)/c, ∫ is e^(−g) (s e^(−tΔ) − t e^(−sΔ))/(s−t), g the log-mean gap
    # of the scales; for s < t the quotient is e^(−sΔ)(1 + sΔ E), E = (1 − e^(−y))/y at y = (t−s)Δ.
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


EXPONENTIAL = Family("exponential", _rate_exponent, _rate_kl, _exponential_total_variation)
POISSON = Family("Poisson", _poisson_exponent, _poisson_kl)
GEOMETRIC = Family("geometric", _geometric_exponent, _geometric_kl)
GAMMA = Family("gamma", _gamma_exponent, _gamma_kl)
DIRICHLET = Family("Dirichlet", _dirichlet_exponent, _dirichlet_kl)
LAPLACE = Family("Laplace", _laplace_exponent, _laplace_kl, _laplace_total_variation)
