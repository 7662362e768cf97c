"""What a critic may put out: tensors with the batch first, of real and of generated samples."""

from __future__ import annotations

import torch
from torch import Tensor


def single(v: Tensor) -> Tensor:
    """Return half precision as single: float16 ends at 65504, bfloat16 has three digits."""
    return v.float() if v.dtype in (torch.float16, torch.bfloat16) else v


def check(**batches: Tensor) -> None:
    """Raise TypeError or ValueError unless these are batches of one critic's raw outputs.

    They may differ in length, in float type too, and in nothing else. Values are not looked at:
    that would wait for the device.
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
