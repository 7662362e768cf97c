"""What is right: transport in rational arithmetic, linear programs by HiGHS, 50-digit sums.

Nothing here calls divkit. The exact solver proves its own answer, by a plan and by potentials of
the same value, each time that it is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

Number = Fraction | int
Row = list[Fraction]
# None is a forbidden pair.
Costs = list[list[Fraction | None]]


class Optimum(NamedTuple):
    """The optimum of a transport problem, and the plan and the potentials that prove it."""

    value: Fraction
    plan: dict[tuple[int, int], Fraction]
    f: Row
    g: Row


def exact(x: Any) -> Any:
    """Return the numbers of an array or of nested lists as fractions, +inf and None as None."""
    if isinstance(x, np.ndarray):
        x = x.astype(np.float64).tolist()
    if isinstance(x, (list, tuple)):
        return [exact(entry) for entry in x]
    return None if x is None or x == math.inf else Fraction(x)


def transport(a: Sequence[Number], b: Sequence[Number], M: Costs) -> Optimum | None:
    """Return the optimum, by shortest augmenting paths; None if every plan uses a forbidden pair.

    Masses must be exactly equal.
    """
    if sum(a) != sum(b):
        raise ValueError("masses differ")
    rows = [i for i, mass in enumerate(a) if mass]
    columns = [j for j, mass in enumerate(b) if mass]
    mass_unit = math.lcm(*(Fraction(mass).denominator for mass in (*a, *b)))
    allowed = [M[i][j] for i in rows for j in columns]
    cost_unit = math.lcm(*(c.denominator for c in allowed if c is not None))
    supply = [int(a[i] * mass_unit) for i in rows]
    demand = [int(b[j] * mass_unit) for j in columns]
    # Whole numbers, as arithmetic with them is many times faster than with fractions.
    cost = [[None if (c := M[i][j]) is None else int(c * cost_unit) for j in columns] for i in rows]
    found = _augment(supply, demand, cost)
    if found is None:
        return None
    carried, u, v = found
    unit = mass_unit * cost_unit
    value = sum(mass * cost[i][j] for (i, j), mass in carried.items())
    _prove(supply, demand, cost, carried, u, v, value)
    f, g = [Fraction(0)] * len(a), [Fraction(0)] * len(b)
    for k, i in enumerate(rows):
        f[i] = Fraction(u[k], cost_unit)
    for k, j in enumerate(columns):
        g[j] = Fraction(v[k], cost_unit)
    plan = {(rows[i], columns[j]): Fraction(mass, mass_unit) for (i, j), mass in carried.items()}
    return Optimum(Fraction(value, unit), plan, f, g)


def _augment(
    supply: list[int], demand: list[int], cost: list[list[int | None]]
) -> tuple[dict[tuple[int, int], int], list[int], list[int]] | None:
    n, m = len(supply), len(demand)
    left, wanted = supply.copy(), demand.copy()
    plan: dict[tuple[int, int], int] = {}
    u = [0] * n
    lowest = [min((row[j] for row in cost if row[j] is not None), default=None) for j in range(m)]
    if None in lowest:
        return None
    v = [low for low in lowest if low is not None]
    while any(left):
        # Distances in reduced costs, from every row with mass left: rows 0…n−1, then columns.
        distance: list[int | None] = [0 if mass else None for mass in left] + [None] * m
        before: list[int | None] = [None] * (n + m)
        done = [False] * (n + m)
        end = None
        while end is None:
            near = [k for k in range(n + m) if not done[k] and distance[k] is not None]
            if not near:
                return None
            k = min(near, key=distance.__getitem__)
            done[k] = True
            here = distance[k]
            if k >= n:
                if wanted[k - n]:
                    end = k
                    break
                arcs = [(i, 0) for i in range(n) if plan.get((i, k - n))]
            else:
                arcs = [(n + j, c - u[k] - v[j]) for j, c in enumerate(cost[k]) if c is not None]
            for to, length in arcs:
                known = distance[to]
                if not done[to] and (known is None or here + length < known):
                    distance[to], before[to] = here + length, k
        limit = distance[end]
        for k, reached in enumerate(distance):
            if reached is not None and reached < limit:
                if k < n:
                    u[k] += limit - reached
                else:
                    v[k - n] -= limit - reached
        path = [end]
        while (previous := before[path[-1]]) is not None:
            path.append(previous)
        path.reverse()
        steps = list(pairwise(path))
        backward = [(to, k - n) for k, to in steps if k >= n]
        flow = min([left[path[0]], wanted[end - n], *(plan[arc] for arc in backward)])
        for k, to in steps:
            if k < n:
                plan[k, to - n] = plan.get((k, to - n), 0) + flow
        for arc in backward:
            plan[arc] -= flow
        left[path[0]] -= flow
        wanted[end - n] -= flow
    return {arc: mass for arc, mass in plan.items() if mass}, u, v


def _prove(
    supply: list[int],
    demand: list[int],
    cost: list[list[int | None]],
    plan: dict[tuple[int, int], int],
    u: list[int],
    v: list[int],
    value: int,
) -> None:
    """Raise AssertionError unless the plan and the potentials prove each other optimal."""
    of_rows, of_columns = [0] * len(supply), [0] * len(demand)
    for (i, j), mass in plan.items():
        assert mass > 0
        of_rows[i] += mass
        of_columns[j] += mass
    assert of_rows == supply
    assert of_columns == demand
    for i, row in enumerate(cost):
        for j, c in enumerate(row):
            assert c is None or u[i] + v[j] <= c
    dual = sum(map(_product, supply, u)) + sum(map(_product, demand, v))
    assert dual == value, "the oracle is wrong"


def _product(x: int, y: int) -> int:
    return x * y


class Problem:
    """A transport problem in rational arithmetic, as it was given to divkit.

    Parameters
    ----------
    a, b : sequence of numbers
        Weights. Those of `b` are scaled to the mass of `a`, which is what the documentation says
        of masses that differ by rounding.
    M : array, or rows of fractions
        Costs; +inf and None are forbidden pairs.
    """

    def __init__(self, a: Any, b: Any, M: Any) -> None:
        self.a: Row = exact(a)
        given: Row = exact(b)
        self.M: Costs = exact(M)
        self.mass = sum(self.a)
        self.unbalance = abs(self.mass - sum(given))
        # By how much costs in float64 differ from these where they are computed, relative.
        self.inexact = Fraction(0)
        scale = self.mass / sum(given)
        self.b = given if scale == 1 else [mass * scale for mass in given]

    @cached_property
    def optimum(self) -> Optimum | None:
        """The exact optimum, None if no plan avoids the forbidden pairs."""
        return transport(self.a, self.b, self.M)

    @cached_property
    def largest(self) -> Fraction:
        """The largest finite cost in size."""
        return max((abs(c) for row in self.M for c in row if c is not None), default=Fraction(0))

    @cached_property
    def mass_is_told(self) -> bool:
        """Whether the sum of all masses, in float64, tells each of them from 0."""
        return all(w >= self.mass * Fraction(1, 2**52) for w in (*self.a, *self.b) if w)

    def size(self, plan: dict[tuple[int, int], Fraction]) -> Fraction:
        """Return Σ |M| π, forbidden pairs left out."""
        return sum((abs((self.M[i][j] or 0) * x) for (i, j), x in plan.items()), Fraction(0))

    @cached_property
    def optimal_size(self) -> Fraction:
        """Σ |M| π of the optimal plan."""
        return self.size(self.optimum.plan) if self.optimum else Fraction(0)


def uniform(n: int, mass: Number = 1) -> Row:
    """Return exactly equal weights."""
    return [Fraction(mass) / n] * n


class Evaluated(NamedTuple):
    """What plan and potentials of a record are worth, exactly."""

    cost: Fraction | None  # None with mass on a forbidden pair
    size: Fraction  # Σ |M| |π|
    dual: Fraction
    dual_size: Fraction  # Σ a |f| + Σ b |g|
    violation: Fraction  # the largest f_i + g_j − M_ij above 0
    row_errors: Row
    column_errors: Row
    least: Fraction  # the most negative entry of the plan, or 0
    plan: dict[tuple[int, int], Fraction]


def evaluate(problem: Problem, plan: Any, f: Any, g: Any) -> Evaluated:
    """Return the exact cost, dual value and faults of a plan and of potentials."""
    entries = plan.tocoo()
    carried: dict[tuple[int, int], Fraction] = {}
    for i, j, mass in zip(*entries.coords, entries.data.tolist(), strict=True):
        if mass:
            arc = int(i), int(j)
            carried[arc] = carried.get(arc, Fraction(0)) + Fraction(mass)
    costs = [(problem.M[i][j], mass) for (i, j), mass in carried.items()]
    forbidden = any(c is None for c, _ in costs)
    cost = None if forbidden else sum((c * mass for c, mass in costs if c), Fraction(0))
    f, g = exact(np.ravel(f)), exact(np.ravel(g))
    rows, columns = [-mass for mass in problem.a], [-mass for mass in problem.b]
    for (i, j), mass in carried.items():
        rows[i] += mass
        columns[j] += mass
    terms = [w * x for w, x in zip((*problem.a, *problem.b), (*f, *g), strict=True)]
    over = (
        f[i] + g[j] - c
        for i, row in enumerate(problem.M)
        for j, c in enumerate(row)
        if c is not None
    )
    return Evaluated(
        cost,
        problem.size(carried),
        sum(terms),
        sum(map(abs, terms)),
        max([Fraction(0), *over]),
        rows,
        columns,
        min([Fraction(0), *carried.values()]),
        carried,
    )


def own_optimum(problem: Problem, found: Evaluated) -> Optimum | None:
    """Return the optimum between the marginals that a plan has itself."""
    a = [mass + error for mass, error in zip(problem.a, found.row_errors, strict=True)]
    b = [mass + error for mass, error in zip(problem.b, found.column_errors, strict=True)]
    return transport(a, b, problem.M)


def shortest_paths(lengths: Costs) -> Costs:
    """Return the exact lengths of shortest paths between all nodes, None where there is none."""
    n = len(lengths)
    d = [[Fraction(0) if i == j else c for j, c in enumerate(row)] for i, row in enumerate(lengths)]
    for k in range(n):
        for i in range(n):
            for j in range(n):
                if (first := d[i][k]) is not None and (then := d[k][j]) is not None:
                    old = d[i][j]
                    d[i][j] = first + then if old is None else min(old, first + then)
    return d


def distances(x: Sequence[Row], y: Sequence[Row], cost: Callable[[Row], Any]) -> Costs:
    """Return the costs of all differences x_i − y_j, irrational ones to 50 digits."""
    return [[_fraction(cost([s - t for s, t in zip(p, q, strict=True)])) for q in y] for p in x]


def cityblock(d: Row) -> Fraction:
    return sum(map(abs, d), Fraction(0))


def chebyshev(d: Row) -> Fraction:
    return max(map(abs, d))


def sqeuclidean(d: Row) -> Fraction:
    return sum((x * x for x in d), Fraction(0))


def p_norm(p: float, d: Row) -> Any:
    """Return ‖d‖_p to 50 digits."""
    with mp.workdps(60):
        return (
            mp.power(mp.fsum(mp.power(as_mp(abs(x)), p) for x in d if x), 1 / mp.mpf(p))
            if any(d)
            else 0
        )


def power(p: float, d: Row) -> Any:
    """Return |d|^p of a number to 50 digits."""
    if float(p).is_integer() and p < 20:
        return abs(d[0]) ** int(p)
    with mp.workdps(60):
        return mp.power(as_mp(abs(d[0])), p) if d[0] else 0


def as_mp(x: Any) -> Any:
    """Return a fraction, or a number as it is, in the working precision."""
    return mp.mpf(x.numerator) / x.denominator if isinstance(x, (Fraction, int)) else x


def _fraction(x: Any) -> Fraction:
    if isinstance(x, (Fraction, int)):
        return Fraction(x)
    sign, mantissa, exponent, _ = x._mpf_
    return Fraction(-mantissa if sign else mantissa) * Fraction(2) ** exponent


def highs(a: Any, b: Any, M: Any) -> float | None:
    """Return the optimum of a medium problem, with costs of similar sizes, by HiGHS.

    None if there is no plan. It is right to about 1e-9 of mass times the largest cost.
    """
    from scipy.optimize import linprog

    a, b, M = (np.asarray(x, np.float64) for x in (a, b, M))
    n, m = M.shape
    finite = np.isfinite(M)
    unit, mass = np.abs(M[finite]).max(initial=0.0) or 1.0, a.sum()
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    # Weights that are equal up to rounding only are contradictory: the last sink is left out.
    result = linprog(
        np.where(finite, M / unit, 0.0).ravel(),
        A_eq=np.vstack([rows, columns])[:-1],
        b_eq=np.concatenate([a, b * (mass / b.sum())])[:-1] / mass,
        bounds=[(0, None if allowed else 0) for allowed in finite.ravel()],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return float(result.fun * unit * mass) if result.status == 0 else None


def divergence(
    f: Callable[[Any], Any], at_zero: Any, slope: Any, p: Sequence[float], q: Sequence[float]
) -> Any:
    """Return Σ q f(p/q) of the normalized measures, to 50 digits."""
    with mp.workdps(80):
        p, q = [mp.mpf(x) for x in p], [mp.mpf(x) for x in q]
        of_p, of_q = mp.fsum(p), mp.fsum(q)
        total = mp.mpf(0)
        for x, y in zip(p, q, strict=True):
            x, y = x / of_p, y / of_q
            if x and y:
                total += y * f(x / y)
            elif x:
                total += x * slope
            elif y:
                total += y * at_zero
        return total
