"""Optimal transport plans of cost tensors, with a value differentiable in costs and masses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from divkit import _check, emd
from divkit._cached import cached_property
from divkit.gan import _envelope

Array = NDArray[Any]
Answers = Sequence[emd.Transport] | emd.Batch


def couple(a: Tensor | None, b: Tensor | None, M: Tensor) -> Coupling:
    """Return the optimal plan for a tensor of costs, its cost and its potentials.

    This is `divkit.emd.solve` for tensors: the optimal cost is differentiable in M, with the plan
    as its derivative, and in the masses, with the potentials.

    Parameters
    ----------
    a, b : tensor, shapes (..., n) and (..., m), or None
        Masses, at least 0 and of equal sum; None means uniform.
    M : tensor, shape (..., n, m)
        Costs; +inf forbids a pair. Leading axes are a batch of problems.

    Returns
    -------
    Coupling

    Raises
    ------
    TypeError
        If an input is not a tensor of floats.
    ValueError
        If a shape does not fit, a cost is nan or −inf, a mass is negative, the masses differ, or
        no plan avoids the forbidden pairs.

    Examples
    --------
    >>> import torch
    >>> from divkit import gan
    >>> M = torch.tensor([[0.0, 1.0], [1.0, 0.0]], requires_grad=True)
    >>> a, b = torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75])
    >>> found = gan.couple(a, b, M)
    >>> found.value.item()
    0.25
    >>> found.value.backward()
    >>> M.grad
    tensor([[0.2500, 0.2500],
            [0.0000, 0.5000]])
    """
    M = tensor("M", M)
    shape = tuple(M.shape)
    if len(shape) < 2 or 0 in shape:
        raise ValueError(
            f"`M` must have at least one row and one column, shape (..., n, m), got {shape}"
        )
    of_masses = shape[:-1], (*shape[:-2], shape[-1])
    found = solved(from_costs, a, b, (M,), (to_numpy(M),), of_masses)
    return found.with_gradient(M, _plans(found.answers)) if M.requires_grad else found


@dataclass(frozen=True, eq=False)
class Coupling:
    """The optimal plan of each problem, its cost and its potentials.

    Attributes
    ----------
    value : tensor, shape (...)
        The cost ⟨M, π⟩, differentiable.
    answers : sequence of Transport
        Plan (sparse), potentials and certificate of each problem, as returned by `divkit.emd`.
    """

    value: Tensor
    answers: Answers

    @cached_property
    def plan(self) -> Tensor:
        """The plan π, a dense tensor of shape (..., n, m), without a gradient."""
        return self._tensor(_plans(self.answers))

    @cached_property
    def f(self) -> Tensor:
        """The potential of the sources, shape (..., n), without a gradient."""
        return self._tensor(np.stack([t.f for t in self.answers]))

    @cached_property
    def g(self) -> Tensor:
        """The potential of the sinks, shape (..., m), without a gradient."""
        return self._tensor(np.stack([t.g for t in self.answers]))

    def with_gradient(self, x: Tensor, gradients: Array) -> Coupling:
        """Return a copy whose value has these derivatives in x, one array per problem."""
        return Coupling(
            _envelope.with_gradient(self.value, x, self._tensor(gradients)), self.answers
        )

    def _tensor(self, array: Array) -> Tensor:
        """Return an array with a row per problem as a tensor, in the batch shape of `value`."""
        shape = (*self.value.shape, *array.shape[1:])
        return torch.as_tensor(array.reshape(shape)).to(self.value)


def solved(
    solve: Callable[..., Answers],
    a: Tensor | None,
    b: Tensor | None,
    inputs: tuple[Tensor, ...],
    arrays: tuple[Array, ...],
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
) -> Coupling:
    """Solve all problems, and attach the gradients in the masses to their values."""
    answers = solve(*_masses(a, b, shapes), *map(matrices, arrays))
    given = [z.dtype for z in (*inputs, a, b) if z is not None]
    value = torch.tensor(
        [t.value for t in answers],
        dtype=torch.float64 if torch.float64 in given else torch.float32,
        device=inputs[0].device,
    )
    found = Coupling(value.reshape(shapes[0][:-1]), answers)
    # Potentials are unique only up to a constant. Centered, they give gradients of sum 0, so that
    # a gradient step preserves the total mass.
    if a is not None and a.requires_grad:
        found = found.with_gradient(a, np.stack([t.f - t.f.mean() for t in answers]))
    if b is not None and b.requires_grad:
        found = found.with_gradient(b, np.stack([t.g - t.g.mean() for t in answers]))
    return found


def _masses(a: Any, b: Any, shapes: Any) -> list[Array | None]:
    """Return a and b, a row for each problem, after the checks that `divkit.emd` does not make."""
    rows: list[Array | None] = []
    for name, mass, shape in zip("ab", (a, b), shapes, strict=True):
        if mass is None:
            rows.append(None)
            continue
        if tuple(tensor(name, mass).shape) != shape:
            raise ValueError(
                f"`{name}` must have shape {shape}, one mass per point, got {tuple(mass.shape)}"
            )
        array = to_numpy(mass)
        _check.nonnegative(name, array, np)
        rows.append(array.reshape(-1, shape[-1]))
    if a is not None and b is not None:
        # Sums of masses may differ by the rounding of the input dtype, e.g. half precision.
        rounding = _check.rounding(a, b)
        pairs = zip(*rows, strict=True)
        rows[1] = np.stack([_check.balanced(one, other, rounding) for one, other in pairs])
    return rows


def from_costs(a: Array | None, b: Array | None, M: Array) -> Answers:
    """Solve a batch of problems given by cost matrices."""
    if len(M) == 1:
        return [emd.solve(None if a is None else a[0], None if b is None else b[0], M[0])]
    return emd.solve_batch(a, b, M)


def entries(answers: Answers) -> tuple[Array, Array, Array, Array]:
    """Return problem, row, column and mass of every nonzero entry of the plans."""
    if isinstance(answers, emd.Batch):
        problem, rows, columns = np.nonzero(answers.plans)
        return problem, rows, columns, answers.plans[problem, rows, columns]
    plans = [t.plan.tocoo() for t in answers]
    problem = np.repeat(np.arange(len(plans)), [plan.nnz for plan in plans])
    rows, columns = np.concatenate([plan.coords for plan in plans], axis=1)
    return problem, rows, columns, np.concatenate([plan.data for plan in plans])


def _plans(answers: Answers) -> Array:
    if isinstance(answers, emd.Batch):
        return answers.plans
    return np.stack([t.plan.toarray() for t in answers])


def tensor(name: str, x: object) -> Tensor:
    """Return `x`, which must be a tensor of floats."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        given = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"`{name}` must be a torch tensor of floats, got {given}")
    return x


def to_numpy(x: Tensor) -> Array:
    """Return a detached NumPy array in double precision."""
    array: Array = x.detach().to("cpu", torch.float64).numpy()
    return array


def matrices(array: Array) -> Array:
    """Return the array with its batch axes flattened into one."""
    return array.reshape(-1, *array.shape[-2:])
