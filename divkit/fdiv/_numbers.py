"""The namespace of Python floats: what formulas are given as `xp` where there is no array.

The functions of `divkit.fdiv._elementary` that are called most recognize it and branch, where for
arrays they compute both sides.
"""

from __future__ import annotations

import math
from typing import Any


def where(condition: Any, a: Any, b: Any) -> Any:
    return a if condition else b


abs = abs
sqrt, log, log1p, exp, expm1 = math.sqrt, math.log, math.log1p, math.exp, math.expm1
sinh, cosh, tanh, atanh = math.sinh, math.cosh, math.tanh, math.atanh


def sign(x: float) -> float:
    return math.copysign(1.0, x) if x else 0.0
