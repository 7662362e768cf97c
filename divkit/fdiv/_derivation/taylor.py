"""Derivatives of a user's function: the same code, run on jets (`divkit.fdiv._derivation.jets`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from divkit._check import Array
from divkit.fdiv._derivation.jets import FUNCTIONS, Jet


def derivative(f: Callable[[Any, Any], Any], u: Array, xp: Any) -> Array:
    """Return f′(u), from the right where f has a kink."""
    value = f(Jet([u, xp.ones_like(u)], xp), Namespace(xp))
    return value.c[1] if isinstance(value, Jet) else xp.zeros_like(u)


def series(f: Callable[[Any, Any], Any], u: float, direction: float, order: int, xp: Any) -> Any:
    """Return the coefficients c₀ … c_order of f(u + direction·ε), one-sided at a kink."""
    zero = xp.zeros(())
    c = [zero + u, zero + direction, *[zero] * (order - 1)]
    value = f(Jet(c, xp), Namespace(xp))
    return [float(x) for x in value.c] if isinstance(value, Jet) else [float(value)] + [0.0] * order


def value(f: Callable[[Any, Any], Any], u: Array, xp: Any) -> Array:
    """Return f(u), with the NumPy constants in f converted to Python floats.

    Other libraries do not multiply by a NumPy array, and a Python float multiplied by a NumPy
    scalar of a narrower type is rounded to that type.
    """
    if isinstance(u, Jet):  # which converts them itself
        return f(u, xp)
    found = f(Jet([u], xp), Namespace(xp))
    return found.c[0] if isinstance(found, Jet) else found


def meets_foreign(f: Callable[[Any, Any], Any]) -> bool:
    """Return whether f computes with foreign constants, as `Jet.number` defines them."""
    watch = Watch()
    with np.errstate(all="ignore"):
        try:
            f(Jet([np.array([0.5, 2.0])], watch), Namespace(watch))
        except Exception:  # given a jet, a user's function may raise anything
            return False
    return watch.met


class Watch:
    """NumPy as the namespace of a jet, recording whether a foreign constant was met."""

    def __init__(self) -> None:
        self.met = False

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


class Namespace:
    """An array namespace whose elementary functions accept jets; other names are passed through."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp

    def __getattr__(self, name: str) -> Any:
        function = FUNCTIONS.get(name)
        plain = getattr(self._xp, name)
        if function is None:
            return plain
        return lambda *args: (
            function(*args) if any(isinstance(x, Jet) for x in args) else (plain(*args))
        )
