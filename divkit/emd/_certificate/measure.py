"""The gap between a plan and potentials, and whether it is due to rounding.

The gap is the slack on the plan's arcs, Σ π_ij (M_ij − f_i − g_j), plus the errors in the marginals
times the potentials. In float64 it is known up to a few roundings of all its terms. Where these are
negligible against the cost of the plan, they are ignored. Where they are not, because potentials
are much larger than the costs on the plan's arcs, they are added to the gap; and where they might
hide whether the plan is optimal, everything is computed in double-double arithmetic (32 digits).
"""

from __future__ import annotations

import math
from itertools import chain
from typing import NamedTuple

import numpy as np

from divkit._compensated import two_product
from divkit.emd._certificate import tight_potentials
from divkit.emd._certificate.acceptance import (
    FINE_ROUNDING,
    HARMLESS,
    NEGLIGIBLE,
    OF_SIZE,
    ROUNDING,
    fine_rounding,
    is_rounding,
)
from divkit.emd._certificate.double_double import DoubleDouble, reduced
from divkit.emd._certificate.tight_potentials import Slacks
from divkit.emd._costs.costs import Costs, MatrixCosts
from divkit.emd._solver_types import Indices, Vector

# Atoms of the smaller side up to which it takes no time to start from potentials of 0.
_FEW = 1 << 8
# Atoms of a side in the sample from which `least_steps` is estimated.
_SAMPLE = 1 << 7
# Pairs up to which the gap has to be small against the cost of the plan, however small that is. For
# more pairs, where rounding would hide that, the scale is `least_steps` instead.
_MOST_PAIRS = 1 << 16
_EPS = float(np.finfo(np.float64).eps)
# Terms that `math.fsum` adds up in a few milliseconds; more are first added up plainly, in blocks.
_MANY = 1 << 16
_BLOCK = 1 << 7


class Carried(NamedTuple):
    """A problem and a plan for it, given by the pairs that carry mass.

    Masses are in units of 2**exponent, in which the total mass is about 1.
    """

    exponent: int

    a: Vector
    b: Vector
    costs: Costs
    rows: Indices
    columns: Indices
    mass: Vector
    cost: Vector  # of these pairs
    row_error: Vector  # the row sums of the plan minus the weights of the sources
    column_error: Vector


class Measure(NamedTuple):
    """How far a plan and potentials are from an optimum, in the original units of mass."""

    f: Vector
    g: Vector
    value: float
    dual_value: float
    gap: float
    exact: bool  # whether the gap is due to rounding
    widened: bool  # whether a bound on rounding, which is not negligible, is added to the gap
    hidden: bool  # whether rounding might hide that the plan is not optimal
    untold: bool = False  # whether it is exact only because 32 digits cannot tell


def in_float64(plan: Carried, f: Vector, g: Vector) -> Measure:
    """Measure a plan, and potentials that are feasible up to rounding relative to their size."""
    a, b, rows, columns, mass = plan.a, plan.b, plan.rows, plan.columns, plan.mass
    # Powers of two, so that no product or sum leaves the range of float64 and no digit is lost.
    parts = plan.cost, _among(f, rows, a), _among(g, columns, b)
    exponent = _exponent(*parts)
    whole = exponent + plan.exponent
    cost, unit_f, unit_g = (np.ldexp(x, -exponent) for x in parts)
    # In units of the potentials: costs of pairs that should carry no mass may be far larger.
    finer = _exponent(*parts[1:])
    earned = total(*(w * np.ldexp(x, -finer) for w, x in zip((a, b), parts[1:], strict=True)))
    dual_value = lower = _scaled(earned, finer - exponent)
    size = total(a * np.abs(unit_f), b * np.abs(unit_g))
    rounding = ROUNDING * size
    if not np.isfinite(cost).all():
        lower = dual_value - rounding
        return Measure(f, g, math.inf, _scaled(lower, whole), math.inf, False, False, False)
    value, paid = total(mass * cost), total(mass * np.abs(cost))
    slacks = mass * (cost - unit_f[rows] - unit_g[columns])
    faults = unit_f * plan.row_error, unit_g * plan.column_error
    slack, fault = total(slacks), total(*faults)
    size += paid
    widened = rounding > NEGLIGIBLE * min(paid, abs(dual_value))
    if widened:
        slack, dual_value = slack + rounding, dual_value - rounding
    dual_value, gap = _agreed(
        value, dual_value, slack + fault, (slacks, *faults), paid, rounding, included=widened
    )
    hidden = rounding > HARMLESS * paid
    exact = is_rounding(slack, fault, paid, size)
    if hidden and math.prod(plan.costs.shape) > _MOST_PAIRS:
        typical = _scaled(least_steps(plan.costs), -exponent)
        exact = is_rounding(slack, fault, 0.0, size, OF_SIZE * typical)
    earned = _scaled(earned, finer + plan.exponent)
    value, gap = _scaled(value, whole), _scaled(gap, whole)
    dual_value = earned if dual_value == lower else _scaled(dual_value, whole)
    return Measure(f, g, value, dual_value, gap, exact, widened, hidden)


def in_double_double(plan: Carried, f: Vector, g: Vector) -> Measure:
    """Measure a plan with potentials that prove it optimal, or with those given, made feasible.

    Parameters
    ----------
    plan : Carried
        The plan; `Slacks.known` holds for its costs.
    f, g : array
        Potentials, not necessarily feasible.
    """
    sources, sinks = np.flatnonzero(plan.a), np.flatnonzero(plan.b)
    slacks = Slacks(plan.costs, sources, sinks)
    given = f[sources], g[sinks]
    row, column = _numbers(sources, f.size), _numbers(sinks, g.size)
    rows, columns = row[plan.rows], column[plan.columns]
    inside = (rows >= 0) & (columns >= 0) & (plan.mass > 0) & np.isfinite(plan.cost)
    arcs = rows[inside], columns[inside]

    def measured(pair: tuple[DoubleDouble, DoubleDouble]) -> Measure:
        # Balanced first, then made feasible: balancing rounds large potentials.
        f, g = slacks.feasible(*_balanced(plan.a[sources], plan.b[sinks], *pair))
        return _measured(plan, *_completed(plan, sources, sinks, f, g))

    # If started from 0, no potential exceeds n + m times the largest cost on the plan's arcs; if
    # started from those given, fewer iterations are needed.
    negligible = NEGLIGIBLE / 16 * total(plan.mass[inside] * np.abs(plan.cost[inside]))
    starts = [(np.zeros(sources.size), np.zeros(sinks.size)), given]
    if min(sources.size, sinks.size) > _FEW:
        starts.reverse()
    best = None
    for start in starts:
        pair = tight_potentials.tight(slacks, *arcs, *start, negligible)
        if pair is None:
            break
        now = measured(pair)
        best = now if best is None or now.gap < best.gap else best
        if not best.hidden:
            return best
    extended = map(DoubleDouble.of, given)
    now = measured(tight_potentials.conjugate(slacks, plan.a[sources], plan.b[sinks], *extended))
    # If no feasible potentials are tight on the plan, a cheaper plan exists: the gap must prove
    # that it is hardly cheaper.
    now = now._replace(exact=now.exact and (best is not None or not now.untold))
    return now if best is None or now.gap < best.gap else best


def _measured(plan: Carried, f: DoubleDouble, g: DoubleDouble) -> Measure:
    """Measure a plan and feasible potentials in 32 digits."""
    a, b, mass = plan.a, plan.b, plan.mass
    # Tiny costs are scaled up, so that their products with masses do not underflow.
    unit = min(0, _exponent(plan.cost, f.high, g.high))
    whole = unit + plan.exponent
    cost = np.ldexp(plan.cost, -unit)
    unit_f, unit_g = f.scaled(-unit), g.scaled(-unit)
    size = total(a * np.abs(unit_f.high), b * np.abs(unit_g.high))
    # In units of the potentials of atoms with mass, or products with tiny masses would underflow.
    heavy = [(w[w > 0], x[w > 0]) for w, x in ((a, unit_f), (b, unit_g))]
    exponent = _exponent(*(x.high for _, x in heavy))
    sides = [(w, x.scaled(-exponent)) for w, x in heavy]
    products = (two_product(w, x.high) for w, x in sides)
    lows = (w * x.low for w, x in sides)
    lower = _scaled(total(*chain.from_iterable(products), *lows), exponent) - FINE_ROUNDING * size
    if not np.isfinite(cost).all():
        lower = _scaled(lower, whole)
        return Measure(f.high, g.high, math.inf, lower, math.inf, False, False, False)
    value, paid = total(mass * cost), total(mass * np.abs(cost))
    slacks = mass * reduced(cost, unit_f[plan.rows], unit_g[plan.columns])
    pairs = (unit_f, plan.row_error), (unit_g, plan.column_error)
    faults = tuple(part * error for x, error in pairs for part in (x.high, x.low))
    rounding = fine_rounding(paid, size + paid)
    slack, fault = total(slacks) + rounding, total(*faults)
    error = FINE_ROUNDING * size + _EPS * abs(lower)
    dual_value, gap = _agreed(
        value, lower, slack + fault, (slacks, *faults), paid, error, included=rounding > 0
    )
    # The resolution to which `tight_potentials.tight` shifts the trees of a plan.
    largest = max(_largest(a, unit_f.high), _largest(b, unit_g.high))
    finest = min(2 * tight_potentials.SMALLEST * largest, OF_SIZE * size)
    exact = is_rounding(slack, fault, paid, size + paid, finest)
    untold = exact and not is_rounding(slack, fault, paid, size + paid)
    value, dual_value, gap = (_scaled(x, whole) for x in (value, dual_value, gap))
    return Measure(f.high, g.high, value, dual_value, gap, exact, False, not exact, untold)


def _agreed(
    value: float,
    lower: float,
    gap: float,
    terms: tuple[Vector, ...],
    paid: float,
    error: float,
    *,
    included: bool,
) -> tuple[float, float]:
    """Return the dual value and the gap, one of them from the other if that loses fewer digits.

    `error` bounds the error of the dual value `lower`; `included` says whether the gap includes a
    bound on rounding. The gap has the rounding errors of its `terms`, which are large if the plan
    is wrong. If the two still disagree, for example because costs of both signs cancel in the
    value, the larger gap and the smaller dual value are returned.
    """
    of_gap = _EPS * sum(float(np.abs(x).sum()) for x in terms)
    of_value = _EPS * paid
    if of_gap > error + of_value:
        return lower, value - lower
    if included and error > of_gap + of_value:
        return value - gap, gap
    if abs(value - lower - gap) > NEGLIGIBLE * max(abs(value), abs(lower)):
        gap = max(gap, value - lower)
        lower = min(lower, value - gap)
    return lower, gap


def _balanced(
    a: Vector, b: Vector, f: DoubleDouble, g: DoubleDouble
) -> tuple[DoubleDouble, DoubleDouble]:
    """Return the potentials shifted so that both sides contribute equally to the dual value."""
    for _ in range(2):  # the second shift corrects the rounding of the first
        shift = (total(b * g.high) - total(a * f.high)) / (2 * float(a.sum()))
        f, g = f.plus(np.asarray(shift)), g.plus(np.asarray(-shift))
    return f, g


def _completed(
    plan: Carried, sources: Indices, sinks: Indices, f: DoubleDouble, g: DoubleDouble
) -> tuple[DoubleDouble, DoubleDouble]:
    """Return potentials of all atoms from those of atoms with mass."""
    a, b = plan.a, plan.b
    n, m = plan.costs.shape
    all_f, all_g = DoubleDouble(*np.zeros((2, n))), DoubleDouble(*np.zeros((2, m)))
    for whole, part, atoms in ((all_f, f, sources), (all_g, g, sinks)):
        whole.high[atoms], whole.low[atoms] = part.high, part.low
    # Atoms without mass get the largest feasible potential, or 0 if all their pairs are forbidden.
    if sources.size < n:
        least = plan.costs.row_minima(np.where(b > 0, all_g.high, -np.inf))
        all_f.high[a == 0] = np.where(np.isfinite(least), least, 0.0)[a == 0]
    if sinks.size < m:
        least = plan.costs.column_minima(all_f.high)
        all_g.high[b == 0] = np.where(np.isfinite(least), least, 0.0)[b == 0]
    return all_f, all_g


def _among(potential: Vector, served: Indices, weights: Vector) -> Vector:
    """Return the potentials of atoms that have mass or receive some, 0 for the others."""
    if weights.all():
        return potential
    counts = weights > 0
    counts[served] = True
    return np.where(counts, potential, 0.0)


def least_steps(costs: Costs) -> float:
    """Return the mean difference between the two smallest distinct costs of a source.

    Large costs that stand for forbidden pairs do not affect it. It is estimated from a sample of
    the sources and, if there is no matrix, of the sinks.
    """
    n, m = costs.shape
    rows = np.unique(np.linspace(0, n - 1, _SAMPLE).astype(int))
    columns = np.arange(m)
    if not isinstance(costs, MatrixCosts):
        columns = np.unique(np.linspace(0, m - 1, _SAMPLE).astype(int))
    every = np.repeat(rows, columns.size), np.tile(columns, rows.size)
    cost = costs.at(*every).reshape(rows.size, columns.size)
    cost = cost[np.isfinite(cost).any(axis=1)]
    more = cost - cost.min(axis=1, initial=np.inf, keepdims=True)
    step = np.min(more, axis=1, where=more > 0, initial=np.inf)
    step = step[np.isfinite(step)]
    return float(step.mean()) if step.size else 0.0


def total(*terms: Vector) -> float:
    """Return the sum of all terms, correctly rounded if there are not very many."""
    return math.fsum(chain.from_iterable(map(_in_blocks, terms)))


def _in_blocks(terms: Vector) -> list[float]:
    """Return a list with the same sum: the terms, or sums of blocks if there are very many."""
    if terms.size > _MANY:
        terms = np.add.reduceat(terms, np.arange(0, terms.size, _BLOCK))
    numbers: list[float] = terms.tolist()
    return numbers


def _exponent(*numbers: Vector) -> int:
    """Return the binary exponent of the largest finite number."""
    largest = (np.max(np.abs(x), where=np.isfinite(x), initial=0.0) for x in numbers)
    return int(np.frexp(max(largest))[1])


def _largest(weights: Vector, potential: Vector) -> float:
    """Return the largest |potential| of an atom with mass."""
    return float(np.max(np.abs(potential), where=weights > 0, initial=0.0))


def _scaled(number: float, exponent: int) -> float:
    return float(np.ldexp(number, exponent))


def _numbers(atoms: Indices, size: int) -> Indices:
    """Return the position of each of `size` atoms in `atoms`, −1 if it is not in there."""
    number = np.full(size, -1)
    number[atoms] = np.arange(atoms.size)
    return number
