"""Checks of a critic's outputs: float tensors with the batch along the first axis."""

from __future__ import annotations

import torch
from torch import Tensor


def single(v: Tensor) -> Tensor:
    """Convert half precision to single: float16 overflows at 65504, bfloat16 has 3 digits."""
    return v.float() if v.dtype in (torch.float16, torch.bfloat16) else v


def check(**batches: Tensor) -> None:
    """Raise TypeError or ValueError unless these are batches of one critic's raw outputs.

    They may differ only in length and float dtype. Values are not checked, as that would
    synchronize the device.
    """
    first, inner = "", None
    for name, v in batches.items():
        if not isinstance(v, Tensor):
            raise TypeError(
                f"`{name}` must be a torch tensor, the critic's raw output, got {type(v).__name__}"
            )
        if not v.is_floating_point():
            raise TypeError(f"`{name}` must hold floats, got {v.dtype}")
        shape = v.shape
        if not shape or 0 in shape:
            raise ValueError(
                f"`{name}` must have at least 1 sample along its first axis, got shape "
                f"{tuple(shape)}: give one output per sample, not their mean"
            )
        if inner is None:
            first, inner = name, shape[1:]
        elif shape[1:] != inner:
            raise ValueError(
                f"`{first}` and `{name}` must agree in all but their first axis, got shapes "
                f"{tuple(batches[first].shape)} and {tuple(shape)}: use `.flatten()` on both"
            )
