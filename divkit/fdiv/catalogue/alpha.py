"""Alpha: Σ q ((p/q)^α − 1 − α (p/q − 1)) / (α(α−1)), through both χ² and Hellinger."""

import math

from divkit.fdiv.divergence import Divergence, Family, Formulas
from divkit.fdiv.elementary import half_log_ratio, softplus


@Family
def alpha(order: float = 1.5) -> Divergence:
    """Return the α-divergence.

    alpha(2) is half of `pearson`, alpha(−1) half of `neyman` and alpha(½) twice
    `squared_hellinger`; towards 1 and 0 it tends to `kl` and `reverse_kl`.

    Parameters
    ----------
    order : float
        The order α, finite and neither 0 nor 1.

    Raises
    ------
    ValueError
        If α is 0, 1 or not finite.

    References
    ----------
    .. [1] S. Amari, "Differential-Geometrical Methods in Statistics", Springer 1985.
    .. [2] Nowozin, Cseke & Tomioka (2016), Tables 5 and 6.

    Examples
    --------
    >>> from divkit import fdiv
    >>> p, q = [0.5, 0.5], [0.25, 0.75]
    >>> float(fdiv.alpha(2)(p, q)), float(fdiv.pearson(p, q)) / 2
    (0.16666666666666666, 0.16666666666666666)
    """
    if not math.isfinite(order) or order in (0, 1):
        raise ValueError(
            f"`order` must be finite and neither 0 nor 1, got {order!r}: the limits at 0 and 1 are "
            "fdiv.reverse_kl and fdiv.kl"
        )
    a, b = order, order - 1
    coefficients = _series(a)
    reach = 1 / max(1.0, abs(a), abs(b))

    # Two forms of one function, each stable at the pole of the other. Both need a power of u, and
    # u or 1 times that: with weight p or q they give the integrand.
    exponent = b if a >= 0.5 else a

    def combined(power_minus_1, weight, difference):
        scaled = weight * (power_minus_1 / exponent)
        return (scaled - difference) / (a if a >= 0.5 else b)

    def generator(u, xp):
        return combined(xp.expm1(exponent * xp.log(u)), u if a >= 0.5 else 1.0, u - 1)

    def derivative(u, xp):
        return xp.expm1(b * xp.log(u)) / b

    def integrand(p, q, difference, xp):
        half_log = half_log_ratio(p, q, difference, xp)
        log_u = 2 * half_log
        near = xp.abs(log_u) < reach
        small = xp.where(near, log_u, 0.0)
        series = 0.0
        for c in coefficients:
            series = series * small + c
        x = exponent * log_u
        # As a power of √p/√q: p/q may overflow, and the exponential of a large x loses digits.
        power = (xp.sqrt(p) / xp.sqrt(q)) ** (2 * exponent) - 1
        gentle = xp.abs(x) < 1
        power = xp.where(gentle, xp.expm1(xp.where(gentle, x, 0.0)), power)
        far = combined(power, p if a >= 0.5 else q, difference)
        return xp.where(near, q * small * small * series, far)

    def conjugate(t, xp):
        base = xp.where(b * t > -1, b * t, -1.0)
        return xp.expm1((a / b) * xp.log1p(base)) / a

    def ratio(t, xp):
        base = xp.where(b * t > -1, b * t, -1.0)
        return xp.exp(xp.log1p(base) / b)

    if a < 1:

        def activation(v, xp):
            return -1 / b - softplus(-v, xp)

        def penalty(v, xp):
            # 1 + (α−1) g(v) = (1−α) softplus(−v)
            return xp.expm1((a / b) * xp.log(-b * softplus(-v, xp))) / a

    else:

        def activation(v, xp):
            return v

        penalty = conjugate

    return Divergence(
        name="alpha",
        title="Alpha",
        parameters={"order": order},
        formulas=Formulas(
            generator=generator,
            derivative=derivative,
            integrand=integrand,
            conjugate=conjugate,
            ratio=ratio,
            activation=activation,
            penalty=penalty,
        ),
        generator_formula=f"(u**{a:.12g} - 1 - {a:.12g}*(u - 1))/({a:.12g}*{b:.12g})",
        conjugate_formula=f"(max(1 + {b:.12g}*t, 0)**({a:.12g}/{b:.12g}) - 1)/{a:.12g}",
        at_zero=1 / a if a > 0 else math.inf,
        slope=-1 / b if a < 1 else math.inf,
        derivative_at_zero=-1 / b if a > 1 else -math.inf,
        conjugate_at_slope=-1 / a if a < 0 else math.inf,
        adjoint_of=lambda: alpha(-b),
        citation="Amari (1985); Nowozin, Cseke & Tomioka (2016), Tables 5 and 6",
    )


def _series(a: float) -> list[float]:
    """Return c_k, k falling, of f(eˡ) = l² Σ c_k lᵏ: c_k = (1 + α + … + α^k) / (k+2)!."""
    return [
        math.fsum(a**j for j in range(k + 1)) / math.factorial(k + 2) for k in range(22, -1, -1)
    ]
