"""Total variation: ½ Σ |p−q|, the largest difference in the probability of an event."""

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._formulas import Formulas


def generator(u, xp):
    return 0.5 * xp.abs(u - 1)


def derivative(u, xp):
    return 0.5 * xp.sign(u - 1)


def integrand(p, q, difference, xp):
    return 0.5 * xp.abs(difference)


def conjugate(t, xp):
    return xp.where(t > -0.5, t, -0.5)


def ratio(t, xp):
    return xp.where(t < -0.5, 0.0, 1.0)


def activation(v, xp):
    return 0.5 * xp.tanh(v)


def cone(p, q, xp):
    return 0.5 * xp.absolute(p - q)


def between(laws):
    return laws.total_variation()


total_variation = Divergence(
    name="total_variation",
    title="Total variation",
    formulas=Formulas(
        generator=generator,
        derivative=derivative,
        integrand=integrand,
        conjugate=conjugate,
        ratio=ratio,
        activation=activation,
        penalty=activation,  # f*(t) = t on the activation's range
        cone=cone,
        between=between,
    ),
    generator_formula="abs(u - 1)/2",
    conjugate_formula="max(t, -1/2)",
    at_zero=0.5,
    slope=0.5,
    derivative_at_zero=-0.5,
    conjugate_at_slope=0.5,
    citation="Nowozin, Cseke & Tomioka (2016), Tables 5 and 6; its conjugate clamped at -1/2",
)
