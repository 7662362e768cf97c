"""The sharpened penalty of a critic that is free up to a constant."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

import array_api_compat.torch as xp
import torch
from torch import Tensor

from divkit import fdiv
from divkit.fdiv import Divergence
from divkit.gan._envelope import with_gradient

# The search ends at 2⁻³⁶ of the range of outputs, 12 rounds of 8 parts where nobody looks, or at
# a mass so near to 1, an error that enters the value squared.
_PRECISION = 2.0**-36
_PARTS, _ROUNDS = 8, 12
_NEAR = 1e-12


@dataclass(frozen=True)
class Shift:
    """The sharpened penalty of one divergence.

    Attributes
    ----------
    D : Divergence
    number : int
        What stands for D in compiled graphs, which pass on tensors and numbers alone.
    is_kl : bool
        Whether D is the Kullback–Leibler divergence, by its formulas.
    """

    D: Divergence
    number: int
    is_kl: bool

    @staticmethod
    def of(D: Divergence) -> Shift:
        """Return the penalty of D."""
        _numbered[id(D)] = D
        return Shift(D, id(D), D.formulas == fdiv.kl.formulas)

    def penalty(self, *batches: Tensor, v_real: Tensor | None = None) -> Tensor:
        """Return inf over ν of ν + E_Q f*(v − ν), Q being the mean of the batches [1]_.

        For `kl` it is log E_Q e^v. Elsewhere the best ν is where E_Q f*′(v − ν) = 1, or as near
        to it as the domain of f* lets the outputs come, `v_real` too. The f*′ there are the
        gradient, as the derivative in ν vanishes.

        References
        ----------
        .. [1] J. Birrell, P. Dupuis, M. A. Katsoulakis, Y. Pantazis, L. Rey-Bellet,
           "(f, Γ)-divergences: interpolating between f-divergences and integral probability
           metrics", J. Machine Learning Research 23 (2022).
        """
        if self.is_kl:
            count = len(batches)
            logs = (torch.logsumexp(v.flatten(), 0) - math.log(count * v.numel()) for v in batches)
            return functools.reduce(torch.logaddexp, logs)
        masses = [1 / (len(batches) * batch.numel()) for batch in batches]
        if v_real is not None and self.D.slope < math.inf:
            batches, masses = (*batches, v_real.max()), [*masses, 0.0]
        v = torch.cat([batch.flatten() for batch in batches])
        q = torch.cat(
            [
                batch.new_full((batch.numel(),), mass, dtype=torch.float64)
                for batch, mass in zip(batches, masses, strict=True)
            ]
        )
        value, ratio = _sharpened(v.detach().double(), q, self.number)
        penalty: Tensor = with_gradient(value.to(v.dtype), v, ratio.to(v.dtype))
        return penalty


_numbered: WeakValueDictionary[int, Divergence] = WeakValueDictionary()


# One node of a compiled graph: unrolled, the search would be hundreds, thousands where f*′ is
# itself found by one.
@torch.library.custom_op("divkit::sharpened", mutates_args=())
def _sharpened(v: Tensor, q: Tensor, number: int) -> tuple[Tensor, Tensor]:
    search = _secants if v.device.type == "cpu" else _parts
    return sharpened(v, q, _numbered[number], search)


@_sharpened.register_fake
def _(v: Tensor, q: Tensor, number: int) -> tuple[Tensor, Tensor]:
    return v.new_empty(()), torch.empty_like(v)


Mass = Callable[[Tensor], Tensor]


def sharpened(
    v: Tensor, q: Tensor, D: Divergence, search: Callable[[Mass, Tensor, Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return inf over ν of ν + Σ q f*(v − ν), and its gradient q f*′(v − ν), whose sum is 1."""
    top = v.max()
    below = v - top
    # In double precision, as t = v − ν may have to come very close to the end of the domain.
    largest = D.conjugate_domain.largest() if D.slope < math.inf else math.inf

    def ratios(t: Tensor) -> Tensor:
        """Return q f*′(v − ν) where `t` is v − ν at the largest v."""
        ratio: Tensor = D.formulas.ratio(below + t[..., None], xp)
        return torch.where(q > 0, q * ratio, 0.0)

    # As f*′(f′(1)) = 1, the mass is at most 1 where no v − ν exceeds f′(1), and at least 1 where
    # none is less.
    low = top.new_full((), D.derivative_at_one)
    high = (low - below.min()).clamp(max=largest)
    ends = search(lambda t: ratios(t).sum(-1), low, high)
    r = ratios(ends)
    mass = r.sum(-1)
    # Where f*′ jumps in between, a mixture of both sides has mass 1.
    share = torch.nan_to_num((1 - mass[0]) / (mass[1] - mass[0]), nan=0.0).clamp(0, 1)
    ratio = torch.where(share > 0, torch.lerp(r[0], r[1], share), r[0])  # r[1] may be infinite
    t = torch.lerp(ends[0], ends[1], share)
    penalty = torch.where(q > 0, q * D.formulas.conjugate(below + t, xp), 0.0)
    # What is left where the domain ends: there ν follows the largest v.
    at_top = v == top
    return top - t + penalty.sum(), ratio + (1 - ratio.sum()) * at_top / at_top.sum()


def _parts(mass: Mass, low: Tensor, high: Tensor) -> Tensor:
    """Return neighbors between which the rising `mass` passes 1, without waiting for the device.

    Each round keeps one of equal parts.
    """
    width = high - low
    inner = torch.arange(1, _PARTS, dtype=low.dtype, device=low.device)
    for _ in range(_ROUNDS):
        width = width / _PARTS
        low = low + width * (mass(low + width * inner) <= 1).sum()
    return torch.stack([low, torch.minimum(low + width, high)])


def _secants(mass: Mass, low: Tensor, high: Tensor) -> Tensor:
    """Return what `_parts` does, by secants of the Illinois method and a bisection in between."""

    def excess(t: float) -> float:
        return float(mass(low.new_full((), t))) - 1

    left, right = float(low), float(high)
    at_left, at_right = excess(left), excess(right)
    width, side, step = _PRECISION * (right - left), 0, 0
    while at_left < 0 < at_right and right - left > width:
        step += 1
        t = right - at_right * ((right - left) / (at_right - at_left))
        if step % 3 == 0 or not left < t < right:
            t = left + 0.5 * (right - left)
        at_t = excess(t)
        if abs(at_t) <= _NEAR:
            left = right = t
        elif at_t < 0:
            left, at_left = t, at_t
            at_right *= 0.5 if side < 0 else 1.0
            side = -1
        else:
            right, at_right = t, at_t
            at_left *= 0.5 if side > 0 else 1.0
            side = 1
    ends = (right, right) if at_right <= 0 else (left, left) if at_left >= 0 else (left, right)
    return low.new_tensor(ends)
