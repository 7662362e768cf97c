"""The mathematics of a divergence, as plain functions, and where its conjugate is finite."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from divkit._check import Array

Formula = Callable[[Array, Any], Array]
INF = math.inf


@dataclass(frozen=True, kw_only=True)
class Formulas:
    """The mathematics of a divergence, as plain functions against an array namespace `xp`.

    Each holds inside its domain; limits at the ends are fields of `Record`. One definition
    serves NumPy, every other array library, compiled loops and symbolic algebra, so a formula
    uses arithmetic, `xp.where` and elementary functions of `xp`, and never branches on a value.

    Parameters
    ----------
    generator : (u, xp) -> f(u)
        For u > 0.
    derivative : (u, xp) -> f′(u)
        For u > 0.
    integrand : (p, q, difference, xp) -> h
        q f(p/q) − f(1) q − f′(1)(p−q) ≥ 0 for p, q > 0, in a form that does not cancel as
        p → q. `difference` is p − q, more accurate than by subtracting the rounded p and q.
    conjugate : (t, xp) -> f*(t)
        The supremum over u ≥ 0, for t below the slope.
    ratio : (t, xp) -> f*′(t)
        The density ratio p/q at which t is the value of the optimal critic.
    activation : (v, xp) -> g(v)
        Increasing, from all of ℝ into the domain of f*.
    penalty : (v, xp) -> f*(g(v))
        Fused, so that it is finite wherever the exact value is.
    cone : (p, q, xp) -> h, optional
        The integrand as a convex expression, made of affine ones and of the functions of
        `divkit.cvx`: `relative_entropy`, `absolute`, `positive`, `length`, `square_over`, `power`.
    product_form : (rows) -> form, optional
        D over all pairs of rows as a term per row and one sum per pair, where that is cheaper: from
        the `Rows` of `divkit.fdiv._products`.
    between : (laws) -> D or None, optional
        D between two members of a parametric family, from what has a closed form there: the `Laws`
        of `divkit.fdiv._exponential_family`.
    """

    generator: Formula
    derivative: Formula
    integrand: Callable[[Array, Array, Array, Any], Array]
    conjugate: Formula
    ratio: Formula
    activation: Formula
    penalty: Formula
    cone: Any = None
    product_form: Callable[[Any], Any] | None = None
    between: Callable[[Any], float | None] | None = None


@dataclass(frozen=True)
class Interval:
    """The values on which a conjugate is finite: everything below `upper`, and `upper` if closed.

    Examples
    --------
    >>> from divkit import fdiv
    >>> fdiv.neyman.conjugate_domain
    Interval(upper=1.0, closed=True)
    >>> 1.0 in fdiv.neyman.conjugate_domain, 1.0 in fdiv.squared_hellinger.conjugate_domain
    (True, False)
    >>> print(fdiv.reverse_kl.conjugate_domain)
    t < 0
    """

    upper: float
    closed: bool

    def __contains__(self, t: float) -> bool:
        return t < self.upper or (self.closed and t == self.upper)

    def largest(self, *, single: bool = False) -> float:
        """Return the largest double, or single-precision number, inside."""
        narrow = np.float32 if single else np.float64
        end = narrow(self.upper)
        return float(end if float(end) in self else np.nextafter(end, narrow(-INF)))

    def __str__(self) -> str:
        if self.upper == INF:
            return "all t"
        return f"t {'≤' if self.closed else '<'} {self.upper:.6g}"
