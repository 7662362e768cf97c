"""Divergences between two members of a parametric family, in closed form.

Powers of the density ratio (`alpha`, `tsallis`, `cressie_read`, `pearson`, `neyman`,
`squared_hellinger`), their limits (`kl`, `reverse_kl`, `jeffreys`) and logarithms (`renyi`,
`bhattacharyya`, `chernoff`) have closed forms, and in a few families so has `total_variation`; for
other divergences, use `from_densities`. Values are in nats where the divergence has a logarithm,
+inf where the integral diverges, and accurate even where the two laws nearly agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divkit import _check
from divkit._check import Array
from divkit.fdiv._divergence import Divergence
from divkit.fdiv._exponential_family import divergence
from divkit.fdiv._families import DIRICHLET, EXPONENTIAL, GAMMA, GEOMETRIC, LAPLACE, POISSON
from divkit.fdiv._gaussian import GAUSSIAN

__all__ = [
    "bernoulli",
    "beta",
    "dirichlet",
    "exponential",
    "gamma",
    "gaussian",
    "geometric",
    "laplace",
    "poisson",
]

if TYPE_CHECKING:
    from divkit.fdiv._transforms import Transform


def gaussian(
    D: Divergence | Transform, mean_p: Array, cov_p: Array, mean_q: Array, cov_q: Array
) -> float:
    """Return D between two Gaussian laws, of one or several variables.

    KL is ½ [tr(Σ_q⁻¹Σ_p) − d + (μ_p−μ_q)ᵀΣ_q⁻¹(μ_p−μ_q) − log det(Σ_q⁻¹Σ_p)], and
    −log ∫ p^α q^(1−α) = ½ α(1−α) ΔᵀΣ⁻¹Δ + ½ log(|Σ| / (|Σ_p|^(1−α) |Σ_q|^α)) with
    Δ = μ_p−μ_q and Σ = (1−α) Σ_p + α Σ_q; the integral diverges where Σ is not positive definite
    [1]_. Total variation is erf(‖Σ^(−½)Δ‖ / √8) if the covariances are equal.

    Parameters
    ----------
    D : Divergence or Transform
        One that has a closed form.
    mean_p, mean_q : float or array, shape (d,)
        The means.
    cov_p, cov_q : float or array, shape (d, d)
        The covariances, positive definite; a number is the variance of one variable.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If a parameter is not a real number or array.
    ValueError
        If shapes do not match, a covariance is not symmetric and positive definite, or D has no
        closed form.

    References
    ----------
    .. [1] M. Gil, F. Alajaji, T. Linder, "Rényi divergence measures for commonly used univariate
       continuous distributions", Information Sciences 249 (2013).

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import closed_form
    >>> closed_form.gaussian(fdiv.kl, 0.0, 1.0, 1.0, 1.0)
    0.5
    >>> closed_form.gaussian(fdiv.pearson, 0.0, 4.0, 0.0, 1.0)
    inf
    """
    p = _gaussian_parameters("p", mean_p, cov_p)
    q = _gaussian_parameters("q", mean_q, cov_q)
    if len(p[0]) != len(q[0]):
        raise ValueError(
            f"`mean_p` and `mean_q` must have the same length, got {len(p[0])} and {len(q[0])}"
        )
    return divergence(D, GAUSSIAN, p, q)


def exponential(D: Divergence | Transform, rate_p: float, rate_q: float) -> float:
    """Return D between two exponential laws with densities r e^(−rx) on x > 0.

    KL is log(r_p/r_q) + r_q/r_p − 1. Rates are positive; raises like `gaussian`.

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import closed_form
    >>> closed_form.exponential(fdiv.total_variation, 2.0, 1.0)
    0.25
    """
    return divergence(D, EXPONENTIAL, _positive("rate_p", rate_p), _positive("rate_q", rate_q))


def gamma(
    D: Divergence | Transform, shape_p: float, rate_p: float, shape_q: float, rate_q: float
) -> float:
    """Return D between two gamma laws with densities proportional to x^(k−1) e^(−rx) on x > 0.

    KL is (k_p−k_q)ψ(k_p) − lgΓ(k_p) + lgΓ(k_q) + k_q log(r_p/r_q) + k_p (r_q−r_p)/r_p. Shapes
    and rates are positive; raises like `gaussian`.

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import closed_form
    >>> one = closed_form.gamma(fdiv.kl, 1.0, 2.0, 1.0, 3.0)
    >>> one == closed_form.exponential(fdiv.kl, 2.0, 3.0)
    True
    """
    p = _positive("shape_p", shape_p), _positive("rate_p", rate_p)
    q = _positive("shape_q", shape_q), _positive("rate_q", rate_q)
    return divergence(D, GAMMA, p, q)


def beta(D: Divergence | Transform, a_p: float, b_p: float, a_q: float, b_q: float) -> float:
    """Return D between two beta laws with densities proportional to x^(a−1) (1−x)^(b−1).

    These are the Dirichlet laws with two entries. Parameters are positive; raises like `gaussian`.

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import closed_form
    >>> round(closed_form.beta(fdiv.kl, 2.0, 1.0, 1.0, 1.0), 12)  # log 2 − ½
    0.19314718056
    """
    p = _positive("a_p", a_p), _positive("b_p", b_p)
    q = _positive("a_q", a_q), _positive("b_q", b_q)
    return divergence(D, DIRICHLET, p, q)


def dirichlet(D: Divergence | Transform, concentration_p: Array, concentration_q: Array) -> float:
    """Return D between two Dirichlet laws with densities proportional to ∏ xᵢ^(aᵢ−1).

    KL is Σ [lgΓ(a_q) − lgΓ(a_p) + (a_p−a_q) ψ(a_p)] over the entries, minus the same at their sums.
    There are two or more concentrations, all positive; raises like `gaussian`.

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import closed_form
    >>> closed_form.dirichlet(fdiv.kl, [1, 2, 3], [1, 2, 3])
    0.0
    """
    p, q = (
        _check.real(f"concentration_{side}", a, np)
        for side, a in (("p", concentration_p), ("q", concentration_q))
    )
    for side, a in (("p", p), ("q", q)):
        if a.ndim != 1 or len(a) < 2 or not np.all((a > 0) & (a < np.inf)):
            raise ValueError(
                f"`concentration_{side}` must hold 2 or more positive numbers, got {a.tolist()}"
            )
    if len(p) != len(q):
        raise ValueError(
            "`concentration_p` and `concentration_q` must have the same length, got "
            f"{len(p)} and {len(q)}"
        )
    return divergence(D, DIRICHLET, p.tolist(), q.tolist())


def laplace(
    D: Divergence | Transform, mean_p: float, scale_p: float, mean_q: float, scale_q: float
) -> float:
    """Return D between two Laplace laws with densities e^(−|x−m|/b) / 2b.

    KL is log(b_q/b_p) + |Δ|/b_q + (b_p/b_q) e^(−|Δ|/b_p) − 1; for equal scales total
    variation is 1 − e^(−|Δ|/2b), with Δ = m_p−m_q. Scales are positive; raises like `gaussian`.

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import closed_form
    >>> round(closed_form.laplace(fdiv.kl, 0.0, 1.0, 1.0, 1.0), 12)  # 1/e
    0.367879441171
    """
    p = _finite("mean_p", mean_p), _positive("scale_p", scale_p)
    q = _finite("mean_q", mean_q), _positive("scale_q", scale_q)
    return divergence(D, LAPLACE, p, q)


def poisson(D: Divergence | Transform, mean_p: float, mean_q: float) -> float:
    """Return D between two Poisson laws.

    KL is m_p log(m_p/m_q) − m_p + m_q. Means are positive; raises like `gaussian`.

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import closed_form
    >>> round(closed_form.poisson(fdiv.kl, 2.0, 1.0), 12)  # 2 log 2 − 1
    0.38629436112
    """
    return divergence(D, POISSON, _positive("mean_p", mean_p), _positive("mean_q", mean_q))


def geometric(D: Divergence | Transform, success_p: float, success_q: float) -> float:
    """Return D between two geometric laws with probabilities s (1−s)^k, k = 0, 1, ….

    With success probabilities a of P and b of Q, strictly between 0 and 1, KL is
    log(a/b) + (1−a)/a · log((1−a)/(1−b)). Raises like `gaussian`.

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import closed_form
    >>> round(closed_form.geometric(fdiv.kl, 0.5, 0.25), 12)  # log(4/3)
    0.287682072452
    """
    p, q = _positive("success_p", success_p), _positive("success_q", success_q)
    for side, s in (("p", p), ("q", q)):
        if s >= 1:
            raise ValueError(f"`success_{side}` must lie strictly between 0 and 1, got {s!r}")
    return divergence(D, GEOMETRIC, p, q)


def bernoulli(D: Divergence | Transform, p: float, q: float) -> float:
    """Return D between two Bernoulli laws with P(1) = p and Q(1) = q, for any D.

    Raises ValueError if p or q is not in [0, 1].

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import closed_form
    >>> closed_form.bernoulli(fdiv.pearson, 0.75, 0.5)
    0.25
    """
    p, q = _finite("p", p), _finite("q", q)
    for name, x in (("p", p), ("q", q)):
        if not 0 <= x <= 1:
            raise ValueError(f"`{name}` must lie in [0, 1], got {x!r}")
    return float(D([p, 1 - p], [q, 1 - q]))


def _gaussian_parameters(side: str, mean: Array, cov: Array) -> tuple[Any, Any]:
    m = np.atleast_1d(_check.real(f"mean_{side}", mean, np))
    C = np.atleast_2d(_check.real(f"cov_{side}", cov, np))
    _check.finite(f"mean_{side}", m, np)
    _check.finite(f"cov_{side}", C, np)
    if m.ndim != 1 or C.shape != (len(m), len(m)):
        raise ValueError(
            f"`cov_{side}` must have shape ({len(m)}, {len(m)}), as `mean_{side}` has {m.shape}, "
            f"got {C.shape}: variances go on the diagonal, `numpy.diag(variances)`"
        )
    scale = np.sqrt(np.abs(np.diag(C)))
    if np.any(np.abs(C - C.T) > 1e-12 * np.outer(scale, scale)):
        raise ValueError(
            f"`cov_{side}` must be symmetric, got another: "
            "use `(cov + cov.T) / 2` if only rounding makes the difference"
        )
    try:
        np.linalg.cholesky(C)
    except np.linalg.LinAlgError:
        least = float(np.linalg.eigvalsh(C)[0])
        raise ValueError(
            f"`cov_{side}` must be positive definite, got one with eigenvalue {least:.3g}: "
            "leave out redundant variables, or add a small multiple of the identity"
        ) from None
    return m, C + (C.T - C) / 2


def _finite(name: str, x: float) -> float:
    array = _check.real(name, x, np)
    if array.ndim:
        raise ValueError(f"`{name}` must be a number, got shape {array.shape}")
    _check.finite(name, array, np)
    return float(array)


def _positive(name: str, x: float) -> float:
    number = _finite(name, x)
    if number <= 0:
        raise ValueError(f"`{name}` must be positive, got {number!r}")
    return number
