"""The smaller of two numbers, for compiled loops that take the least of many."""

from __future__ import annotations

from typing import Any

from numba import types

from divkit._compile import intrinsic

# Neither operand is a nan, and the sign of a zero does not matter. Infinities do.
_FLAGS = ("nnan", "nsz")


@intrinsic(min)
def minimum(typing_context: Any, x: Any, y: Any) -> Any:
    """Return the smaller of two doubles.

    numba marks the comparison of its own ``min`` with these flags but not the selection, and so
    a loop over it is not vectorized. This one is several times as fast, provided that the loop
    runs over slices with indices from 0.
    """
    signature = types.float64(types.float64, types.float64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        is_less = builder.fcmp_ordered("<", *args, flags=_FLAGS)
        return builder.select(is_less, *args, flags=_FLAGS)

    return signature, generate
