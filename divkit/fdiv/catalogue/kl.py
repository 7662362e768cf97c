"""Kullback–Leibler: Σ p log(p/q)."""

import math

import numpy as np

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import kl_term
from divkit.fdiv._formulas import Formulas


def generator(u, xp):
    return u * xp.log(u)


def derivative(u, xp):
    return 1 + xp.log(u)


def integrand(p, q, difference, xp):
    return kl_term(p, q, difference, xp)


def conjugate(t, xp):
    return xp.exp(t - 1)


def activation(v, xp):
    return v


def cone(p, q, xp):
    return xp.relative_entropy(p, q)


def product_form(rows):
    return rows.dot(rows.p, -np.log(rows.q / rows.r), row=rows.information(rows.p))


def between(laws):
    return laws.kl()


kl = Divergence(
    name="kl",
    title="Kullback–Leibler",
    formulas=Formulas(
        generator=generator,
        derivative=derivative,
        integrand=integrand,
        conjugate=conjugate,
        ratio=conjugate,  # the exponential is its own derivative
        activation=activation,
        penalty=conjugate,
        cone=cone,
        product_form=product_form,
        between=between,
    ),
    generator_formula="u*log(u)",
    conjugate_formula="exp(t - 1)",
    at_zero=0.0,
    slope=math.inf,
    derivative_at_one=1.0,
    in_nats=True,
    citation="Kullback & Leibler (1951); Nowozin, Cseke & Tomioka (2016), Tables 1 and 2",
)
