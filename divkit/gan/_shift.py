"""The conjugate term of the (f, Γ) objective, minimized over the shift ν of the critic."""

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

# The search for ν ends at 2⁻³⁶ of the range of outputs: on an accelerator always after 12 rounds of
# 8 parts, as a stopping test would synchronize. On the CPU it also ends once the mass is this close
# to 1; the error of the value is quadratic in that distance.
_PRECISION = 2.0**-36
_PARTS, _ROUNDS = 8, 12
_NEAR = 1e-12


@dataclass(frozen=True)
class Shift:
    """The minimized conjugate term of one divergence.

    Attributes
    ----------
    D : Divergence
    number : int
        Identifies D in compiled graphs, where custom operators take only tensors and numbers.
    is_kl : bool
        Whether D has the formulas of the Kullback–Leibler divergence.
    """

    D: Divergence
    number: int
    is_kl: bool

    @staticmethod
    def of(D: Divergence) -> Shift:
        """Return the `Shift` of D."""
        _numbered[id(D)] = D
        return Shift(D, id(D), D.formulas == fdiv.kl.formulas)

    def penalty(self, *batches: Tensor, v_real: Tensor | None = None) -> Tensor:
        """Return inf over ν of ν + E_Q f*(v − ν), Q being the mean of the batches [1]_.

        For `kl` it is log E_Q e^v. Otherwise the optimal ν solves E_Q f*′(v − ν) = 1, or comes as
        close to it as the domain of f* allows, which must also contain `v_real` − ν. By the
        envelope theorem the gradient in v consists of the weights f*′(v − ν).

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


# A custom operator is a single node of a compiled graph. Traced, the search would be hundreds of
# nodes, or thousands where f*′ is itself computed by a search.
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
    # The last point of the domain in double precision: t = v − ν may have to come very close to it.
    largest = D.conjugate_domain.largest() if D.slope < math.inf else math.inf

    def ratios(t: Tensor) -> Tensor:
        """Return q f*′(v − ν) where `t` is v − ν at the largest v."""
        ratio: Tensor = D.formulas.ratio(below + t[..., None], xp)
        return torch.where(q > 0, q * ratio, 0.0)

    # Bracket for t: as f*′ increases and f*′(f′(1)) = 1, the mass Σ q f*′(v − ν) is at most 1 if
    # all v − ν ≤ f′(1), and at least 1 if all v − ν ≥ f′(1).
    low = top.new_full((), D.derivative_at_one)
    high = (low - below.min()).clamp(max=largest)
    ends = search(lambda t: ratios(t).sum(-1), low, high)
    r = ratios(ends)
    mass = r.sum(-1)
    # If f*′ jumps between the two ends, a convex combination of both sides has mass 1.
    share = torch.nan_to_num((1 - mass[0]) / (mass[1] - mass[0]), nan=0.0).clamp(0, 1)
    ratio = torch.where(share > 0, torch.lerp(r[0], r[1], share), r[0])  # r[1] may be infinite
    t = torch.lerp(ends[0], ends[1], share)
    penalty = torch.where(q > 0, q * D.formulas.conjugate(below + t, xp), 0.0)
    # If the end of the domain keeps the mass below 1, ν moves with the largest v, which therefore
    # gets the remaining mass as its gradient.
    at_top = v == top
    return top - t + penalty.sum(), ratio + (1 - ratio.sum()) * at_top / at_top.sum()


def _parts(mass: Mass, low: Tensor, high: Tensor) -> Tensor:
    """Bracket the point where the increasing `mass` passes 1, without synchronizing the device.

    Each round splits the bracket into equal parts and keeps one of them.
    """
    width = high - low
    inner = torch.arange(1, _PARTS, dtype=low.dtype, device=low.device)
    for _ in range(_ROUNDS):
        width = width / _PARTS
        low = low + width * (mass(low + width * inner) <= 1).sum()
    return torch.stack([low, torch.minimum(low + width, high)])


def _secants(mass: Mass, low: Tensor, high: Tensor) -> Tensor:
    """Return such a bracket by the Illinois variant of regula falsi, safeguarded by bisection."""

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
