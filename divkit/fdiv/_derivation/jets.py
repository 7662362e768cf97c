"""Arithmetic and elementary functions on truncated Taylor series.

A jet holds the coefficients c₀, c₁, c₂, … of the Taylor series of a function in ε, each an array of
any library. Arithmetic and elementary functions act on them by recurrences (A. Griewank and
A. Walther, "Evaluating Derivatives", SIAM 2008, chapter 13), so derivatives are as accurate as
values. Comparisons take ε to be positive and infinitesimal: at a kink a jet takes the branch on the
side that it points to, which complex steps and finite differences cannot do.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from divkit._check import Array


class Jet:
    """A truncated Taylor series; see the module docstring."""

    __slots__ = ("c", "xp")
    __array_priority__ = 1000.0

    def __init__(self, c: list[Array], xp: Any) -> None:
        self.c, self.xp = c, xp

    def number(self, x: Any) -> Any:
        """Return x, as a float if it is foreign: a NumPy constant that other libraries reject.

        That is a 0-dimensional array, or a floating-point scalar other than float64, to whose type
        other numbers would be rounded.
        """
        if isinstance(x, np.ndarray):
            foreign = x.ndim == 0 and x.dtype.kind in "biuf"
        else:
            foreign = isinstance(x, np.floating) and not isinstance(x, float)
        if not foreign:
            return x
        if hasattr(self.xp, "met"):  # a namespace that records it
            self.xp.met = True
        return float(x)

    def lift(self, other: Any) -> Jet:
        """Return a constant as a jet of the same order."""
        if isinstance(other, Jet):
            return other
        other = self.number(other)
        zero = self.xp.zeros_like(self.c[0])
        return Jet([zero + other, *[zero] * (len(self.c) - 1)], self.xp)

    def __add__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet([self.c[0] + self.number(other), *self.c[1:]], self.xp)
        return Jet([a + b for a, b in zip(self.c, other.c, strict=True)], self.xp)

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return Jet([-a for a in self.c], self.xp)

    def __pos__(self) -> Jet:
        return self

    def __sub__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet([self.c[0] - self.number(other), *self.c[1:]], self.xp)
        return Jet([a - b for a, b in zip(self.c, other.c, strict=True)], self.xp)

    def __rsub__(self, other: Any) -> Jet:
        return Jet([self.number(other) - self.c[0], *(-a for a in self.c[1:])], self.xp)

    def __mul__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            other = self.number(other)
            return Jet([a * other for a in self.c], self.xp)
        a, b = self.c, other.c
        return Jet([_dot(a, b, k) for k in range(len(a))], self.xp)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            other = self.number(other)
            return Jet([a / other for a in self.c], self.xp)
        a, b = self.c, other.c
        q: list[Array] = []
        for k in range(len(a)):
            rest = a[k]
            for j in range(k):
                rest = rest - q[j] * b[k - j]
            q.append(rest / b[0])
        return Jet(q, self.xp)

    def __rtruediv__(self, other: Any) -> Jet:
        return self.lift(other) / self

    def __pow__(self, n: Any) -> Jet:
        if isinstance(n, Jet):
            return exp(n * log(self))
        n = self.number(n)
        if n == int(n) and 0 <= n <= 8:  # exact at 0 too, where the recurrence divides by 0
            result = self.lift(1.0)
            for _ in range(int(n)):
                result = result * self
            return result
        a, y = self.c, [self.c[0] ** n]
        if len(a) > 1:  # as in the recurrence, but correct at 0 too if it is finite there
            y.append(n * a[0] ** (n - 1) * a[1])
        for k in range(2, len(a)):
            total = n * k * a[k] * y[0]
            for j in range(1, k):
                total = total + (n * j - (k - j)) * a[j] * y[k - j]
            y.append(total / (k * a[0]))
        return Jet(y, self.xp)

    def __rpow__(self, base: Any) -> Jet:
        return exp(self * self.xp.log(self.c[0] * 0 + self.number(base)))

    def __abs__(self) -> Jet:
        result: Jet = where(self < 0, -self, self)
        return result

    def __lt__(self, other: Any) -> Any:
        # Lexicographic: by the first coefficient that differs.
        difference = (self - other).c
        less = difference[-1] < 0
        for d in reversed(difference[:-1]):
            less = (d < 0) | ((d == 0) & less)
        return less

    def __gt__(self, other: Any) -> Any:
        return -self < -self.number(other)

    def __le__(self, other: Any) -> Any:
        return _not(self > other)

    def __ge__(self, other: Any) -> Any:
        return _not(self < other)

    # Only a jet of order 0 can equal a number: any other lies on one side of a kink, never on it.
    def __eq__(self, other: object) -> Any:
        if len(self.c) == 1:
            return (self - other).c[0] == 0
        return self.xp.zeros_like(self.c[0]) != 0

    def __ne__(self, other: object) -> Any:
        return _not(self == other)

    __hash__ = None  # type: ignore[assignment]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        # So that a generator written with NumPy's own functions works as well.
        if method != "__call__" or any(options.values()):
            return NotImplemented
        # Operators with NumPy on the left arrive here too; using them again would recurse forever.
        reflected = _REFLECTED.get(ufunc.__name__)
        if reflected is not None and not isinstance(inputs[0], Jet):
            return getattr(inputs[1], reflected)(inputs[0])
        function = FUNCTIONS.get(ufunc.__name__)
        return NotImplemented if function is None else function(*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        mine = FUNCTIONS.get(function.__name__)
        return NotImplemented if mine is None else mine(*args, **options)


def _not(condition: Any) -> Any:
    return not condition if isinstance(condition, bool) else ~condition


def _dot(a: list[Array], b: list[Array], k: int) -> Array:
    total = a[0] * b[k]
    for j in range(1, k + 1):
        total = total + a[j] * b[k - j]
    return total


def _integral(value: Array, slope: Jet, a: Jet) -> Jet:
    """Return the jet with this constant term whose derivative in ε is slope · a′."""
    y = [value]
    for k in range(1, len(a.c)):
        total = slope.c[0] * (k * a.c[k])
        for j in range(1, k):
            total = total + slope.c[j] * ((k - j) * a.c[k - j])
        y.append(total / k)
    return Jet(y, a.xp)


def exp(a: Jet) -> Jet:
    """Return e^a."""
    y = [a.xp.exp(a.c[0])]
    for k in range(1, len(a.c)):
        total = y[0] * (k * a.c[k])
        for j in range(1, k):
            total = total + y[j] * ((k - j) * a.c[k - j])
        y.append(total / k)
    return Jet(y, a.xp)


def expm1(a: Jet) -> Jet:
    """Return e^a − 1."""
    return Jet([a.xp.expm1(a.c[0]), *exp(a).c[1:]], a.xp)


def log(a: Jet) -> Jet:
    """Return the logarithm."""
    return _integral(a.xp.log(a.c[0]), 1 / a, a)


def log1p(a: Jet) -> Jet:
    """Return log(1 + a)."""
    return _integral(a.xp.log1p(a.c[0]), 1 / (1 + a), a)


def sqrt(a: Jet) -> Jet:
    """Return the square root."""
    return Jet([a.xp.sqrt(a.c[0]), *(a**0.5).c[1:]], a.xp)


def tanh(a: Jet) -> Jet:
    """Return tanh, whose derivative is 1 − tanh² = 1/cosh²."""
    scaled = exp(-2 * abs(a))
    slope = 4 * scaled / ((1 + scaled) * (1 + scaled))
    return _integral(a.xp.tanh(a.c[0]), slope, a)


def sin(a: Jet) -> Jet:
    """Return the sine."""
    return _circular(a)[0]


def cos(a: Jet) -> Jet:
    """Return the cosine."""
    return _circular(a)[1]


def _circular(a: Jet) -> tuple[Jet, Jet]:
    s, c = [a.xp.sin(a.c[0])], [a.xp.cos(a.c[0])]
    for k in range(1, len(a.c)):
        s_total, c_total = 0.0, 0.0
        for j in range(k):
            step = (k - j) * a.c[k - j]
            s_total, c_total = s_total + c[j] * step, c_total - s[j] * step
        s.append(s_total / k)
        c.append(c_total / k)
    return Jet(s, a.xp), Jet(c, a.xp)


def atan(a: Jet) -> Jet:
    """Return the arc tangent."""
    return _integral(a.xp.atan(a.c[0]), 1 / (1 + a * a), a)


def atanh(a: Jet) -> Jet:
    """Return the inverse of tanh."""
    return _integral(a.xp.atanh(a.c[0]), 1 / ((1 - a) * (1 + a)), a)


def asinh(a: Jet) -> Jet:
    """Return the inverse of sinh."""
    return _integral(a.xp.asinh(a.c[0]), 1 / sqrt(1 + a * a), a)


def where(condition: Any, a: Any, b: Any) -> Any:
    """Return a where the condition holds, b elsewhere."""
    if isinstance(a, Jet):
        b = a.lift(b)
    else:
        a = b.lift(a)
    return Jet([a.xp.where(condition, x, y) for x, y in zip(a.c, b.c, strict=True)], a.xp)


def maximum(a: Any, b: Any) -> Any:
    """Return the larger."""
    return where(a > b, a, b)


def minimum(a: Any, b: Any) -> Any:
    """Return the smaller."""
    return where(a < b, a, b)


def sign(a: Jet) -> Jet:
    """Return ±1 for the side of 0 that the jet is on; 0 for the zero jet."""
    one = a.lift(1.0)
    result: Jet = where(a > 0, one, where(a < 0, -one, a.lift(0.0)))
    return result


def clip(a: Jet, least: Any = None, most: Any = None) -> Any:
    """Return a between two bounds."""
    a = a if least is None else maximum(a, least)
    return a if most is None else minimum(a, most)


_ARITHMETIC = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "truediv"}
_REFLECTED = {
    **{name: f"__r{operation}__" for name, operation in _ARITHMETIC.items()},
    **dict.fromkeys(("power", "float_power"), "__rpow__"),
    "less": "__gt__",
    "less_equal": "__ge__",
    "greater": "__lt__",
    "greater_equal": "__le__",
    "equal": "__eq__",
    "not_equal": "__ne__",
}

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "log2": lambda a: log(a) * 1.4426950408889634,
    "log10": lambda a: log(a) * 0.4342944819032518,
    "sqrt": sqrt,
    "square": lambda a: a * a,
    "reciprocal": lambda a: 1 / a,
    **dict.fromkeys(("pow", "power", "float_power"), operator.pow),
    **dict.fromkeys(("abs", "absolute", "fabs"), abs),
    "tanh": tanh,
    "sinh": lambda a: 0.5 * (expm1(a) - expm1(-a)),
    "cosh": lambda a: 0.5 * (exp(a) + exp(-a)),
    "sin": sin,
    "cos": cos,
    "tan": lambda a: sin(a) / cos(a),
    **dict.fromkeys(("atan", "arctan"), atan),
    **dict.fromkeys(("atanh", "arctanh"), atanh),
    **dict.fromkeys(("asinh", "arcsinh"), asinh),
    "where": where,
    **dict.fromkeys(("maximum", "fmax"), maximum),
    **dict.fromkeys(("minimum", "fmin"), minimum),
    "sign": sign,
    "clip": clip,
    **{name: getattr(operator, operation) for name, operation in _ARITHMETIC.items()},
    "negative": operator.neg,
    "positive": operator.pos,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
