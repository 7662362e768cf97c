"""Divergences and optimal transport as pairs: every value with its dual, and the gap between them.

>>> from divkit import fdiv
>>> p, q = [0.5, 0.5], [0.9, 0.1]
>>> round(float(fdiv.kl(p, q)), 6)
0.510826
"""

from __future__ import annotations

import importlib
from types import ModuleType

from divkit import fdiv as fdiv
from divkit._errors import ConvergenceError as ConvergenceError

__version__ = "0.1.0"

__all__ = ["ConvergenceError", "cvx", "emd", "fdiv", "gan", "plot", "testing"]

# Imported on first use, as they have imports that divergences do not need.
_LAZY = ("cvx", "emd", "gan", "plot", "testing")


def __getattr__(name: str) -> ModuleType:
    if name in _LAZY:
        return importlib.import_module(f"divkit.{name}")
    raise AttributeError(f"module 'divkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
