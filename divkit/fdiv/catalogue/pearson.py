"""Pearson χ²: Σ (p−q)²/q."""

import math

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._formulas import Formulas


def generator(u, xp):
    return (u - 1) * (u - 1)


def derivative(u, xp):
    return 2 * (u - 1)


def integrand(p, q, difference, xp):
    return difference * (difference / q)  # in this order no intermediate result underflows


def conjugate(t, xp):
    return xp.where(t > -2, t * (1 + 0.25 * t), -1.0)


def ratio(t, xp):
    return xp.where(t > -2, 1 + 0.5 * t, 0.0)


def activation(v, xp):
    return v


def cone(p, q, xp):
    return xp.square_over(p - q, q)


def product_form(rows):
    return rows.dot(rows.p**2, 1 / rows.q, row=-1.0)


def between(laws):
    return 2 * laws.power(2)


pearson = Divergence(
    name="pearson",
    title="Pearson χ²",
    formulas=Formulas(
        generator=generator,
        derivative=derivative,
        integrand=integrand,
        conjugate=conjugate,
        ratio=ratio,
        activation=activation,
        penalty=conjugate,
        cone=cone,
        product_form=product_form,
        between=between,
    ),
    generator_formula="(u - 1)**2",
    conjugate_formula="t**2/4 + t if t >= -2 else -1",
    at_zero=1.0,
    slope=math.inf,
    derivative_at_zero=-2.0,
    citation="Nowozin, Cseke & Tomioka (2016), Tables 1 and 2, integral exchanged with Neyman's",
)
