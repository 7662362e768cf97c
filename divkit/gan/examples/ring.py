"""Gaussians on a ring: the usual test of mode coverage of a generator."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# A mode counts as covered if it has at least this fraction of its expected number of samples.
_SHARE = 0.25


@dataclass(frozen=True)
class Ring:
    """Equally likely Gaussians whose means are equally spaced on a circle [1]_.

    Attributes
    ----------
    modes : int
    radius, deviation : float
        Radius of the circle, and standard deviation of each Gaussian in each coordinate.

    References
    ----------
    .. [1] L. Metz, B. Poole, D. Pfau, J. Sohl-Dickstein, "Unrolled Generative Adversarial
       Networks", ICLR 2017, section 3.2.1.

    Examples
    --------
    >>> import torch
    >>> from divkit.gan.examples import Ring
    >>> ring = Ring()
    >>> x = ring.sample(1000, torch.Generator().manual_seed(0))
    >>> ring.modes_covered(x), ring.modes_covered(x[x[:, 0] > 0])
    (8, 5)
    """

    modes: int = 8
    radius: float = 2.0
    deviation: float = 0.1

    @property
    def means(self) -> Tensor:
        """The means, shape (modes, 2)."""
        angle = torch.arange(self.modes) * (2 * math.pi / self.modes)
        return self.radius * torch.stack([angle.cos(), angle.sin()], dim=1)

    def labeled(self, n: int, random: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return n samples, shape (n, 2), and the index of each one's Gaussian.

        They are drawn with `random`, by default with torch's global random numbers.
        """
        mode = torch.randint(self.modes, (n,), generator=random)
        return self.means[mode] + self.deviation * torch.randn(n, 2, generator=random), mode

    def sample(self, n: int, random: torch.Generator | None = None) -> Tensor:
        """Return n samples, shape (n, 2)."""
        return self.labeled(n, random)[0]

    def read(self, x: Tensor) -> Tensor:
        """Return the index of the nearest mean if within three standard deviations, else −1."""
        distance, mode = torch.cdist(x, self.means.to(x)).min(dim=1)
        return torch.where(distance <= 3 * self.deviation, mode, -1)

    def modes_covered(self, x: Tensor) -> int:
        """Return how many modes have at least a quarter of their expected share of samples.

        `read` assigns samples to modes; the expected share of each is 1/`modes`.
        """
        return covered(self.read(x), self.modes)

    def share_near(self, x: Tensor) -> float:
        """Return the fraction of samples that `read` assigns to a mode."""
        return (self.read(x) >= 0).double().mean().item()


def covered(found: Tensor, modes: int) -> int:
    """Return how many of `modes` indices have at least a quarter of their share of `found`."""
    counts = torch.bincount(found[found >= 0], minlength=modes)
    return int((counts >= _SHARE * len(found) / modes).sum())
