"""The state of a training run: networks, optimizers, losses and random number state."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from divkit.gan import _saved
from divkit.gan._saved import LOSSES, PARTS, State


@dataclass(eq=False)
class Training:
    """A training run, made by `train`, which also hands it to the callback after each step.

    Attributes
    ----------
    generator, critic : torch.nn.Module
        The networks; `critic` is None for a loss without one.
    generator_optimizer, critic_optimizer : torch.optim.Optimizer
    device : torch.device
    generator_losses, critic_losses : list of float
        One loss of each per generator step, evaluated before the update; the critic's is that of
        the last critic step.
    """

    generator: nn.Module
    critic: nn.Module | None
    generator_optimizer: Optimizer
    critic_optimizer: Optimizer | None
    device: torch.device
    generator_losses: list[float] = field(default_factory=list)
    critic_losses: list[float] = field(default_factory=list)

    @property
    def step(self) -> int:
        """Number of completed generator steps."""
        return len(self.generator_losses)

    def state_dict(self) -> State:
        """Return a copy of everything that `train` needs to resume from here, bit for bit.

        `torch.save` writes it, and ``torch.load(file, weights_only=True)`` reads it. To keep an
        interrupted save from destroying the previous file, write to a temporary file and move it
        into place with `os.replace`.
        """
        state: State = {name: copy.deepcopy(part.state_dict()) for name, part in self._parts()}
        for name in LOSSES:
            state[name] = list(getattr(self, name))
        state["random"] = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["random"]["cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def load_state_dict(self, state: State) -> None:
        """Restore networks, optimizers, losses and random number state of a saved run.

        Raises
        ------
        TypeError, ValueError
            If `state` does not fit this run, which is then left unchanged.
        """
        _saved.check(state, self._parts(), self.device)
        before = [copy.deepcopy(part.state_dict()) for _, part in self._parts()]
        try:
            for name, part in self._parts():
                _saved.load(name, part, copy.deepcopy(state[name]))
        except ValueError:
            for (_, part), own in zip(self._parts(), before, strict=True):
                part.load_state_dict(own)
            raise
        for name in LOSSES:
            setattr(self, name, [float(loss) for loss in state[name]])
        torch.set_rng_state(state["random"]["cpu"].cpu())
        if self.device.type == "cuda" and "cuda" in state["random"]:
            torch.cuda.set_rng_state(state["random"]["cuda"].cpu(), self.device)

    def _parts(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in PARTS if getattr(self, name) is not None]


@contextmanager
def random_numbers(seed: int | None, *, fork: bool) -> Iterator[None]:
    """Seed torch's random numbers; with `fork`, restore the previous state afterwards."""
    if seed is not None:
        check_seed(seed)
    with torch.random.fork_rng(range(torch.cuda.device_count()), enabled=fork):
        if seed is not None:
            torch.manual_seed(int(seed))
        yield


def check_seed(seed: Any) -> None:
    """Raise TypeError or ValueError unless torch accepts `seed`."""
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise TypeError(f"`seed` must be an integer, got {seed!r}")
    if not -(2**63) <= int(seed) < 2**64:
        raise ValueError(f"`seed` must lie within 64 bits, got {seed}")


def device_of(network: nn.Module, device: str | torch.device | None) -> torch.device:
    """Return `device` as a torch.device, or if it is None the device of the network."""
    if device is None:
        return next(network.parameters()).device
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"`device` must be one that torch knows, got {device!r}") from error


def check_network(name: str, network: Any) -> None:
    """Raise TypeError or ValueError unless this is a module with trainable parameters."""
    if not isinstance(network, nn.Module):
        raise TypeError(f"`{name}` must be a torch.nn.Module, got {type(network).__name__}")
    if not any(weight.requires_grad for weight in network.parameters()):
        raise ValueError(
            f"`{name}` must have parameters to train, got none that require gradients: put them "
            "into torch.nn.Parameter or torch layers, and let them with `requires_grad_()`"
        )


def check_optimizer(name: str, optimizer: Any, network: nn.Module) -> None:
    """Raise TypeError or ValueError unless this is an optimizer of the network's parameters."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"`{name}` must be a torch.optim.Optimizer, got {type(optimizer).__name__}")
    own = {id(weight) for weight in network.parameters()}
    if not any(id(weight) in own for group in optimizer.param_groups for weight in group["params"]):
        raise ValueError(
            f"`{name}` must be of the network's own parameters, got none of them: make it from "
            "`network.parameters()` of the network that is passed"
        )
