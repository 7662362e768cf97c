"""A transport problem as given, and the same problem on a scale that suits every solver.

Solvers have absolute tolerances. Here the weights are scaled to a mass near 1, by a power of two,
which is exact and can be undone exactly; `divkit.emd._backends.refine` scales the costs.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from divkit import _check
from divkit.emd._costs import sparse_costs
from divkit.emd._costs.costs import MatrixCosts, in_pieces
from divkit.emd._costs.sparse_costs import SparseCosts
from divkit.emd._solver_types import Answer, Indices, Matrix, Vector


def read_sparse(a: Any, b: Any, M: Any) -> tuple[Vector, Vector, SparseCosts]:
    """Return what `read` does, for a SciPy sparse matrix or array of the allowed pairs."""
    costs = sparse_costs.read(M)
    source, sink = weights(a, b, costs.shape, ("row of `M`", "column of `M`"))
    require_range(source, costs.largest)
    return source, sink, costs


def is_sparse(M: Any) -> bool:
    """Return whether `M` is from `scipy.sparse`, without importing that."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(M))


def read(a: Any, b: Any, M: Any) -> tuple[Vector, Vector, MatrixCosts]:
    """Return weights of equal mass and the costs, or raise an error that says what is wrong.

    Weights are read by `weights`. A NumPy matrix of float64 or float32 is not copied.
    """
    if is_sparse(M):
        raise TypeError(
            "`M` must be a dense matrix here, got a sparse one: method='simplex' takes it, and "
            "elsewhere +inf stands for a forbidden pair"
        )
    matrix = _check.matrix("M", M)
    largest_of_pieces: list[float] = []

    def piece(start: int, stop: int) -> None:
        largest_of_pieces.append(_check.largest_cost("M", matrix[start:stop], start))

    in_pieces(piece, *matrix.shape)
    costs = MatrixCosts(matrix, max(largest_of_pieces))
    source, sink = weights(a, b, costs.shape, ("row of `M`", "column of `M`"))
    require_range(source, costs.largest)
    return source, sink, costs


def weights(
    a: Any, b: Any, shape: tuple[int, int], atoms: tuple[str, str]
) -> tuple[Vector, Vector]:
    """Return weights of equal mass, in float64; error messages call the atoms by `atoms`.

    `None` weights are uniform, with the mass of the other side (1 if both are `None`). Masses
    that differ by rounding only (a relative sqrt(eps) of the coarser float type) are made equal
    by rescaling `b`.
    """
    n, m = shape
    source = None if a is None else _check.weights("a", a, n, atoms[0])
    sink = None if b is None else _check.weights("b", b, m, atoms[1])
    mass = next((float(side.sum()) for side in (source, sink) if side is not None), 1.0)
    source = np.full(n, mass / n) if source is None else source
    sink = np.full(m, mass / m) if sink is None else sink
    return source, _check.balanced(source, sink, _check.rounding(a, b))


def require_range(a: Vector, largest_cost: float) -> None:
    """Raise ValueError if mass times cost may leave the range of float64."""
    mass = float(a.sum())
    if not -1074 <= sum(np.frexp([mass, largest_cost])[1]) <= 1000:
        raise ValueError(
            f"the value of a plan must fit into float64, got mass {mass:g} and costs up to "
            f"{largest_cost:g}: rescale one of them by a power of two"
        )


class Scaled(NamedTuple):
    """The problem without its massless atoms, mass in [1/2, 1)."""

    a: Vector
    b: Vector
    M: Matrix
    rows: Indices
    columns: Indices
    mass_exponent: int

    def unscaled(self, answer: Answer, shape: tuple[int, int]) -> Answer:
        """Return an answer to the original problem, where massless atoms get potential 0."""
        f, g = np.zeros(shape[0]), np.zeros(shape[1])
        f[self.rows], g[self.columns] = answer.f, answer.g
        return answer._replace(
            rows=self.rows[answer.rows],
            columns=self.columns[answer.columns],
            mass=np.ldexp(answer.mass, self.mass_exponent),
            f=f,
            g=g,
        )


def scale(a: Vector, b: Vector, costs: MatrixCosts) -> Scaled:
    """Return the scaled problem, which `divkit.emd._backends.refine` solves."""
    rows, columns = np.flatnonzero(a), np.flatnonzero(b)
    cost = costs.M[np.ix_(rows, columns)].astype(np.float64, copy=False)
    exponent = int(np.frexp(a.sum())[1])
    a, b = np.ldexp(a[rows], -exponent), np.ldexp(b[columns], -exponent)
    return Scaled(a, b, cost, rows, columns, exponent)
