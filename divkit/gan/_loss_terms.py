"""The two terms of a variational bound, E_P g(v) and E_Q f*(g(v)), as functions of tensors.

The divergence's formulas are used without its value checks, which would synchronize the device.
Catalogue formulas use torch's kernels for their shared elementary functions. Single precision is
computed in double where a formula needs it, as determined by a numerical test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import array_api_compat.torch
import torch
from torch import Tensor

from divkit.fdiv import Divergence, Family
from divkit.fdiv._formulas import Formula
from divkit.gan import _fused

# Single precision must be accurate for outputs up to this size.
_LARGE = 100.0
# At outputs of this size, the difference of the terms must not become ∞ − ∞.
_LARGEST = 1000.0


@dataclass(frozen=True)
class Terms:
    """The terms of one divergence.

    Attributes
    ----------
    activation, penalty : (v, xp) -> tensor
        As in `divkit.fdiv.Formulas`.
    xp : namespace
        The array namespace passed to the formulas.
    wide : bool
        Whether they are computed in double precision.
    """

    activation: Formula
    penalty: Formula
    xp: Any
    wide: bool

    @staticmethod
    def of(D: Divergence) -> Terms:
        """Return the terms of D."""
        formulas = D.formulas.activation, D.formulas.penalty
        # User-defined formulas may inspect the namespace, so they get the plain one of torch.
        ours = D.recipe is None or isinstance(D.recipe[0], Family)
        xp = _fused.namespace if ours else array_api_compat.torch
        wide = not all(_single_will_do(f, xp) for f in formulas) or _overflow_together(
            *formulas, xp
        )
        return Terms(*formulas, xp, wide)

    def gain(self, v: Tensor) -> Tensor:
        """Return the mean of g(v), in the precision of `wide`."""
        return self._mean(self.activation, v)

    def loss(self, v: Tensor) -> Tensor:
        """Return the mean of f*(g(v)), in the precision of `wide`."""
        return self._mean(self.penalty, v)

    def _mean(self, formula: Formula, v: Tensor) -> Tensor:
        mean: Tensor = formula(v.double() if self.wide else v, self.xp).mean()
        return mean


def _single_will_do(formula: Formula, xp: Any) -> bool:
    """Return whether single precision gives the values and derivatives of double, to rounding."""
    exact, found = (
        _with_derivative(formula, dtype, xp) for dtype in (torch.float64, torch.float32)
    )
    return all(map(_agree, found, exact))


def _overflow_together(activation: Formula, penalty: Formula, xp: Any) -> bool:
    """Return whether both terms overflow in single precision although they differ in double."""
    v = torch.tensor([-_LARGEST, _LARGEST], dtype=torch.float32, device="cpu")
    gain, loss = activation(v, xp), penalty(v, xp)
    wide = activation(v.double(), xp), penalty(v.double(), xp)
    undecided = gain.isinf() & (gain == loss)
    return bool((undecided & ~(wide[0].isinf() & (wide[0] == wide[1]))).any())


def _with_derivative(formula: Formula, dtype: torch.dtype, xp: Any) -> tuple[Tensor, Tensor]:
    with torch.inference_mode(False), torch.enable_grad():
        v = torch.linspace(-_LARGE, _LARGE, 401, dtype=dtype, device="cpu")
        value = formula(v.requires_grad_(), xp)
        (derivative,) = torch.autograd.grad(value.sum(), v)
    return value.detach(), derivative


def _agree(found: Tensor, exact: Tensor) -> bool:
    exact = exact.float()  # infinite beyond the range of single precision
    near = (found - exact).abs() <= 1e-5 * (1 + exact.abs())
    return bool(((found == exact) | near).all())
