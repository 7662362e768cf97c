"""Transport between points, on a line, on grids and in graphs, against rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from itertools import product

import mpmath as mp
import numpy as np
import pytest
from hypothesis import strategies as st

from divkit import emd
from tests.fuzz import manners, oracles
from tests.fuzz import strategies as fuzzed
from tests.fuzz.honesty import require_right
from tests.fuzz.oracles import Problem

METRICS = {
    "cityblock": oracles.cityblock,
    "chebyshev": oracles.chebyshev,
    "sqeuclidean": oracles.sqeuclidean,
    "euclidean": partial(oracles.p_norm, 2),
    1.5: partial(oracles.p_norm, 1.5),
    3: partial(oracles.p_norm, 3),
    30: partial(oracles.p_norm, 30),
}


@st.composite
def weights(draw, n, m):
    """None, or masses of moderate size."""
    if draw(st.booleans()):
        return None, None
    return draw(fuzzed.masses(n, m, whole=draw(st.booleans())))


def problem_of(a, b, costs):
    """Return the problem in rational arithmetic, in which uniform weights are exactly uniform."""
    n, m = len(costs), len(costs[0])
    if a is None:
        problem = Problem(oracles.uniform(n), oracles.uniform(m), costs)
        if n != m:
            problem.unbalance = Fraction(1, 2**50)
        return problem
    return Problem(a, b, costs)


def in_range(problem):
    """Return whether costs and mass times costs are within what is documented."""
    return problem.largest < 2**1001 and fuzzed.in_range(
        float(problem.mass), float(problem.largest)
    )


def require(solve, problem, largest=0.0):
    """Require the right answer where the problem is in range, and good manners elsewhere."""
    t = manners.ask(solve)
    if isinstance(t, manners.Refused):
        fits = in_range(problem) and fuzzed.in_range(float(problem.mass), largest)
        untold = isinstance(t.error, emd.ConvergenceError) and not problem.mass_is_told
        if problem.optimum is not None and fits and not untold:
            kind = type(t.error).__name__
            raise AssertionError(f"refuses a valid problem, {kind}: {t.error}")
    else:
        require_right(t, problem)


@st.composite
def clouds(draw, dim=None):
    x, y = draw(fuzzed.point_sets(dim))
    return x, y, *draw(weights(len(x), len(y)))


@pytest.mark.inputs(15)
@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_points(fuzz, metric):
    def check(drawn):
        x, y, a, b = drawn
        costs = oracles.distances(oracles.exact(x), oracles.exact(y), METRICS[metric])
        require(lambda: emd.solve_points(x, y, a, b, metric), problem_of(a, b, costs))

    fuzz(clouds(), check)


POWERS = [1, 2, 1.5, 3, 4.5, 16, 1.0001, 25]


@pytest.mark.inputs(70)
def test_line(fuzz):
    def check(drawn):
        (x, y, a, b), p = drawn
        costs = oracles.distances(oracles.exact(x), oracles.exact(y), partial(oracles.power, p))
        x, y = x[:, 0], y[:, 0]
        problem = problem_of(a, b, costs)
        # A difference rounded by 1 + δ, |δ| ≤ 2⁻⁵³, has a power wrong by (1 + δ)^p − 1 ≈ pδ, and
        # the power itself is rounded.
        problem.inexact = Fraction(p + 2) / 2**53
        require(lambda: emd.solve_line(x, y, a, b, p), problem)

    fuzz(st.tuples(clouds(1), st.sampled_from(POWERS)), check)


@pytest.mark.inputs(10)
def test_line_of_many_points(fuzz):
    """Compiled loops take over where there are many points; their value is that of quantiles."""

    def check(drawn):
        seed, n, m, p, ties = drawn
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=n), rng.normal(size=m)
        if ties:
            x, y = np.round(4 * x), np.round(4 * y)
        t = manners.answer(emd.solve_line, x, y, p=p)
        x, y = np.repeat(np.sort(x), np.lcm(n, m) // n), np.repeat(np.sort(y), np.lcm(n, m) // m)
        expected = np.mean(np.abs(x - y) ** p)
        assert abs(t.value - expected) <= 1e-11 * expected, (t.value, expected)
        # Or a few roundings of the potentials, which are as large as costs that are not paid.
        potentials = np.abs(t.f).max() + np.abs(t.g).max()
        assert abs(t.gap) <= 1e-11 * expected + 2.0**-49 * potentials

    sizes = st.sampled_from([(60, 60), (1200, 1200), (900, 1200), (1, 1500), (1500, 750)])
    drawn = st.tuples(st.integers(0, 2**32 - 1), sizes, st.sampled_from(POWERS[:6]), st.booleans())
    fuzz(drawn.map(lambda d: (d[0], *d[1], *d[2:])), check)


ROOTS = [1, 2, 3, 1.5]


@pytest.mark.inputs(40)
def test_wasserstein(fuzz):
    def check(drawn):
        (x, y, a, b), p, metric = drawn
        if x.shape[1] == 1 and metric == "flat":
            x, y = x[:, 0], y[:, 0]
        metric = "euclidean" if metric == "flat" else metric

        def cost(d):
            distance = METRICS[metric](d)
            with mp.workdps(60):
                return oracles.as_mp(distance) ** p if distance else 0

        exactly = [oracles.exact(side.reshape(len(side), -1)) for side in (x, y)]
        problem = problem_of(a, b, oracles.distances(*exactly, cost))
        found = manners.ask(emd.wasserstein, x, y, a, b, p=p, metric=metric)
        if isinstance(found, manners.Refused):
            assert not in_range(problem), f"refuses: {found.error}"
            return
        with mp.workdps(60):
            off = abs(mp.mpf(found) ** p - oracles.as_mp(problem.optimum.value))
            unequal = oracles.as_mp(problem.unbalance * problem.largest * 4)
            size = oracles.as_mp(problem.optimal_size)
            assert off <= 1e-11 * size + unequal + mp.mpf(10) ** -300, (
                f"{found!r}, and the optimum is {problem.optimum.value**1.0!r}"
            )

    metrics = st.sampled_from(["flat", "euclidean", "cityblock", "chebyshev", 3])
    fuzz(st.tuples(clouds(), st.sampled_from(ROOTS), metrics), check)


@st.composite
def grids(draw):
    shape = draw(st.sampled_from([(1,), (2,), (5,), (2, 2), (3, 2), (1, 4), (3, 3), (2, 2, 2)]))
    cells = int(np.prod(shape))
    a, b = (x.reshape(shape) for x in draw(fuzzed.masses(cells, cells)))
    metric = draw(st.sampled_from(["cityblock", "chebyshev"]))
    one = st.sampled_from([1.0, 0.1, 3.0, 1e9, 1e-9, 1e17, 1e100, 1e-290])
    spacing = draw(
        st.one_of(st.none(), one, st.lists(one, min_size=len(shape), max_size=len(shape)))
    )
    return a, b, metric, spacing


@pytest.mark.inputs(80)
def test_grid(fuzz):
    def check(drawn):
        a, b, metric, spacing = drawn
        widths = spacing if isinstance(spacing, list) else [spacing or 1.0] * a.ndim
        cells = list(product(*map(range, a.shape)))
        places = [[Fraction(w) * i for w, i in zip(widths, cell, strict=True)] for cell in cells]
        costs = oracles.distances(places, places, METRICS[metric])
        problem = Problem(a.ravel(), b.ravel(), costs)
        along = [w for w, n in zip(widths, a.shape, strict=True) if n > 1]
        narrow = any(
            n > 2 and w < max(along) for w, n in zip(widths, a.shape, strict=True) if n > 1
        )
        if metric == "chebyshev" and narrow:
            manners.refusal(emd.solve_grid, a, b, metric, spacing)
        else:
            require(lambda: emd.solve_grid(a, b, metric, spacing), problem)

    fuzz(grids(), check)


@st.composite
def flows(draw):
    lengths = draw(fuzzed.graphs())
    a, b = draw(fuzzed.masses(len(lengths), len(lengths)))
    return a, b, lengths, draw(st.sampled_from(["csr", "csc", "coo", "lil", "dok"]))


@pytest.mark.inputs(100)
def test_graph(fuzz):
    def check(drawn):
        a, b, lengths, form = drawn
        costs = oracles.shortest_paths(oracles.exact(lengths))
        graph = fuzzed.as_graph(lengths, form)
        longest = len(lengths) * lengths.max(where=lengths < np.inf, initial=0.0)
        require(lambda: emd.solve_graph(a, b, graph), Problem(a, b, costs), longest)

    fuzz(flows(), check)


@pytest.mark.inputs(40)
def test_costs_of_a_user(fuzz):
    """A metric and a convex function of a user, which return what they return."""
    functions = {
        "abs": np.abs,
        "hinge": lambda d: np.maximum(d, -2 * d),
        "deadzone": lambda d: np.maximum(np.abs(d) - 1, 0),
        "flat": lambda d: 0 * d,
        "negative": lambda d: np.abs(d) - 5,
        "steep": lambda d: 1e12 * np.maximum(d, 0) + np.abs(d),
    }

    def check(drawn):
        (x, y, a, b), name = drawn
        h = functions[name]
        x, y = x[:, 0], y[:, 0]
        M = h(x[:, None] - y)
        problem = problem_of(a, b, oracles.exact(M))
        require(lambda: emd.solve_line(x, y, a, b, h), problem)
        require(
            lambda: emd.solve_points(
                x[:, None], y[:, None], a, b, lambda x, y: h(x[:, None, 0] - y[:, 0])
            ),
            problem,
        )

    sets = clouds(1).filter(lambda c: max(abs(c[0]).max(), abs(c[1]).max()) < 1e100)
    fuzz(st.tuples(sets, st.sampled_from(sorted(functions))), check)


@pytest.mark.inputs(40)
def test_potential(fuzz):
    def check(drawn):
        (x, y, *_), values, metric = drawn
        values = np.array(values[: len(y)])
        f = manners.answer(emd.Potential, y, values, metric)
        found = manners.ask(f, x)
        gradient = manners.ask(f.gradient, x)
        costs = oracles.distances(oracles.exact(x), oracles.exact(y), METRICS[metric])
        largest = max(abs(c) for row in costs for c in row)
        if isinstance(found, manners.Refused) or isinstance(gradient, manners.Refused):
            assert largest > 2**1000, "refuses valid points"
            return
        assert gradient.shape == x.shape
        for row, value in zip(costs, found.tolist(), strict=True):
            if largest < 2**1000:
                expected = min(c - Fraction(v) for c, v in zip(row, values.tolist(), strict=True))
                size = max(max(row), *(abs(Fraction(v)) for v in values.tolist()))
                off = abs(Fraction(value) - expected)
                assert off <= size / 2**46 + Fraction(1, 2**1070), (value, float(expected))

    values = st.lists(fuzzed.FRACTIONS, min_size=5, max_size=5)
    fuzz(st.tuples(clouds(), values, st.sampled_from(list(METRICS))), check)


@pytest.mark.inputs(25)
def test_points_with_forbidden_pairs(fuzz):
    def check(drawn):
        (x, y, a, b), far = drawn

        def metric(x, y):
            d = np.abs(x[:, None] - y).sum(axis=-1)
            return np.where(d > far, np.inf, d)

        problem = problem_of(a, b, oracles.exact(metric(x, y)))
        if a is None:
            problem = Problem(
                np.full(len(x), 1.0 * len(y)), np.full(len(y), 1.0 * len(x)), problem.M
            )
            a, b = np.full(len(x), 1.0 * len(y)), np.full(len(y), 1.0 * len(x))
        require(lambda: emd.solve_points(x, y, a, b, metric), problem)

    sets = clouds().filter(lambda c: max(abs(c[0]).max(), abs(c[1]).max()) < 1e100)
    fuzz(st.tuples(sets, st.sampled_from([0.0, 1.0, 3.0, 8.0])), check)
