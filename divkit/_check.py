"""What may come in, and every message about what may not.

Each message says what was given, what is needed and how to get there. The functions return
float arrays in the caller's own library; they never write to what they were given.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

Array = Any  # an array of any library that array-api-compat knows; there is no common base class


def namespace(*arrays: Array) -> Any:
    """Return the array namespace of `arrays`, NumPy's for numbers and sequences."""
    # NumPy speaks the array API itself, so its arrays, lists and floats need no other import.
    foreign = [x for x in arrays if not _is_plain(x)]
    if not foreign:
        return np
    if any(isinstance(x, np.ndarray) for x in arrays):
        raise TypeError(
            f"arrays must come from one library, got numpy and {_library(foreign[0])}: "
            "convert one of them first"
        )
    if all(_library(x) == "torch" for x in foreign):
        # Not through array_namespace, whose cache torch.compile cannot look into.
        import array_api_compat.torch

        return array_api_compat.torch
    import array_api_compat

    try:
        return array_api_compat.array_namespace(*foreign)
    except TypeError as error:
        raise TypeError(
            "arrays must come from one library that follows the array API standard, got "
            + " and ".join(sorted({_library(x) for x in foreign}))
        ) from error


def widest(xp: Any) -> Any:
    """Return the float type to compute in: float64, or float32 in JAX as it starts."""
    return xp.asarray(0.0).dtype if xp.__name__ == "jax.numpy" else xp.float64


def quiet(xp: Any) -> AbstractContextManager[Any]:
    """Return a context in which infinities are answers; torch says nothing of them anyway."""
    if xp.__name__ == "array_api_compat.torch":
        return contextlib.nullcontext()  # torch.compile knows no other
    return np.errstate(all="ignore")


def holds(condition: Array, xp: Any) -> bool:
    """Return whether `condition` holds everywhere; True where nothing is known of values yet.

    That is so while torch.compile or a transformation of JAX records what is computed.
    """
    if _library(condition) == "torch" and sys.modules["torch"].compiler.is_compiling():
        return True
    try:
        return bool(xp.all(condition))
    except TypeError as error:
        if _library(error) != "jax":
            raise
        return True


def is_blocked(x: Array) -> bool:
    """Return whether `x` is a Dask array, of which only blocks are ever in memory."""
    return _library(x) == "dask"


def real(name: str, x: Array, xp: Any, like: Array = None) -> Array:
    """Return `x` as an array of the widest float type, a sequence on the device of `like`.

    Raises
    ------
    TypeError
        If `x` is complex, boolean, ragged or not numeric.
    """
    if xp is np:
        try:
            array = np.asarray(x)
        except ValueError as error:
            raise TypeError(
                f"`{name}` must be an array of real numbers, got a ragged sequence: {error}"
            ) from error
        if array.dtype.kind not in "fiu":
            raise TypeError(_wrong_kind(name, array.dtype))
        return array if array.dtype == np.float64 else array.astype(np.float64)
    wide = widest(xp)
    if not hasattr(x, "dtype"):
        array = xp.asarray(real(name, x, np), dtype=wide)
        return array.to(like.device) if _library(like) == "torch" else array
    if not xp.isdtype(x.dtype, ("real floating", "integral")):
        raise TypeError(_wrong_kind(name, x.dtype))
    return x if x.dtype == wide else xp.astype(x, wide)


def result_dtype(xp: Any, *arrays: Array) -> Any:
    """Return the float type of an answer: float64, or float32 where no input is wider.

    Half precision ends at 65504, which divergences pass; its answers come back as float32.
    """
    widths = [float_bits(x) for x in arrays]
    known = [bits for bits in widths if bits]
    return xp.float32 if known and max(known) <= 32 else widest(xp)


def float_bits(x: Array) -> int:
    """Return the width of a float array's entries, 0 for integers and plain sequences."""
    dtype = getattr(x, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "fiu":
        return 8 * dtype.itemsize if dtype.kind == "f" else 0
    dtype = str(dtype)
    if "float" not in dtype:
        return 0
    return 16 if "float16" in dtype else 32 if "float32" in dtype else 64


def rounding(*arrays: Array) -> float:
    """Return the machine epsilon of the coarsest float type among `arrays`."""
    if any("bfloat16" in str(getattr(x, "dtype", "")) for x in arrays):
        return 2.0**-7
    widths = [bits for bits in map(float_bits, arrays) if bits]
    bits = min(widths) if widths else 64
    return {16: 2.0**-10, 32: 2.0**-23}.get(bits, 2.0**-52)


def finite(name: str, x: Array, xp: Any) -> None:
    """Raise ValueError if `x` has a nan or an infinity, naming the first."""
    _all(name, x, xp.isfinite(x), "finite", xp)


def nonnegative(name: str, x: Array, xp: Any, start: Sequence[int] = ()) -> None:
    """Raise ValueError if `x` has an entry that is negative, nan or infinite, naming the first.

    `start` is where `x` begins, if it is a block of the array that the caller gave.
    """
    _all(name, x, xp.isfinite(x) & (x >= 0), "finite and at least 0", xp, start)


def not_nan(name: str, x: Array, xp: Any) -> None:
    """Raise ValueError if `x` has a nan, naming the first."""
    _all(name, x, ~xp.isnan(x), "free of nan", xp)


def at_least(name: str, x: Array, least: float, xp: Any) -> None:
    """Raise ValueError if `x` has an entry below `least`, naming the first."""
    _all(name, x, x >= least, f"at least {least:g}", xp)


def is_integer(x: Array) -> bool:
    """Return whether `x` holds integers, as counts do."""
    dtype = x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype
    return dtype.kind in "iu" if isinstance(dtype, np.dtype) else "int" in str(dtype)


def atoms_last(name: str, x: Array, axis: int, xp: Any) -> Array:
    """Return `x` with `axis` moved to the end; it must have at least one entry there."""
    if x.ndim == 0:
        raise ValueError(f"`{name}` must have an axis of atoms, got the number {float(x)!r}")
    x = xp.moveaxis(x, axis_index("axis", axis, x.ndim), -1)
    if x.shape[-1] == 0:
        raise ValueError(f"`{name}` must have at least 1 atom, got shape {tuple(x.shape)}")
    return x


def broadcastable(first: tuple[str, Array], second: tuple[str, Array]) -> None:
    """Raise ValueError unless last axes are equally long and the others broadcast."""
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


def positive_mass(name: str, mass: Array, xp: Any) -> None:
    """Raise ValueError if a mass is 0."""
    if not holds(mass > 0, xp):
        raise ValueError(f"`{name}` must have positive mass, got only zeros{_row(mass <= 0, xp)}")


def unit_mass(name: str, mass: Array, xp: Any) -> None:
    """Raise ValueError if integers do not sum to 1: they are counts then."""
    if not holds(mass == 1, xp):
        given = _number(_first(mass, mass != 1, xp))
        raise ValueError(
            f"`{name}` must hold probabilities, got integer counts of mass {given:g}"
            f"{_row(mass != 1, xp)}: pass `normalize=True` to divide them by it"
        )


def equal_mass(p_mass: Array, q_mass: Array, tolerance: float, xp: Any) -> None:
    """Raise ValueError if masses differ by more than `tolerance`, relative."""
    apart = xp.abs(p_mass - q_mass) > tolerance * xp.where(p_mass > q_mass, p_mass, q_mass)
    if not holds(~apart, xp):
        both = xp.zeros_like(p_mass + q_mass)
        p_first, q_first = (_number(_first(x + both, apart, xp)) for x in (p_mass, q_mass))
        raise ValueError(
            f"`p` and `q` must have equal mass, got {p_first:.9g} and {q_first:.9g}"
            f"{_row(apart, xp)}: pass `normalize=True` to divide each by its own"
        )


def equal_rows(p_mass: Array, q_mass: Array, tolerance: float) -> None:
    """Raise ValueError unless all rows of two matrices have one mass, as far as `tolerance`."""
    # It is enough that the least and the largest agree.
    for i, j in ((p_mass.argmin(), q_mass.argmax()), (p_mass.argmax(), q_mass.argmin())):
        low, high = sorted((float(p_mass[i]), float(q_mass[j])))
        if high - low > tolerance * high:
            raise ValueError(
                f"`P` and `Q` must have rows of equal mass, got {float(p_mass[i]):.9g} in row {i} "
                f"of P and {float(q_mass[j]):.9g} in row {j} of Q: pass `normalize=True` to divide "
                "each by its own"
            )


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
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"`{name}` must be one of {listed}, got {value!r}")


def _all(name: str, x: Array, good: Array, need: str, xp: Any, start: Sequence[int] = ()) -> None:
    if holds(good, xp):
        return
    index = _first_index(~good, xp)
    given = [i + first for i, first in zip(index, start or (0,) * len(index), strict=True)]
    where = f"[{', '.join(map(str, given))}]" if given else ""
    raise ValueError(f"`{name}` must be {need}, got {name}{where} = {_number(x[index])!r}")


def _number(x: Array) -> float:
    # float() of a torch tensor warns where gradients are asked for.
    return float(x.item() if hasattr(x, "item") else x)


def _first_index(bad: Array, xp: Any) -> tuple[int, ...]:
    flat = int(xp.argmax(xp.astype(xp.reshape(bad, (-1,)), xp.int8)))
    return tuple(int(i) for i in np.unravel_index(flat, tuple(bad.shape))) if bad.ndim else ()


def _first(x: Array, bad: Array, xp: Any) -> Array:
    return x[_first_index(bad, xp)]


def _row(bad: Array, xp: Any) -> str:
    index = _first_index(bad, xp)
    return f" in row {', '.join(map(str, index))}" if index else ""


def _is_plain(x: Array) -> bool:
    return (
        x is None
        or isinstance(x, (np.ndarray, np.generic, int, float, complex, list, tuple, str))
        or (not hasattr(x, "dtype") or _library(x) in ("pandas", "xarray"))
    )


def _library(x: Array) -> str:
    return type(x).__module__.partition(".")[0]


def _wrong_kind(name: str, dtype: object) -> str:
    return (
        f"`{name}` must be an array of real numbers, got dtype {dtype}: convert it to float first"
    )


# Costs and masses beyond this exponent of two leave no room for a sum of products.
_LARGEST_EXPONENT = 1000
# Entries of a matrix that are looked at together, few enough for a cache.
_TILE = 1 << 16


def cost_matrix(name: str, M: Array) -> Array:
    """Return `M` as a matrix whose entries are finite or +inf (a forbidden pair).

    It is in float64, or in float32 as it came; a NumPy array of one of these is not copied.

    Raises
    ------
    TypeError
        If `M` is not a NumPy array, or not of real numbers.
    ValueError
        If `M` is not a matrix, is empty, or holds a nan, a -inf or a number above 2**1000.
    """
    M = matrix(name, M)
    largest_cost(name, M)
    return M


def matrix(name: str, M: Array) -> Array:
    """Return `M` as a matrix of float64 or float32, whatever its entries; see `cost_matrix`."""
    M = numpy_array(name, M, keep_single=True)
    if M.ndim != 2 or 0 in M.shape:
        raise ValueError(
            f"`{name}` must be a matrix with at least one row and one column, got shape {M.shape}"
        )
    return M


def largest_cost(name: str, M: Array, first: int = 0) -> float:
    """Return the largest finite entry in size, 0 if there is none; see `cost_matrix`.

    `M` are the rows of the given matrix from `first` on. They are read a few at a time, so that
    nothing as large as a copy is needed.
    """
    largest = 0.0
    step = max(1, _TILE // M.shape[1])
    for row in range(0, M.shape[0], step):
        tile = M[row : row + step]
        least, most = float(np.min(tile)), float(np.max(tile))
        if not least > -np.inf:  # or nan
            good = ~np.isnan(tile) & ~np.isneginf(tile)
            need = "finite, or +inf for a forbidden pair"
            _all(name, tile, good, need, np, (first + row, 0))
        if most == np.inf:
            most = float(np.max(tile, where=tile < np.inf, initial=0.0))
            least = 0.0 if least == np.inf else least
        largest = max(largest, abs(least), abs(most))
    if largest > np.ldexp(1.0, _LARGEST_EXPONENT):
        raise ValueError(
            f"`{name}` must stay below 2**{_LARGEST_EXPONENT} (about 1e301) in size: "
            f"rescale it, for example `{name} / 2.0**100`"
        )
    return largest


def weights(name: str, x: Array, length: int, axis: str) -> Array:
    """Return `x` as a float64 vector of `length` masses, at least one of them positive.

    Raises
    ------
    TypeError
        If `x` is not a NumPy array or sequence, or not of real numbers.
    ValueError
        If `x` has another shape, a negative, nan or infinite entry, or no mass.
    """
    x = numpy_array(name, x)
    if x.shape != (length,):
        remedy = f": use `{name}.ravel()`" if x.ndim != 1 and x.size == length else ""
        raise ValueError(
            f"`{name}` must have shape ({length},), one weight per {axis}, got {x.shape}{remedy}"
        )
    nonnegative(name, x, np)
    mass = float(x.sum()) if x.max() < np.ldexp(1.0, _LARGEST_EXPONENT) else float("inf")
    if mass == 0.0:
        raise ValueError(f"`{name}` must hold mass, got {length} zeros")
    if mass > np.ldexp(1.0, _LARGEST_EXPONENT):
        raise ValueError(f"`{name}` must hold a mass below 2**{_LARGEST_EXPONENT}: rescale it")
    return x


def balanced(a: Array, b: Array, rounding: float) -> Array:
    """Return `b` scaled to the mass of `a`, which it must have to a relative sqrt(`rounding`).

    Raises
    ------
    ValueError
        If the masses differ by more.
    """
    of_a, of_b = float(a.sum()), float(b.sum())
    if abs(of_a - of_b) > rounding**0.5 * max(of_a, of_b):
        raise ValueError(
            f"`a` and `b` must have equal mass, got {of_a!r} and {of_b!r}: "
            "rescale one, for example `b * (a.sum() / b.sum())`"
        )
    return b if of_a == of_b else b * (of_a / of_b)


def numpy_array(name: str, x: Array, *, keep_single: bool = False) -> Array:
    """Return `x` in float64, or with `keep_single` in float32 if it came so; not a copy then.

    Raises
    ------
    TypeError
        If `x` is not a NumPy array or sequence, or not of real numbers.
    """
    if namespace(x) is not np:
        raise TypeError(
            f"`{name}` must be a NumPy array or a sequence of numbers, got {_library(x)}: "
            f"convert it first, for example `numpy.asarray({name})`"
        )
    if keep_single and getattr(x, "dtype", None) == np.float32:
        return np.asarray(x)
    return real(name, x, np)
