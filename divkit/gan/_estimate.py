"""Lower bound of a divergence, estimated from two samples by training a critic."""

from __future__ import annotations

import math
from dataclasses import dataclass

import array_api_compat.torch as xp
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from divkit import _check
from divkit.gan._batches import count
from divkit.gan._density_ratio import Reading
from divkit.gan._fit import fit, outputs
from divkit.gan._objective import FGAN, WGAN
from divkit.gan._training import check_network, device_of, random_numbers

# The fraction of the training half that is used for validation, i.e. early stopping.
_VALIDATION = 0.2
# Fewest samples accepted, so that each part has at least two, which a variance needs.
_LEAST = 10


@dataclass(frozen=True, eq=False)
class Estimate:
    """A lower bound of a divergence and the trained critic behind it; made by `estimate`.

    Attributes
    ----------
    bound : float
        Evaluated on samples not seen in training; its expectation is at most D(P‖Q).
    standard_error : float
        Standard error of the bound, from the same samples.
    history : tuple of float
        Minus the critic's loss, including its Lipschitz penalty if any, on the validation part of
        the training half: before training, every 100 steps, and at the last step.
    """

    bound: float
    standard_error: float
    history: tuple[float, ...]
    _critic: nn.Module
    _reading: Reading

    def log_ratio(self, x: Tensor) -> Tensor:
        """Return log p/q at samples, from the critic's outputs v as log f*′(g(v)).

        Parameters
        ----------
        x : tensor, shape (n, ...)
            Samples of any distribution.

        Returns
        -------
        tensor of float64, shape (n,)
            Where f* is affine, as for total variation, the critic does not determine p/q, and the
            result is constant. For ``FGAN(lipschitz=...)`` p is the density of the intermediate
            distribution in the infimal-convolution form of the (f, Γ)-divergence.

        Raises
        ------
        TypeError
            If the objective was a `WGAN`, whose critic does not determine p/q.
        """
        return self._reading.log_ratio(outputs(self._critic, x))


def estimate(
    critic: nn.Module,
    objective: FGAN | WGAN,
    x: Tensor,
    y: Tensor,
    *,
    steps: int = 20_000,
    batch_size: int = 512,
    patience: int = 5,
    optimizer: Optimizer | None = None,
    seed: int | None = None,
    device: str | torch.device | None = None,
) -> Estimate:
    """Estimate D(P‖Q) from below by a critic, trained on one half of the samples.

    Any critic gives a lower bound, and the best critic gives D itself [1]_. A fifth of the training
    half is kept for validation: when the bound on it has stopped improving, training returns to the
    best critic and continues with a quarter of the learning rate, up to three times, and then ends.
    The other half is used once, to evaluate the bound. The expectation of the estimate is therefore
    at most D; an estimate above D is due to noise, whose size the standard error gives.

    Parameters
    ----------
    critic : torch.nn.Module
        Maps each sample to one raw output. It is trained in place and left in evaluation mode.
    objective : FGAN or WGAN
        Selects the divergence. With ``FGAN(lipschitz=...)`` the bound is of the (f, Γ)-divergence,
        with the shift determined on the training half; with `WGAN` it is of L·W₁, where L is the
        Lipschitz constant of the trained critic. Label smoothing changes what the critic learns,
        but not the meaning of the bound and of the ratio.
    x, y : tensor, shapes (n, ...) and (m, ...)
        Samples of P and of Q, at least 10 of each.
    steps : int
        Maximum number of training steps.
    batch_size : int
        Samples of each distribution per step.
    patience : int
        Number of consecutive validations, 100 steps apart, without improvement after which the
        learning rate is reduced or training ends.
    optimizer : torch.optim.Optimizer, optional
        Optimizer of the critic's parameters. By default Adam with learning rate 0.002.
    seed : int, optional
        Seed of the split and of training, as in `train`.
    device : str or torch.device, optional
        Where to train, by default the critic's device.

    Returns
    -------
    Estimate

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.
    FloatingPointError
        If the critic's loss is nan or infinite; the message names the step.

    References
    ----------
    .. [1] X. Nguyen, M. J. Wainwright, M. I. Jordan, "Estimating divergence functionals and the
       likelihood ratio by convex risk minimization", IEEE Trans. Inf. Theory 56 (2010).

    Examples
    --------
    Gaussians at 0 and at 1, for which KL is ½ and log p/q = ½ − x:

    >>> import torch
    >>> from divkit import fdiv, gan
    >>> random = torch.Generator().manual_seed(0)
    >>> x, y = torch.randn(2, 10_000, 1, generator=random)
    >>> _ = torch.manual_seed(0)
    >>> critic = torch.nn.Linear(1, 1)
    >>> adam = torch.optim.Adam(critic.parameters(), lr=0.02)
    >>> found = gan.estimate(critic, gan.FGAN(fdiv.kl), x, y + 1, optimizer=adam, seed=0)
    >>> found.standard_error < 0.04, abs(found.bound - 0.5) < 3 * found.standard_error
    (True, True)
    >>> [round(ratio, 1) for ratio in found.log_ratio(torch.tensor([[0.0], [1.0]])).tolist()]
    [0.5, -0.5]
    """
    if not isinstance(objective, FGAN | WGAN):
        raise TypeError(
            "`objective` must be an FGAN or a WGAN, which compare two distributions, got "
            f"{objective!r}"
        )
    check_network("critic", critic)
    _check_samples(x, y)
    place = device_of(critic, device)
    with random_numbers(seed, fork=seed is not None):
        halves = [_split(part.to(place), 0.5) for part in (x, y)]
        held_out = [half for half, _ in halves]
        validation, training = zip(*(_split(half, _VALIDATION) for _, half in halves), strict=True)
        history = fit(
            critic.to(place),
            objective,
            training,
            validation,
            steps=count("steps", steps),
            batch_size=count("batch_size", batch_size),
            patience=count("patience", patience),
            optimizer=optimizer,
        )
    reading = Reading.of(objective, outputs(critic, training[1]))
    gains = reading.gains(outputs(critic, held_out[0]))
    losses = reading.losses(outputs(critic, held_out[1]))
    bound = (gains.mean() - losses.mean()).item()
    variance = sum(part.var().item() / len(part) for part in (gains, losses))
    error = math.sqrt(variance) if math.isfinite(bound) else math.inf
    return Estimate(bound, error, history, critic, reading)


def _split(x: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Return a random part of x of about that fraction, and the rest."""
    x = x[torch.randperm(len(x), device=x.device)]
    first = max(2, round(share * len(x)))
    return x[:first], x[first:]


def _check_samples(x: Tensor, y: Tensor) -> None:
    for name, sample in (("x", x), ("y", y)):
        if not isinstance(sample, Tensor) or not sample.is_floating_point():
            given = sample.dtype if isinstance(sample, Tensor) else type(sample).__name__
            raise TypeError(f"`{name}` must be a tensor of floats, a sample each, got {given}")
        if sample.ndim == 0 or len(sample) < _LEAST:
            raise ValueError(
                f"`{name}` must hold at least {_LEAST} samples, got shape {tuple(sample.shape)}"
            )
        _check.finite(name, sample, xp)
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(
            "`x` and `y` must agree in all but their first axis, got shapes "
            f"{tuple(x.shape)} and {tuple(y.shape)}"
        )
