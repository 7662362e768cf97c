"""From a critic's outputs to the terms of the variational bound and to log p/q."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import array_api_compat.torch as xp
import torch
from torch import Tensor

from divkit.fdiv import Divergence, bounds
from divkit.gan._objective import FGAN, WGAN


@dataclass(frozen=True)
class Reading:
    """How outputs v are turned into the critic T of the variational bound E_P T − E_Q f*(T).

    Attributes
    ----------
    objective : FGAN or WGAN
        T is g(v) for a plain FGAN, v − ν for one with `lipschitz`, and v for W₁, with f*(T) = T.
    shift : float
        ν.
    """

    objective: FGAN | WGAN
    shift: float

    @staticmethod
    def of(objective: FGAN | WGAN, v_fake: Tensor) -> Reading:
        """Return the reading with the optimal shift for these outputs on samples of Q."""
        if isinstance(objective, WGAN) or objective.lipschitz is None:
            return Reading(objective, 0.0)
        q = [1 / len(v_fake)] * len(v_fake)
        best = bounds.shifted(objective.D, q, q, v_fake.cpu().numpy())
        return Reading(objective, float(best.shift))

    def gains(self, v_real: Tensor) -> Tensor:
        """Return T at samples of P."""
        if isinstance(self.objective, WGAN):
            return v_real
        if self.objective.lipschitz is None:
            gains: Tensor = self.objective.D.activation(v_real)
            return gains
        # Any T with values in the domain of f* gives a bound, and clamping keeps the Lipschitz
        # constant of v.
        return (v_real - self.shift).clamp(max=_highest(self.objective.D))

    def losses(self, v_fake: Tensor) -> Tensor:
        """Return f*(T) at samples of Q."""
        losses: Tensor
        if isinstance(self.objective, WGAN):
            return v_fake
        if self.objective.lipschitz is None:
            losses = self.objective.D.penalty(v_fake)
        else:
            losses = self.objective.D.conjugate(self.gains(v_fake))
        return losses

    def log_ratio(self, v: Tensor) -> Tensor:
        """Return log f*′(T), which is log p/q for the optimal critic."""
        if isinstance(self.objective, WGAN):
            raise TypeError("`log_ratio` needs an `FGAN`: the best critic of W₁ does not know p/q")
        D = self.objective.D
        if self.objective.lipschitz is not None:
            ratio: Tensor = D.ratio(self.gains(v))
            return ratio.log()
        label = self.objective.real_label
        log_ratio = _log_ratio(D, v)
        if label == 1:
            return log_ratio
        # The optimal critic has f*′(T) = label·p / ((1 − label)·p + q); solve for p/q.
        return log_ratio - (label - (1 - label) * log_ratio.exp()).clamp(min=0).log()


def _log_ratio(D: Divergence, v: Tensor) -> Tensor:
    """Return log f*′(g(v)) as log of (f* ∘ g)′ / g′, since g(v) may round to the domain's end."""
    with torch.enable_grad():
        v = v.detach().requires_grad_()
        rise, slope = (
            torch.autograd.grad(formula(v, _Namespace()).sum(), v)[0]
            for formula in (D.formulas.penalty, D.formulas.activation)
        )
    found = rise.log() - slope.log()
    # Fall back to f*′ itself where both derivatives round to 0, or where f*′ is 0 or infinite.
    return torch.where(found.isfinite(), found, D.ratio(D.activation(v.detach())).log())


class _Namespace:
    """torch's namespace, with a derivative of expm1 that does not round to 0 at, say, −50.

    torch computes that derivative as expm1(x) + 1.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(xp, name)

    @staticmethod
    def expm1(x: Tensor) -> Tensor:
        result: Tensor = _Expm1.apply(x)  # type: ignore[no-untyped-call]
        return result


class _Expm1(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.expm1(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * torch.exp(x)


def _highest(D: Divergence) -> float:
    return D.conjugate_domain.largest() if D.slope < math.inf else math.inf
