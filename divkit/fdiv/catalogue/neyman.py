"""Neyman χ²: Σ (p−q)²/p."""

import math

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._formulas import Formulas
from divkit.fdiv._record import are_adjoint
from divkit.fdiv.catalogue.pearson import pearson


def generator(u, xp):
    return (1 - u) * ((1 - u) / u)


def derivative(u, xp):
    return 1 - 1 / (u * u)


def integrand(p, q, difference, xp):
    return difference * (difference / p)  # in this order no intermediate result underflows


def conjugate(t, xp):
    return 2 * t / (1 + xp.sqrt(1 - t))  # 2 − 2√(1−t), without cancellation at 0


def ratio(t, xp):
    return 1 / xp.sqrt(1 - t)


def activation(v, xp):
    return -xp.expm1(-v)


def penalty(v, xp):
    return -2 * xp.expm1(-0.5 * v)


def cone(p, q, xp):
    return xp.square_over(p - q, p)


def product_form(rows):
    return rows.dot(1 / rows.p, rows.q**2, row=-1.0)


def between(laws):
    return 2 * laws.power(-1)


neyman = Divergence(
    name="neyman",
    title="Neyman χ²",
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
    generator_formula="(1 - u)**2/u",
    conjugate_formula="2 - 2*sqrt(1 - t)",
    at_zero=math.inf,
    slope=1.0,
    conjugate_at_slope=2.0,
    citation="Nowozin, Cseke & Tomioka (2016), Tables 5 and 6, integral exchanged with Pearson's",
)

are_adjoint(pearson, neyman)
