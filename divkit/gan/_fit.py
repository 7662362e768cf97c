"""Training of a critic alone, with early stopping on validation samples."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from divkit.gan._lipschitz import Lipschitz
from divkit.gan._objective import FGAN, WGAN
from divkit.gan._training import check_optimizer, random_numbers

# Steps between validations; and when the validation loss stops improving, the factor by which the
# learning rate is reduced and how many times that is done.
_INTERVAL = 100
_SLOWER = 0.25
_RESTARTS = 3
# Largest batch in which a critic is evaluated.
_AT_ONCE = 8192


def fit(
    critic: nn.Module,
    objective: FGAN | WGAN,
    training: Sequence[Tensor],
    validation: Sequence[Tensor],
    *,
    steps: int,
    batch_size: int,
    patience: int,
    optimizer: Optimizer | None,
) -> tuple[float, ...]:
    """Train the critic in place, and return the history of minus its validation loss.

    `training` and `validation` are pairs of samples, of P and of Q. The critic is left with the
    weights of the best validation, in evaluation mode.
    """
    lipschitz = objective.lipschitz or Lipschitz()
    lipschitz.prepare(critic)
    optimizer = optimizer or Adam(critic.parameters(), lr=2e-3)
    check_optimizer("optimizer", optimizer, critic)
    history = [-_validation_loss(critic, objective, *validation)]
    best, since_best, restarts = copy.deepcopy(critic.state_dict()), 0, 0
    for step in range(1, steps + 1):
        rows = [torch.randint(len(part), (batch_size,), device=part.device) for part in training]
        x, y = (part[row] for part, row in zip(training, rows, strict=True))
        loss = _loss(critic.train(), objective, x, y)
        if not loss.isfinite():
            raise FloatingPointError(
                f"the critic's loss must be finite, got {loss.item()} at step {step}: lower the "
                "learning rate, clip gradients (`optimizer.register_step_pre_hook`), or use a "
                "Lipschitz critic or an objective that grows less in v"
            )
        optimizer.zero_grad(set_to_none=True)
        if not loss.requires_grad:
            raise ValueError(
                "`critic` must return outputs that depend on its parameters, got some without a "
                "gradient: do not detach them, and do not call this within `torch.no_grad()`"
            )
        torch.autograd.backward(loss)
        optimizer.step()
        lipschitz.project(critic)
        if step % _INTERVAL and step < steps:
            continue
        highest = max(history)
        history.append(-_validation_loss(critic, objective, *validation))
        since_best += 1
        if history[-1] > highest:
            best, since_best = copy.deepcopy(critic.state_dict()), 0
        if since_best == patience:
            if restarts == _RESTARTS:
                break
            restarts, since_best = restarts + 1, 0
            critic.load_state_dict(best)
            for group in optimizer.param_groups:
                group["lr"] *= _SLOWER
    critic.load_state_dict(best)
    critic.eval()
    return tuple(history)


def outputs(critic: nn.Module, x: Tensor) -> Tensor:
    """Return the critic's raw outputs in evaluation mode, in double precision, one per sample."""
    with torch.no_grad():
        parts = [critic.eval()(part) for part in torch.split(x, _AT_ONCE)]
    if not all(isinstance(part, Tensor) and part.ndim for part in parts):
        raise TypeError(
            f"`critic` must return a tensor of one output per sample, got {type(parts[0]).__name__}"
        )
    v = torch.cat(parts)
    if v.numel() != len(x):
        raise ValueError(
            f"`critic` must return one output per sample, got shape {tuple(v.shape)} for {len(x)} "
            "samples"
        )
    return v.flatten().double()


def _loss(critic: nn.Module, objective: FGAN | WGAN, x: Tensor, y: Tensor) -> Tensor:
    loss = objective.critic_loss(critic(x), critic(y))
    return loss if objective.lipschitz is None else loss + objective.lipschitz(critic, x, y)


def _validation_loss(critic: nn.Module, objective: FGAN | WGAN, x: Tensor, y: Tensor) -> float:
    loss = objective.critic_loss(outputs(critic, x), outputs(critic, y)).item()
    if objective.lipschitz is None:
        return loss
    # Use the same penalty points each time, so that selection does not favor lucky draws.
    with random_numbers(0, fork=True):
        return loss + objective.lipschitz(critic, x[:_AT_ONCE], y[:_AT_ONCE]).item()
