"""Between an f-divergence and an earth mover's distance: bounds with Lipschitz critics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from divkit import _check
from divkit._check import Array
from divkit._errors import ConvergenceError
from divkit.fdiv._divergence import Divergence
from divkit.fdiv.bounds._variational import shifted

Vector = NDArray[np.float64]

# A cost larger than the sum of all others.
_PROHIBITIVE = 1e300
_ROUNDS = 80
_ENOUGH = 1e-10  # the relative gap at which no more cuts are added
_PROMISED = 1e-7


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Primal and dual values of a divergence with Lipschitz critics.

    Attributes
    ----------
    value : float
        D(η‖Q) + L·W₁(P, η), an upper bound of the divergence.
    dual_value : float
        E_P g − inf_ν (ν + E_Q f*(g−ν)), a lower bound of the divergence.
    between : array, shape (n,)
        The distribution η, to which P is moved at cost L·W₁ and which is compared with Q.
    critic : array, shape (n,)
        The critic g, L-Lipschitz.
    """

    value: float
    dual_value: float
    between: Vector
    critic: Vector

    @property
    def gap(self) -> float:
        """Return value − dual_value, which bounds the error of both."""
        return self.value - self.dual_value


def interpolated(
    D: Divergence, p: Array, q: Array, M: Array, lipschitz: float = 1.0
) -> Interpolation:
    """Return the (f, Γ)-divergence of Lipschitz critics: primal, dual and their gap [1]_.

    It is sup over L-Lipschitz g of E_P g − inf_ν (ν + E_Q f*(g−ν)), and equally inf over η of
    D(η‖Q) + L·W₁(P, η). It is at most D(P‖Q) and at most f(1) + L·W₁(P, Q), tends to D(P‖Q) as L
    grows, and is finite even where D(P‖Q) is not. This is for small problems: the cutting-plane
    method solves a sequence of linear programs with n² variables.

    Parameters
    ----------
    D : Divergence
        Any f-divergence.
    p, q : array, shape (n,)
        Probabilities of the same n atoms.
    M : array, shape (n, n)
        The distances between them: finite, 0 on the diagonal, satisfying the triangle inequality.
    lipschitz : float
        The constant L, positive.

    Returns
    -------
    Interpolation

    Raises
    ------
    TypeError
        If an input is not a real array.
    ValueError
        If p and q are not distributions of the same length or M is not a metric.
    ConvergenceError
        If the gap stays above a relative 1e-7.

    References
    ----------
    .. [1] J. Birrell, P. Dupuis, M. A. Katsoulakis, Y. Pantazis, L. Rey-Bellet,
       "(f, Γ)-divergences: interpolating between f-divergences and integral probability metrics",
       J. Machine Learning Research 23 (2022).

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import bounds
    >>> p, q, M = [1.0, 0.0], [0.0, 1.0], [[0.0, 1.0], [1.0, 0.0]]
    >>> float(fdiv.kl(p, q))
    inf
    >>> found = bounds.interpolated(fdiv.kl, p, q, M, lipschitz=2.0)
    >>> round(found.value, 9), found.gap < 1e-9  # all is moved
    (2.0, True)
    """
    D(p, q)  # validates p and q
    p, q = (_check.real(name, x, np) for name, x in (("p", p), ("q", q)))
    for name, x in (("p", p), ("q", q)):
        if x.ndim != 1:
            raise ValueError(f"`{name}` must be one distribution, shape (n,), got {x.shape}")
    M = _metric(M, len(p))
    lipschitz = _check.real_number("lipschitz", lipschitz)
    if not 0 < lipschitz < math.inf:
        raise ValueError(f"`lipschitz` must be positive and finite, got {lipschitz!r}")
    # Capped at a cost at which nothing is moved.
    costs = lipschitz * np.minimum(M.astype(np.float64), _PROHIBITIVE / lipschitz)
    problem = _Problem(D, p / p.sum(), q / q.sum(), costs)
    return problem.solve()


class _Problem:
    """Minimize ⟨C, π⟩ + Σ φ_j(η_j) over plans π from P to η, with φ_j(η) = q_j f(η/q_j).

    Each convex φ_j is replaced by its tangents at some ratios u; another tangent is added at the
    optimum of that linear program, and so on.
    """

    def __init__(self, D: Divergence, p: Vector, q: Vector, C: Vector) -> None:
        self.D, self.p, self.q, self.C = D, p, q, C
        self.inside = np.flatnonzero(q > 0)  # the atoms with tangents
        # Elsewhere φ is linear, with the slope f′(∞); no mass may go where that is infinite.
        self.open = (q > 0) | (D.slope < math.inf)

    def solve(self) -> Interpolation:
        n = len(self.p)
        start = np.geomspace(1 / 64, 64, 13)
        atoms, ratios = np.repeat(self.inside, len(start)), np.tile(start, len(self.inside))
        smallest = np.full(n, start[0])
        value, between = math.inf, self.p
        dual, critic = -math.inf, np.zeros(n)
        for _ in range(_ROUNDS):
            plan, prices = self._linear_program(atoms, ratios)
            eta = plan.sum(axis=0)
            primal = float(np.sum(self.C * plan)) + float(self.D(eta, self.q, normalize=True))
            if primal < value:
                value, between = primal, eta
            g = np.min(self.C[:, self.open] + prices[self.open], axis=1)
            lower = self._dual_value(g)
            if lower > dual:
                dual, critic = lower, g
            if _meet(value, dual, _ENOUGH):
                break
            new = eta[self.inside] / self.q[self.inside]
            if self.D.derivative_at_zero == -math.inf:
                # There is no tangent at 0: approach it step by step.
                smallest[self.inside] = np.where(
                    new > 0, smallest[self.inside], smallest[self.inside] / 16
                )
                new = np.where(new > 0, new, smallest[self.inside])
            atoms, ratios = np.concatenate([atoms, self.inside]), np.concatenate([ratios, new])
        if not _meet(value, dual, _PROMISED):
            raise ConvergenceError(
                f"the two sides must meet, got {value!r} and {dual!r}: rescale `M`, or merge atoms"
            )
        return Interpolation(value, dual, between, critic)

    def _linear_program(self, atoms: NDArray[np.intp], ratios: Vector) -> tuple[Vector, Vector]:
        """Return the optimal plan, and for each atom the slope of φ there."""
        from scipy.optimize import linprog
        from scipy.sparse import csr_array

        n, D = len(self.p), self.D
        slopes, levels = D.derivative(ratios), D.generator(ratios)
        usable = np.isfinite(slopes) & np.isfinite(levels)
        atoms, ratios = atoms[usable], ratios[usable]
        slopes, levels = slopes[usable], levels[usable]
        # Variables: π row by row, then a height for each atom.
        linear = np.where(self.q > 0, 0.0, min(D.slope, _PROHIBITIVE))
        cost = np.concatenate([(self.C + linear).ravel(), np.ones(n)])
        upper = np.where(self.open, np.inf, 0.0)
        low = np.concatenate([np.zeros(n * n), np.where(self.q > 0, -np.inf, 0.0)])
        high = np.concatenate([np.tile(upper, n), np.where(self.q > 0, np.inf, 0.0)])
        cost[: n * n][high[: n * n] == 0] = 0.0
        rows = np.repeat(np.arange(n), n)
        leaves = csr_array((np.ones(n * n), (rows, np.arange(n * n))), shape=(n, n * n + n))
        # f′(u) η − z ≤ q (u f′(u) − f(u))
        k = np.arange(len(atoms))
        entries = np.concatenate([np.repeat(slopes, n), -np.ones(len(k))])
        places = np.concatenate([(atoms[:, None] + n * np.arange(n)).ravel(), n * n + atoms])
        tangents = csr_array(
            (entries, (np.concatenate([np.repeat(k, n), k]), places)), shape=(len(k), n * n + n)
        )
        options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
        found = linprog(
            cost,
            A_ub=tangents,
            b_ub=self.q[atoms] * (ratios * slopes - levels),
            A_eq=leaves,
            b_eq=self.p,
            bounds=np.stack([low, high], axis=1),
            method="highs",
            options=options,
        )
        if found.status != 0:
            raise ConvergenceError(f"HiGHS found no optimum: {found.message}")
        prices = np.where(self.q > 0, 0.0, D.slope)
        np.add.at(prices, atoms, -found.ineqlin.marginals * slopes)
        return np.maximum(found.x[: n * n].reshape(n, n), 0.0), prices

    def _dual_value(self, g: Vector) -> float:
        return float(shifted(self.D, self.p, self.q, g).value)


def _meet(value: float, dual: float, tolerance: float) -> bool:
    # All of P can be moved at finite cost, so an infinite value is only a provisional one.
    return value < math.inf and value - dual <= tolerance * (1 + abs(value))


def _metric(M: Any, n: int) -> Vector:
    distances: Vector = _check.cost_matrix("M", M)
    if distances.shape != (n, n):
        raise ValueError(f"`M` must have shape ({n}, {n}), as there are {n} atoms, got {M.shape}")
    if not np.all(np.isfinite(distances)) or np.any(np.diag(distances) != 0):
        raise ValueError("`M` must hold finite distances, with 0 on the diagonal")
    slack = 1e-9 * float(distances.max())
    for j in range(n):
        shorter = distances > distances[:, j, None] + distances[j] + slack
        if shorter.any():
            i, k = (int(x) for x in np.argwhere(shorter)[0])
            raise ValueError(
                f"`M` must satisfy the triangle inequality, got M[{i}, {k}] = {distances[i, k]:g}, "
                f"longer than over {j}: use shortest paths, scipy.sparse.csgraph.shortest_path"
            )
    return distances
