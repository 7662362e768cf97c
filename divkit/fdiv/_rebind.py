"""A formula with the functions that it refers to exchanged for others."""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from divkit.fdiv import _elementary


def rebind(formula: Any, module: ModuleType, wrap: Callable[[Any], Any]) -> Any:
    """Return a copy of `formula` that calls `module`'s versions of the functions of `elementary`.

    The other functions that it refers to are copied in the same way, and every copy, the
    formula's own included, is passed through `wrap`.
    """
    done: dict[Any, Any] = {}

    def convert(value: Any) -> Any:
        if not isinstance(value, FunctionType):
            return value
        name = value.__name__
        if getattr(_elementary, name, None) is value and hasattr(module, name):
            return getattr(module, name)
        if value not in done:
            names = _names(value.__code__)
            outer = {k: convert(v) for k, v in value.__globals__.items() if k in names}
            cells = tuple(CellType(convert(c.cell_contents)) for c in value.__closure__ or ())
            copy = FunctionType(value.__code__, outer, name, value.__defaults__, cells)
            done[value] = wrap(copy)
        return done[value]

    return convert(formula)


def _names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
