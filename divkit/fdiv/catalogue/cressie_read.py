"""Cressie–Read power divergence: Σ p ((p/q)^λ − 1) / (λ(λ+1))."""

import math

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import alpha_term, log_softplus, raised, softplus
from divkit.fdiv._family import Family
from divkit.fdiv._formulas import Formulas


@Family
def cressie_read(lam: float = 2 / 3) -> Divergence:
    """Return the power divergence of Cressie and Read, with its own generator.

    With observed proportions P of n counts against expected Q, 2n times it is their statistic:
    λ = 1 is half of Pearson's χ², λ = −½ Freeman–Tukey, λ = −2 half of Neyman's; towards 0 and
    −1 it tends to `kl` (the G-statistic) and `reverse_kl`. The value is that of alpha(λ+1).

    Parameters
    ----------
    lam : float
        The power λ, finite and neither 0 nor −1; the authors recommend 2/3.

    Raises
    ------
    ValueError
        If λ is 0, −1 or not finite.

    References
    ----------
    .. [1] N. Cressie, T. R. C. Read, "Multinomial goodness-of-fit tests", J. R. Statist. Soc. B 46
       (1984), eq. (2.1).

    Examples
    --------
    >>> from divkit import fdiv
    >>> p, q = [0.5, 0.5], [0.25, 0.75]
    >>> round(float(fdiv.cressie_read(1)(p, q)), 12), round(float(fdiv.pearson(p, q)) / 2, 12)
    (0.166666666667, 0.166666666667)
    """
    if not math.isfinite(lam) or lam in (0, -1):
        raise ValueError(
            f"`lam` must be finite and neither 0 nor -1, got {lam!r}: the limits at 0 and -1 are "
            "fdiv.kl and fdiv.reverse_kl"
        )
    a, b = lam + 1, lam

    def integrand(p, q, difference, xp):
        return alpha_term(p, q, difference, a, b, xp)

    def generator(u, xp):
        return u * (xp.expm1(b * xp.log(u)) / b) / a

    def derivative(u, xp):
        return 1 / a + xp.expm1(b * xp.log(u)) / b

    def log_power(t, xp):
        # u^λ = 1 + λ(t − 1/a)
        return xp.log1p(raised(b * (t - 1 / a), -1.0, xp))

    def conjugate(t, xp):
        return xp.exp((a / b) * log_power(t, xp)) / a

    def ratio(t, xp):
        return xp.exp(log_power(t, xp) / b)

    if a < 1:

        def activation(v, xp):
            return -1 / (a * b) - softplus(-v, xp)

        def penalty(v, xp):
            # u^λ = −λ softplus(−v)
            return xp.exp((a / b) * (math.log(-b) + log_softplus(-v, xp))) / a

    else:

        def activation(v, xp):
            return v

        penalty = conjugate

    def cone(p, q, xp):
        return (xp.power(p, q, a) - a * p + b * q) / (a * b)

    def between(laws):
        return laws.power(a)

    return Divergence(
        name="cressie_read",
        title="Cressie–Read",
        parameters={"lam": lam},
        formulas=Formulas(
            generator=generator,
            derivative=derivative,
            integrand=integrand,
            conjugate=conjugate,
            ratio=ratio,
            activation=activation,
            penalty=penalty,
            cone=cone,
            between=between,
        ),
        generator_formula=f"u*(u**{b:.12g} - 1)/({a:.12g}*{b:.12g})",
        conjugate_formula=f"max(1 + {b:.12g}*(t - 1/{a:.12g}), 0)**({a:.12g}/{b:.12g})/{a:.12g}",
        at_zero=0.0 if a > 0 else math.inf,
        slope=-1 / (a * b) if a < 1 else math.inf,
        derivative_at_zero=-1 / (a * b) if a > 1 else -math.inf,
        conjugate_at_slope=0.0 if a < 0 else math.inf,
        derivative_at_one=1 / a,
        adjoint_of="derived",
        citation="Cressie & Read (1984), eq. (2.1)",
    )
