"""Optimal values with their gradient by the envelope theorem."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


# Not a torch.autograd.Function: torch.compile instantiates such classes, which makes torch warn.
@torch.library.custom_op("divkit::with_gradient", mutates_args=())
def with_gradient(value: Tensor, x: Tensor, gradient: Tensor) -> Tensor:
    """Return `value` with `gradient` as its derivative in `x`, in addition to existing ones.

    By the envelope theorem, the derivative of an optimal value is the partial derivative of the
    objective at the optimum; how the optimum itself depends on x does not enter. It would enter the
    second derivative, so that raises RuntimeError. Leading axes of `gradient` are those of `value`.
    """
    return value.clone()


@torch.library.custom_op("divkit::gradient_of_optimum", mutates_args=())
def _product(outer: Tensor, x: Tensor, gradient: Tensor) -> Tensor:
    """Return outer · gradient, which depends on x but whose derivative is refused."""
    product = outer.reshape(outer.shape + (1,) * (gradient.ndim - outer.ndim)) * gradient
    return product.to(x.dtype)


@with_gradient.register_fake
def _(value: Tensor, x: Tensor, gradient: Tensor) -> Tensor:
    return torch.empty_like(value)


@_product.register_fake
def _(outer: Tensor, x: Tensor, gradient: Tensor) -> Tensor:
    return torch.empty_like(x)


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[1:])


def _backward(ctx: Any, outer: Tensor) -> tuple[Tensor, Tensor, None]:
    return outer, _product(outer, *ctx.saved_tensors), None


def _refuse(ctx: Any, outer: Tensor) -> Any:
    raise RuntimeError(
        "the gradient of an optimum has no derivative here: the plan and potentials of an earth "
        "mover's distance, and the shift of an FGAN with `lipschitz`, are taken as fixed; use "
        "first derivatives of these losses only"
    )


with_gradient.register_autograd(_backward, setup_context=_keep)
_product.register_autograd(_refuse)
