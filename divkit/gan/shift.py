"""The sharpened penalty of a critic that is free up to a constant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

import array_api_compat.torch as xp
import torch
from torch import Tensor

from divkit.fdiv import Divergence
from divkit.gan.terms import single

# The search narrows the range of outputs to 16⁻⁸ of itself, then interpolates.
_PARTS = 16
_ROUNDS = 8


@dataclass(frozen=True)
class Shift:
    """The sharpened penalty of one divergence.

    Attributes
    ----------
    D : Divergence
    number : int
        What stands for D in compiled graphs, which pass on tensors and numbers alone.
    """

    D: Divergence
    number: int

    @staticmethod
    def of(D: Divergence) -> Shift:
        """Return the penalty of D."""
        _numbered[id(D)] = D
        return Shift(D, id(D))

    def penalty(self, *outputs: Tensor) -> Tensor:
        """Return inf over ν of ν + E_Q f*(v − ν), Q being the mean of the batches [1]_.

        For `kl` it is log E_Q e^v. Elsewhere the best ν is where E_Q f*′(v − ν) = 1, or as near
        to it as the domain of f* lets v come; no derivative passes through the search for it, as
        the one in ν vanishes.

        References
        ----------
        .. [1] J. Birrell, P. Dupuis, M. A. Katsoulakis, Y. Pantazis, L. Rey-Bellet,
           "(f, Γ)-divergences: interpolating between f-divergences and integral probability
           metrics", J. Machine Learning Research 23 (2022).
        """
        batches = [single(v).flatten() for v in outputs]
        if self.D.name == "kl":
            logs = torch.stack([torch.logsumexp(v, 0) - math.log(len(v)) for v in batches])
            return torch.logsumexp(logs, 0) - math.log(len(batches))
        # In double precision: t = v − ν may have to come very close to the end of the domain.
        wide = [v.double() for v in batches]
        top = torch.stack([v.max() for v in wide]).max()
        below = [v - top for v in wide]
        highest = _best_top([v.detach() for v in below], self.number)
        formula = self.D.formulas.conjugate
        penalty = _mean(formula(v + highest, xp).mean() for v in below)
        bound: Tensor = top - highest + penalty
        return bound.to(batches[0].dtype)


_numbered: WeakValueDictionary[int, Divergence] = WeakValueDictionary()


# One node of a compiled graph: unrolled, the search would be hundreds, thousands where f*′ is
# itself found by one.
@torch.library.custom_op(
    "divkit::best_top", mutates_args=(), schema="(Tensor[] below, int number) -> Tensor"
)
def _best_top(below: Sequence[Tensor], number: int) -> Tensor:
    """Return the best value of t at the largest output, given all outputs less the largest."""
    D = _numbered[number]
    # f*′(f′(1)) = 1: with all of t at most f′(1) the mean of f*′ is at most 1, with all at least
    # f′(1) it is at least that.
    low = torch.full_like(below[0][0], D.derivative_at_one)
    high = low - torch.stack([v.min() for v in below]).min()
    largest = D.conjugate_domain.largest() if D.slope < math.inf else math.inf
    high = high.clamp(max=largest)

    def mass(t: Tensor) -> Tensor:
        return _mean(D.formulas.ratio(v + t[:, None], xp).mean(1) for v in below)

    width = (high - low) / _PARTS
    steps = torch.arange(1, _PARTS, dtype=low.dtype, device=low.device)
    for _ in range(_ROUNDS):
        low = low + width * (mass(low + width * steps) <= 1).sum()
        width = width / _PARTS
    at_low, at_high = mass(torch.stack([low, (low + _PARTS * width).clamp(max=largest)]))
    share = torch.nan_to_num((1 - at_low) / (at_high - at_low), nan=0.0).clamp(0, 1)
    return (low + share * _PARTS * width).clamp(max=largest)


@_best_top.register_fake
def _(below: Sequence[Tensor], number: int) -> Tensor:
    return below[0].new_empty(())


def _mean(values: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean(0)
