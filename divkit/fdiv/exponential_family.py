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

from divkit._forks import loading
from divkit.fdiv.catalogue.alpha import alpha as alpha_divergence
from divkit.fdiv.divergence import Divergence
from divkit.fdiv.elementary import kl_term

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


def x_minus_log1p(x: Any) -> Any:
    """Return x − log(1+x) ≥ 0."""
    return kl_term(1.0, 1 + x, -x, np)


def log_mean_gap(a: float, p: float, q: float, difference: float) -> float:
    """Return log(α p + (1−α) q) − α log p − (1−α) log q, for `difference` = p − q.

    −inf where the mean is not positive.
    """
    return gap_of_ratio(a, difference / q, log_ratio(p, q, difference))


def gap_of_ratio(a: float, e: float, log_u: float) -> float:
    """Return log(1 + α e) − α log u for u = 1 + e, where u may be beyond a double."""
    if a * e <= -1:
        return -INF
    if abs(e) < 0.5:
        return float(a * x_minus_log1p(e) - x_minus_log1p(a * e))
    return _log_mean(a, e, log_u) - a * log_u


def _log_mean(a: float, e: float, log_u: float) -> float:
    """Return log(1 + α e), −inf where that is not positive."""
    if a * e <= -1:
        return -INF
    if e < INF or a == 0:
        return math.log1p(a * e)
    return float(np.logaddexp(0.0, math.log(a) + log_u))


def log_ratio(p: float, q: float, difference: float) -> float:
    """Return log(p/q)."""
    if abs(difference) < 0.5 * q:
        return math.log1p(difference / q)
    ratio = p / q
    return math.log(ratio) if 1e-300 < ratio < 1e300 else math.log(p) - math.log(q)


def excess_over_log(u: float, e: float, log_u: float) -> float:
    """Return u − 1 − log u for e = u − 1."""
    return float(kl_term(1.0, u, -e, np)) if 1e-3 < u < 1e3 else e - log_u


def log_gamma_gap(a: float, p: float, q: float, step: float) -> float:
    """Return α lgΓ(p) + (1−α) lgΓ(q) − lgΓ(α p + (1−α) q) for step = p − q; −inf beyond."""
    m = q + a * step
    if m <= 0:
        return -INF
    if q >= 1:
        return a * log_gamma_bregman(q, p, step) - log_gamma_bregman(q, m, a * step)
    # lgΓ(x) = lgΓ(1+x) − log x, which takes the pole out.
    rest = a * log_gamma_bregman(1 + q, 1 + p, step) - log_gamma_bregman(1 + q, 1 + m, a * step)
    return log_mean_gap(a, p, q, step) + rest


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
            return p * _kl_term(q / p, log_u) + 0.5 * (step / p - log_u)
        return float(gammaln(q) - gammaln(p) - digamma(p) * step)
    # Σ_{n≥2} ζ(n, p) (−step)ⁿ / n, with the Hurwitz zeta function.
    n = np.arange(2.0, 30.0)
    # ζ(n, p) pⁿ; by Euler–Maclaurin where pⁿ could overflow.
    few = p < 1e4
    coefficients = 1 + zeta(n, p + 1) * p**n if few else p / (n - 1) + 0.5 + n / (12 * p)
    return math.fsum(coefficients * (-step / p) ** n / n)


_STIRLING = 1e10  # beyond it 1/x is a rounding error of lgΓ(x)
_LARGE, _SMALLER = 1e290, 2.0**-64  # shapes beyond, where terms overflow, are made smaller


def _kl_term(u: float, log_u: float) -> float:
    """Return u log u − u + 1, 1 at 0."""
    if 1e-3 < u < 1e3:
        return float(kl_term(u, 1.0, u - 1, np))
    return u * (log_u - 1) + 1 if u > 0 else 1.0


# --- the families ---


def _gaussian_exponent(a: float, p: Any, q: Any) -> float:
    white = _whitened(p, q)
    scale = np.where(np.abs(white.e) < 0.5, 1 + (1 - a) * white.e, a + (1 - a) * white.ratio)
    # In these coordinates (1−α) Σ_p + α Σ_q; what is singular but for rounding is singular.
    largest = np.max(white.ratio)
    if np.any(scale <= 1e-15 * (abs(a) + abs(1 - a) * (largest if largest < INF else 0.0))):
        return -INF
    pairs = [*zip(white.inverse_e.tolist(), (-white.log_ratio).tolist(), strict=True)]
    gaps = [gap_of_ratio(a, e, log_u) for e, log_u in pairs]
    square = white.shift**2 / scale
    # Where a square or a ratio is beyond a double, by logarithms.
    log_scale = white.log_ratio + [_log_mean(a, e, log_u) for e, log_u in pairs]
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
    if max(k, j) > _LARGE:  # there it is of degree 1 in the shapes
        smaller = ((k * _SMALLER, b), (j * _SMALLER, c))
        return _gamma_exponent(a, *smaller) / _SMALLER
    shape = j + a * (k - j)
    rates = log_mean_gap(a, b, c, b - c)
    if shape <= 0 or rates == -INF:
        return -INF
    cross = a * (1 - a) * (k - j) * log_ratio(c, b, c - b)
    return _total([log_gamma_gap(a, k, j, k - j), shape * rates, cross])


def _gamma_kl(p: Any, q: Any) -> float:
    (k, b), (j, c) = p, q
    log_u = log_ratio(c, b, c - b)
    size = 1.0
    if max(k, j) > _LARGE:
        from scipy.special import digamma

        size = _SMALLER
        if min(k, j) > _STIRLING:
            shapes = _poisson_kl(j * size, k * size)
        else:
            shapes = j * size * (math.log(j) - 1 - digamma(k)) if j > k else k * size
    else:
        shapes = log_gamma_bregman(k, j, j - k)
    k, j = k * size, j * size
    if c / b < 1e3:
        rates = k * excess_over_log(c / b, (c - b) / b, log_u)
    else:
        rates = _product_over(k, c, b) - k * (1 + log_u)
    return _total([float(shapes), rates, (k - j) * log_u]) / size


def _product_over(x: float, y: float, z: float) -> float:
    """Return x y / z where y/z may be beyond a double."""
    (m, i), (n, j), (r, k) = map(math.frexp, (x, y, z))
    with np.errstate(all="ignore"):
        return float(np.ldexp(m * n / r, i + j - k))


def _dirichlet_exponent(a: float, p: Any, q: Any) -> float:
    gaps = [log_gamma_gap(a, x, y, x - y) for x, y in zip(p, q, strict=True)]
    if -INF in gaps:
        return -INF
    step = math.fsum([*p, *(-y for y in q)])
    return _total([*gaps, -log_gamma_gap(a, math.fsum(p), math.fsum(q), step)])


def _dirichlet_kl(p: Any, q: Any) -> float:
    parts = [log_gamma_bregman(x, y, y - x) for x, y in zip(p, q, strict=True)]
    step = math.fsum([*q, *(-x for x in p)])
    return _total([*parts, -log_gamma_bregman(math.fsum(p), math.fsum(q), step)])


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
