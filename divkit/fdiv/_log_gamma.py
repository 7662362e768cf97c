"""Differences of log Γ from its chords and tangents, for the smallest to the largest arguments."""

from __future__ import annotations

import math

import numpy as np

from divkit._forks import loading
from divkit.fdiv._elementary import kl_term
from divkit.fdiv._log_gaps import excess_over_log, log_mean_gap, log_ratio

INF = math.inf
LARGE = 1e290  # beyond it log Γ may overflow: arguments and results are scaled by `SMALLER`
SMALLER = 2.0**-64
_STIRLING = 1e10  # beyond it 1/x is a rounding error of lgΓ(x)


def log_gamma_gap(a: float, p: float, q: float, step: float) -> float:
    """Return α lgΓ(p) + (1−α) lgΓ(q) − lgΓ(α p + (1−α) q) for step = p − q.

    −inf where the mean is not positive.
    """
    m = q + a * step
    if m <= 0:
        return -INF
    if q >= 1:
        return a * log_gamma_bregman(q, p, step) - log_gamma_bregman(q, m, a * step)
    # lgΓ(x) = lgΓ(1+x) − log x, which takes the pole out.
    rest = a * log_gamma_bregman(1 + q, 1 + p, step) - log_gamma_bregman(1 + q, 1 + m, a * step)
    return log_mean_gap(a, p, q, step) + rest


def large_log_gamma_gap(a: float, p: float, q: float) -> float:
    """Return `SMALLER` · `log_gamma_gap`, given `SMALLER` · p and q, one of them beyond `LARGE`."""
    m = q + a * (p - q)
    if m <= 0:
        return -INF
    if min(p, q) > _STIRLING * SMALLER:
        return a * large_log_gamma_bregman(q, p) - large_log_gamma_bregman(q, m)
    weight, larger = (a, p) if p > q else (1 - a, q)
    return -weight * larger * math.log(weight)


def log_gamma_bregman(p: float, q: float, step: float) -> float:
    """Return lgΓ(q) − lgΓ(p) − ψ(p) step ≥ 0 for step = q − p."""
    with loading:
        from scipy.special import digamma, gammaln, zeta

    if p < 1:
        u = q / p
        rest = log_gamma_bregman(1 + p, 1 + q, step)
        return excess_over_log(u, step / p, log_ratio(q, p, step)) + rest
    if abs(step) > 0.25 * p:
        if min(p, q) > _STIRLING:  # lgΓ(x) is (x − ½) log x − x, and a constant
            log_u = log_ratio(q, p, step)
            return p * _kl_of_ratio(q / p, log_u) + 0.5 * (step / p - log_u)
        # Where 1/q overflows, gammaln does too.
        of_q = gammaln(q) if q > 1e-300 else -math.log(q)
        return float(of_q - gammaln(p) - digamma(p) * step)
    # Σ_{n≥2} ζ(n, p) (−step)ⁿ / n, with the Hurwitz zeta function.
    n = np.arange(2.0, 30.0)
    # ζ(n, p) pⁿ; by Euler–Maclaurin where pⁿ could overflow.
    few = p < 1e4
    coefficients = 1 + zeta(n, p + 1) * p**n if few else p / (n - 1) + 0.5 + n / (12 * p)
    return math.fsum(coefficients * (-step / p) ** n / n)


def large_log_gamma_bregman(p: float, q: float) -> float:
    """Return `SMALLER` · `log_gamma_bregman`, given `SMALLER` · p and q, one beyond `LARGE`.

    lgΓ(x) is x log x − x there, and the contribution of the smaller argument is negligible.
    """
    if p > _STIRLING * SMALLER:
        return p * _kl_of_ratio(q / p, log_ratio(q, p, q - p) if q else -INF)
    with loading:
        from scipy.special import digamma

    return q * (math.log(q) - math.log(SMALLER) - 1 - float(digamma(p / SMALLER)))


def _kl_of_ratio(u: float, log_u: float) -> float:
    """Return u log u − u + 1, 1 at 0."""
    if 1e-3 < u < 1e3:
        return float(kl_term(u, 1.0, u - 1, np))
    return u * (log_u - 1) + 1 if u > 0 else 1.0
