"""Training of a generator against a critic: algorithm 1 of Goodfellow et al. (2014)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from divkit.gan._batches import Batches, Data, Noise, count
from divkit.gan._lipschitz import Lipschitz
from divkit.gan._objective import MatchingAware, Objective
from divkit.gan._saved import State
from divkit.gan._training import Training, check_network, check_optimizer, device_of, random_numbers

Loss = Callable[[Tensor, Tensor], Tensor]


def train(
    generator: nn.Module,
    critic: nn.Module | None,
    objective: Objective | Loss,
    data: Data,
    *,
    noise: Noise,
    steps: int,
    batch_size: int = 64,
    critic_steps: int = 1,
    generator_optimizer: Optimizer | None = None,
    critic_optimizer: Optimizer | None = None,
    seed: int | None = None,
    device: str | torch.device | None = None,
    state: State | None = None,
    callback: Callable[[Training], object] | None = None,
    progress: bool = False,
) -> Training:
    """Train a generator against a critic: k steps of the critic, then one of the generator [1]_.

    Every step draws a new minibatch and takes one optimizer step on the loss of `objective`.
    ``objective.lipschitz`` is applied before training, in the critic's loss, and after each critic
    step. The networks are trained in place and left in training mode.

    Parameters
    ----------
    generator : torch.nn.Module
        Maps noise to samples; called as ``generator(z, conditions)`` if the data have conditions.
    critic : torch.nn.Module or None
        Maps each sample to one raw output; called as ``critic(x, conditions)`` if the data have
        conditions. None for a loss without a critic.
    objective : Objective, or (x_real, x_fake) -> tensor
        `FGAN`, `WGAN` or `matching_aware` of one, which also gets real samples with conditions of
        other samples. Without a critic, a loss of two batches of samples, such as `earth_mover`.
    data : tensor, (tensor, tensor), or (n) -> one of them
        Samples, shape (N, ...), or samples and their conditions, from which minibatches are drawn
        with replacement; or a function that returns n new ones.
    noise : int, or (n) -> tensor
        The generator's input: the dimension of standard normal noise, or a function that draws n
        inputs.
    steps : int
        Total number of generator steps, including those already done in `state`.
    batch_size : int
        Samples in a minibatch.
    critic_steps : int
        k, the number of critic steps per generator step.
    generator_optimizer, critic_optimizer : torch.optim.Optimizer, optional
        Optimizers of the networks' parameters; any whose ``step`` needs no closure. By default
        Adam with learning rate 0.001 and betas (0.5, 0.9).
    seed : int, optional
        Seed of all random numbers in training; torch's global random state is restored afterwards.
        By default training draws from torch's current random state.
    device : str or torch.device, optional
        Where to train, by default the generator's device. Networks are moved and data copied there.
    state : dict, optional
        What `Training.state_dict` returned for the same networks and optimizers. Training resumes
        from there, bit for bit as if it had not been interrupted, whatever `seed` is.
    callback : (Training) -> anything, optional
        Called after each generator step.
    progress : bool
        Whether to show a progress bar with both losses (needs tqdm).

    Returns
    -------
    Training
        Networks, optimizers and losses, and the state from which training can resume.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or a network returns something unusable. A `state` that does not
        fit leaves networks and optimizers unchanged.
    FloatingPointError
        If a loss is nan or infinite; the message names the step. That step adds no losses and does
        not update the generator, but it may have updated the critic and running statistics such as
        those of batch normalization. Save `Training.state_dict` in `callback` from time to time to
        be able to go back.

    References
    ----------
    .. [1] I. Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, algorithm 1; with
       conditions, S. Reed et al., "Generative Adversarial Text to Image Synthesis", ICML 2016,
       algorithm 1.

    Examples
    --------
    Learn the mean of a Gaussian:

    >>> import torch
    >>> from torch import nn
    >>> from divkit import fdiv, gan
    >>> class Shift(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.by = nn.Parameter(torch.zeros(1))
    ...     def forward(self, z):
    ...         return z + self.by
    >>> _ = torch.manual_seed(0)
    >>> generator, critic = Shift(), nn.Linear(1, 1)
    >>> x = 3 + torch.randn(1000, 1, generator=torch.Generator().manual_seed(0))
    >>> run = gan.train(
    ...     generator, critic, gan.FGAN(fdiv.gan, generator="non_saturating"), x,
    ...     noise=1, steps=2000, seed=0,
    ...     generator_optimizer=torch.optim.SGD(generator.parameters(), 0.02),
    ...     critic_optimizer=torch.optim.SGD(critic.parameters(), 0.1),
    ... )
    >>> run.step, abs(generator.by.item() - 3) < 0.3
    (2000, True)
    """
    for name, value in (("steps", steps), ("critic_steps", critic_steps)):
        count(name, value)
    check_network("generator", generator)
    if critic is not None:
        check_network("critic", critic)
    if callback is not None and not callable(callback):
        raise TypeError(f"`callback` must be a function of the run, got {callback!r}")
    place = device_of(generator, device)
    with random_numbers(seed, fork=seed is not None or state is not None):
        lipschitz = _prepare(critic, objective, place)
        generator.to(place).train()
        run = Training(
            generator,
            critic,
            generator_optimizer or _adam(generator),
            None if critic is None else critic_optimizer or _adam(critic),
            place,
        )
        check_optimizer("generator_optimizer", run.generator_optimizer, generator)
        if critic is not None:
            check_optimizer("critic_optimizer", run.critic_optimizer, critic)
        if state is not None:
            run.load_state_dict(state)
        batches = Batches.of(data, noise, batch_size, like=next(generator.parameters()))
        for step in _steps(run, steps, progress):
            if critic is not None:
                for _ in range(critic_steps):
                    loss = _critic_loss(run, objective, batches)
                    of_critic = _descend("critic", critic, run.critic_optimizer, loss, step)
                    lipschitz.project(critic)
            loss = _generator_loss(run, objective, batches)
            latest = _descend("generator", generator, run.generator_optimizer, loss, step)
            # Appended together, so that both lists cover the same steps wherever training stops.
            run.generator_losses.append(latest)
            if critic is not None:
                run.critic_losses.append(of_critic)
            if callback is not None:
                callback(run)
    return run


def _prepare(critic: nn.Module | None, objective: Any, device: torch.device) -> Lipschitz:
    """Check that critic and objective fit each other, and prepare the critic for training."""
    if isinstance(objective, Objective) != (critic is not None):
        raise TypeError(
            "`objective` must be an FGAN, a WGAN or matching-aware, or where `critic` is None a "
            f"function of two batches of samples, got {objective!r}"
        )
    if critic is None:
        return Lipschitz()
    lipschitz: Lipschitz = objective.lipschitz or Lipschitz()
    lipschitz.prepare(critic.to(device).train())
    return lipschitz


def _critic_loss(run: Training, objective: Any, batches: Batches) -> Tensor:
    critic: Any = run.critic
    x_real, *conditions = batches.real()
    with torch.no_grad():
        x_fake = batches.fake(run.generator, *conditions)
    _check_samples(x_real, x_fake)
    outputs = [critic(x_real, *conditions), critic(x_fake, *conditions)]
    if isinstance(objective, MatchingAware):
        if not conditions:
            raise ValueError(
                "`data` must be a pair (samples, conditions) for a matching-aware objective, got "
                "samples alone"
            )
        outputs.append(critic(*batches.mismatched(*conditions)))
    loss: Tensor = objective.critic_loss(*outputs)
    if objective.lipschitz is not None:
        loss = loss + objective.lipschitz(lambda x: critic(x, *conditions), x_real, x_fake)
    return loss


def _generator_loss(run: Training, objective: Any, batches: Batches) -> Tensor:
    x_real, *conditions = batches.real()
    x_fake = batches.fake(run.generator, *conditions)
    if not x_fake.requires_grad:
        raise ValueError(
            "`generator` must return samples that depend on its parameters, got some without a "
            "gradient: do not detach them, and do not train within `torch.no_grad()`"
        )
    loss: Tensor
    if run.critic is None:
        _check_samples(x_real, x_fake)
        loss = objective(x_real, x_fake)
    else:
        loss = objective.generator_loss(run.critic(x_fake, *conditions))
    return loss


def _descend(name: str, network: nn.Module, optimizer: Any, loss: Tensor, step: int) -> float:
    """Take one optimizer step on the loss, and return the loss as a float."""
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        given = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise TypeError(f"`objective` must return a tensor of one number, got {given}")
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(
            f"the {name}'s loss must be finite, got {value} at step {step}: lower the learning "
            "rates, clip gradients (`optimizer.register_step_pre_hook`), or use a Lipschitz critic "
            "or an objective that grows less in v"
        )
    optimizer.zero_grad(set_to_none=True)
    # The generator's loss passes through the critic, whose gradients are not needed then.
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    if loss.requires_grad:
        torch.autograd.backward(loss, inputs=weights)
    if all(weight.grad is None for weight in weights):
        raise ValueError(
            f"the {name}'s loss must depend on the {name}'s parameters, got one without a gradient "
            "in any: nothing between them may detach tensors or make new ones of their values"
        )
    optimizer.step()
    return value


def _adam(network: nn.Module) -> Optimizer:
    return Adam(network.parameters(), lr=1e-3, betas=(0.5, 0.9))


def _steps(run: Training, steps: int, progress: bool) -> Iterator[int]:
    """Yield the remaining steps, with a progress bar if asked for."""
    if not progress:
        yield from range(run.step, steps)
        return
    from tqdm import tqdm

    with tqdm(total=steps, initial=run.step, unit="step") as bar:
        for step in range(run.step, steps):
            yield step
            losses = {"generator": run.generator_losses, "critic": run.critic_losses}
            latest = {name: f"{each[-1]:.3g}" for name, each in losses.items() if each}
            bar.set_postfix(latest, refresh=False)
            bar.update()


def _check_samples(x_real: Tensor, x_fake: Tensor) -> None:
    if x_real.shape[1:] != x_fake.shape[1:]:
        raise ValueError(
            "`generator` must return samples of the shape of `data`, got "
            f"{tuple(x_fake.shape[1:])} for {tuple(x_real.shape[1:])}"
        )
