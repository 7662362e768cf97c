"""Gaussian laws: ∫ p^α q^(1−α) and KL, in coordinates in which one covariance is the identity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from divkit.fdiv._exponential_family import Family
from divkit.fdiv._log_gaps import (
    excess_over_log,
    gap_of_ratio,
    log_mean,
    log_mean_ratio,
)

INF = math.inf


def _gaussian_exponent(a: float, p: Any, q: Any) -> float:
    white = _whitened(p, q)
    # The diagonal of (1−α) Σ_p + α Σ_q in these coordinates.
    scale = np.where(np.abs(white.e) < 0.5, 1 + (1 - a) * white.e, a + (1 - a) * white.ratio)
    largest = np.max(white.ratio)
    pairs = [*zip(white.inverse_e.tolist(), (-white.log_ratio).tolist(), strict=True)]
    if len(scale) == 1 and scale[0] < 0.1 * abs(1 - a) * largest:
        # For one variable it is computed in exact arithmetic, however much cancels.
        of_p, of_q = float(p[1][0, 0]), float(q[1][0, 0])
        log_mean_of_p = log_mean_ratio(a, of_q, of_p)
        if log_mean_of_p == -INF:
            return -INF
        log_scale = white.log_ratio + log_mean_of_p
        scale = np.exp(log_scale)
        gaps = [log_mean_of_p + a * white.log_ratio[0]]
    else:
        # A matrix that is singular up to rounding counts as singular.
        of_largest = 1e-15 * largest if largest < INF else 0.0
        if np.any(scale <= 1e-15 * abs(a) + abs(1 - a) * of_largest):
            return -INF
        log_scale = white.log_ratio + [log_mean(a, e, log_u) for e, log_u in pairs]
        gaps = [gap_of_ratio(a, e, log_u) for e, log_u in pairs]
    square = white.shift**2 / scale
    # Use logarithms where a square or a ratio overflows or underflows.
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
    """Coordinates in which Σ_q is the identity, Σ_p is diag(λ) and the difference of means is δ.

    λ and δ may overflow or underflow to 0; their logarithms do not.
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
    # Everything is scaled to about 1; the powers of 2 are restored in the results.
    (cov_p, i), (cov_q, j) = (_near_one(law[1], even=True) for law in (p, q))
    half, k = _near_one(0.5 * p[0] - 0.5 * q[0])
    L = np.linalg.cholesky(cov_q)
    left, roots, _ = np.linalg.svd(np.linalg.solve(L, np.linalg.cholesky(cov_p)))
    # Squared singular values are accurate for small λ, eigenvalues of λ−1 for λ near 1.
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


GAUSSIAN = Family("Gaussian", _gaussian_exponent, _gaussian_kl, _gaussian_total_variation)
