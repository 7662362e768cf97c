"""The bits of a double, and a fused multiply-add, for use in compiled loops."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from divkit._compile import compiled

# No flag that would let the compiler assume away nan, infinity or an exact difference.
FLAGS = {"contract", "nsz"}
inlined = compiled(keep=False, forceinline=True, fastmath=FLAGS)
# Sums, and nothing else, may be reordered.
summing = compiled(keep=False, forceinline=True, fastmath=FLAGS | {"reassoc"})


@intrinsic  # type: ignore[untyped-decorator]
def bits(typing_context: Any, x: Any) -> Any:
    """Return the 64 bits of a double as an integer."""
    signature = types.int64(types.float64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def from_bits(typing_context: Any, x: Any) -> Any:
    """Return the double with these 64 bits."""
    signature = types.float64(types.int64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def fma(typing_context: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x · y + z with one rounding."""
    signature = types.float64(types.float64, types.float64, types.float64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return signature, generate
