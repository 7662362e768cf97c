"""Gaussians on a ring: the usual test of whether a generator covers all modes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# A mode counts if it has this share of the samples that would be its own.
_SHARE = 0.25


@dataclass(frozen=True)
class Ring:
    """Equally likely Gaussians whose means are equally spaced on a circle [1]_.

    Attributes
    ----------
    modes : int
    radius, deviation : float
        Of the circle, and of each Gaussian along each coordinate.

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

    def sample(self, n: int, random: torch.Generator | None = None) -> Tensor:
        """Return n samples, shape (n, 2), of torch's random numbers or of those given."""
        mode = torch.randint(self.modes, (n,), generator=random)
        return self.means[mode] + self.deviation * torch.randn(n, 2, generator=random)

    def modes_covered(self, x: Tensor) -> int:
        """Return how many modes have a quarter of their share of samples, or more.

        A mode's samples are those nearest to it, within three standard deviations; its share is
        one in `modes`.
        """
        near, mode = self._nearest(x)
        found = torch.bincount(mode[near], minlength=self.modes)
        return int((found >= _SHARE * len(x) / self.modes).sum())

    def share_near(self, x: Tensor) -> float:
        """Return the share of samples within three standard deviations of a mode."""
        return self._nearest(x)[0].double().mean().item()

    def _nearest(self, x: Tensor) -> tuple[Tensor, Tensor]:
        distance, mode = torch.cdist(x, self.means.to(x)).min(dim=1)
        return distance <= 3 * self.deviation, mode
