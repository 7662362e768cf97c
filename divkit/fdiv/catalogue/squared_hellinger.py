"""Squared Hellinger: Σ (√p−√q)²."""

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._formulas import Formulas


def generator(u, xp):
    return (xp.sqrt(u) - 1) * (xp.sqrt(u) - 1)


def derivative(u, xp):
    return 1 - 1 / xp.sqrt(u)


def integrand(p, q, difference, xp):
    return difference * (difference / (p + q + 2 * xp.sqrt(p * q)))  # (√p−√q)² = (p−q)²/(√p+√q)²


def conjugate(t, xp):
    return t / (1 - t)


def ratio(t, xp):
    return 1 / ((1 - t) * (1 - t))


def activation(v, xp):
    return -xp.expm1(-v)


def penalty(v, xp):
    return xp.expm1(v)


def cone(p, q, xp):
    return p + q - 2 * xp.power(p, q, 0.5)


def product_form(rows):
    return rows.dot(-2 * rows.p**0.5, rows.q**0.5, row=2.0)


def between(laws):
    return laws.power(0.5) / 2


squared_hellinger = Divergence(
    name="squared_hellinger",
    title="Squared Hellinger",
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
        between=between,
    ),
    generator_formula="(sqrt(u) - 1)**2",
    conjugate_formula="t/(1 - t)",
    at_zero=1.0,
    slope=1.0,
    citation="Nowozin, Cseke & Tomioka (2016), Tables 1 and 2",
)
