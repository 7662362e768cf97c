"""The shared functions of `divkit.fdiv.elementary`, by the one or two kernels that torch has."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from divkit.fdiv import elementary

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
    y: Tensor = _LogWrightOmega.apply(x, xp)  # type: ignore[no-untyped-call]
    return y


class _LogWrightOmega(torch.autograd.Function):
    """The root of y + e^y = x, whose derivative 1/(1 + e^y) needs none of the iteration."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, xp: Any) -> Tensor:
        y: Tensor = elementary.log_wright_omega(x, xp)
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Any], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        return gradient / (1 + torch.exp(y)), None
