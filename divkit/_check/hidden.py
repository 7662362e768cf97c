"""Detection of masked and missing entries, which are rejected and never filled in."""

from __future__ import annotations

from typing import Any

import numpy as np

# Types that cannot have masked or missing entries.
_PLAIN = frozenset({np.ndarray, float, int, np.float64, np.float32, np.int64, bool, str})

# Per library, the methods that fill missing entries and that drop them.
_METHODS = {"pandas": ("fillna", "dropna"), "polars": ("fill_null", "drop_nulls")}


def complete(name: str, x: Any) -> None:
    """Raise ValueError if entries of `x` are masked or missing, with their number and a remedy.

    The data under a mask are arbitrary, and NumPy's conversions silently return them, or nan. A
    mask without masked entries is accepted.
    """
    if type(x) in _PLAIN:
        return
    hidden = count(x)
    if not hidden:
        return
    if isinstance(x, np.ndarray):
        drop = f"numpy.ma.compress_rows({name})" if x.ndim > 1 else f"{name}.compressed()"
        given, fill = "hidden by a mask", f"{name}.filled(...)"
    elif isinstance(x, (list, tuple)):
        parts = f"part in {name}"
        given = "hidden by masks or missing"
        fill, drop = f"[part.filled(...) for {parts}]", f"[part.compressed() for {parts}]"
    else:
        methods = _METHODS.get(_library(x), ("fill_null", "drop_null"))
        given, (fill, drop) = "missing", (f"{name}.{method}" for method in methods)
        fill, drop = f"{fill}(...)", f"{drop}()"
    entries = "1 entry" if hidden == 1 else f"{hidden} entries"
    size = getattr(x, "size", None)
    of = f" of {size}" if isinstance(size, (int, np.integer)) else ""
    raise ValueError(
        f"`{name}` must be complete, got {entries}{of} {given}: give them values, for example "
        f"`{fill}`, or leave them out, for example `{drop}`"
    )


def count(x: Any) -> int:
    """Return how many entries of `x` are masked or missing."""
    if isinstance(x, (list, tuple)):
        kinds = set(map(type, x))
        return 0 if kinds <= _PLAIN else sum(count(part) for part in x if type(part) not in _PLAIN)
    if isinstance(x, np.ndarray):  # numpy.ma, and masked ndarray subclasses of other libraries
        mask: Any = getattr(x, "mask", None)
        hidden = isinstance(mask, (bool, np.bool_, np.ndarray)) and np.asarray(mask).dtype == bool
        return int(np.count_nonzero(np.broadcast_to(mask, x.shape))) if hidden else 0
    if _library(x) == "pandas":
        return _missing(x)
    if _library(x) == "pyarrow" and hasattr(x, "columns"):
        return sum(column.null_count for column in x.columns)
    nulls = getattr(x, "null_count", 0)  # of Arrow and polars
    nulls = nulls() if callable(nulls) else nulls
    return int(nulls) if isinstance(nulls, int) else int(np.sum(np.asarray(nulls)))


def _missing(x: Any) -> int:
    """Return how many entries pandas regards as missing; 0 if all dtypes are NumPy numbers."""
    dtypes: Any = getattr(x, "dtypes", getattr(x, "dtype", None))
    kinds = [dtypes] if not hasattr(dtypes, "tolist") else dtypes.tolist()
    if all(isinstance(kind, np.dtype) and kind.kind in "fiu" for kind in kinds):
        return 0  # a nan is found, with its position, by the checks of values
    if not hasattr(x, "isna"):
        return int(type(x).__name__ == "NAType")
    return int(np.count_nonzero(np.asarray(x.isna())))


def _library(x: Any) -> str:
    return type(x).__module__.partition(".")[0]
