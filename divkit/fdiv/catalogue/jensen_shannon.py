"""Jensen–Shannon: ½ KL(P‖M) + ½ KL(Q‖M) with M = (P+Q)/2, at most log 2."""

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import LOG2, js_term, softplus
from divkit.fdiv._formulas import Formulas


def generator(u, xp):
    m = 0.5 + 0.5 * u
    return 0.5 * (u * xp.log(u / m) - xp.log(m))


def derivative(u, xp):
    return 0.5 * xp.log(u / (0.5 + 0.5 * u))


def integrand(p, q, difference, xp):
    return js_term(p, q, difference, xp)


def conjugate(t, xp):
    # 2 − e^{2t} = −2 expm1(2t − log 2), without cancellation at the end of the domain.
    late = t > 0.25 * LOG2
    start = xp.log1p(-xp.expm1(2 * xp.where(late, 0.0, t)))
    end = xp.log(-2 * xp.expm1(xp.where(late, 2 * t - LOG2, -1.0)))
    return -0.5 * xp.where(late, end, start)


def ratio(t, xp):
    return -0.5 * xp.exp(2 * t) / xp.expm1(2 * t - LOG2)


def activation(v, xp):
    return 0.5 * (LOG2 - softplus(-v, xp))


def penalty(v, xp):
    return 0.5 * (softplus(v, xp) - LOG2)


def cone(p, q, xp):
    m = 0.5 * (p + q)
    return 0.5 * (xp.relative_entropy(p, m) + xp.relative_entropy(q, m))


def product_form(rows):
    return rows.mixture()


jensen_shannon = Divergence(
    name="jensen_shannon",
    title="Jensen–Shannon",
    formulas=Formulas(
        generator=generator,
        derivative=derivative,
        integrand=integrand,
        conjugate=conjugate,
        ratio=ratio,
        activation=activation,
        penalty=penalty,
        cone=cone,
        product_form=product_form,
    ),
    generator_formula="(u*log(u) - (1 + u)*log((1 + u)/2))/2",
    conjugate_formula="-log(2 - exp(2*t))/2",
    at_zero=0.5 * LOG2,
    slope=0.5 * LOG2,
    in_nats=True,
    citation="Lin (1991); half the generator of Nowozin, Cseke & Tomioka (2016), Table 1",
)
