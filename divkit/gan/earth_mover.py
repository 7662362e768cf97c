"""The earth mover's distance of two batches: exact, with the gradient of the envelope theorem.

W = min ⟨M, π⟩ is solved by `divkit.emd` on the CPU in float64. Its derivative in the costs M is
the best plan π, in the points through them, and in the masses the potentials: where the optimum
is unique these are the derivatives, otherwise subgradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from divkit import _check, emd
from divkit.emd.metrics import Metric
from divkit.emd.metrics import metric as read_metric
from divkit.gan.envelope import with_gradient

Array = NDArray[Any]

# Up to so many pairs of points a cost matrix is made, of 128 MiB then.
_MATRIX = 1 << 24


def earth_mover(
    x: Tensor,
    y: Tensor,
    a: Tensor | None = None,
    b: Tensor | None = None,
    metric: Any = "sqeuclidean",
) -> Tensor:
    r"""Return the cost of the cheapest plan that carries the points x to the points y.

    .. math:: W = \min_{\pi \ge 0} \Bigl\{ \sum_{ij} c(x_i, y_j) \, \pi_{ij} :
        \pi 1 = a, \pi^T 1 = b \Bigr\}

    A generator may minimise it as it is, without a critic: it is finite and has a gradient
    wherever the samples lie.

    Parameters
    ----------
    x, y : tensor, shapes (..., n, d) and (..., m, d)
        The points, for example real and generated samples, flattened. Leading axes are a batch of
        problems, solved one by one.
    a, b : tensor, shapes (..., n) and (..., m), optional
        Their masses, at least 0 and of equal sum. None is uniform, with the mass of the other, or
        1.
    metric : str, float or callable
        The cost: ``"sqeuclidean"``, ``"euclidean"``, ``"cityblock"``, ``"chebyshev"``, a number
        p ≥ 1 for the p-norm, or a differentiable function of x and y that returns their costs,
        shape (..., n, m).

    Returns
    -------
    tensor, shape (...)
        On the device of the inputs and of their widest type, float32 at least. Of first
        derivatives only: taking a second raises RuntimeError.

    Raises
    ------
    TypeError
        If an input is not a tensor of floats, or the metric is none.
    ValueError
        If a shape does not fit, a number is nan or infinite, a mass is negative, or the masses
        differ.

    Notes
    -----
    Two samples of the same distribution are some way apart: the mean over minibatches is above the
    distance of the distributions, the more so the smaller they are.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", sections 2.3 and 9.1.

    Examples
    --------
    >>> import torch
    >>> from divkit import gan
    >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    >>> y = torch.tensor([[1.0, 2.0], [0.0, 2.0]], requires_grad=True)
    >>> loss = gan.earth_mover(x, y)
    >>> loss.item()
    4.0
    >>> loss.backward()
    >>> y.grad
    tensor([[0., 2.],
            [0., 2.]])
    """
    return couple_points(x, y, a, b, metric).value


def couple_points(
    x: Tensor,
    y: Tensor,
    a: Tensor | None = None,
    b: Tensor | None = None,
    metric: Any = "sqeuclidean",
) -> Coupling:
    """Return the cheapest plan between points, its cost and its potentials.

    Takes and refuses what `earth_mover` does, which is its `value`.

    Examples
    --------
    >>> import torch
    >>> from divkit import gan
    >>> x = torch.tensor([[0.0], [1.0], [5.0]])
    >>> y = torch.tensor([[6.0], [0.0], [1.0]])
    >>> found = gan.couple_points(x, y, metric="euclidean")
    >>> 3 * found.plan
    tensor([[0., 1., 0.],
            [0., 0., 1.],
            [1., 0., 0.]])
    """
    x, y = _tensor("x", x), _tensor("y", y)
    shapes = tuple(x.shape), tuple(y.shape)
    if x.ndim < 2 or y.ndim < 2 or 0 in (*shapes[0], *shapes[1]):
        raise ValueError(
            "`x` and `y` must hold at least one point each, shapes (..., n, d) and (..., m, d), "
            f"got {shapes[0]} and {shapes[1]}: flatten samples, and use `x[:, None]` for points "
            "on a line"
        )
    if (*shapes[0][:-2], shapes[0][-1]) != (*shapes[1][:-2], shapes[1][-1]):
        raise ValueError(
            "`x` and `y` must agree in all but the axis of the points, the last but one, got "
            f"shapes {shapes[0]} and {shapes[1]}"
        )
    if callable(metric):
        return couple(a, b, _costs(metric(x, y), (*shapes[0][:-1], shapes[1][-2])))
    cost = read_metric(metric)
    points = _numpy(x), _numpy(y)
    _check.finite("x", points[0], np)
    _check.finite("y", points[1], np)

    def solve(a: Array | None, b: Array | None, x: Array, y: Array) -> emd.Transport:
        if x.shape[1] == 1 or len(x) * len(y) > _MATRIX:
            return emd.solve_points(x, y, a, b, metric)
        return emd.solve(a, b, cost.all_pairs(x, y))

    found = _solved(solve, a, b, (x, y), points, (shapes[0][:-1], shapes[1][:-1]))
    if x.requires_grad or y.requires_grad:
        problems = zip(found.answers, *map(_matrices, points), strict=True)
        in_x, in_y = zip(*(_in_points(t, cost, *pair) for t, *pair in problems), strict=True)
        found = found.with_gradient(x, in_x).with_gradient(y, in_y)
    return found


def couple(a: Tensor | None, b: Tensor | None, M: Tensor) -> Coupling:
    """Return the cheapest plan for a tensor of costs, its cost and its potentials.

    It is `divkit.emd.solve` for tensors: the cost is differentiable in M, where its derivative is
    the plan, and in the masses.

    Parameters
    ----------
    a, b : tensor, shapes (..., n) and (..., m), or None
        Masses, at least 0 and of equal sum; None is uniform.
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
    M = _tensor("M", M)
    shape = tuple(M.shape)
    if len(shape) < 2 or 0 in shape:
        raise ValueError(
            f"`M` must have at least one row and one column, shape (..., n, m), got {shape}"
        )
    of_masses = shape[:-1], (*shape[:-2], shape[-1])
    found = _solved(emd.solve, a, b, (M,), (_numpy(M),), of_masses)
    return found.with_gradient(M, (t.plan.toarray() for t in found.answers))


@dataclass(frozen=True, eq=False)
class Coupling:
    """The cheapest plan of each problem, its cost and its potentials.

    Attributes
    ----------
    value : tensor, shape (...)
        The cost ⟨M, π⟩, differentiable.
    answers : tuple of Transport
        Plan (sparse), potentials and certificate of each problem, as `divkit.emd` gives them.
    """

    value: Tensor
    answers: tuple[emd.Transport, ...]

    @cached_property
    def plan(self) -> Tensor:
        """The plan π, a dense tensor of shape (..., n, m), without a gradient."""
        return self._tensor(t.plan.toarray() for t in self.answers)

    @cached_property
    def f(self) -> Tensor:
        """The potential of the sources, shape (..., n), without a gradient."""
        return self._tensor(t.f for t in self.answers)

    @cached_property
    def g(self) -> Tensor:
        """The potential of the sinks, shape (..., m), without a gradient."""
        return self._tensor(t.g for t in self.answers)

    def with_gradient(self, x: Tensor, gradients: Any) -> Coupling:
        """Return the same with a gradient in x, an array for each problem."""
        if not x.requires_grad:
            return self
        gradient = self._tensor(gradients)
        return Coupling(with_gradient(self.value, x, gradient), self.answers)

    def _tensor(self, arrays: Any) -> Tensor:
        array = np.stack(list(arrays))
        shape = (*self.value.shape, *array.shape[1:])
        return torch.as_tensor(array.reshape(shape)).to(self.value)


def _solved(
    solve: Callable[..., emd.Transport],
    a: Tensor | None,
    b: Tensor | None,
    inputs: tuple[Tensor, ...],
    arrays: tuple[Array, ...],
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
) -> Coupling:
    """Return the answers to all problems, with their gradients in the masses."""
    masses = zip(*_masses(a, b, shapes), strict=True)
    problems = zip(masses, *map(_matrices, arrays), strict=True)
    answers = tuple(solve(*pair, *others) for pair, *others in problems)
    given = [z.dtype for z in (*inputs, a, b) if z is not None]
    value = torch.tensor(
        [t.value for t in answers],
        dtype=torch.float64 if torch.float64 in given else torch.float32,
        device=inputs[0].device,
    )
    found = Coupling(value.reshape(shapes[0][:-1]), answers)
    # Potentials are free up to a constant. This one leaves the sum of the masses as it is.
    if a is not None:
        found = found.with_gradient(a, (t.f - t.f.mean() for t in answers))
    if b is not None:
        found = found.with_gradient(b, (t.g - t.g.mean() for t in answers))
    return found


def _masses(a: Any, b: Any, shapes: Any) -> list[list[Any]]:
    """Return a and b of every problem, checked as far as `divkit.emd` does not check them."""
    lists: list[list[Any]] = []
    for name, mass, shape in zip("ab", (a, b), shapes, strict=True):
        if mass is not None and tuple(_tensor(name, mass).shape) != shape:
            raise ValueError(
                f"`{name}` must have shape {shape}, one mass per point, got {tuple(mass.shape)}"
            )
        count = math.prod(shape[:-1])
        if mass is None:
            lists.append([None] * count)
            continue
        array = _numpy(mass)
        _check.nonnegative(name, array, np)
        lists.append(list(array.reshape(count, -1)))
    if a is not None and b is not None:
        rounding = _check.rounding(a, b)
        pairs = zip(*lists, strict=True)
        lists[1] = [_check.balanced(a_one, b_one, rounding) for a_one, b_one in pairs]
    return lists


def _in_points(t: emd.Transport, cost: Metric, x: Array, y: Array) -> tuple[Array, Array]:
    """Return the gradients of Σ π c(x, y), for a cost that depends on x − y."""
    plan = t.plan.tocoo()
    rows, columns = plan.coords
    assert cost.gradient is not None  # every metric with a name has one
    pull = plan.data[:, None] * cost.gradient(x[rows], y[columns])
    in_x, in_y = np.zeros_like(x), np.zeros_like(y)
    np.add.at(in_x, rows, pull)
    np.subtract.at(in_y, columns, pull)
    return in_x, in_y


def _costs(M: Any, shape: tuple[int, ...]) -> Tensor:
    if not isinstance(M, Tensor) or tuple(M.shape) != shape:
        given = tuple(M.shape) if isinstance(M, Tensor) else type(M).__name__
        raise ValueError(
            f"`metric` must return a tensor with the costs of all pairs, shape {shape}, got {given}"
        )
    return M


def _tensor(name: str, x: object) -> Tensor:
    if not isinstance(x, Tensor) or not x.is_floating_point():
        given = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"`{name}` must be a torch tensor of floats, got {given}")
    return x


def _numpy(x: Tensor) -> Array:
    array: Array = x.detach().to("cpu", torch.float64).numpy()
    return array


def _matrices(array: Array) -> Array:
    return array.reshape(-1, *array.shape[-2:])
