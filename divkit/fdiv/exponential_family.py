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

from divkit.fdiv.catalogue.alpha import alpha as alpha_divergence
from divkit.fdiv.divergence import Divergence
from divkit.fdiv.elementary import half_log_ratio, kl_term

if TYPE_CHECKING:
    from divkit.fdiv.transforms import Transform

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
            lambda a: -self.exponent(a), bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-9}
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


def x_minus_log1p(x: Any) -> Any:
    """Return x − log(1+x) ≥ 0."""
    return kl_term(1.0, 1 + x, -x, np)


def log_mean_gap(a: float, p: Any, q: Any, difference: Any) -> float:
    """Return log(α p + (1−α) q) − α log p − (1−α) log q, for `difference` = p − q.

    −inf where the mean is not positive.
    """
    e = difference / q
    if a * e <= -1:
        return -INF
    if abs(e) < 0.5:
        return float(a * x_minus_log1p(e) - x_minus_log1p(a * e))
    return math.log1p(a * e) - a * _log_ratio(p, q)


def _log_ratio(p: float, q: float) -> float:
    return 2 * float(half_log_ratio(p, q, p - q, np))


def log_gamma_gap(a: float, q: float, step: float) -> float:
    """Return α lgΓ(q+step) + (1−α) lgΓ(q) − lgΓ(m) at m = q + α step; −inf where m ≤ 0."""
    if q + a * step <= 0:
        return -INF
    return a * log_gamma_bregman(q, step) - log_gamma_bregman(q, a * step)


def log_gamma_bregman(p: float, step: float) -> float:
    """Return lgΓ(p+step) − lgΓ(p) − ψ(p) step ≥ 0."""
    from scipy.special import digamma, gammaln, zeta

    if abs(step) > 0.25 * p:
        return float(gammaln(p + step) - gammaln(p) - digamma(p) * step)
    # Σ_{n≥2} ζ(n, p) (−step)ⁿ / n, with the Hurwitz zeta function.
    n = np.arange(2.0, 30.0)
    # ζ(n, p) pⁿ; by Euler–Maclaurin where pⁿ could overflow.
    few = p < 1e4
    coefficients = 1 + zeta(n, p + 1) * p**n if few else p / (n - 1) + 0.5 + n / (12 * p)
    return math.fsum(coefficients * (-step / p) ** n / n)


# --- the families ---


def _gaussian_exponent(a: float, p: Any, q: Any) -> float:
    ratio, e, shift = _whitened(p, q)
    # In these coordinates (1−α) Σ_p + α Σ_q; what is singular but for rounding is singular.
    scale = np.where(np.abs(e) < 0.5, 1 + (1 - a) * e, a + (1 - a) * ratio)
    if np.any(scale <= 1e-15 * (abs(a) + abs(1 - a) * np.max(ratio))):
        return -INF
    gaps = [log_mean_gap(a, 1.0, r, -x) for r, x in zip(ratio, e, strict=True)]
    quadratic = float(np.sum(shift**2 / scale))
    return 0.5 * (a * (1 - a) * quadratic + math.fsum(gaps))


def _gaussian_kl(p: Any, q: Any) -> float:
    ratio, e, shift = _whitened(p, q)
    return 0.5 * math.fsum([*shift**2, *kl_term(1.0, ratio, -e, np)])


def _gaussian_total_variation(p: Any, q: Any) -> float | None:
    _, e, shift = _whitened(p, q)
    return math.erf(float(np.linalg.norm(shift)) / math.sqrt(8)) if not e.any() else None


def _whitened(p: Any, q: Any) -> tuple[Any, Any, Any]:
    """Return λ, λ−1 and δ: coordinates in which Σ_q is 1, Σ_p is diag(λ) and the shift is δ."""
    L = np.linalg.cholesky(q[1])
    half = np.linalg.solve(L, p[1] - q[1])
    excess = np.linalg.solve(L, half.T)
    e, rotation = np.linalg.eigh((excess + excess.T) / 2)
    # Near −1 that says little of λ; squares of singular values keep twice the digits.
    roots = np.linalg.svd(np.linalg.solve(L, np.linalg.cholesky(p[1])), compute_uv=False)
    ratio = np.where(np.abs(e) < 0.5, 1 + e, roots[::-1] ** 2)
    e = np.where(np.abs(e) < 0.5, e, ratio - 1)
    return ratio, e, rotation.T @ np.linalg.solve(L, p[0] - q[0])


def _rate_exponent(a: float, p: float, q: float) -> float:
    return log_mean_gap(a, p, q, p - q)


def _rate_kl(p: float, q: float) -> float:
    return float(kl_term(p, q, p - q, np)) / p


def _exponential_total_variation(p: float, q: float) -> float:
    low, high = sorted((p, q))
    if low == high:
        return 0.0
    # The densities cross once, at c.
    c = math.log1p((high - low) / low) / (high - low)
    return math.exp(-low * c) * (high - low) / high


def _poisson_exponent(a: float, p: float, q: float) -> float:
    return _arithmetic_less_geometric(a, p, q, p - q)


def _arithmetic_less_geometric(a: float, p: float, q: float, difference: float) -> float:
    """Return α p + (1−α) q − p^α q^(1−α)."""
    h = alpha_divergence(a).formulas.integrand(p, q, difference, np)
    return a * (1 - a) * float(h)


def _poisson_kl(p: float, q: float) -> float:
    return float(kl_term(p, q, p - q, np))


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
    cross = a * (1 - a) * (k - j) * _log_ratio(c, b)
    return float(log_gamma_gap(a, j, k - j) + shape * rates + cross)


def _gamma_kl(p: Any, q: Any) -> float:
    (k, b), (j, c) = p, q
    rates = float(kl_term(b, c, b - c, np)) / b
    return float(log_gamma_bregman(k, j - k) + k * rates + (k - j) * _log_ratio(c, b))


def _dirichlet_exponent(a: float, p: Any, q: Any) -> float:
    steps = [x - y for x, y in zip(p, q, strict=True)]
    gaps = [log_gamma_gap(a, y, step) for y, step in zip(q, steps, strict=True)]
    if -INF in gaps:
        return -INF
    return math.fsum([*gaps, -log_gamma_gap(a, math.fsum(q), math.fsum(steps))])


def _dirichlet_kl(p: Any, q: Any) -> float:
    steps = [y - x for x, y in zip(p, q, strict=True)]
    parts = [log_gamma_bregman(x, step) for x, step in zip(p, steps, strict=True)]
    return math.fsum([*parts, -log_gamma_bregman(math.fsum(p), math.fsum(steps))])


def _laplace_exponent(a: float, p: Any, q: Any) -> float:
    # With rates s and t of the two sides, ∫ is (s e^(−tΔ) − t e^(−sΔ))/(s−t) over the scales'
    # log-mean; for s < t the quotient is e^(−sΔ)(1 + sΔ E), E = (1 − e^(−y))/y at y = (t−s)Δ.
    (m, b), (n, c) = p, q
    scales = log_mean_gap(a, c, b, c - b)
    if scales == -INF:
        return -INF
    s, t = sorted((a / b, (1 - a) / c))
    x, y = s * abs(m - n), (t - s) * abs(m - n)
    E = -math.expm1(-y) / y if y else 1.0
    return float(scales + x_minus_log1p(x * E) + (x * _decay(y) / y if y else 0.0))


def _laplace_kl(p: Any, q: Any) -> float:
    (m, b), (n, c) = p, q
    return float(kl_term(c, b, c - b, np) / c + b / c * _decay(abs(m - n) / b))


def _decay(y: float) -> float:
    """Return e^(−y) − 1 + y for y ≥ 0."""
    if y > 1:
        return math.expm1(-y) + y
    return float(kl_term(1.0, math.exp(-y), -math.expm1(-y), np))


def _laplace_total_variation(p: Any, q: Any) -> float | None:
    (m, b), (n, c) = p, q
    return -math.expm1(-abs(m - n) / (2 * b)) if b == c else None


GAUSSIAN = Family("Gaussian", _gaussian_exponent, _gaussian_kl, _gaussian_total_variation)
EXPONENTIAL = Family("exponential", _rate_exponent, _rate_kl, _exponential_total_variation)
POISSON = Family("Poisson", _poisson_exponent, _poisson_kl)
GEOMETRIC = Family("geometric", _geometric_exponent, _geometric_kl)
GAMMA = Family("gamma", _gamma_exponent, _gamma_kl)
DIRICHLET = Family("Dirichlet", _dirichlet_exponent, _dirichlet_kl)
LAPLACE = Family("Laplace", _laplace_exponent, _laplace_kl, _laplace_total_variation)
