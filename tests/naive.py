"""Slow and obvious references, at 60 digits, written from the definitions alone."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import mpmath as mp
import numpy as np

from divkit import fdiv

DIGITS = 60

# The array namespace of a generator, on single numbers.
_MPMATH = SimpleNamespace(
    where=lambda condition, a, b: a if condition else b,
    **{name: getattr(mp, name) for name in ("log", "log1p", "exp", "expm1", "sqrt", "sign")},
    abs=abs,
)


def _js(pi: mp.mpf) -> Callable[[mp.mpf], mp.mpf]:
    def f(u: mp.mpf) -> mp.mpf:
        m = 1 - pi + pi * u
        return pi * u * mp.log(u) - m * mp.log(m)

    return f


def _alpha(a: mp.mpf) -> Callable[[mp.mpf], mp.mpf]:
    return lambda u: (u**a - 1 - a * (u - 1)) / (a * (a - 1))


def generator(name: str, parameters: tuple[float, ...] = ()) -> Callable[[mp.mpf], mp.mpf]:
    """Return f of the published table, for u > 0."""
    given = [mp.mpf(value) for value in parameters]
    table = {
        "total_variation": lambda u: abs(u - 1) / 2,
        "kl": lambda u: u * mp.log(u),
        "reverse_kl": lambda u: -mp.log(u),
        "pearson": lambda u: (u - 1) ** 2,
        "neyman": lambda u: (1 - u) ** 2 / u,
        "squared_hellinger": lambda u: (mp.sqrt(u) - 1) ** 2,
        "jeffreys": lambda u: (u - 1) * mp.log(u),
        "jensen_shannon": lambda u: (u * mp.log(u) - (1 + u) * mp.log((1 + u) / 2)) / 2,
        "gan": lambda u: u * mp.log(u) - (1 + u) * mp.log(1 + u),
        "triangular_discrimination": lambda u: (u - 1) ** 2 / (u + 1),
    }
    if name == "weighted_jensen_shannon":
        return _js(*given)
    if name == "alpha":
        return _alpha(*given)
    if name == "hockey_stick":
        return lambda u: max(u - given[0], mp.mpf(0))
    if name == "tsallis":
        return lambda u: (u ** given[0] - u) / (given[0] - 1)
    if name == "cressie_read":
        return lambda u: u * (u ** given[0] - 1) / (given[0] * (given[0] + 1))
    if name in table:
        return table[name]
    # A newcomer's row: its own generator, which is not what computes its values.
    formula = fdiv.CATALOGUE[name].formulas.generator
    return lambda u: formula(u, _MPMATH)


def limits(name: str, parameters: tuple[float, ...] = ()) -> tuple[mp.mpf, mp.mpf]:
    """Return f(0⁺) and f′(∞)."""
    half_log_2 = mp.log(2) / 2
    table = {
        "total_variation": (mp.mpf(1) / 2, mp.mpf(1) / 2),
        "kl": (mp.mpf(0), mp.inf),
        "reverse_kl": (mp.inf, mp.mpf(0)),
        "pearson": (mp.mpf(1), mp.inf),
        "neyman": (mp.inf, mp.mpf(1)),
        "squared_hellinger": (mp.mpf(1), mp.mpf(1)),
        "jeffreys": (mp.inf, mp.inf),
        "jensen_shannon": (half_log_2, half_log_2),
        "gan": (mp.mpf(0), mp.mpf(0)),
        "triangular_discrimination": (mp.mpf(1), mp.mpf(1)),
        "hockey_stick": (mp.mpf(0), mp.mpf(1)),
    }
    if name == "weighted_jensen_shannon":
        pi = mp.mpf(parameters[0])
        return -(1 - pi) * mp.log(1 - pi), -pi * mp.log(pi)
    if name == "alpha":
        a = mp.mpf(parameters[0])
        return (1 / a if a > 0 else mp.inf), (1 / (1 - a) if a < 1 else mp.inf)
    if name == "tsallis":
        a = mp.mpf(parameters[0])
        return mp.mpf(0), (1 / (1 - a) if a < 1 else mp.inf)
    if name == "cressie_read":
        b = mp.mpf(parameters[0])
        return (mp.mpf(0) if b > -1 else mp.inf), (-1 / (b * (b + 1)) if b < 0 else mp.inf)
    if name in table:
        return table[name]
    D = fdiv.CATALOGUE[name]
    return mp.mpf(D.at_zero), mp.mpf(D.slope)


def divergence(
    name: str, p: np.ndarray, q: np.ndarray, parameters: tuple[float, ...] = ()
) -> mp.mpf:
    """Return Σ q f(p/q) of the normalized measures."""
    with mp.workdps(DIGITS):
        f = generator(name, parameters)
        at_zero, slope = limits(name, parameters)
        P = [mp.mpf(float(x)) for x in p]
        Q = [mp.mpf(float(x)) for x in q]
        p_mass, q_mass = mp.fsum(P), mp.fsum(Q)
        total = mp.mpf(0)
        for x, y in zip(P, Q, strict=True):
            x, y = x / p_mass, y / q_mass
            if x and y:
                total += y * f(x / y)
            elif y:
                total += y * at_zero
            elif x:
                total += x * slope
        return total


def affinity(p: np.ndarray, q: np.ndarray, s: mp.mpf) -> mp.mpf:
    """Return Σ p^s q^(1−s) of the normalized measures."""
    with mp.workdps(DIGITS):
        P, Q = ([mp.mpf(float(x)) for x in y] for y in (p, q))
        p_mass, q_mass = mp.fsum(P), mp.fsum(Q)
        pairs = [(x / p_mass, y / q_mass) for x, y in zip(P, Q, strict=True) if x and y]
        return mp.fsum(x**s * y ** (1 - s) for x, y in pairs)


def relative_error(value: float, exact: mp.mpf) -> float:
    """Return |value/exact − 1|, 0 where both are the same infinity or zero."""
    if mp.isinf(exact) or exact == 0:
        return 0.0 if value == float(exact) else np.inf
    with mp.workdps(DIGITS):
        return float(abs(mp.mpf(float(value)) / exact - 1))
