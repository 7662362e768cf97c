"""Named GAN systems, each with settings under which small networks train successfully.

Most share the default settings. Deviations are stated, with their reason, in the `note`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer, RMSprop

from divkit import fdiv, gan
from divkit.fdiv import Divergence
from divkit.gan._lipschitz import Clip, GradientPenalty, SpectralNorm
from divkit.gan._objective import FGAN, WGAN, matching_aware
from divkit.gan._train import train
from divkit.gan._training import Training
from divkit.gan.examples.problems import Problem

Loss = Callable[[Tensor, Tensor], Tensor]


def _adam(parameters: Any, rate: float) -> Optimizer:
    return AdamW(parameters, rate, betas=(0.5, 0.9), weight_decay=0.0)


@dataclass(frozen=True)
class System:
    """An objective and the settings to train with it.

    Attributes
    ----------
    title : str
    objective : FGAN, WGAN or a loss of samples
    critic_steps, steps : int
        Critic steps per generator step, and number of generator steps.
    generator_rate, critic_rate : float
        Learning rates.
    critic_optimizer : (parameters, rate) -> Optimizer
        Optimizer of the critic, Adam by default; the generator's is always Adam.
    prepare : (critic) -> None
        Applied to the critic before training.
    note : str
        What differs from the default settings, and why.
    """

    title: str
    objective: FGAN | WGAN | Loss
    critic_steps: int = 1
    steps: int = 3000
    generator_rate: float = 1e-3
    critic_rate: float = 1e-3
    critic_optimizer: Callable[[Any, float], Optimizer] = field(default=_adam, repr=False)
    prepare: Callable[[nn.Module], None] = field(default=lambda critic: None, repr=False)
    note: str = ""

    @property
    def has_critic(self) -> bool:
        """Whether the objective uses a critic."""
        return isinstance(self.objective, FGAN | WGAN)

    def learn(
        self,
        problem: Problem,
        *,
        conditional: bool = False,
        steps: int | None = None,
        seed: int = 0,
        **options: Any,
    ) -> Training:
        """Train new networks on a problem.

        Parameters
        ----------
        problem : Problem
        conditional : bool
            Whether to train a conditional generator, with the matching-aware form of the
            objective.
        steps : int, optional
            Number of generator steps, in place of the system's default.
        seed : int
            Seed of initial weights and training.
        **options
            Further options of `train`, such as `callback` and `progress`.

        Raises
        ------
        ValueError
            If `conditional` is set for a loss without a critic.
        """
        objective: Any = self.objective
        if conditional:
            if not isinstance(objective, FGAN | WGAN):
                raise ValueError(
                    f"`conditional` needs an objective with a critic, got {self.title}: its loss "
                    "compares samples, whatever their condition"
                )
            objective = matching_aware(objective)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            generator, critic = problem.networks(conditional)
        self.prepare(critic)
        return train(
            generator,
            critic if self.has_critic else None,
            objective,
            problem.data if conditional else problem.samples(),
            noise=problem.noise,
            steps=steps or self.steps,
            batch_size=problem.batch_size,
            critic_steps=self.critic_steps,
            generator_optimizer=_adam(generator.parameters(), self.generator_rate),
            critic_optimizer=self.critic_optimizer(critic.parameters(), self.critic_rate),
            seed=seed,
            **options,
        )


def _decaying(parameters: Any, rate: float) -> Optimizer:
    return AdamW(parameters, rate, betas=(0.5, 0.9), weight_decay=0.5)


_BY_DIVERGENCE: dict[str, dict[str, Any]] = {
    "total_variation": {
        "prepare": SpectralNorm().prepare,
        "critic_steps": 2,
        "note": "critic of spectral norm 1 in each layer: tanh v, flat elsewhere, is then steep",
    },
    "neyman": {
        "critic_optimizer": _decaying,
        "note": "weight decay of 0.5 in the critic, whose loss has e^(−v) at real samples",
    },
    "hockey_stick": {
        "objective": FGAN(fdiv.hockey_stick(2.0), lipschitz=GradientPenalty(1.0)),
        "critic_steps": 2,
        "note": "(f, Γ) only: a free critic is flat, and already at 0, wherever p ≤ 2q",
    },
}


def _of_divergence(name: str, D: Divergence) -> System:
    return System(**{"title": f"f-GAN, {D}", "objective": FGAN(D), **_BY_DIVERGENCE.get(name, {})})


PENALTY = GradientPenalty(1.0)
SYSTEMS: dict[str, System] = {
    "gan": System("GAN, minimax", FGAN(fdiv.gan)),
    "non_saturating": System("GAN, non-saturating", FGAN(fdiv.gan, generator="non_saturating")),
    "label_smoothing": System(
        "GAN, real label 0.9", FGAN(fdiv.gan, generator="non_saturating", real_label=0.9)
    ),
    **{name: _of_divergence(name, D) for name, D in fdiv.CATALOGUE.items() if D is not fdiv.gan},
    "wgan_clip": System(
        "WGAN, weights in ±0.3",
        WGAN(lipschitz=Clip(0.3)),
        critic_steps=5,
        steps=6000,
        critic_optimizer=RMSprop,
        note="five steps of the critic by RMSprop, twice as many steps",
    ),
    "wgan_gp": System("WGAN, gradient penalty", WGAN(lipschitz=PENALTY), critic_steps=3),
    "wgan_gp_one_sided": System(
        "WGAN, one-sided penalty",
        WGAN(lipschitz=GradientPenalty(10.0, one_sided=True, power=1)),
        critic_steps=3,
    ),
    "wgan_spectral": System("WGAN, spectral norms", WGAN(lipschitz=SpectralNorm()), critic_steps=3),
    "f_gamma": System("(f, Γ), kl", FGAN(fdiv.kl, lipschitz=PENALTY), critic_steps=2),
    "earth_mover": System(
        "exact EMD of minibatches", lambda x, y: gan.earth_mover(x, y, metric="euclidean")
    ),
}
