"""Checks of arrays of real numbers, with messages that name the first invalid entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from divkit._check.hidden import complete
from divkit._check.libraries import Array, holds, into_numpy, library, namespace, widest


def real(name: str, x: Array, xp: Any, like: Array = None) -> Array:
    """Return `x` as an array of dtype `widest`; a sequence is put on the device of `like`.

    Raises
    ------
    TypeError
        If `x` is complex, boolean, ragged or not numeric.
    ValueError
        If entries are masked or missing.
    """
    if xp is np:
        complete(name, x)
        try:
            array = np.asarray(x)
        except ValueError as error:
            raise TypeError(
                f"`{name}` must be an array of real numbers, got a ragged sequence: {error}"
            ) from error
        if array.dtype.kind not in "fiu":
            raise TypeError(wrong_kind(name, array.dtype))
        return array if array.dtype == np.float64 else array.astype(np.float64)
    wide = widest(xp)
    if not hasattr(x, "dtype"):
        array = xp.asarray(real(name, x, np), dtype=wide)
        return array.to(like.device) if library(like) == "torch" else array
    if not xp.isdtype(x.dtype, ("real floating", "integral")):
        raise TypeError(wrong_kind(name, x.dtype))
    return x if x.dtype == wide else xp.astype(x, wide)


def real_number(name: str, x: Any) -> float:
    """Return a real number as a float, ±inf if it is out of range.

    Raises TypeError if `x` is anything else.
    """
    if isinstance(x, bool) or not isinstance(x, (int, float, np.integer, np.floating)):
        raise TypeError(f"`{name}` must be a real number, got {x!r}")
    return as_float(x)


def as_float(x: Any) -> float:
    """Return a real number as a float, ±inf if it is out of range."""
    try:
        return float(x)
    except OverflowError:
        return float("inf") if x > 0 else float("-inf")


def numpy_array(name: str, x: Array, *, keep_single: bool = False) -> Array:
    """Return `x` in float64, or with `keep_single` uncopied in float32 if it has that dtype.

    Raises
    ------
    TypeError
        If `x` is not a NumPy array or sequence, or not of real numbers.
    ValueError
        If entries are masked or missing.
    """
    if namespace(x) is not np:
        raise TypeError(
            f"`{name}` must be a NumPy array or a sequence of numbers, got {library(x)}: "
            f"convert it first, by {into_numpy(name, x)}"
        )
    if keep_single and getattr(x, "dtype", None) == np.float32:
        complete(name, x)
        return np.asarray(x)
    return real(name, x, np)


def finite(name: str, x: Array, xp: Any) -> None:
    """Raise ValueError if `x` has a nan or an infinity, naming the first."""
    require(name, x, xp.isfinite(x), "finite", xp)


def nonnegative(name: str, x: Array, xp: Any, start: Sequence[int] = ()) -> None:
    """Raise ValueError if `x` has an entry that is negative, nan or infinite, naming the first.

    `start` is the index of the first entry of `x` if `x` is a block of the user's array.
    """
    require(name, x, xp.isfinite(x) & (x >= 0), "finite and at least 0", xp, start)


def not_nan(name: str, x: Array, xp: Any) -> None:
    """Raise ValueError if `x` has a nan, naming the first."""
    require(name, x, ~xp.isnan(x), "free of nan", xp)


def at_least(name: str, x: Array, least: float, xp: Any) -> None:
    """Raise ValueError if `x` has an entry below `least`, naming the first."""
    require(name, x, x >= least, f"at least {least:g}", xp)


def atoms_last(name: str, x: Array, axis: int, xp: Any) -> Array:
    """Return `x` with `axis` moved to the end; it must have at least one entry there."""
    if x.ndim == 0:
        raise ValueError(f"`{name}` must have an axis of atoms, got the number {float(x)!r}")
    x = xp.moveaxis(x, axis_index("axis", axis, x.ndim), -1)
    if x.shape[-1] == 0:
        raise ValueError(f"`{name}` must have at least 1 atom, got shape {tuple(x.shape)}")
    return x


def broadcastable(first: tuple[str, Array], second: tuple[str, Array]) -> None:
    """Raise ValueError unless the last axes have equal length and the others broadcast."""
    shapes = tuple(first[1].shape), tuple(second[1].shape)
    if shapes[0][-1] != shapes[1][-1]:
        raise ValueError(
            f"`{first[0]}` and `{second[0]}` must have the same number of atoms, got "
            f"{shapes[0][-1]} and {shapes[1][-1]}: give both on the same support"
        )
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"`{first[0]}` and `{second[0]}` must have shapes that broadcast, got "
            f"{shapes[0]} and {shapes[1]} with the atoms last"
        ) from None


def axis_index(name: str, axis: int, ndim: int) -> int:
    """Return `axis` counted from the end, as a negative integer."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"`{name}` must be an integer, got {axis!r} of type {type(axis).__name__}")
    if not -ndim <= axis < ndim:
        raise ValueError(
            f"`{name}` must lie in [{-ndim}, {ndim - 1}] for {ndim}-D input, got {axis}"
        )
    return int(axis) - ndim if axis >= 0 else int(axis)


def one_of(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise ValueError if `value` is none of `choices`, listing them."""
    if not (isinstance(value, str) and value in choices):  # `in` alone would fail for arrays
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"`{name}` must be one of {listed}, got {value!r}")


def require(
    name: str, x: Array, good: Array, need: str, xp: Any, start: Sequence[int] = ()
) -> None:
    if holds(good, xp):
        return
    index = first_index(~good, xp)
    given = [i + first for i, first in zip(index, start or (0,) * len(index), strict=True)]
    where = f"[{', '.join(map(str, given))}]" if given else ""
    raise ValueError(f"`{name}` must be {need}, got {name}{where} = {number(x[index])!r}")


def number(x: Array) -> float:
    # float() of a torch tensor that requires a gradient warns.
    return float(x.item() if hasattr(x, "item") else x)


def distinct(x: float, y: float) -> tuple[str, str]:
    """Format two numbers with as few digits as are needed to tell them apart."""
    x, y = float(x), float(y)
    for digits in (6, 9, 12):
        shown = f"{x:.{digits}g}", f"{y:.{digits}g}"
        if shown[0] != shown[1]:
            return shown
    return repr(x), repr(y)


def first(x: Array, bad: Array, xp: Any) -> Array:
    return x[first_index(bad, xp)]


def row(bad: Array, xp: Any) -> str:
    index = first_index(bad, xp)
    return f" in row {', '.join(map(str, index))}" if index else ""


def first_index(bad: Array, xp: Any) -> tuple[int, ...]:
    flat = int(xp.argmax(xp.astype(xp.reshape(bad, (-1,)), xp.int8)))
    return tuple(int(i) for i in np.unravel_index(flat, tuple(bad.shape))) if bad.ndim else ()


def wrong_kind(name: str, dtype: object) -> str:
    remedy = f"{name}.real" if "complex" in str(dtype) else f"numpy.asarray({name}, float)"
    return (
        f"`{name}` must be an array of real numbers, got dtype {dtype}: convert it to float first, "
        f"for example by `{remedy}`"
    )
