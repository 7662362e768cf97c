"""Closed forms of a user's generator from SymPy, where it is installed and finds them.

Nothing here is required: on any failure the numerical results are kept. SymPy is used only for what
is fast, derivatives and rearrangements of short formulas; limits are found numerically, to 1500
digits, and equations are solved only where the unknown occurs in one place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from divkit.fdiv._derivation.derive import INF, Limits
from divkit.fdiv._formulas import Formula, Formulas

_LARGEST = 30  # operations in a formula beyond which SymPy is not used
_LONGEST = 80  # characters of the longest formula worth printing
_DIGITS = 1500  # of which enough are left after cancellation at the ends
_ENDS = 100, 200, 400  # exponents of 10 on the way to 0 and to ∞


@dataclass(frozen=True)
class ClosedForms:
    """What SymPy found out about f; None where it found nothing."""

    generator: str | None = None
    limits: dict[str, float] | None = None
    expression: Any = None


def closed_forms(generator: Formula) -> ClosedForms:
    """Return the formula of f and its limits, as far as they can be found."""
    try:
        import sympy as sp
    except ImportError:
        return ClosedForms()
    try:
        u = sp.Symbol("u", positive=True)
        f = sp.nsimplify(sp.sympify(generator(u, _Namespace(sp))), rational=True)
        if f.free_symbols - {u} or f.count_ops() > _LARGEST:
            return ClosedForms()
    except Exception:  # given a symbol, a user's function may raise anything
        return ClosedForms()
    text = _python(f, sp)
    if f.has(sp.Piecewise, sp.Abs, sp.Max, sp.Min, sp.sign):
        return ClosedForms(generator=text)
    f_prime = sp.diff(f, u)
    limits: dict[str, float] = {}
    for name, expression, side in (
        ("at_zero", f, -1),
        ("derivative_at_zero", f_prime, -1),
        ("slope", f_prime, 1),
        ("conjugate_at_slope", u * f_prime - f, 1),
    ):
        try:
            value = _limit(expression, u, side, sp)
        except Exception:  # keep the numerical limits
            break
        if value is not None:
            limits[name] = value
    return ClosedForms(text, limits, (sp, u, f))


def merged(found: Limits, known: ClosedForms) -> Limits:
    """Return the limits, exact where SymPy has them."""
    limits = replace(found, **(known.limits or {}))
    if limits.slope == INF:
        limits = replace(limits, conjugate_at_slope=INF)
    return limits


def conjugate_text(known: ClosedForms, limits: Limits, formulas: Formulas) -> str | None:
    """Return f*(t) as text where f′(u) = t has a formula for u, checked against the numbers."""
    if known.expression is None:
        return None
    sp, u, f = known.expression
    samples = np.array([0.2, 0.7, 1.5, 4.0])
    with np.errstate(all="ignore"):
        slopes = np.asarray(formulas.derivative(samples, np))
        expected = np.asarray(formulas.conjugate(slopes, np))
    t, s = sp.Symbol("t", real=True), sp.Symbol("s", positive=True)
    # SymPy simplifies more for s > 0: the distance of t from the end of the domain or its start.
    value, back = t, t
    for end, sign in ((limits.slope, -1), (limits.derivative_at_zero, 1)):
        if value is t and math.isfinite(end) and (12 * end).is_integer():
            exact = sp.Rational(round(12 * end), 12)
            value, back = exact + sign * s, sign * (t - exact)
    f_prime = sp.diff(f, u)
    for rearranged in (sp.expand, sp.cancel, sp.apart, lambda x: _one_log(x, sp)):
        try:
            root = _inverse(rearranged(f_prime), u, value, sp)
            if root is None:
                continue
            conjugate = _shortest(root * value - f.subs(u, root), sp).subs(s, back)
            values = [complex(conjugate.subs(t, float(x))) for x in slopes]
        except Exception:  # SymPy cannot handle this form
            continue
        if np.allclose(values, expected, rtol=1e-8, atol=1e-8):
            text = _python(conjugate, sp)
            return _with_ends(text if text and len(text) <= _LONGEST else None, limits)
    return None


def _with_ends(text: str | None, limits: Limits) -> str | None:
    """Return the text of f*, constant below f′(0⁺)."""
    if text is None or not math.isfinite(limits.derivative_at_zero):
        return text
    return f"{text} if t > {limits.derivative_at_zero:.12g} else {0.0 - limits.at_zero:.12g}"


def _limit(expression: Any, u: Any, side: int, sp: Any) -> float | None:
    """Return the limit as u → 0 (`side` −1) or u → ∞ (1); None where undecided."""
    import mpmath as mp

    f = sp.lambdify(u, expression, "mpmath")
    with mp.workdps(_DIGITS):
        a, b, c = (f(mp.mpf(10) ** (side * k)) for k in _ENDS)
        if mp.im(c) or mp.im(b):
            return None
        if abs(c - b) <= abs(c) * mp.mpf(10) ** -40 or abs(c) < mp.mpf(10) ** -60:
            return float(c) if abs(c) > mp.mpf(10) ** -60 else 0.0
        # Divergent: even a logarithm takes a second step twice as large as the first.
        if abs(c - b) > 0.99 * abs(b - a) and (c > b) == (b > a):
            return INF if c > b else -INF
    return None


def _inverse(expression: Any, u: Any, t: Any, sp: Any) -> Any:
    """Return u as a function of the value t of `expression`, or None.

    It is found if u occurs once, or in a quotient of two linear functions.
    """
    if expression == u:
        return t
    if expression.is_Add or expression.is_Mul:
        apart, rest = expression.as_independent(u, as_Add=expression.is_Add)
        if apart != (0 if expression.is_Add else 1):
            return _inverse(rest, u, t - apart if expression.is_Add else t / apart, sp)
        above, below = (sp.Poly(x, u) for x in sp.fraction(sp.together(expression)))
        if max(above.degree(), below.degree()) > 1:
            return None
        (a, b), (c, d) = ((x.coeff_monomial(u), x.coeff_monomial(1)) for x in (above, below))
        return (d * t - b) / (a - c * t)
    if expression.is_Pow and not expression.exp.has(u):
        return _inverse(expression.base, u, t ** (1 / expression.exp), sp)
    if isinstance(expression, sp.log):
        return _inverse(expression.args[0], u, sp.exp(t), sp)
    if isinstance(expression, sp.exp):
        return _inverse(expression.args[0], u, sp.log(t), sp)
    return None


def _one_log(expression: Any, sp: Any) -> Any:
    """Return the expression with its logarithms combined into one."""
    together = sp.factor_terms(sp.expand(expression))
    return sp.logcombine(together, force=True)


def _shortest(expression: Any, sp: Any) -> Any:
    """Return the shortest among a few forms of an expression."""
    logs = sp.expand_log(sp.expand(expression), force=True)
    forms = [
        expression,
        sp.powsimp(sp.expand(logs)),
        sp.factor(sp.powsimp(sp.expand(logs))),
        sp.powsimp(sp.cancel(logs)),
    ]
    return min(forms, key=lambda form: len(str(form)))


def _python(expression: Any, sp: Any) -> str | None:
    """Return the expression in the notation of `Divergence.generator_formula`."""
    text = str(expression)
    for theirs, ours in (("Abs(", "abs("), ("Max(", "max("), ("LambertW(", "W(")):
        text = text.replace(theirs, ours)
    plain = {"abs", "max", "log", "exp", "sqrt", "W"}
    functions = {type(x).__name__ for x in expression.atoms(sp.Function)}
    known = {"Abs", "Max", "log", "exp", "LambertW"}
    return text if functions <= known | plain and "E" not in text else None


class _Namespace:
    """SymPy's functions under the names of the array API."""

    def __init__(self, sp: Any) -> None:
        self._sp = sp

    def __getattr__(self, name: str) -> Any:
        sp = self._sp
        given = {
            "abs": sp.Abs,
            "maximum": sp.Max,
            "minimum": sp.Min,
            "log1p": lambda x: sp.log(1 + x),
            "expm1": lambda x: sp.exp(x) - 1,
            "log2": lambda x: sp.log(x) / sp.log(2),
            "square": lambda x: x**2,
            "pow": lambda x, n: x**n,
            "where": lambda condition, a, b: sp.Piecewise((a, condition), (b, True)),
        }
        return given[name] if name in given else getattr(sp, name)
