"""Losses of `divkit.gan` beside the same formulas written by hand, and beside POT.

``python benchmarks/gan.py`` prints it all, on one thread; asv tracks it. A loss is taken forward
and backward on two batches of 4096 outputs in single precision. The formulas by hand are stable
ones: softplus where there is a logarithm, clamped where the conjugate is. `jeffreys` has none, as
torch lacks the function W.
"""

from __future__ import annotations

import math
import timeit
from collections.abc import Callable

import ot
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from divkit import fdiv, gan

Loss = Callable[[Tensor, Tensor], Tensor]

BATCH = 4096
LOG2 = math.log(2)


def _pearson(t: Tensor) -> Tensor:
    return t * (1 + 0.25 * t)


def _triangular(root: Tensor) -> Tensor:
    return (1 - root) * (3 - root)


# What one would write, r being the outputs on real samples and f those on generated ones.
BY_HAND: dict[str, Loss] = {
    "total_variation": lambda r, f: 0.5 * torch.tanh(f).mean() - 0.5 * torch.tanh(r).mean(),
    "kl": lambda r, f: torch.exp(f - 1).mean() - r.mean(),
    "reverse_kl": lambda r, f: (f - 1).mean() + torch.exp(-r).mean(),
    "pearson": lambda r, f: _pearson(f.clamp(min=-2)).mean() - r.mean(),
    "neyman": lambda r, f: (2 - 2 * torch.exp(-0.5 * f)).mean() - (1 - torch.exp(-r)).mean(),
    "squared_hellinger": lambda r, f: (torch.exp(f) - 1).mean() - (1 - torch.exp(-r)).mean(),
    "jensen_shannon": lambda r, f: (
        0.5 * (softplus(f) - LOG2).mean() - 0.5 * (LOG2 - softplus(-r)).mean()
    ),
    "weighted_jensen_shannon": lambda r, f: (
        0.7 * (math.log(0.7) + softplus(f)).mean() + 0.3 * (math.log(0.3) + softplus(-r)).mean()
    ),
    "gan": lambda r, f: softplus(-r).mean() + softplus(f).mean(),
    "alpha": lambda r, f: ((torch.relu(1 + 0.5 * f) ** 3 - 1) / 1.5).mean() - r.mean(),
    "triangular_discrimination": lambda r, f: (
        _triangular(torch.exp(-0.5 * f).clamp(max=2)).mean() - (1 - torch.exp(-r)).mean()
    ),
    "hockey_stick": lambda r, f: (2 * torch.sigmoid(f)).mean() - torch.sigmoid(r).mean(),
    "tsallis": lambda r, f: (torch.relu((1 + 0.5 * f) / 1.5) ** 3).mean() - r.mean(),
    "cressie_read": lambda r, f: (0.6 * torch.relu(1 + 2 / 3 * (f - 0.6)) ** 2.5).mean() - r.mean(),
}


def cross_entropy(v_real: Tensor, v_fake: Tensor) -> Tensor:
    """Return the loss of the original game as torch has it."""
    real = binary_cross_entropy_with_logits(v_real, torch.ones_like(v_real))
    return real + binary_cross_entropy_with_logits(v_fake, torch.zeros_like(v_fake))


PAIRS: dict[str, tuple[gan.Objective, Loss]] = {
    **{name: (gan.FGAN(fdiv.CATALOGUE[name]), loss) for name, loss in BY_HAND.items()},
    "gan, cross-entropy": (gan.FGAN(fdiv.gan), cross_entropy),
    "kl, Lipschitz critic": (
        gan.FGAN(fdiv.kl, lipschitz=gan.Clip(1)),
        lambda r, f: torch.logsumexp(f, 0) - math.log(len(f)) - r.mean(),
    ),
    "WGAN": (gan.WGAN(), lambda r, f: f.mean() - r.mean()),
}


def gradient_penalty(critic: nn.Module, x_real: Tensor, x_fake: Tensor) -> Tensor:
    """Return the published penalty, by hand."""
    share = torch.rand(len(x_real), 1)
    x = (share * x_fake + (1 - share) * x_real).requires_grad_()
    v = critic(x)
    (gradient,) = torch.autograd.grad(v, x, torch.ones_like(v), create_graph=True)
    return 10 * ((gradient.norm(2, dim=1) - 1) ** 2).mean()


def times(*calls: Callable[[], object], repeats: int = 300, seconds: float = 1e-3) -> list[float]:
    """Return the best time of each call, taken in turn, so briefly that most are undisturbed."""
    number = max(1, round(seconds / min(timeit.repeat(calls[0], number=1, repeat=5))))
    best = [math.inf] * len(calls)
    for _ in range(repeats):
        for k, call in enumerate(calls):
            best[k] = min(best[k], timeit.timeit(call, number=number) / number)
    return best


def against_hand(name: str) -> list[float]:
    """Return the seconds of a critic's loss, forward and backward, and of the same by hand."""
    objective, by_hand = PAIRS[name]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    v = torch.randn(BATCH, requires_grad=True), torch.randn(BATCH, requires_grad=True)
    losses = objective.critic_loss, by_hand
    one, other = (loss(*v).item() for loss in losses)
    if not abs(one - other) < 1e-5:
        raise ArithmeticError(f"{name}: {one} is not {other}")

    def step(loss: Loss) -> None:
        v[0].grad = v[1].grad = None
        loss(*v).backward()

    return times(*(lambda loss=loss: step(loss) for loss in losses))


def penalty_against_hand() -> list[float]:
    """Return the seconds of a gradient penalty with its gradient, ours and by hand."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(64, 256), nn.LeakyReLU(), nn.Linear(256, 1))
    x = torch.randn(256, 64), torch.randn(256, 64)
    penalties = gan.GradientPenalty(10.0), gradient_penalty
    return times(*(lambda p=p: p(critic, *x).backward() for p in penalties))


def minibatch(n: int) -> list[float]:
    """Return the seconds of the earth mover's loss of n points in 64 dimensions, and of POT's."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = torch.randn(n, 64), (torch.randn(n, 64) + 0.5).requires_grad_()
    uniform = torch.full((n,), 1 / n)

    def with_pot(x: Tensor, y: Tensor) -> Tensor:
        return ot.emd2(uniform, uniform, torch.cdist(x, y) ** 2)

    def ours(x: Tensor, y: Tensor) -> Tensor:
        return gan.earth_mover(x, y, metric="sqeuclidean")

    losses = ours, with_pot
    one, other = (loss(x, y).item() for loss in losses)
    if not abs(one - other) < 1e-4 * one:
        raise ArithmeticError(f"{one} is not {other}")
    for _ in range(20000 // n):  # as in training: small problems are compiled once it pays
        ours(x, y)
    return times(*(lambda loss=loss: loss(x, y).backward() for loss in losses), repeats=10)


class Losses:
    """A critic's loss over the same by hand."""

    params = (list(PAIRS),)
    param_names = ("objective",)
    unit = "times as long"

    def track_over_hand(self, name: str) -> float:
        ours, by_hand = against_hand(name)
        return ours / by_hand


class Penalty:
    """A gradient penalty over the same by hand."""

    unit = "times as long"

    def track_over_hand(self) -> float:
        ours, by_hand = penalty_against_hand()
        return ours / by_hand


class Minibatch:
    """The exact earth mover's loss beside POT's."""

    params = ([64, 256, 1024],)
    param_names = ("n",)
    unit = "times as fast"

    def track_over_pot(self, n: int) -> float:
        ours, with_pot = minibatch(n)
        return with_pot / ours


def main() -> None:
    """Print every ratio."""
    print(f"critic_loss, forward and backward, batch {BATCH}, one thread")
    for name in PAIRS:
        ours, by_hand = against_hand(name)
        print(
            f"{name:28s} {1e6 * ours:6.1f} µs, by hand {1e6 * by_hand:6.1f} µs: "
            f"{ours / by_hand:.2f} × as long",
            flush=True,
        )
    ours, by_hand = penalty_against_hand()
    print(f"gradient penalty: {1e3 * ours:.2f} ms, by hand {1e3 * by_hand:.2f} ms")
    for n in (64, 256, 1024):
        ours, with_pot = minibatch(n)
        print(f"earth mover's loss, n = {n}: {1e3 * ours:.2f} ms, with POT {1e3 * with_pot:.2f} ms")


if __name__ == "__main__":
    main()
