"""The state of a training run: networks, optimisers, losses, and where its random numbers stand."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

State = dict[str, Any]


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
        One of each per step, before the networks moved; the critic's is that of the last of its
        steps.
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
        """How many steps of the generator are done."""
        return len(self.generator_losses)

    def state_dict(self) -> State:
        """Return a copy of all that `train` needs to go on from here, bit for bit.

        `torch.save` writes it, and ``torch.load(file, weights_only=True)`` reads it.
        """
        state: State = {name: copy.deepcopy(part.state_dict()) for name, part in self._parts()}
        for name in _LOSSES:
            state[name] = list(getattr(self, name))
        state["random"] = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["random"]["cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def load_state_dict(self, state: State) -> None:
        """Take over networks, optimisers, losses and random numbers of a saved run.

        Raises
        ------
        ValueError
            If `state` is of something else.
        """
        needed = {name for name, _ in self._parts()} | {*_LOSSES, "random"}
        if not needed <= set(state):
            raise ValueError(
                "`state` must be what `Training.state_dict` returned, got no "
                f"{', '.join(sorted(needed - set(state)))}"
            )
        for name, part in self._parts():
            part.load_state_dict(copy.deepcopy(state[name]))
        for name in _LOSSES:
            setattr(self, name, list(state[name]))
        torch.set_rng_state(state["random"]["cpu"].cpu())
        if self.device.type == "cuda" and "cuda" in state["random"]:
            torch.cuda.set_rng_state(state["random"]["cuda"].cpu(), self.device)

    def _parts(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in _PARTS if getattr(self, name) is not None]


_PARTS = ("generator", "critic", "generator_optimizer", "critic_optimizer")
_LOSSES = ("generator_losses", "critic_losses")


@contextmanager
def random_numbers(seed: int | None, *, fork: bool) -> Iterator[None]:
    """Seed torch's random numbers, and put them back afterwards if `fork`."""
    with torch.random.fork_rng(range(torch.cuda.device_count()), enabled=fork):
        if seed is not None:
            torch.manual_seed(seed)
        yield


def device_of(network: nn.Module, device: str | torch.device | None) -> torch.device:
    """Return where the network is, or `device` if it is given."""
    return torch.device(device) if device is not None else next(network.parameters()).device
