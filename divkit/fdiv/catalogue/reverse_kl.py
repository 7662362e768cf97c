"""Reverse Kullback–Leibler: Σ q log(q/p)."""

import math

import numpy as np

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import kl_term
from divkit.fdiv._formulas import Formulas
from divkit.fdiv._record import are_adjoint
from divkit.fdiv.catalogue.kl import kl


def generator(u, xp):
    return -xp.log(u)


def derivative(u, xp):
    return -1 / u


def integrand(p, q, difference, xp):
    return kl_term(q, p, -difference, xp)


def conjugate(t, xp):
    return -1 - xp.log(-t)


def activation(v, xp):
    return -xp.exp(-v)


def penalty(v, xp):
    return v - 1


def cone(p, q, xp):
    return xp.relative_entropy(q, p)


def product_form(rows):
    return rows.dot(-np.log(rows.p / rows.r), rows.q, column=rows.information(rows.q))


def between(laws):
    return laws.reverse_kl()


reverse_kl = Divergence(
    name="reverse_kl",
    title="Reverse Kullback–Leibler",
    formulas=Formulas(
        generator=generator,
        derivative=derivative,
        integrand=integrand,
        conjugate=conjugate,
        ratio=derivative,  # −1/x is its own inverse
        activation=activation,
        penalty=penalty,
        cone=cone,
        product_form=product_form,
        between=between,
    ),
    generator_formula="-log(u)",
    conjugate_formula="-1 - log(-t)",
    at_zero=math.inf,
    slope=0.0,
    derivative_at_one=-1.0,
    in_nats=True,
    citation="Nowozin, Cseke & Tomioka (2016), Tables 1 and 2",
)

are_adjoint(kl, reverse_kl)
