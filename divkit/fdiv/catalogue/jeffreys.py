"""Jeffreys: Σ (p−q) log(p/q), the sum of both Kullback–Leibler divergences."""

import math

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import half_log_ratio, log_wright_omega
from divkit.fdiv._formulas import Formulas


def generator(u, xp):
    return (u - 1) * xp.log(u)


def derivative(u, xp):
    return xp.log(u) + 1 - 1 / u


def integrand(p, q, difference, xp):
    return 2 * difference * half_log_ratio(p, q, difference, xp)


def conjugate(t, xp):
    # With w = ω(1−t), w + 1/w + t − 2 = 1/w − 1 − log w, as w + log w = 1 − t.
    log_w = log_wright_omega(1 - t, xp)
    return xp.expm1(-log_w) - log_w


def ratio(t, xp):
    return xp.exp(-log_wright_omega(1 - t, xp))


def activation(v, xp):
    return v


def cone(p, q, xp):
    return xp.relative_entropy(p, q) + xp.relative_entropy(q, p)


def between(laws):
    return laws.kl() + laws.reverse_kl()


jeffreys = Divergence(
    name="jeffreys",
    title="Jeffreys",
    formulas=Formulas(
        generator=generator,
        derivative=derivative,
        integrand=integrand,
        conjugate=conjugate,
        ratio=ratio,
        activation=activation,
        penalty=conjugate,
        cone=cone,
        between=between,
    ),
    generator_formula="(u - 1)*log(u)",
    conjugate_formula="W(exp(1 - t)) + 1/W(exp(1 - t)) + t - 2",
    at_zero=math.inf,
    slope=math.inf,
    in_nats=True,
    citation="Nowozin, Cseke & Tomioka (2016), Tables 5 and 6",
)
