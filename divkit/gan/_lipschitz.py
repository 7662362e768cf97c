"""Ways to keep a critic Lipschitz: weight clipping, gradient penalty, spectral normalization."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from divkit import _check

Critic = Callable[[Tensor], Tensor]


class Lipschitz:
    """A way to keep a critic Lipschitz: three hooks of the training loop, no-ops by default."""

    def prepare(self, critic: nn.Module) -> None:
        """Change the critic once, before training."""

    def __call__(self, critic: Critic, x_real: Tensor, x_fake: Tensor) -> Tensor:
        """Return the term to add to the critic's loss, here 0."""
        return x_real.new_zeros(())

    def project(self, critic: nn.Module) -> None:
        """Change the critic's weights in place, after each critic step."""


@dataclass(frozen=True)
class Clip(Lipschitz):
    """Weight clipping: all parameters are clamped to [−c, c] after each critic step [1]_.

    The resulting Lipschitz constant depends on the layers, and gradients shrink or grow from layer
    to layer depending on c.

    Parameters
    ----------
    c : float
        The largest absolute value of a parameter, positive.

    References
    ----------
    .. [1] M. Arjovsky, S. Chintala, L. Bottou, "Wasserstein Generative Adversarial Networks",
       ICML 2017, algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from divkit import gan
    >>> critic = torch.nn.Linear(2, 1)
    >>> gan.Clip(0.01).project(critic)
    >>> bool(critic.weight.abs().max() <= 0.01)
    True
    """

    c: float

    def __post_init__(self) -> None:
        if not 0 < self.c < math.inf:
            raise ValueError(f"`c` must be positive and finite, got {self.c!r}")

    @torch.no_grad()
    def project(self, critic: nn.Module) -> None:
        """Clamp every parameter to [−c, c]."""
        for weight in critic.parameters():
            weight.clamp_(-self.c, self.c)


@dataclass(frozen=True)
class GradientPenalty(Lipschitz):
    r"""A penalty on the norm of the critic's gradient with respect to each input sample.

    .. math:: \lambda \, \mathbb{E} \, | \|\nabla_x v(x)\|_2 - 1 |^p
       \quad \text{or, one-sided,} \quad \lambda \, \mathbb{E} \max(0, \|\nabla_x v(x)\|_2 - 1)^p

    Call it, ``penalty(critic, x_real, x_fake)``, and add it to the critic's loss.

    Parameters
    ----------
    weight : float
        λ, at least 0.
    one_sided : bool
        Whether only norms above the target are penalized.
    power : float
        p, at least 1. The published form [1]_ is two-sided with p = 2.
    at : {"between", "around", "real"}
        Where the gradient is taken. ``"between"``: at a uniformly random point between a real and a
        generated sample, drawn anew for each pair [1]_; if the batches differ in length, the excess
        samples are ignored. ``"around"``: at real samples plus Gaussian noise of half the batch's
        standard deviation, as in DRAGAN [2]_. ``"real"``: at real samples.
    center : float
        The target norm in place of 1. With 0 and ``at="real"`` this is the R1 penalty [3]_ with
        γ = 2 · `weight`.

    Raises
    ------
    ValueError
        If a number is out of range or `at` is unknown.

    Notes
    -----
    Where the gradient is 0, the derivative of its norm is taken as 0. The critic must process each
    sample independently: batch normalization would mix their gradients.

    References
    ----------
    .. [1] I. Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, eq. (3).
    .. [2] N. Kodali et al., "On Convergence and Stability of GANs", 2017.
    .. [3] L. Mescheder, A. Geiger, S. Nowozin, "Which Training Methods for GANs do actually
       Converge?", ICML 2018.

    Examples
    --------
    >>> import torch
    >>> from divkit import gan
    >>> x_real, x_fake = torch.randn(8, 3), torch.randn(8, 3)
    >>> gan.GradientPenalty(10.0)(lambda x: 2 * x[:, 0], x_real, x_fake).item()
    10.0
    >>> gan.GradientPenalty(10.0, one_sided=True, power=1)(lambda x: x[:, 0], x_real, x_fake).item()
    0.0
    """

    weight: float
    one_sided: bool = False
    power: float = 2
    at: Literal["between", "around", "real"] = "between"
    center: float = 1.0

    def __post_init__(self) -> None:
        for name, value, least in (
            ("weight", self.weight, 0),
            ("power", self.power, 1),
            ("center", self.center, 0),
        ):
            if not least <= value < math.inf:
                raise ValueError(f"`{name}` must be finite and at least {least}, got {value!r}")
        _check.one_of("at", self.at, ("between", "around", "real"))

    def __call__(self, critic: Critic, x_real: Tensor, x_fake: Tensor) -> Tensor:
        """Return the penalty.

        Parameters
        ----------
        critic : callable
            Maps (n, ...) samples to n raw outputs, shape (n,) or (n, ...).
        x_real, x_fake : tensor, shapes (n, ...) and (m, ...)
            Samples; the batches may differ only in length.

        Returns
        -------
        tensor, shape ()
            Differentiable in the critic's parameters.

        Raises
        ------
        ValueError
            If the samples differ in shape or a batch is empty, or if the critic does not return one
            output per sample or its outputs do not depend on the samples.
        """
        shapes = tuple(x_real.shape), tuple(x_fake.shape)
        if () in shapes or shapes[0][1:] != shapes[1][1:]:
            raise ValueError(
                "`x_real` and `x_fake` must agree in all but their first axis, got shapes "
                f"{shapes[0]} and {shapes[1]}"
            )
        if not x_real.numel() or not x_fake.numel():
            raise ValueError(
                f"`x_real` and `x_fake` must have at least 1 sample, got shapes {shapes[0]} and "
                f"{shapes[1]}"
            )
        with torch.enable_grad():
            norm = _norms(critic, self._places(x_real.detach(), x_fake.detach()))
            excess = norm - self.center
            excess = torch.relu(excess) if self.one_sided else excess.abs()
            return self.weight * (excess**self.power).mean()

    def _places(self, x_real: Tensor, x_fake: Tensor) -> Tensor:
        if self.at == "real":
            return x_real.clone()
        if self.at == "around":
            return x_real + 0.5 * x_real.std(correction=0) * torch.randn_like(x_real)
        pairs = min(len(x_real), len(x_fake))
        x_real, x_fake = x_real[:pairs], x_fake[:pairs]
        shape = (pairs, *[1] * (x_real.ndim - 1))
        return torch.lerp(
            x_real, x_fake, torch.rand(shape, dtype=x_real.dtype, device=x_real.device)
        )


def _norms(critic: Critic, x: Tensor) -> Tensor:
    """Return ‖∇v‖₂ at each sample of x."""
    v = critic(x.requires_grad_())
    if v.ndim == 0 or len(v) != len(x):
        raise ValueError(
            f"`critic` must return one output per sample, got shape {tuple(v.shape)} for "
            f"{len(x)} samples"
        )
    gradient = None
    if v.requires_grad:
        (gradient,) = torch.autograd.grad(v.sum(), x, create_graph=True, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "`critic` must depend on its samples, got outputs without a gradient in them: call it "
            "without `detach` and `no_grad` inside"
        )
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    norms: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1, dtype=wide)
    return norms


@dataclass(frozen=True)
class SpectralNorm(Lipschitz):
    """Spectral normalization: weights are divided by their largest singular value [1]_.

    It applies to linear and convolutional layers. With linear layers and 1-Lipschitz activations
    the critic becomes 1-Lipschitz; for convolutions torch normalizes the kernel reshaped to a
    matrix, not the operator. Uses `torch.nn.utils.parametrizations.spectral_norm`, which refines
    its estimate by one power iteration per evaluation in training mode.

    References
    ----------
    .. [1] T. Miyato et al., "Spectral Normalization for Generative Adversarial Networks",
       ICLR 2018.

    Examples
    --------
    >>> import torch
    >>> from divkit import gan
    >>> critic = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    >>> gan.SpectralNorm().prepare(critic)
    >>> abs(torch.linalg.matrix_norm(critic[0].weight, 2).item() - 1) < 0.01
    True
    """

    def prepare(self, critic: nn.Module) -> None:
        """Parametrize all layers whose weight is not parametrized yet."""
        for layer in list(critic.modules()):
            if isinstance(layer, _LAYERS) and not parametrize.is_parametrized(layer, "weight"):
                parametrizations.spectral_norm(layer)


_LAYERS = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
