"""Weighted Jensen–Shannon: π KL(P‖M) + (1−π) KL(Q‖M) with M = πP + (1−π)Q."""

import math

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import softplus, weighted_js_term
from divkit.fdiv._family import Family
from divkit.fdiv._formulas import Formulas


@Family
def weighted_jensen_shannon(pi: float = 0.3) -> Divergence:
    """Return the Jensen–Shannon divergence with weight π on P and 1−π on Q.

    Parameters
    ----------
    pi : float
        The weight π, 0 < π < 1; one half gives `jensen_shannon`.

    Raises
    ------
    ValueError
        If π is not strictly between 0 and 1.

    References
    ----------
    .. [1] J. Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37
       (1991).

    Examples
    --------
    >>> from divkit import fdiv
    >>> fdiv.weighted_jensen_shannon(0.3).adjoint
    <Divergence weighted_jensen_shannon(0.7): f(u) = 0.7*u*log(u) - (0.3 + 0.7*u)*log(0.3 + 0.7*u)>
    """
    if not 0 < pi < 1:
        raise ValueError(
            f"`pi` must lie strictly between 0 and 1, got {pi!r}: at the ends the divergence is 0"
        )
    rest = 1 - pi
    slope = -pi * math.log(pi)
    on_p, on_q = f"{pi:.12g}", f"{rest:.12g}"

    def generator(u, xp):
        m = rest + pi * u
        return pi * u * xp.log(u / m) - rest * xp.log(m)

    def derivative(u, xp):
        return pi * xp.log(u / (rest + pi * u))

    def integrand(p, q, difference, xp):
        return weighted_js_term(p, q, difference, pi, rest, xp)

    def conjugate(t, xp):
        # 1 − π e^{t/π} = −expm1((t−slope)/π), without cancellation at the end of the domain.
        late = t > 0.5 * slope
        start = xp.log1p(-(pi / rest) * xp.expm1(xp.where(late, 0.0, t) / pi))
        end = xp.log(-xp.expm1(xp.where(late, t - slope, -1.0) / pi)) - math.log(rest)
        return -rest * xp.where(late, end, start)

    def ratio(t, xp):
        return rest * xp.exp(t / pi) / -xp.expm1((t - slope) / pi)

    def activation(v, xp):
        return -pi * (math.log(pi) + softplus(-v, xp))

    def penalty(v, xp):
        return rest * (math.log(rest) + softplus(v, xp))

    def cone(p, q, xp):
        m = pi * p + rest * q
        return pi * xp.relative_entropy(p, m) + rest * xp.relative_entropy(q, m)

    return Divergence(
        name="weighted_jensen_shannon",
        title="Weighted Jensen–Shannon",
        parameters={"pi": pi},
        formulas=Formulas(
            generator=generator,
            derivative=derivative,
            integrand=integrand,
            conjugate=conjugate,
            ratio=ratio,
            activation=activation,
            penalty=penalty,
            cone=cone,
        ),
        generator_formula=f"{on_p}*u*log(u) - ({on_q} + {on_p}*u)*log({on_q} + {on_p}*u)",
        conjugate_formula=f"{on_q}*log({on_q}/(1 - {on_p}*exp(t/{on_p})))",
        at_zero=-rest * math.log(rest),
        slope=slope,
        adjoint_of=lambda: weighted_jensen_shannon(rest),
        in_nats=True,
        citation="Lin (1991); Nowozin, Cseke & Tomioka (2016), Tables 5 and 6",
    )
