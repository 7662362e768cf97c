"""Critics' losses by the formulas of the published table, at 150 digits, one number at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace

import mpmath as mp

from divkit import fdiv

# 1 + e⁻¹⁰⁰ keeps its last 100 digits, and a difference over 10⁻⁵⁰ of them another 50.
DIGITS = 150
STEP = mp.mpf(10) ** -50
Function = Callable[[mp.mpf], mp.mpf]

_MPMATH = SimpleNamespace(
    where=lambda condition, a, b: a if condition else b,
    **{name: getattr(mp, name) for name in ("log", "log1p", "exp", "expm1", "sqrt", "tanh")},
)


def _softplus(x: mp.mpf) -> mp.mpf:
    return mp.log1p(mp.exp(x))


def _omega(x: mp.mpf) -> mp.mpf:
    """Return the Wright omega function: ω + log ω = x."""
    return mp.lambertw(mp.exp(x)).real


def _jeffreys(t: mp.mpf) -> mp.mpf:
    w = _omega(1 - t)
    return w + 1 / w + t - 2


def _pearson(t: mp.mpf) -> mp.mpf:
    return t * t / 4 + t if t >= -2 else mp.mpf(-1)


def _triangular(t: mp.mpf) -> mp.mpf:
    return 4 - t - 4 * mp.sqrt(1 - t) if t >= -3 else mp.mpf(-1)


def _js(pi: mp.mpf) -> tuple[Function, Function]:
    return (
        lambda v: -pi * mp.log(pi) - pi * _softplus(-v),
        lambda v: (1 - pi) * (mp.log(1 - pi) + _softplus(v)),
    )


def _power(base: mp.mpf, exponent: mp.mpf) -> mp.mpf:
    return base**exponent if base > 0 else mp.mpf(0)


def _below(slope: mp.mpf | None) -> Function:
    """Return the activation slope − softplus(−v), or v where the slope is infinite."""
    return (lambda v: v) if slope is None else (lambda v: slope - _softplus(-v))


def _alpha(a: mp.mpf) -> tuple[Function, Function]:
    activation = _below(1 / (1 - a) if a < 1 else None)
    return activation, lambda v: (_power(1 + (a - 1) * activation(v), a / (a - 1)) - 1) / a


def _tsallis(a: mp.mpf) -> tuple[Function, Function]:
    activation = _below(1 / (1 - a) if a < 1 else None)
    return activation, lambda v: _power((1 + (a - 1) * activation(v)) / a, a / (a - 1))


def _cressie_read(b: mp.mpf) -> tuple[Function, Function]:
    # f is that of alpha(λ + 1) plus (u − 1)/(λ + 1): everything moves by 1/(λ + 1).
    a = b + 1
    activation = _below(-1 / (a * b) if a < 1 else None)
    return activation, lambda v: _power(1 + b * (activation(v) - 1 / a), a / b) / a


def _hockey_stick(gamma: mp.mpf) -> tuple[Function, Function]:
    return (lambda v: 1 / (1 + mp.exp(-v))), (lambda v: gamma / (1 + mp.exp(-v)))


_FAMILIES = {
    "weighted_jensen_shannon": _js,
    "alpha": _alpha,
    "tsallis": _tsallis,
    "cressie_read": _cressie_read,
    "hockey_stick": _hockey_stick,
}


def _to_one(v: mp.mpf) -> mp.mpf:
    return 1 - mp.exp(-v)


_ROWS: dict[str, tuple[Function, Function]] = {
    "total_variation": (lambda v: mp.tanh(v) / 2, lambda v: mp.tanh(v) / 2),
    "kl": (lambda v: v, lambda v: mp.exp(v - 1)),
    "reverse_kl": (lambda v: -mp.exp(-v), lambda v: v - 1),
    "pearson": (lambda v: v, _pearson),
    "neyman": (_to_one, lambda v: 2 - 2 * mp.exp(-v / 2)),
    "squared_hellinger": (_to_one, mp.expm1),
    "jeffreys": (lambda v: v, _jeffreys),
    "jensen_shannon": _js(mp.mpf(1) / 2),
    "gan": (lambda v: -_softplus(-v), _softplus),
    "triangular_discrimination": (_to_one, lambda v: _triangular(_to_one(v))),
}


def terms(D: fdiv.Divergence) -> tuple[Function, Function]:
    """Return g(v) and f*(g(v)) as functions of v."""
    if D.name in _ROWS:
        return _ROWS[D.name]
    if D.name in _FAMILIES:
        return _FAMILIES[D.name](*(mp.mpf(x) for x in D.parameters.values()))
    if D in _OTHERS:
        return _OTHERS[D]()
    # A newcomer's row: its own formulas, not fused and not rounded.
    f = D.formulas
    return (
        lambda v: f.activation(v, _MPMATH),
        lambda v: f.conjugate(f.activation(v, _MPMATH), _MPMATH),
    )


def _conjugate(f: Function, f_prime: Function) -> Function:
    """Return f* of a smooth f by the u at which f′(u) = t."""

    def at(t: mp.mpf) -> mp.mpf:
        low, high = mp.mpf(-300), mp.mpf(300)
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if f_prime(mp.exp(middle)) < t else (low, middle)
        log_u = mp.findroot(lambda x: f_prime(mp.exp(x)) - t, (low, high), tol=mp.mpf(10) ** -130)
        return mp.exp(log_u) * t - f(mp.exp(log_u))

    return at


def _along_log_ratio(f: Function, f_prime: Function) -> tuple[Function, Function]:
    """Return f′(e^v) and f*(f′(u)) = u f′(u) − f(u)."""
    return (
        lambda v: f_prime(mp.exp(v)),
        lambda v: mp.exp(v) * f_prime(mp.exp(v)) - f(mp.exp(v)),
    )


def _sum_with_kl() -> tuple[Function, Function]:
    # u log u − log u, of infinite slope
    of = _conjugate(lambda u: (u - 1) * mp.log(u), lambda u: mp.log(u) + 1 - 1 / u)
    return (lambda v: v), of


def _sum_of_bounded() -> tuple[Function, Function]:
    def f(u: mp.mpf) -> mp.mpf:
        return (mp.sqrt(u) - 1) ** 2 + (u - 1) ** 2 / (u + 1)

    return _along_log_ratio(f, lambda u: 2 - 1 / mp.sqrt(u) - 4 / (u + 1) ** 2)


def _skewed() -> tuple[Function, Function]:
    # KL(P‖¾P + ¼Q)
    def m(u: mp.mpf) -> mp.mpf:
        return (3 * u + 1) / 4

    def f_prime(u: mp.mpf) -> mp.mpf:
        return mp.log(u / m(u)) + 1 - 3 * u / (4 * m(u))

    return _along_log_ratio(lambda u: u * mp.log(u / m(u)), f_prime)


def _twice() -> tuple[Function, Function]:
    g, penalty = _js(mp.mpf(1) / 2)
    return (lambda v: 2 * g(v)), (lambda v: 2 * penalty(v))


def _custom() -> tuple[Function, Function]:
    activation = _below(mp.mpf(1))
    return activation, lambda v: _triangular(activation(v))


# Composites and a user's own generator, all derived from parts.
_OTHERS: dict[fdiv.Divergence, Callable[[], tuple[Function, Function]]] = {
    2 * fdiv.jensen_shannon: _twice,
    fdiv.kl + fdiv.reverse_kl: _sum_with_kl,
    fdiv.squared_hellinger + fdiv.triangular_discrimination: _sum_of_bounded,
    fdiv.kl.skewed(0.25): _skewed,
    fdiv.custom(lambda u, xp: (u - 1) ** 2 / (u + 1)): _custom,
}
OTHERS = list(_OTHERS)


@functools.cache
def at(D: fdiv.Divergence, v: float) -> tuple[mp.mpf, mp.mpf, mp.mpf, mp.mpf]:
    """Return g, f*(g) and their derivatives at the output v."""
    with mp.workdps(DIGITS):
        x = mp.mpf(v)
        values = [term(x) for term in terms(D)]
        slopes = [(term(x + STEP) - term(x - STEP)) / (2 * STEP) for term in terms(D)]
        return (*values, *slopes)
