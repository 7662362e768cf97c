"""What `gan.estimate` finds between two Gaussians, beside the closed form.

``python benchmarks/estimate.py`` prints a line for each divergence and dimension, over 20 seeds, in
about fifteen minutes on one core. P is N(0, I) and Q is N(μ, I), with KL(P‖Q) = ½|μ|² = 1.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from divkit import fdiv, gan
from divkit.fdiv import Divergence
from divkit.gan.examples import perceptron

DIVERGENCES = (fdiv.kl, fdiv.jensen_shannon, fdiv.squared_hellinger)
DIMENSIONS = (2, 10)
KL = 1.0
WIDTH = 64


@dataclass(frozen=True)
class Result:
    """One estimate, with the exact value."""

    bound: float
    error: float
    exact: float
    seconds: float

    @property
    def relative(self) -> float:
        """(bound − D)/D."""
        return self.bound / self.exact - 1

    @property
    def errors_above(self) -> float:
        """(bound − D) in standard errors."""
        return (self.bound - self.exact) / self.error


def exact(D: Divergence) -> float:
    """Return D between the Gaussians: that of two on a line, as far apart."""
    apart = math.sqrt(2 * KL)

    def normal(x: np.ndarray) -> np.ndarray:
        return -0.5 * x**2 - 0.5 * math.log(2 * math.pi)

    line = (-np.inf, np.inf)
    return fdiv.from_densities(D, normal, lambda x: normal(x - apart), line).value


def estimates(
    D: Divergence, dimension: int, samples: int, seeds: Iterator[int] | range
) -> Iterator[Result]:
    """Yield an estimate for each seed, which decides samples, first weights and training."""
    value = exact(D)
    for seed in seeds:
        random = torch.Generator().manual_seed(seed)
        x, y = torch.randn(2, samples, dimension, generator=random)
        y += math.sqrt(2 * KL / dimension)
        torch.manual_seed(seed)
        critic = perceptron(dimension, WIDTH, WIDTH, 1)
        start = time.perf_counter()
        found = gan.estimate(critic, gan.FGAN(D), x, y, seed=seed)
        yield Result(found.bound, found.standard_error, value, time.perf_counter() - start)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200_000, help="of P and of Q each")
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{arguments.samples} samples of each, half of them held out; {arguments.seeds} seeds")
    print("bound/D − 1 in %, (bound − D)/s.e., and how many bounds are more than 2 s.e. above D\n")
    print(f"{'':20}{'d':>3}{'D':>9}{'s.e. %':>8}{'mean %':>8}{'least %':>9}{'most %':>8}", end="")
    print(f"{'most s.e.':>11}{'> 2 s.e.':>10}{'seconds':>9}")
    for D in DIVERGENCES:
        for dimension in DIMENSIONS:
            found = list(estimates(D, dimension, arguments.samples, range(arguments.seeds)))
            relative = 100 * np.array([each.relative for each in found])
            above = np.array([each.errors_above for each in found])
            error = 100 * np.mean([each.error / each.exact for each in found])
            seconds = np.mean([each.seconds for each in found])
            print(
                f"{D.name:20}{dimension:3}{found[0].exact:9.5f}{error:8.2f}{relative.mean():8.2f}"
                f"{relative.min():9.2f}{relative.max():8.2f}{above.max():11.2f}"
                f"{(above > 2).sum():10}{seconds:9.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
