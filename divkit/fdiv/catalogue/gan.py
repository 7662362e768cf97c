"""GAN: 2 JS(P, Q) − log 4, the value of the original game at its optimal discriminator."""

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import LOG2, js_term, softplus
from divkit.fdiv._formulas import Formulas


def generator(u, xp):
    return u * derivative(u, xp) - xp.log1p(u)


def derivative(u, xp):
    # Not by 1/u where that may overflow, nor by u/(1+u) where that is 1 to rounding.
    large = u > 1
    inverse = 1 / xp.where(large, u, 1.0)
    return xp.where(large, -xp.log1p(inverse), xp.log(xp.where(large, 0.5, u / (1 + u))))


def integrand(p, q, difference, xp):
    return 2 * js_term(p, q, difference, xp)


def conjugate(t, xp):
    # −log(1 − eᵗ), which is −log(−expm1 t) near 0 and −log1p(−eᵗ) far from it.
    near = t > -LOG2
    return -xp.where(
        near,
        xp.log(-xp.expm1(xp.where(near, t, -1.0))),
        xp.log1p(-xp.exp(xp.where(near, -1.0, t))),
    )


def ratio(t, xp):
    return 1 / xp.expm1(-t)


def activation(v, xp):
    return -softplus(-v, xp)


def penalty(v, xp):
    return softplus(v, xp)


def cone(p, q, xp):
    m = 0.5 * (p + q)
    return xp.relative_entropy(p, m) + xp.relative_entropy(q, m)


gan = Divergence(
    name="gan",
    title="GAN",
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
    generator_formula="u*log(u) - (1 + u)*log(1 + u)",
    conjugate_formula="-log(1 - exp(t))",
    at_zero=0.0,
    slope=0.0,
    at_one=-2 * LOG2,
    derivative_at_one=-LOG2,
    in_nats=True,
    citation="Goodfellow et al. (2014), eq. (1); Nowozin, Cseke & Tomioka (2016), Tables 1 and 2",
)
