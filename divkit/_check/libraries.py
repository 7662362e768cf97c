"""Array libraries: the namespace of an array, its float width, and what depends on the library."""

from __future__ import annotations

import contextlib
import sys
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

Array = Any  # an array of any library that array-api-compat knows; there is no common base class


def namespace(*arrays: Array) -> Any:
    """Return the array namespace of `arrays`, NumPy's for numbers and sequences."""
    # NumPy implements the array API itself, so NumPy arrays, lists and floats need no other import.
    foreign = [x for x in arrays if not is_plain(x)]
    if not foreign:
        return np
    if any(isinstance(x, np.ndarray) for x in arrays):
        raise TypeError(
            f"arrays must come from one library, got numpy and {library(foreign[0])}: convert one "
            f"of them first, for example by {into_numpy('x', foreign[0])}"
        )
    if all(library(x) == "torch" for x in foreign):
        # Not through array_namespace, whose cache torch.compile cannot trace.
        import array_api_compat.torch

        return array_api_compat.torch
    import array_api_compat

    try:
        return array_api_compat.array_namespace(*foreign)
    except TypeError as error:
        raise TypeError(
            "arrays must come from one library that follows the array API standard, got "
            + " and ".join(sorted({library(x) for x in foreign}))
            + f": convert one of them first, for example by {into_numpy('x', foreign[0])}"
        ) from error


def widest(xp: Any) -> Any:
    """Return the dtype to compute in: float64, or JAX's default, which is float32 without x64."""
    return xp.asarray(0.0).dtype if xp.__name__ == "jax.numpy" else xp.float64


def quiet(xp: Any) -> AbstractContextManager[Any]:
    """Return a context without floating-point warnings, as infinities are valid results.

    torch needs none: it does not warn, and torch.compile supports no other context.
    """
    if xp.__name__ == "array_api_compat.torch":
        return contextlib.nullcontext()
    return np.errstate(all="ignore")


def holds(condition: Array, xp: Any) -> bool:
    """Return whether `condition` holds everywhere; True if values are not known yet.

    That is the case while torch.compile or a JAX transformation traces the computation.
    """
    if library(condition) == "torch" and sys.modules["torch"].compiler.is_compiling():
        return True
    try:
        return bool(xp.all(condition))
    except TypeError as error:
        if library(error) != "jax":
            raise
        return True


def is_blocked(x: Array) -> bool:
    """Return whether `x` is a Dask array, of which only single blocks may fit in memory."""
    return library(x) == "dask"


def result_dtype(xp: Any, *arrays: Array) -> Any:
    """Return the dtype of a result: float32 if all float inputs are at most that, else `widest`.

    Half-precision inputs give float32, since divergences can exceed 65504, the float16 maximum.
    """
    widths = [float_bits(x) for x in arrays]
    known = [bits for bits in widths if bits]
    return xp.float32 if known and max(known) <= 32 else widest(xp)


def float_bits(x: Array) -> int:
    """Return the width of a float array's entries, 0 for integers and plain sequences."""
    dtype = getattr(x, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "fiu":
        return 8 * dtype.itemsize if dtype.kind == "f" else 0
    dtype = str(dtype).lower()  # pandas and polars capitalize their own dtypes, e.g. Float64
    if "float[pyarrow]" in dtype:
        return 16 if "half" in dtype else 32
    if "float" not in dtype:
        return 64 if "double[pyarrow]" in dtype else 0
    return 16 if "float16" in dtype else 32 if "float32" in dtype else 64


def rounding(*arrays: Array) -> float:
    """Return the machine epsilon of the coarsest float type among `arrays`."""
    if any("bfloat16" in str(getattr(x, "dtype", "")) for x in arrays):
        return 2.0**-7
    widths = [bits for bits in map(float_bits, arrays) if bits]
    bits = min(widths) if widths else 64
    return {16: 2.0**-10, 32: 2.0**-23}.get(bits, 2.0**-52)


def is_integer(x: Array) -> bool:
    """Return whether `x` has an integer dtype, as counts have."""
    dtype = x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype
    return dtype.kind in "iu" if isinstance(dtype, np.dtype) else "int" in str(dtype).lower()


def into_numpy(name: str, x: Array) -> str:
    """Return the code, for a message, that converts `x` to a complete NumPy array."""
    # numpy.asarray makes an object array of a sparse array, and drops the mask of a Dask array.
    known = {
        "scipy": ".toarray()",
        "torch": ".detach().cpu().numpy()",
        "dask": ".compute()",
        "cupy": ".get()",
        "sparse": ".todense()",
        "zarr": "[:]",
        "h5py": "[:]",
    }
    method = known.get(library(x))
    return f"`{name}{method}`" if method else f"`numpy.asarray({name})`"


def is_plain(x: Array) -> bool:
    return (
        x is None
        or isinstance(x, (np.ndarray, np.generic, int, float, complex, list, tuple, str))
        or (not hasattr(x, "dtype") or library(x) in ("pandas", "polars", "xarray"))
    )


def library(x: Array) -> str:
    return type(x).__module__.partition(".")[0]
