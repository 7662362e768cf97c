"""Networks small enough to train on one CPU core."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional


def perceptron(*widths: int, last: nn.Module | None = None) -> nn.Sequential:
    """Return a multilayer perceptron with these layer widths and leaky ReLU activations.

    Parameters
    ----------
    *widths : int
        Widths of the input, of each hidden layer, and of the output.
    last : torch.nn.Module, optional
        Module appended after the last linear layer.

    Examples
    --------
    >>> import torch
    >>> from divkit.gan.examples import perceptron
    >>> perceptron(2, 64, 64, 1)(torch.zeros(5, 2)).shape
    torch.Size([5, 1])
    """
    layers: list[nn.Module] = []
    for width, following in itertools.pairwise(widths):
        layers += [nn.Linear(width, following), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1], *([last] if last is not None else []))


class Conditional(nn.Module):
    """A network whose input is concatenated with the one-hot encoding of a condition.

    Parameters
    ----------
    network : torch.nn.Module
        Takes inputs with `classes` more coordinates than the samples have.
    classes : int
        Number of conditions.

    Examples
    --------
    >>> import torch
    >>> from divkit.gan.examples import Conditional, perceptron
    >>> generator = Conditional(perceptron(8 + 10, 64, 64), 10)
    >>> generator(torch.zeros(5, 8), torch.arange(5)).shape
    torch.Size([5, 64])
    """

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network = network
        self.classes = classes

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return the network's output for each sample with its condition."""
        marked = functional.one_hot(condition, self.classes).to(x.dtype)
        output: Tensor = self.network(torch.cat([x, marked], dim=1))
        return output
