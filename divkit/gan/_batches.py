"""Minibatches of a training run: real samples, noise, and real samples with a wrong condition.

All are drawn with torch's global random numbers. Row indices and default noise are drawn on the
training device; what the caller's functions return is moved there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import array_api_compat.torch as xp
import torch
from torch import Tensor

from divkit import _check

Samples = Tensor | tuple[Tensor, Tensor]
Data = Samples | Callable[[int], Samples]
Noise = int | Callable[[int], Tensor]

# How many batches in a row may contain no mismatched pair.
_ATTEMPTS = 100


@dataclass(frozen=True, eq=False)
class Batches:
    """Sources of minibatches of one size.

    Attributes
    ----------
    draw : (n) -> (x,) or (x, conditions)
        Real samples, with their conditions if there are any.
    noise : (n) -> tensor
    size : int
    """

    draw: Callable[[int], tuple[Tensor, ...]]
    noise: Callable[[int], Tensor]
    size: int

    @staticmethod
    def of(data: Data, noise: Noise, size: int, like: Tensor) -> Batches:
        """Return the sources for arguments of `train`; noise has dtype and device of `like`."""
        size = count("batch_size", size)
        return Batches(_drawing(data, like.device), _noise(noise, like), size)

    def real(self) -> tuple[Tensor, ...]:
        """Return (x,), or (x, conditions)."""
        return self.draw(self.size)

    def fake(self, generator: Callable[..., Tensor], *conditions: Tensor) -> Tensor:
        """Return samples of the generator."""
        x = generator(self.noise(self.size), *conditions)
        if not isinstance(x, Tensor):
            raise TypeError(f"`generator` must return a tensor of samples, got {type(x).__name__}")
        return x

    def mismatched(self, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Return new real samples, each paired with an element of `conditions` not its own.

        Pairs that match by chance are left out, so there may be fewer than a full batch.
        """
        for _ in range(_ATTEMPTS):
            x, own = self.draw(self.size)
            differ = (own != conditions).flatten(1).any(1) if own.ndim > 1 else own != conditions
            if differ.any():
                return x[differ], conditions[differ]
        raise ValueError(
            f"`data` must have at least 2 different conditions, got the same one in {_ATTEMPTS} "
            "batches: a matching-aware objective is for a generator with a choice"
        )


def _drawing(data: Data, device: torch.device) -> Callable[[int], tuple[Tensor, ...]]:
    if callable(data):
        return lambda n: _pair(data(n), device)
    samples = _pair(data, device)
    if not len(samples[0]):
        raise ValueError(f"`data` must hold at least 1 sample, got shape {tuple(samples[0].shape)}")
    _check.finite("data", samples[0], xp)

    def draw(n: int) -> tuple[Tensor, ...]:
        rows = torch.randint(len(samples[0]), (n,), device=device)
        return tuple(part[rows] for part in samples)

    return draw


def _pair(data: Samples, device: torch.device) -> tuple[Tensor, ...]:
    parts = data if isinstance(data, tuple) else (data,)
    if len(parts) > 2 or not all(isinstance(part, Tensor) and part.ndim for part in parts):
        given = ", ".join(type(part).__name__ for part in parts)
        raise TypeError(
            "`data` must be a tensor of samples, a pair (samples, conditions) of tensors, or a "
            f"function of a number that returns one of them, got {given}"
        )
    if not parts[0].is_floating_point():
        raise TypeError(f"`data` must hold floats, got {parts[0].dtype}: use `.float()`")
    if len(parts) == 2 and len(parts[0]) != len(parts[1]):
        raise ValueError(
            f"`data` must have one condition per sample, got {len(parts[1])} for {len(parts[0])}"
        )
    return tuple(part.to(device) for part in parts)


def _noise(noise: Noise, like: Tensor) -> Callable[[int], Tensor]:
    if callable(noise):
        return lambda n: _drawn(noise(n)).to(like.device)
    width = count("noise", noise)
    return lambda n: torch.randn(n, width, device=like.device, dtype=like.dtype)


def _drawn(z: Tensor) -> Tensor:
    if not isinstance(z, Tensor):
        raise TypeError(
            "`noise` must be a number of coordinates, or a function of a number that returns a "
            f"tensor, got a function that returns {type(z).__name__}"
        )
    return z


def count(name: str, value: int) -> int:
    """Return `value`, or raise ValueError unless it is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"`{name}` must be an integer of at least 1, got {value!r}")
    return value
