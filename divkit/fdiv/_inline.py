"""Formulas inside compiled loops: which compiled function replaces which plain one."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any
from weakref import WeakSet

from numba import extending

from divkit.fdiv import _elementary, _simd

_OPTIONS = {"forceinline": True, "fastmath": _simd.FLAGS, "error_model": "numpy", "nogil": True}
_known: WeakSet[Any] = WeakSet()


def compilable(formula: Any) -> Any:
    """Return a formula as loops call it, after registering the functions it calls with numba."""
    for function in _called(formula):
        _make_known(function)
    return _simd.inlined(formula)


def _make_known(function: FunctionType) -> None:
    if function in _known:
        return
    _known.add(function)
    extending.register_jitable(**_OPTIONS)(function)
    for other in _called(function):
        _make_known(other)


def _called(function: Any) -> list[FunctionType]:
    """Return the plain functions that a function refers to."""
    try:
        names = inspect.getclosurevars(function)
    except (TypeError, ValueError):  # no plain function, or a variable without a value yet
        return []
    values = [*names.nonlocals.values(), *names.globals.values()]
    return [value for value in values if isinstance(value, FunctionType)]


def _stands_for(loop: Any) -> Any:
    return lambda *_: loop.py_func


# The versions that a compiler can vectorize.
for _name in (
    "half_log_ratio",
    "kl_term",
    "weighted_js_term",
    "js_term",
    "power_increment",
    "expm1_minus",
    "moderate_power_term",
):
    _plain, _loop = getattr(_elementary, _name), getattr(_simd, _name)
    if _loop is not _plain and hasattr(_loop, "py_func"):
        extending.overload(_plain, jit_options=_OPTIONS, strict=False)(_stands_for(_loop))
        _known.add(_plain)
