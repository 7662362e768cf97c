"""Closed forms of a user's generator from SymPy, where it is installed and finds them.

Nothing here is needed: every failure means that the numbers found otherwise stand.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import CO_GENERATOR
from typing import Any

import numpy as np

from divkit.fdiv._derivation.derive import INF, Limits
from divkit.fdiv._formulas import Formula, Formulas

_LARGEST = 30  # operations in a formula beyond which SymPy is not asked
_PATIENCE = 1_000_000  # calls that it may make for an answer, about half a second

_LONGEST = 80  # characters of a formula that someone will want to read


@dataclass(frozen=True)
class ClosedForms:
    """What SymPy found of f; None where it did not."""

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
    except Exception:  # whatever a foreign function and a symbol do to each other
        return ClosedForms()
    text = _python(f, sp)
    if f.has(sp.Piecewise, sp.Abs, sp.Max, sp.Min, sp.sign):
        return ClosedForms(generator=text)
    limits: dict[str, float] = {}
    f_prime = sp.diff(f, u)
    for name, expression, end in (
        ("at_zero", f, 0),
        ("derivative_at_zero", f_prime, 0),
        ("slope", f_prime, sp.oo),
        ("conjugate_at_slope", u * f_prime - f, sp.oo),
    ):
        try:
            with _patiently():
                value = sp.limit(sp.simplify(expression), u, end)
            if value in (sp.oo, -sp.oo) or (value.is_number and value.is_real):
                limits[name] = float(value)
        except Exception:  # the number found without it stands
            break
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
    try:
        t = sp.Symbol("t", real=True)
        f_prime = sp.simplify(sp.diff(f, u))
        if f_prime.count_ops() > _LARGEST // 2:
            return None
        samples = np.array([0.2, 0.7, 1.5, 4.0])
        with np.errstate(all="ignore"):
            slopes = np.asarray(formulas.derivative(samples, np))
            expected = np.asarray(formulas.conjugate(slopes, np))
        with _patiently():
            roots = sp.solve(sp.Eq(f_prime, t), u)
        for root in roots:
            with _patiently():
                conjugate = sp.simplify(sp.logcombine(root * t - f.subs(u, root), force=True))
            values = [complex(conjugate.subs(t, float(x))) for x in slopes]
            if np.allclose(values, expected, rtol=1e-8, atol=1e-8):
                text = _python(conjugate, sp)
                if text is not None and len(text) > _LONGEST:
                    return None
                if text is None or not math.isfinite(limits.derivative_at_zero):
                    return text
                start, value = limits.derivative_at_zero, 0.0 - limits.at_zero
                return f"{text} if t > {start:.12g} else {value:.12g}"
    except Exception:
        return None
    return None


@contextmanager
def _patiently() -> Iterator[None]:
    """Raise TimeoutError in the block once it has made _PATIENCE calls.

    Counted, not timed, so that the same generator gives the same record on a busy machine.
    """
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += 1
        # Not in a generator: one may be on its way out, where nobody hears of an error.
        if calls > _PATIENCE and event == "call" and not frame.f_code.co_flags & CO_GENERATOR:
            calls = 0
            raise TimeoutError

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


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
