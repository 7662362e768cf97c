"""Transport for the shortest-path metric of a graph as a flow along its arcs, with certificate.

W = min Σ ℓ x over flows x ≥ 0 along arcs of lengths ℓ with out-flow − in-flow = a − b (Beckmann),
and W = max Σ (a − b) u over u with u_v − u_w ≤ ℓ on every arc from v to w (Kantorovich and
Rubinstein). Both programs have the size of the graph, not of the matrix of all distances. If the
constraints on u hold on every arc they hold for every pair of nodes, by summation along paths.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from divkit._errors import ConvergenceError
from divkit._forks import loading
from divkit.emd._certificate.acceptance import (
    FINE_ROUNDING,
    fine_rounding,
    is_rounding,
    weights_are_right,
)
from divkit.emd._certificate.certify import marginal_error
from divkit.emd._certificate.double_double import DoubleDouble, reduced
from divkit.emd._certificate.measure import total
from divkit.emd._flow import flow_paths, lipschitz
from divkit.emd._flow.cheapest_flow import Network, Optimum, cheapest
from divkit.emd._solver_types import Indices, Vector
from divkit.emd._transport import Transport

# Shifts of the potentials are rounded to so many bits relative to the largest, so that integers
# stay exact.
_DIGITS = 30


def solve(
    a: Vector,
    b: Vector,
    network: Network,
    component: Indices,
    *,
    method: str,
    limit: int | None,
    largest: float | None = None,
) -> Transport:
    """Return the answer with its certificate; the plan is computed on demand.

    Parameters
    ----------
    a, b : array, shape (nodes,)
        Weights of equal mass in every component.
    network : Network
        The graph, with lengths at least 0.
    component : array of int, shape (nodes,)
        The number of the component that each node is in.
    method : str
        The name to record.
    limit : int, optional
        The largest number of pivots of one run of the simplex method.
    largest : float, optional
        The largest distance, if it is known. Otherwise violations are relative to the largest
        difference of potentials, which is no larger.

    Raises
    ------
    NoPlanError
        If the arcs cannot carry a to b.
    ConvergenceError
        If the simplex method does not end, or its answer is not optimal to rounding.
    """
    # Scale so that no product or sum leaves the range of float64, by powers of two: exactly.
    mass_exponent, cost_exponent = int(np.frexp(a.sum())[1]), _middle_exponent(network.lengths)
    a, b = np.ldexp(a, -mass_exponent), np.ldexp(b, -mass_exponent)
    mass = float(a.sum())
    network = network._replace(lengths=np.ldexp(network.lengths, -cost_exponent))

    supply = _supply(a, b, component)
    for fine in (False, True):
        optimum = cheapest(supply, network, mass, limit, fine=fine)
        measure = _measured(a, b, network, component, optimum)
        if measure.exact:
            break
    f = measure.f.high
    distance = _range(f, component) if largest is None else np.ldexp(largest, -cost_exponent)
    f = np.ldexp(f, cost_exponent)

    def unscaled(value: float) -> float:
        return float(np.ldexp(value, mass_exponent + cost_exponent))

    t = Transport(
        value=unscaled(measure.value),
        dual_value=unscaled(measure.value - measure.gap),
        gap=unscaled(measure.gap),
        primal_residual=measure.error / mass,
        dual_residual=measure.rounded / (float(distance) or 1.0),
        method=method,
        iterations=optimum.pivots,
        shape=(a.size, b.size),
        _plan=partial(_plan, supply, np.minimum(a, b), optimum, mass_exponent),
        _potentials=(f, -f),
    )
    if not (measure.exact and weights_are_right(t.primal_residual, 1.0)):
        raise ConvergenceError(
            f"the simplex left a gap of {t.gap:.1e} at a value of {t.value:.6g}, and an error of "
            f"{t.primal_residual:.1e} in the weights: the lengths differ by more than can be told"
        )
    return t


class _Measure(NamedTuple):
    """A potential, and how far it and a flow are from an optimum."""

    f: DoubleDouble
    rounded: float  # by how much `f.high` may violate a length
    value: float
    gap: float
    error: float  # the largest marginal error
    exact: bool


def _measured(
    a: Vector, b: Vector, network: Network, component: Indices, optimum: Optimum
) -> _Measure:
    f, rounded = _potential(a, b, network, component, optimum.potential)
    tails, heads, mass = optimum.tails, optimum.heads, optimum.mass
    nodes = np.arange(a.size)
    atoms = np.concatenate([tails, heads, nodes])
    error = marginal_error(atoms, np.concatenate([mass, -mass, b]), a)
    slack = total(mass * reduced(optimum.lengths, f[tails], -f[heads]))
    fault = total(f.high * error, f.low * error)
    paid = total(mass * optimum.lengths)
    size = paid + total(a * np.abs(f.high), b * np.abs(f.high))
    slack += fine_rounding(paid, size)
    exact = is_rounding(slack, fault, paid, size, 16 * FINE_ROUNDING * size)
    return _Measure(f, rounded, paid, slack + fault, float(np.abs(error).max()), exact)


def _middle_exponent(lengths: Vector) -> int:
    """Return the binary exponent halfway between those of the shortest and the longest arc."""
    positive = lengths[lengths > 0]
    if not positive.size:
        return 0
    return int(np.frexp([positive.min(), positive.max()])[1].sum()) // 2


def _supply(a: Vector, b: Vector, component: Indices) -> Vector:
    """Return a − b, made to sum to 0 in each component at the expense of its heaviest node."""
    supply = a - b
    order = np.argsort(a, kind="stable")
    heaviest = np.empty(component.max() + 1, np.intp)
    heaviest[component[order]] = order  # the last assignment wins
    for _ in range(2):  # again, as the correction is rounded, too
        supply[heaviest] -= marginal_error(component, supply, np.zeros(heaviest.size))
    return supply


def _potential(
    a: Vector, b: Vector, network: Network, component: Indices, potential: DoubleDouble
) -> tuple[DoubleDouble, float]:
    """Return a potential with f_v − f_w ≤ d(v, w), and by how much its `high` may violate that.

    It is shifted so that Σ a f = −Σ b f in each component.
    """
    high, low = potential.high.copy(), potential.low.copy()
    order = np.argsort(high, kind="stable")
    lipschitz.lower(network.start, network.heads, network.lengths, order, high, low)
    of_nodes = a + b
    of_components = np.bincount(component, of_nodes)
    shift = np.divide(
        -np.bincount(component, of_nodes * high),
        of_components,
        out=np.zeros_like(of_components),
        where=of_components > 0,
    )
    unit = np.ldexp(1.0, int(np.frexp(np.abs(high).max())[1]) - _DIGITS)
    shift = (np.rint(shift / unit) * unit)[component]
    potential = DoubleDouble(high, low).plus(shift)
    return potential, 2 * float(np.abs(potential.low).max())


def _range(f: Vector, component: Indices) -> float:
    """Return the largest difference of potentials within a component."""
    most, least = np.full((2, component.max() + 1), -np.inf)
    np.maximum.at(most, component, f)
    np.maximum.at(least, component, -f)
    return float((most + least).max())


def _plan(supply: Vector, stays: Vector, optimum: Optimum, mass_exponent: int) -> Any:
    """Return the plan of a flow: its paths, and the mass common to a and b, which stays."""
    with loading:
        from scipy.sparse import coo_array

    nodes = supply.size
    order = np.argsort(optimum.tails, kind="stable")
    start = np.append(0, np.cumsum(np.bincount(optimum.tails, minlength=nodes)))
    rows, columns, mass = flow_paths.paths(supply, start, optimum.heads[order], optimum.mass[order])
    still = np.flatnonzero(stays)
    entries = np.ldexp(np.concatenate([stays[still], mass]), mass_exponent)
    places = np.concatenate([still, rows]), np.concatenate([still, columns])
    return coo_array((entries, places), shape=(nodes, nodes)).tocsr()
