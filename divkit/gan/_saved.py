"""Validation of a saved training state before training resumes from it."""

from __future__ import annotations

import math
import numbers
import textwrap
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

State = dict[str, Any]

PARTS = ("generator", "critic", "generator_optimizer", "critic_optimizer")
LOSSES = ("generator_losses", "critic_losses")

# State entries of torch's optimizers that have the shape of their parameter.
_LIKE_PARAMETERS = {
    *("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf", "momentum_buffer", "square_avg"),
    *("grad_avg", "acc_delta", "sum", "prev", "step_size", "ax"),
}


def check(state: Any, parts: list[tuple[str, Any]], device: torch.device) -> None:
    """Raise TypeError or ValueError unless `state` is complete and of a run of these parts.

    Whether the states of networks and optimizers fit is checked only when they are loaded.
    """
    if not isinstance(state, dict):
        raise TypeError(
            "`state` must be a dict, as `Training.state_dict` returns it, got "
            f"{type(state).__name__}: read a file with `torch.load(file, weights_only=True)`"
        )
    needed = {name for name, _ in parts} | {*LOSSES, "random"}
    if not needed <= set(state):
        raise ValueError(
            "`state` must be what `Training.state_dict` returned, got no "
            f"{', '.join(sorted(needed - set(state)))}"
        )
    if extra := {*PARTS} & set(state) - needed:
        raise ValueError(
            f"`state` must be of a run of the same parts, got {', '.join(sorted(extra))} as well: "
            "pass the networks and the loss that were trained"
        )
    _check_losses(state, steps_of_critic="critic" in needed)
    _check_random(state["random"], device)


def load(name: str, part: nn.Module | Optimizer, state: State) -> None:
    """Load the state of a network or of an optimizer, or raise ValueError."""
    try:
        if isinstance(part, Optimizer):
            _check_options(part, state)
        part.load_state_dict(state)
        if isinstance(part, Optimizer):
            _check_shapes(part)
    except Exception as error:  # a malformed state can make torch raise anything
        said = textwrap.shorten(str(error) or type(error).__name__, 300, placeholder=" …")
        raise ValueError(
            f"`state[{name!r}]` must be of the same {name.replace('_', ' ')} as the one given, but "
            f"does not fit it: {said}"
        ) from error


def _check_options(optimizer: Optimizer, state: State) -> None:
    """Raise ValueError for the state of another kind of optimizer.

    New releases of torch add options and supply those missing from an older state. So missing or
    additional options alone are accepted, but both together mean another kind of optimizer.
    """
    for own, given in zip(optimizer.param_groups, state["param_groups"], strict=True):
        lacking, odd = set(own) - set(given), set(given) - set(own)
        if lacking and odd:
            raise ValueError(
                f"it has {', '.join(sorted(odd))} and not {', '.join(sorted(lacking))}, unlike "
                f"{type(optimizer).__name__}"
            )


def _check_shapes(optimizer: Optimizer) -> None:
    for weight, kept in optimizer.state.items():
        if not (isinstance(weight, Tensor) and isinstance(kept, dict)):
            continue  # a third-party optimizer may keep other entries
        for key in _LIKE_PARAMETERS & kept.keys():
            x = kept[key]
            if isinstance(x, Tensor) and x.shape != weight.shape:
                raise ValueError(
                    f"{key} of shape {tuple(x.shape)} for a parameter of {tuple(weight.shape)}"
                )


def _check_losses(state: State, *, steps_of_critic: bool) -> None:
    for name in LOSSES:
        losses = state[name]
        if not isinstance(losses, (list, tuple)) or not all(
            isinstance(loss, numbers.Real) and math.isfinite(loss) for loss in losses
        ):
            raise ValueError(f"`state[{name!r}]` must be a list of finite numbers")
    done, wanted = len(state["critic_losses"]), len(state["generator_losses"]) * steps_of_critic
    if done != wanted:
        raise ValueError(
            f"`state['critic_losses']` must have one loss per step, {wanted} of them, got {done}"
        )


def _check_random(state: Any, device: torch.device) -> None:
    kinds = ("cpu", "cuda") if device.type == "cuda" else ("cpu",)
    for kind in kinds:
        # A run saved on the CPU has no CUDA state: it continues with the current one.
        if kind == "cuda" and isinstance(state, dict) and kind not in state:
            continue
        try:
            torch.Generator(kind).set_state(state[kind].cpu())
        except Exception as error:
            raise ValueError(
                f"`state['random'][{kind!r}]` must be a state of torch's random numbers, as "
                "`torch.get_rng_state` returns it"
            ) from error
