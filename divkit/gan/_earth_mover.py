"""Exact earth mover's distance of two batches, with gradients by the envelope theorem.

W = min ⟨M, π⟩ is solved by `divkit.emd` on the CPU in float64. Its derivative in the costs M is
the optimal plan π, its derivative in the points follows by the chain rule, and its derivative in
the masses are the potentials. Where the optimum is not unique these are generalized gradients.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor

from divkit import _check, emd
from divkit.emd._costs.metrics import Metric
from divkit.emd._costs.metrics import metric as read_metric
from divkit.gan import _coupling
from divkit.gan._coupling import Answers, Array, Coupling, couple

# Up to this many pairs of points, dense cost matrices are formed (128 MiB in float64).
_MATRIX = 1 << 24


def earth_mover(
    x: Tensor,
    y: Tensor,
    a: Tensor | None = None,
    b: Tensor | None = None,
    metric: Any = "euclidean",
) -> Tensor:
    r"""Return the cost of the optimal transport plan from the points x to the points y.

    .. math:: W = \min_{\pi \ge 0} \Bigl\{ \sum_{ij} c(x_i, y_j) \, \pi_{ij} :
        \pi 1 = a, \pi^T 1 = b \Bigr\}

    A generator can minimize it directly, without a critic: it is finite and has a gradient
    even if the supports of the two distributions are disjoint.

    Parameters
    ----------
    x, y : tensor, shapes (..., n, d) and (..., m, d)
        The points, for example real and generated samples, flattened. Leading axes are a batch of
        independent problems.
    a, b : tensor, shapes (..., n) and (..., m), optional
        Their masses, at least 0 and of equal sum. None means uniform masses, with the same sum as
        the other argument, or 1 if both are None.
    metric : str, float or callable
        The cost: ``"euclidean"``, whose value is W₁; ``"sqeuclidean"``, whose value is W₂²;
        ``"cityblock"``, ``"chebyshev"``, a number p ≥ 1 for the p-norm, or a differentiable
        function of x and y that returns their costs, shape (..., n, m).

    Returns
    -------
    tensor, shape (...)
        On the device of the inputs and of their widest dtype, at least float32. Only first
        derivatives are available: taking a second one raises RuntimeError.

    Raises
    ------
    TypeError
        If an input is not a tensor of floats, or `metric` is not valid.
    ValueError
        If a shape does not fit, a number is nan or infinite, a mass is negative, or the masses
        differ.

    Notes
    -----
    The expected distance between minibatches exceeds the distance between the distributions, since
    even two samples of one distribution differ. The bias grows as the batch size decreases.

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
    >>> loss.item(), gan.earth_mover(x, y, metric="sqeuclidean").item()
    (2.0, 4.0)
    >>> loss.backward()
    >>> y.grad
    tensor([[0.0000, 0.5000],
            [0.0000, 0.5000]])
    """
    return couple_points(x, y, a, b, metric).value


def couple_points(
    x: Tensor,
    y: Tensor,
    a: Tensor | None = None,
    b: Tensor | None = None,
    metric: Any = "euclidean",
) -> Coupling:
    """Return the optimal plan between points, its cost and its potentials.

    Arguments and errors are those of `earth_mover`, which returns the `value` of this result.

    Examples
    --------
    >>> import torch
    >>> from divkit import gan
    >>> x = torch.tensor([[0.0], [1.0], [5.0]])
    >>> y = torch.tensor([[6.0], [0.0], [1.0]])
    >>> found = gan.couple_points(x, y)
    >>> 3 * found.plan
    tensor([[0., 1., 0.],
            [0., 0., 1.],
            [1., 0., 0.]])
    """
    x, y = _coupling.tensor("x", x), _coupling.tensor("y", y)
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
    points = _coupling.to_numpy(x), _coupling.to_numpy(y)
    _check.finite("x", points[0], np)
    _check.finite("y", points[1], np)

    def solve(a: Array | None, b: Array | None, x: Array, y: Array) -> Answers:
        pairs = x.shape[1] * y.shape[1]
        if x.shape[2] > 1 and len(x) * pairs <= _MATRIX:
            points = zip(x, y, strict=True)
            return _coupling.from_costs(a, b, np.stack([cost.all_pairs(*pair) for pair in points]))
        problems = zip(x, y, _each(a, x), _each(b, y), strict=True)
        if x.shape[2] == 1 or pairs > _MATRIX:
            return [emd.solve_points(*problem, metric) for problem in problems]
        return [emd.solve(a, b, cost.all_pairs(x, y)) for x, y, a, b in problems]

    found = _coupling.solved(solve, a, b, (x, y), points, (shapes[0][:-1], shapes[1][:-1]))
    if x.requires_grad or y.requires_grad:
        in_x, in_y = _in_points(found.answers, cost, *map(_coupling.matrices, points))
        for z, gradient in ((x, in_x), (y, in_y)):
            found = found.with_gradient(z, gradient) if z.requires_grad else found
    return found


def _each(mass: Array | None, points: Array) -> Iterable[Array | None]:
    return [None] * len(points) if mass is None else mass


def _in_points(answers: Answers, cost: Metric, x: Array, y: Array) -> tuple[Array, Array]:
    """Return the gradients of Σ π c(x, y) in x and y, for a cost that depends only on x − y."""
    problem, rows, columns, mass = _coupling.entries(answers)
    assert cost.gradient is not None  # every metric with a name has one
    pull = mass[:, None] * cost.gradient(x[problem, rows], y[problem, columns])
    in_x, in_y = np.zeros_like(x), np.zeros_like(y)
    _add(in_x.reshape(-1, x.shape[2]), problem * x.shape[1] + rows, pull)
    _add(in_y.reshape(-1, y.shape[2]), problem * y.shape[1] + columns, 0.0 - pull)
    return in_x, in_y


def _add(sums: Array, index: Array, terms: Array) -> None:
    """Add every row of `terms` to the row of `sums` at its index; `sums` must be 0 on entry."""
    order = np.argsort(index, kind="stable")
    index = index[order]
    first = np.flatnonzero(np.diff(index, prepend=-1))
    sums[index[first]] = np.add.reduceat(terms[order], first, axis=0)


def _costs(M: Any, shape: tuple[int, ...]) -> Tensor:
    if not isinstance(M, Tensor) or tuple(M.shape) != shape:
        given = tuple(M.shape) if isinstance(M, Tensor) else type(M).__name__
        raise ValueError(
            f"`metric` must return a tensor with the costs of all pairs, shape {shape}, got {given}"
        )
    return M
