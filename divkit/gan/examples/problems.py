"""Training problems: data with conditions, networks of suitable size, a classifier of samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from divkit import emd
from divkit.gan._batches import Samples
from divkit.gan.examples.networks import Conditional, perceptron
from divkit.gan.examples.ring import Ring, covered

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Problem:
    """Data to train on, held-out data to compare with, and settings of the networks.

    Attributes
    ----------
    data : (tensor, tensor), or (n) -> (tensor, tensor)
        Samples and their conditions.
    held_out : tensor
        Samples that are not used in training.
    conditions, noise, hidden, batch_size : int
        Number of conditions, dimension of the noise, width of hidden layers, minibatch size.
    read : (x) -> tensor
        Classifies each sample by condition, −1 for none.
    last : () -> torch.nn.Module
        Makes the last layer of a generator.
    side : int or None
        Side length in pixels if samples are square images, None if they are points.
    """

    data: Pair | Callable[[int], Pair]
    held_out: Tensor
    conditions: int
    noise: int
    hidden: int
    batch_size: int
    read: Callable[[Tensor], Tensor]
    last: Callable[[], nn.Module]
    side: int | None = None

    def samples(self) -> Tensor | Callable[[int], Samples]:
        """Return the data without their conditions."""
        data = self.data
        return data[0] if isinstance(data, tuple) else lambda n: data(n)[0]

    def real(self, n: int, seed: int = 0) -> Tensor:
        """Return n samples of the data without replacement, disjoint from those held out."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            if callable(self.data):
                return self.data(n)[0]
            return self.data[0][torch.randperm(len(self.data[0]))[:n]]

    def networks(self, conditional: bool) -> tuple[nn.Module, nn.Module]:
        """Return a generator and a critic."""
        more = self.conditions if conditional else 0
        width, hidden = self.held_out.shape[1], self.hidden
        pair: list[nn.Module] = [
            perceptron(self.noise + more, hidden, hidden, width, last=self.last()),
            perceptron(width + more, hidden, hidden, 1),
        ]
        if conditional:
            pair = [Conditional(network, self.conditions) for network in pair]
        return pair[0], pair[1]

    def generated(self, generator: nn.Module, n: int, seed: int = 0) -> Pair:
        """Return n generated samples and the requested conditions, in equal proportions."""
        random = torch.Generator().manual_seed(seed)
        asked = torch.arange(n) % self.conditions
        z = torch.randn(n, self.noise, generator=random)
        with torch.no_grad():
            given = (z, asked) if isinstance(generator, Conditional) else (z,)
            return generator(*given), asked

    def modes_covered(self, x: Tensor) -> int:
        """Return how many conditions have at least a quarter of their expected share of samples."""
        return covered(self.read(x), self.conditions)

    def distance(self, x: Tensor) -> float:
        """Return the exact EMD between `x` and the held-out samples."""
        return emd.solve_points(np.asarray(x.double()), np.asarray(self.held_out.double())).value


def ring_problem() -> Problem:
    """Return the problem of eight Gaussians on a ring; the condition is the mode's index."""
    ring = Ring()
    return Problem(
        data=ring.labeled,
        held_out=ring.sample(1000, torch.Generator().manual_seed(1)),
        conditions=ring.modes,
        noise=2,
        hidden=64,
        batch_size=128,
        read=ring.read,
        last=nn.Identity,
    )


def digits_problem() -> Problem:
    """Return the problem of handwritten digits (needs scikit-learn), of which 500 are held out."""
    from divkit.gan.examples import digits

    x, labels = digits.digits()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, held_out = order[500:], order[:500]
    return Problem(
        data=(x[train], labels[train]),
        held_out=x[held_out],
        conditions=10,
        noise=16,
        hidden=128,
        batch_size=64,
        read=digits.read,
        last=nn.Tanh,
        side=digits.SIDE,
    )


PROBLEMS: dict[str, Callable[[], Problem]] = {"ring": ring_problem, "digits": digits_problem}
