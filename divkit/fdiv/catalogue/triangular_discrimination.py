"""Triangular discrimination (Vincze–Le Cam): Σ (p−q)²/(p+q), at most 2."""

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import LOG2
from divkit.fdiv._formulas import Formulas


def generator(u, xp):
    return (u - 1) * ((u - 1) / (u + 1))


def derivative(u, xp):
    return ((u - 1) / (u + 1)) * ((u + 3) / (u + 1))  # 1 − 4/(u+1)², without cancellation at 1


def integrand(p, q, difference, xp):
    return difference * (difference / (p + q))


def conjugate(t, xp):
    # (1−r)(3−r) with r = √(1−t), which is 2 at f′(0⁺) = −3.
    r = xp.sqrt(1 - t)
    return xp.where(t > -3, t / (1 + r) * (3 - r), -1.0)


def ratio(t, xp):
    r = xp.sqrt(1 - t)
    return xp.where(t > -3, (2 - r) / r, 0.0)


def activation(v, xp):
    return -xp.expm1(-v)


def penalty(v, xp):
    inner = v > -2 * LOG2  # where r < 2
    r_minus_1 = xp.expm1(-0.5 * xp.where(inner, v, 0.0))
    return xp.where(inner, -r_minus_1 * (2 - r_minus_1), -1.0)


def cone(p, q, xp):
    return xp.square_over(p - q, p + q)


triangular_discrimination = Divergence(
    name="triangular_discrimination",
    title="Triangular discrimination",
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
    generator_formula="(u - 1)**2/(u + 1)",
    conjugate_formula="4 - t - 4*sqrt(1 - t) if t >= -3 else -1",
    at_zero=1.0,
    slope=1.0,
    derivative_at_zero=-3.0,
    conjugate_at_slope=3.0,
    citation="Vincze (1981); Le Cam (1986); Topsøe (2000), eq. (2)",
)
