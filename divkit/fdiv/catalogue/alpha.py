"""Alpha: Σ q ((p/q)^α − 1 − α (p/q − 1)) / (α(α−1)), which includes both χ² and Hellinger."""

import math

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import alpha_term, log_softplus, raised, softplus
from divkit.fdiv._family import Family
from divkit.fdiv._formulas import Formulas


@Family
def alpha(order: float = 1.5) -> Divergence:
    """Return the α-divergence.

    alpha(2) is half of `pearson`, alpha(−1) half of `neyman` and alpha(½) twice
    `squared_hellinger`; as α → 1 and α → 0 it tends to `kl` and `reverse_kl`.

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
    Amari (1985), "Differential-Geometrical Methods in Statistics"; Nowozin, Cseke & Tomioka
    (2016), Tables 5 and 6.

    Examples
    --------
    >>> from divkit import fdiv
    >>> p, q = [0.5, 0.5], [0.25, 0.75]
    >>> round(float(fdiv.alpha(2)(p, q)), 12), round(float(fdiv.pearson(p, q)) / 2, 12)
    (0.166666666667, 0.166666666667)
    """
    if not math.isfinite(order) or order in (0, 1):
        raise ValueError(
            f"`order` must be finite and neither 0 nor 1, got {order!r}: the limits at 0 and 1 are "
            "fdiv.reverse_kl and fdiv.kl"
        )
    a, b = order, order - 1
    slope = -1 / b if a < 1 else math.inf

    def generator(u, xp):
        # Two forms of one function, each stable at the pole of the other.
        if a >= 0.5:
            return (u * (xp.expm1(b * xp.log(u)) / b) - (u - 1)) / a
        return (xp.expm1(a * xp.log(u)) / a - (u - 1)) / b

    def derivative(u, xp):
        return xp.expm1(b * xp.log(u)) / b

    def integrand(p, q, difference, xp):
        return alpha_term(p, q, difference, a, b, xp)

    def log_base(t, xp):
        """Return log(1 + (α−1) t), −inf where that would be negative."""
        if a > 1:
            return xp.log1p(raised(b * t, -1.0, xp))
        late = t > 0.5 * slope
        end = xp.log(-b * xp.where(late, slope - t, 1.0))
        return xp.where(late, end, xp.log1p(xp.where(late, 0.0, b * t)))

    def conjugate(t, xp):
        return xp.expm1((a / b) * log_base(t, xp)) / a

    def ratio(t, xp):
        return xp.exp(log_base(t, xp) / b)

    if a < 1:

        def activation(v, xp):
            return -1 / b - softplus(-v, xp)

        def penalty(v, xp):
            # 1 + (α−1) g(v) = (1−α) softplus(−v)
            return xp.expm1((a / b) * (math.log(-b) + log_softplus(-v, xp))) / a

    else:

        def activation(v, xp):
            return v

        penalty = conjugate

    def cone(p, q, xp):
        return (xp.power(p, q, a) - a * p + b * q) / (a * b)

    def between(laws):
        return laws.power(a)

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
            cone=cone,
            between=between,
        ),
        generator_formula=f"(u**{a:.12g} - 1 - {a:.12g}*(u - 1))/({a:.12g}*{b:.12g})",
        conjugate_formula=f"(max(1 + {b:.12g}*t, 0)**({a:.12g}/{b:.12g}) - 1)/{a:.12g}",
        at_zero=1 / a if a > 0 else math.inf,
        slope=slope,
        derivative_at_zero=-1 / b if a > 1 else -math.inf,
        conjugate_at_slope=-1 / a if a < 0 else math.inf,
        adjoint_of=lambda: alpha(-b),
        citation="Amari (1985); Nowozin, Cseke & Tomioka (2016), Tables 5 and 6",
    )
