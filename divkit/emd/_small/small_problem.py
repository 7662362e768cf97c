"""A small problem from its inputs to the certified answer, in plain loops.

Everything unusual is left to the general path: invalid inputs, magnitudes near the ends of the
range of float64, answers that are not exact to rounding. The functions run on lists and, compiled,
on arrays; see `divkit.emd._small.dense_simplex`. The certificate is that of
`divkit.emd._certificate.certify`.
"""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

from divkit.emd._certificate.acceptance import (
    HARMLESS,
    NEGLIGIBLE,
    ROUNDING,
    is_rounding,
    weights_are_right,
)
from divkit.emd._small import dense_simplex, rows

# The status of a problem.
SOLVED, INEXACT, STUCK, LIMIT, UNUSUAL = range(5)

# Indices of the numbers of an answer.
STATUS, VALUE, DUAL_VALUE, GAP, PRIMAL_RESIDUAL, DUAL_RESIDUAL, PIVOTS, ENTRIES = range(8)
NUMBERS = 8

# No product or sum of masses and costs up to these comes near the ends of the range of float64.
LARGEST_MASS = 2.0**200
LARGEST_COST = 2.0**550
# Columns up to which rows are too short to be processed one by one.
_FEW_COLUMNS = 5
# Relative difference up to which masses count as equal: sqrt(eps).
APART = 2.0**-26


class Found(NamedTuple):
    """The outputs to fill in, lists or arrays."""

    numbers: Any
    f: Any
    g: Any
    mass: Any  # of the plan's entries; there is room for n + m
    rows: Any
    columns: Any


def found(floats: Any, integers: Any, n: int, m: int) -> Found:
    """Divide two arrays, of NUMBERS + 2 (n + m) and of 2 (n + m) entries, into the outputs."""
    first, middle = NUMBERS + n, NUMBERS + n + m
    return Found(
        floats[:NUMBERS],
        floats[NUMBERS:first],
        floats[first:middle],
        floats[middle:],
        integers[: n + m],
        integers[n + m :],
    )


def is_tall(n: int, m: int) -> bool:
    """Return whether there are so few columns that a problem is better transposed."""
    return m <= _FEW_COLUMNS and n > 4 * m


def transposed(found: Found) -> Found:
    """Return the outputs for the transposed problem, with rows and columns exchanged."""
    return Found(found.numbers, found.g, found.f, found.mass, found.columns, found.rows)


def solve(given: Any, a: Any, b: Any, limit: int, found: Found) -> None:
    """Solve a problem and certify its answer, or set the status that tells why not.

    Parameters
    ----------
    given : list or array, n rows of m
        Costs, not checked yet.
    a, b : list or array
        Weights, not checked yet; `b` is scaled to the mass of `a` if they differ by rounding.
    limit : int
        The largest number of pivots.
    found : Found
        Receives the answer; only its status if that is neither `SOLVED` nor `INEXACT`.
    """
    numbers = found.numbers
    numbers[STATUS] = UNUSUAL
    largest = _largest(given)
    mass = _balance(a, b)
    if not (mass > 0.0 and (largest == 0.0 or 1 / LARGEST_COST <= largest <= LARGEST_COST)):
        return
    sources, sinks = rows.with_mass(a), rows.with_mass(b)
    n = len(sources)
    cost = rows.chosen(given, sources, sinks)
    of_rows, of_columns = rows.reduced(cost)
    if max(of_rows) == inf or max(of_columns) == inf:
        numbers[STATUS] = STUCK
        return
    s = dense_simplex.state(n + len(sinks))
    for k in range(n):
        s.atoms[k].mass = a[sources[k]]
    for k in range(len(sinks)):
        s.atoms[n + k].mass = b[sinks[k]]
    status, pivots = dense_simplex.solve(s, cost, limit)
    numbers[PIVOTS] = pivots
    if status != dense_simplex.OPTIMAL:
        numbers[STATUS] = STUCK if status == dense_simplex.STUCK else LIMIT
        return
    for k in range(len(sinks)):
        found.g[sinks[k]] = of_columns[k] - s.potential[n + k]
    entries = 0
    for node in range(len(s.tree) - 1):
        flow = s.tree[node].flow
        if flow > 0.0:
            above = s.tree[node].parent
            source, sink = (node, above) if node < n else (above, node)
            found.rows[entries] = sources[source]
            found.columns[entries] = sinks[sink - n]
            found.mass[entries] = flow
            entries += 1
    numbers[ENTRIES] = entries
    exact = _certify(given, a, b, mass, largest, found)
    numbers[STATUS] = SOLVED if exact else INEXACT


# --- inputs ---


def _largest(given: Any) -> float:
    """Return the largest finite |M_ij|; nan if an entry is nan or −inf."""
    most = 0.0
    for i in range(len(given)):
        of_row = rows.largest(given[i])
        if not of_row <= most:
            most = of_row
        if most != most:
            break
    return most


def _balance(a: Any, b: Any) -> float:
    """Scale `b` to the mass of `a` and return it; 0 if they differ by more than rounding."""
    of_a, of_b = _mass(a), _mass(b)
    if not (1 / LARGEST_MASS <= of_a <= LARGEST_MASS):
        return 0.0
    if not abs(of_a - of_b) <= APART * max(of_a, of_b):
        return 0.0
    # Uniform weights of equal mass may differ by a rounding, depending on how they were computed.
    same = len(a) == len(b) and _is_uniform(a) and _is_uniform(b)
    if same or of_a != of_b:
        for j in range(len(b)):
            b[j] = a[j] if same else b[j] * (of_a / of_b)
    return of_a


def _is_uniform(weights: Any) -> bool:
    first = weights[0]
    for weight in weights:  # noqa: SIM110 (compiled, too)
        if weight != first:
            return False
    return True


def _mass(weights: Any) -> float:
    """Return the sum, rounded once; nan if a weight is negative or not finite."""
    high = low = 0.0
    for weight in weights:
        if not 0.0 <= weight < inf:
            return float("nan")
        high, low = _add(high, low, weight)
    return high + low


# --- the certificate ---


def _certify(given: Any, a: Any, b: Any, total: float, largest: float, found: Found) -> bool:
    """Complete the potentials, record the errors of the answer; return whether it is exact."""
    violation, overstated = _conjugate(given, a, b, total, found)
    error, slack, paid, size = _measure(given, a, b, found)
    numbers = found.numbers
    numbers[PRIMAL_RESIDUAL] = error / total
    numbers[DUAL_RESIDUAL] = violation / largest if largest > 0.0 else violation
    fault = numbers[GAP] - slack
    rounding = ROUNDING * (size - paid)
    if rounding > NEGLIGIBLE * min(paid, abs(numbers[DUAL_VALUE])):
        slack += rounding
        numbers[GAP] += rounding
        numbers[DUAL_VALUE] = numbers[VALUE] - numbers[GAP]
    known = rounding <= HARMLESS * paid and weights_are_right(error, total)
    known = known and overstated <= NEGLIGIBLE * paid
    return known and is_rounding(slack, fault, paid, size)


def _conjugate(given: Any, a: Any, b: Any, total: float, found: Found) -> tuple[float, float]:
    """Fill in all potentials, by c-transforms of those of sinks with mass.

    Return the largest violation of a cost, and what violations add to the dual value: a rounding
    of a large potential may be multiplied by a large mass.
    """
    n, m = len(a), len(b)
    f, g = found.f, found.g
    prices = rows.zeros(m)
    # An atom without mass takes part in no minimum.
    for j in range(m):
        g[j] = g[j] if b[j] > 0.0 else 0.0
        prices[j] = -g[j] if b[j] > 0.0 else inf
    for i in range(n):
        f[i] = _finite(rows.cheapest(given[i], prices))
    shift = (_sum_of_products(b, g) - _sum_of_products(a, f)) / (2 * total)
    for i in range(n):
        f[i] += shift
    for j in range(m):
        if b[j] > 0.0:
            g[j] -= shift
        else:
            least = inf
            for i in range(n):
                least = min(least, given[i][j] - f[i])
            g[j] = _finite(least)
        prices[j] = -g[j]
    violation = overstated = 0.0
    for i in range(n):
        excess = f[i] - rows.cheapest(given[i], prices)
        if excess > 0.0:
            violation = max(violation, excess)
            overstated += a[i] * excess
    return violation, overstated


def _measure(given: Any, a: Any, b: Any, found: Found) -> tuple[float, float, float, float]:
    """Record the values and the gap; return the largest marginal error, the slack and two sizes.

    These are the cost of the plan and the sum of all terms of the gap, if none were negative.
    """
    n, m = len(a), len(b)
    f, g, numbers = found.f, found.g, found.numbers
    # How much more than its weight an atom gets, as a sum of two numbers.
    surplus, lower = rows.zeros(n + m), rows.zeros(n + m)
    for i in range(n):
        surplus[i] = -a[i]
    for j in range(m):
        surplus[n + j] = -b[j]
    value = value_low = gap = gap_low = cost = 0.0
    for k in range(int(numbers[ENTRIES])):
        i, j, mass = found.rows[k], found.columns[k], found.mass[k]
        value, value_low = _add(value, value_low, mass * given[i][j])
        gap, gap_low = _add(gap, gap_low, mass * (given[i][j] - f[i] - g[j]))
        cost += mass * abs(given[i][j])
        surplus[i], lower[i] = _add(surplus[i], lower[i], mass)
        surplus[n + j], lower[n + j] = _add(surplus[n + j], lower[n + j], mass)
    slack = gap + gap_low
    dual = dual_low = error = 0.0
    size = cost
    for node in range(n + m):
        weight, potential = (a[node], f[node]) if node < n else (b[node - n], g[node - n])
        wrong = surplus[node] + lower[node]
        error = max(error, abs(wrong))
        gap, gap_low = _add(gap, gap_low, potential * wrong)
        dual, dual_low = _add(dual, dual_low, weight * potential)
        size += weight * abs(potential)
    numbers[VALUE] = value + value_low
    numbers[DUAL_VALUE] = dual + dual_low
    numbers[GAP] = gap + gap_low
    return error, slack, cost, size


def _finite(potential: float) -> float:
    """Return 0 for an atom without allowed pairs, where every number is feasible."""
    return potential if potential < inf else 0.0


def _sum_of_products(x: Any, y: Any) -> float:
    high = low = 0.0
    for k in range(len(x)):
        high, low = _add(high, low, x[k] * y[k])
    return high + low


def _add(high: float, low: float, x: float) -> tuple[float, float]:
    """Return high + low + x as two numbers, the second with the rounding error of the first."""
    total = high + x
    of_x = total - high
    return total, low + ((high - (total - of_x)) + (x - of_x))
