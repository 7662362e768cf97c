"""Reverse Kullback–Leibler: Σ q log(q/p)."""

import math

from divkit.fdiv._divergence import Divergence, Formulas
from divkit.fdiv._elementary import kl_term


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


def between(laws):
    return laws.reverse_kl()


def adjoint():
    from divkit.fdiv.catalogue.kl import kl

    return kl


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
        between=between,
    ),
    generator_formula="-log(u)",
    conjugate_formula="-1 - log(-t)",
    at_zero=math.inf,
    slope=0.0,
    derivative_at_one=-1.0,
    adjoint_of=adjoint,
    citation="Nowozin, Cseke & Tomioka (2016), Tables 1 and 2",
)
