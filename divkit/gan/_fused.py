"""The functions of `divkit.fdiv._elementary`, implemented by one or two torch kernels each."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import array_api_compat.torch
import torch
from torch import Tensor, nn

from divkit.fdiv import _elementary

# In double precision softplus(x) rounds to x for x ≥ this, and to eˣ for x ≤ minus this.
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
    """Return max(x, least), with derivative 0 for x ≤ least."""
    return nn.functional.threshold(x, least, least)


def log_wright_omega(x: Tensor, xp: Any) -> Tensor:
    """Return y with y + e^y = x."""
    # There y equals x to rounding, and incoming gradients may be infinite: keep them out of the
    # iteration.
    far = (x < -_FAR) | (x == torch.inf)
    near = torch.where(far, 0.0, x)
    with torch.no_grad():
        y = _elementary.log_wright_omega(near, array_api_compat.torch)
    # y is the root but carries no gradient. Newton steps from there change y by a rounding at most
    # and make it differentiable: one gives the correct first derivative, two also the second.
    for _ in range(2):
        exp_y = torch.exp(y)
        y = y + (near - y - exp_y) / (1 + exp_y)
    return torch.where(far, x, y)


# A copy of torch's namespace with the functions above as KERNELS of the elementary functions.
namespace = ModuleType("divkit.gan._fused.namespace", __doc__)
vars(namespace).update(
    (name, value)
    for name, value in vars(array_api_compat.torch).items()
    if not name.startswith("__")
)
vars(namespace)["KERNELS"] = sys.modules[__name__]
