"""The shared functions of `divkit.fdiv._elementary`, by the one or two kernels that torch has."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import array_api_compat.torch
import torch
from torch import Tensor, nn

from divkit.fdiv import _elementary

# From here on softplus(x) is x, and up to minus this it is eˣ, to rounding in double precision.
_FAR = 40.0


def softplus(x: Tensor, xp: Any) -> Tensor:
    """Return log(1 + eˣ)."""
    return nn.functional.softplus(x, threshold=_FAR)


def log_softplus(x: Tensor, xp: Any) -> Tensor:
    """Return log log(1 + eˣ)."""
    near = nn.functional.threshold(x, -_FAR, -_FAR)
    return torch.log(softplus(near, xp)) + torch.clamp(x + _FAR, max=0.0)


def sigmoid(x: Tensor, xp: Any) -> Tensor:
    """Return 1/(1 + e⁻ˣ)."""
    return torch.sigmoid(x)


def raised(x: Tensor, least: float, xp: Any) -> Tensor:
    """Return max(x, least), of derivative 0 up to `least`."""
    return nn.functional.threshold(x, least, least)


def log_wright_omega(x: Tensor, xp: Any) -> Tensor:
    """Return y with y + e^y = x."""
    # There y is x, or log x, to rounding, and derivatives may come in infinite.
    far = (x < -_FAR) | (x == torch.inf)
    near = torch.where(far, 0.0, x)
    with torch.no_grad():
        y = _elementary.log_wright_omega(near, array_api_compat.torch)
    # From the root itself each step of Newton's iteration adds no more than a rounding to y, and
    # doubles the number of derivatives that are right: the first comes with one step, the second
    # with two.
    for _ in range(2):
        exp_y = torch.exp(y)
        y = y + (near - y - exp_y) / (1 + exp_y)
    return torch.where(far, x, y)


# torch, and the functions above for those that formulas share.
namespace = ModuleType("divkit.gan._fused.namespace", __doc__)
vars(namespace).update(
    (name, value)
    for name, value in vars(array_api_compat.torch).items()
    if not name.startswith("__")
)
vars(namespace)["KERNELS"] = sys.modules[__name__]
