"""Integrals ∫ p^α q^(1−α) between members of a family, in forms that do not cancel as p → q.

A family is given by the exponent J(α) = −log ∫ p^α q^(1−α) and by KL(P‖Q), which is −J′(1); every
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
from divkit.fdiv._log_gaps import expm1

if TYPE_CHECKING:
    from divkit.fdiv._transforms import Transform

INF = math.inf


@dataclass(frozen=True)
class Family:
    """The closed forms for two members p and q of a family, given by their parameters.

    Parameters
    ----------
    name : str
        The name in error messages.
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
    """Two members p and q of a family, and the quantities from which divergences are computed."""

    family: Family
    p: Any
    q: Any

    def exponent(self, a: float) -> float:
        """Return J(α) = −log ∫ p^α q^(1−α)."""
        # J_pq(α) = J_qp(1−α): the smaller weight goes first, as J is proportional to it near 0.
        if a in (0, 1):
            return 0.0
        p, q, weight = (self.p, self.q, a) if abs(a) <= abs(1 - a) else (self.q, self.p, 1 - a)
        J = self.family.exponent(weight, p, q)
        # Enforce 0 ≤ J inside (0, 1) and J ≤ 0 outside against rounding.
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
        return expm1(-self.exponent(a)) / (a * (a - 1))

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
