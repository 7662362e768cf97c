"""Transport on a line against linear programs, SciPy and samples paired in order."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import wasserstein_distance

from divkit import _threads, emd
from divkit.emd import _line
from divkit.emd._on_line import (
    line_costs,
    line_loops,
    line_many,
    line_order,
    line_stretches,
    staircase,
    staircase_loops,
)
from divkit.emd._on_line.line_costs import LineCosts
from divkit.emd._on_line.line_pairs import Pairs
from divkit.emd._on_line.line_stairs import Stairs
from divkit.testing._distributions import distributions
from divkit.testing._problems import point_clouds
from tests.emd import naive


def pinball(d):
    """Return what a surplus costs, 0.3 a unit, and a shortage, 0.7 a unit."""
    return np.where(d > 0, 0.3 * d, -0.7 * d)


CONVEX = [1, 1.5, 2, 3, pinball]


@pytest.fixture(params=["plain", "compiled"])
def loops(request, monkeypatch):
    """Take the compiled loops for few points too, or never."""
    least = 2 if request.param == "compiled" else 10**9
    for module in (_line, line_costs):
        monkeypatch.setattr(module, "COMPILED", least)
    return request.param


def costs(x, y, p):
    d = np.asarray(x)[:, None] - np.asarray(y)
    return p(d) if callable(p) else np.abs(d) ** p


def wider(*arrays):
    """Return numbers with more digits than those that are tested."""
    if np.finfo(np.longdouble).eps >= np.finfo(float).eps:
        pytest.skip("there are no wider numbers here")
    return [x.astype(np.longdouble) for x in arrays]


def require_optimal(t, x, y, a=None, b=None, p=1):
    """Check plan, potentials and certificate over all pairs."""
    M = costs(x, y, p)
    n, m = M.shape
    a, b = np.full(n, 1 / n) if a is None else a, np.full(m, 1 / m) if b is None else b
    mass, unit = a.sum(), np.abs(M).max() or 1.0
    plan = t.plan.toarray()
    assert plan.min() >= 0
    assert t.plan.nnz <= n + m - 1
    assert_allclose(plan.sum(axis=1), a, atol=1e-15 * mass)
    assert_allclose(plan.sum(axis=0), b, atol=1e-15 * mass)
    slack = M - t.f[:, None] - t.g
    assert slack.min() >= -2e-15 * unit
    assert_allclose(slack.min(axis=0), 0.0, atol=5e-15 * unit)
    assert_allclose(slack.min(axis=1), 0.0, atol=5e-15 * unit)
    assert t.value == pytest.approx(float(np.sum(plan * M)), rel=1e-13, abs=1e-15 * mass * unit)
    assert t.dual_value == pytest.approx(float(a @ t.f + b @ t.g), abs=1e-14 * mass * unit)
    assert float(a @ t.f) == pytest.approx(float(b @ t.g), abs=1e-14 * mass * unit)
    assert abs(t.gap) <= 1e-14 * mass * unit
    assert t.primal_residual <= 1e-15
    assert t.dual_residual <= 2e-15
    assert (t.method, t.iterations, t.shape) == ("line", None, (n, m))


# --- values ---


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_samples_are_paired_in_order(loops, rng, p):
    x, y = rng.normal(size=40), rng.normal(size=40) ** 3
    t = emd.solve_line(x, y, p=p)
    assert t.value == pytest.approx(naive.sorted_line(x, y, p), rel=1e-14)
    require_optimal(t, x, y, p=p)


@pytest.mark.parametrize("p", CONVEX)
@pytest.mark.parametrize("weighted", [False, True])
def test_against_the_linear_program(loops, rng, p, weighted):
    x, y = rng.normal(size=15), rng.normal(size=12) + 0.5
    a, b = (rng.dirichlet(np.ones(k)) for k in (15, 12)) if weighted else (None, None)
    t = emd.solve_line(x, y, a, b, p)
    assert t.value == pytest.approx(emd.primal(a, b, costs(x, y, p)).value, rel=1e-13)
    require_optimal(t, x, y, a, b, p)


@pytest.mark.parametrize("sizes", [(5000, 5000), (5000, 4000), (3, 7000)])
def test_many_points_against_scipy(rng, sizes):
    x, y = (rng.normal(size=k) for k in sizes)
    a, b = (rng.dirichlet(np.ones(k)) for k in sizes)
    for weights in ((None, None), (a, b), (a, None)):
        t = emd.solve_line(x, y, *weights)
        assert t.value == pytest.approx(wasserstein_distance(x, y, *weights), rel=1e-12)
        assert abs(t.gap) <= 1e-13 * t.value
        assert max(t.primal_residual, t.dual_residual) <= 1e-15


def test_translation_is_optimal_for_every_power(loops, rng):
    x = rng.normal(size=30)
    y = rng.permutation(x) + 100.0
    for p in (1, 2, 2.5):
        t = emd.solve_line(x, y, p=p)
        assert t.value == pytest.approx(100.0**p, rel=1e-13)
        require_optimal(t, x, y, p=p)


def test_linear_costs_have_one_value(rng):
    # Whatever the plan, Σ π_ij (x_i − y_j) is the difference of the means.
    x, y = rng.normal(size=9), rng.normal(size=11)
    t = emd.solve_line(x, y, p=lambda d: d)
    assert t.value == pytest.approx(x.mean() - y.mean(), rel=1e-13)


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_ties_duplicates_and_massless_points(data):
    n, m = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    x, y = (data.draw(point_clouds(k, dim=1))[:, 0] for k in (n, m))
    a, b = (data.draw(st.one_of(st.none(), distributions(k))) for k in (n, m))
    p = data.draw(st.sampled_from([1, 2, 1.5, pinball]))
    t = emd.solve_line(x, y, a, b, p)
    M = costs(x, y, p)
    assert t.value == pytest.approx(emd.primal(a, b, M).value, rel=1e-12, abs=1e-15 * M.max())
    require_optimal(t, x, y, a, b, p)


def test_weights_that_meet_do_so_exactly():
    # Three sixths are one half; the thirds of 0.1 and of 0.2 would leave crumbs.
    for n, m in ((2, 6), (6, 4), (9, 12), (49, 35)):
        t = emd.solve_line(np.arange(n), np.arange(m))
        assert t.plan.nnz == n + m - np.gcd(n, m)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_point_that_serves_many_serves_them_fully(n):
    # A hundred thousand equal parts, whose roundings all point the same way.
    m = 100_000
    a, b = np.full(n, 0.7 / n), np.full(m, 0.7 / m)
    t = emd.solve_line(np.arange(n), np.arange(m), a, b)
    for row in np.split(t.plan.data, t.plan.indptr[1:-1]):
        assert math.fsum(row) == pytest.approx(0.7 / n, rel=1e-15)
    assert t.primal_residual <= 1e-15
    assert math.fsum(a * t.f) == pytest.approx(math.fsum(b * t.g), rel=2e-15)


def test_light_points_are_served(loops, rng):
    a, b = rng.random(30) ** 20, rng.random(25) ** 20
    a, b = a / a.sum(), b / b.sum()
    t = emd.solve_line(rng.random(30), rng.random(25), a, b)
    assert_allclose(t.plan.sum(axis=1), a, rtol=1e-9, atol=1e-17)
    assert_allclose(t.plan.sum(axis=0), b, rtol=1e-9, atol=1e-17)


@pytest.mark.parametrize("mass", [1e-9, 1e9])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_scales(loops, rng, mass, scale):
    x, y, a = rng.normal(size=20), rng.normal(size=20), rng.dirichlet(np.ones(20))
    t = emd.solve_line(scale * x, scale * y, mass * a)
    assert t.value / mass / scale == pytest.approx(emd.solve_line(x, y, a).value, rel=1e-13)
    require_optimal(t, scale * x, scale * y, mass * a, np.full(20, mass * a.sum() / 20))
    assert emd.solve_line(scale * x, scale * y).value / scale == pytest.approx(
        naive.sorted_line(x, y, 1), rel=1e-13
    )


@pytest.mark.parametrize("scale", [1e-150, 1e-130, 1e145])
def test_scales_of_squares(loops, rng, scale):
    x, y, a = rng.normal(size=20), rng.normal(size=20), rng.dirichlet(np.ones(20))
    for weights in (None, a):
        t = emd.solve_line(scale * x, scale * y, weights, p=2)
        assert t.value / scale**2 == pytest.approx(
            emd.solve_line(x, y, weights, p=2).value, rel=1e-13
        )
        require_optimal(t, scale * x, scale * y, weights, p=2)


def test_far_from_the_origin(loops, rng):
    x, y = 1e9 + np.round(rng.random(40), 6), 1e9 + np.round(rng.random(40), 6)
    for p in (1, 2):
        require_optimal(emd.solve_line(x, y, p=p), x, y, p=p)


def test_the_witness_is_lipschitz(loops, rng):
    x, y = rng.normal(size=50), rng.normal(size=50) + 0.3
    t = emd.solve_line(x, y)
    points, values = np.append(x, y), np.append(t.f, -t.g)
    order = np.argsort(points)
    rise, run = np.diff(values[order]), np.diff(points[order])
    assert np.all(np.abs(rise) <= run + 1e-14)


# --- the record ---


def test_plan_and_potentials_come_later_and_stay(rng, monkeypatch):
    monkeypatch.setattr(_line, "COMPILED", 2)
    x, y = rng.normal(size=30), rng.normal(size=30)
    given, other = x.copy(), y.copy()
    t = emd.solve_line(x, y)
    assert repr(t).endswith("plan=<30x30>, method='line')")
    copy = pickle.loads(pickle.dumps(t))
    x[:] = y[:] = np.nan  # the answer remembers what it was about
    require_optimal(t, given, other)
    assert t.plan is t.plan
    assert t.f is t.f
    assert repr(t).endswith("plan=<30x30, 30 entries>, method='line')")
    assert_array_equal(copy.plan.toarray(), t.plan.toarray())
    assert_array_equal(copy.f, t.f)


def test_inputs_are_left_alone(loops, rng):
    x, y, a = rng.normal(size=30), rng.normal(size=30), np.full(30, 1 / 30)
    given = x.copy(), y.copy(), a.copy(), a.copy()
    for one in given:
        one.setflags(write=False)
    value = emd.solve_line(*given).value
    assert emd.solve_line(*given[:2]).value == pytest.approx(value, rel=1e-14)
    for before, after in zip((x, y, a, a), given, strict=True):
        assert_array_equal(before, after)
    assert emd.solve_line(np.repeat(x, 2)[::2], y.tolist()).value == pytest.approx(value, rel=1e-14)
    assert emd.solve_line(x.astype(np.float32), y).f.dtype == np.float64


def test_integers(loops):
    t = emd.solve_line([3, 1, 2], [4, 4, 5])
    assert t.value == pytest.approx(7 / 3, rel=1e-15)
    assert t.plan.dtype == t.f.dtype == np.float64


def test_few_points_do_not_wait_for_the_compiler():
    code = """
import sys
from divkit import emd
t = emd.solve_line(range(64), range(0, 128, 2), p=1.5)
t.plan, t.f
print("numba" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- matching many points, and its certificate ---


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    """Take so many threads, for few points too."""
    monkeypatch.setattr(_line, "COMPILED", 2)
    monkeypatch.setattr(line_costs, "_PER_THREAD", 1)
    monkeypatch.setattr(line_stretches, "PER_THREAD", 1)
    monkeypatch.setattr(_threads, "available", lambda: request.param)
    return request.param


@pytest.mark.parametrize("p", [1, 1.5, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_stretches_in_threads_join(rng, threads, p, weighted):
    x, y = rng.normal(size=1000), rng.normal(size=1000) + 0.1
    a, b = (rng.dirichlet(np.ones(1000)) if weighted else None for _ in "ab")
    t = emd.solve_line(x, y, a, b, p)
    require_optimal(t, x, y, a, b, p)
    if not weighted:
        assert t.value == pytest.approx(naive.sorted_line(x, y, p), rel=1e-14)


@pytest.mark.parametrize("shape", [(1, 900), (2, 900), (5, 900), (900, 3), (900, 899)])
def test_staircases_join_wherever_they_are_cut(rng, threads, shape):
    x, y = (np.sort(rng.normal(size=k)) for k in shape)
    uneven = [rng.random(k) ** 8 for k in shape]
    even = [np.full(k, 0.5**12 * math.lcm(*shape) / k) for k in shape]
    for a, b in (uneven, even):
        b = b * (a.sum() / b.sum())
        stairs = Stairs(x, y, 1.0, a, b, 1.0)
        assert len(stairs.rows) == min(threads, shape[0])
        down, mass = [False] * (sum(shape) - 2), [0.0] * (sum(shape) - 1)
        staircase.north_west(a.tolist(), b.tolist(), 0, 0, -b[0], 0.0, shape[0], down, mass)
        assert_array_equal(stairs.down, down)
        assert_allclose(stairs.mass, mass, rtol=1e-14, atol=1e-30 * a.sum())
        rows, columns = staircase.cells(stairs.down)
        assert_allclose(np.bincount(rows, mass), a, rtol=1e-12, atol=1e-15 * a.sum())
        assert_allclose(np.bincount(columns, mass), b, rtol=1e-12, atol=1e-15 * a.sum())
        assert stairs.measured().primal_residual <= 1e-15


def test_stretches_that_do_not_join_are_found_out(rng, monkeypatch, threads):
    x, y, a, b = *rng.normal(size=(2, 600)), *rng.dirichlet(np.ones(600), size=2)
    entered = staircase_loops.entered

    def wrong(a, b, rows, columns, highs, lows):
        entered(a, b, rows, columns, highs, lows)
        if rows.size > 1:
            columns[1:] += 1

    monkeypatch.setattr(staircase_loops, "entered", wrong)
    require_optimal(emd.solve_line(x, y, a, b), x, y, a, b)


def test_potentials_that_need_mending_are_mended(rng, monkeypatch):
    monkeypatch.setattr(_line, "COMPILED", 2)
    x, y, a = rng.normal(size=300), rng.normal(size=300), rng.dirichlet(np.ones(300))
    quick = emd.solve_line(x, y), emd.solve_line(x, y, a)
    # No potentials pass: the careful way gives the same answer.
    monkeypatch.setattr(line_many, "is_rounding", lambda *_: False)
    for one, weights in zip(quick, (None, a), strict=True):
        careful = emd.solve_line(x, y, weights)
        assert careful.value == pytest.approx(one.value, rel=1e-14)
        require_optimal(careful, x, y, weights)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_the_potentials_returned_are_those_measured(rng, threads, p):
    x, y = np.sort(rng.normal(size=9000)), np.sort(rng.normal(size=9000) + 0.1)
    a, b = rng.dirichlet(np.ones(9000), size=2)
    pairs, stairs = Pairs(x, y, float(p)), Stairs(x, y, float(p), a, b, 1.0)
    ones = np.full(9000, 1 / 9000)
    for answer, points, loop, weights in (
        (pairs, (x, y), measure_pairs, (ones, ones)),
        (stairs, (), partial(measure_stairs, stairs.down, stairs.mass), (a, b)),
    ):
        measured, (f, g) = answer.measured(*points), answer.potentials(*points)
        most_f, most_g, _, loosest, _ = loop(x, y, p, f, g)
        assert measured.violation == pytest.approx(max(0.0, most_f + most_g), rel=1e-9)
        assert measured.loosest == loosest
        of_f, of_g = weights[0] @ f, weights[1] @ g
        assert measured.value - measured.fault == pytest.approx(of_f + of_g, rel=1e-13)
        assert of_f == pytest.approx(of_g, rel=1e-12)


def measure_stairs(down, mass, x, y, p, f, g):
    """Return what the loop returns, and its sums."""
    rows, columns = staircase.cells(down)
    cost, rest, slack, change = np.empty((4, mass.size))
    line_loops.powers(x[rows], y[columns], float(p), cost, rest)
    sums = np.zeros(line_loops.SUMS)
    cells = cost, rest, f[rows], g[columns], mass, down
    return *staircase_loops.measure_slacks(*cells, slack, change, sums), sums


def measure_pairs(x, y, p, f, g):
    """Return what the loop returns, and its sums."""
    sums = np.zeros(line_loops.SUMS)
    return *line_loops.measure_pairs(x, y, float(p), f, g, f.size, sums), sums


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.integers(1, 400),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e-3, 1.0]),
    st.sampled_from([1, 1.5, 2, 3.5]),
)
def test_the_measured_violation_covers_all_pairs(n, seed, noise, p):
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.normal(size=n)), np.sort(rng.normal(size=n) + 0.3)
    f, g = Pairs(x, y, float(p)).potentials(x, y)
    f, g = f + noise * rng.normal(size=n), g + noise * rng.normal(size=n)
    most_f, most_g, _, loosest, sums = measure_pairs(x, y, p, f, g)
    x, y, f, g = wider(x, y, f, g)
    M = costs(x, y, p)
    unit = float(M.max())
    violation = max(0.0, most_f + most_g)
    # What is returned is rounded, whatever the size of the costs.
    worst = np.max(f[:, None] + g - M)
    assert violation >= worst - 1e-15 * max(unit, abs(worst))
    slack = np.diagonal(M) - f - g
    crossing = np.abs(x[1:] - y[:-1]) ** p - f[1:] - g[:-1]
    loosest_of_all = np.abs(np.append(slack, crossing)).max()
    assert loosest == pytest.approx(loosest_of_all, rel=1e-15, abs=1e-15 * unit)
    assert sums[line_loops.COST] == pytest.approx(np.diagonal(M).sum(), rel=1e-14)
    size = n * unit + np.abs(slack).sum()
    assert sums[line_loops.SLACK] == pytest.approx(slack.sum(), abs=float(1e-14 * size))
    if noise == 0.0:
        assert violation <= 1e-15 * M.max()


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e-3, 1.0]),
    st.sampled_from([1, 1.5, 2, 3.5]),
)
def test_the_measure_along_a_staircase_covers_all_pairs(n, m, seed, noise, p):
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.normal(size=n)), np.sort(rng.normal(size=m) + 0.3)
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    stairs = Stairs(x, y, float(p), a, b, 1.0)
    down, mass = stairs.down, stairs.mass
    f, g = stairs.potentials()
    f, g = f + noise * rng.normal(size=n), g + noise * rng.normal(size=m)
    mass *= 1 + noise * rng.random(mass.size)
    most_f, most_g, _, loosest, sums = measure_stairs(down, mass, x, y, p, f, g)
    x, y, f, g = wider(x, y, f, g)
    M, (rows, columns) = costs(x, y, p), staircase.cells(down)
    unit = float(M.max())
    worst = np.max(f[:, None] + g - M)
    assert most_f + most_g >= worst - 1e-15 * max(unit, abs(worst))
    slack = M[rows, columns] - f[rows] - g[columns]
    assert loosest == pytest.approx(np.abs(slack).max(), rel=1e-15, abs=1e-15 * unit)
    assert sums[line_loops.COST] == pytest.approx(float(mass @ M[rows, columns]))
    size = float(mass @ (unit + np.abs(slack)))
    assert sums[line_loops.SLACK] == pytest.approx(float(mass @ slack), abs=1e-14 * size)
    nothing = 0.0, 0.0
    cells = a[rows], b[columns], f[rows].astype(float), g[columns].astype(float), mass, down
    error, fault, *_ = staircase_loops.measure_marginals(*cells, nothing, nothing)
    wrong = np.append(np.bincount(rows, mass) - a, np.bincount(columns, mass) - b)
    assert error == pytest.approx(np.abs(wrong).max(), abs=1e-15)
    size = float(a @ np.abs(f) + b @ np.abs(g))
    assert fault == pytest.approx(float(wrong @ np.append(f, g)), abs=1e-14 * size)
    if noise == 0.0:
        assert most_f + most_g <= 1e-15 * M.max()


# --- order ---


@pytest.mark.parametrize(
    "points",
    [
        lambda rng: rng.normal(size=5000),
        lambda rng: 1e9 + np.round(rng.random(5000), 6),
        lambda rng: rng.standard_cauchy(5000) ** 5,
        lambda rng: np.append(1e200, rng.normal(size=4999)),
        lambda rng: rng.integers(-3, 3, 5000) * 1.0,
        lambda rng: np.full(5000, -0.0),
        lambda rng: np.array([5e-324, 0.0, -5e-324, 1e-310]),
        lambda rng: np.array([1e308, -1e308, 0.0, 1e308]),
        lambda rng: np.array([3.0]),
    ],
    ids=[
        "normal",
        "far-from-the-origin",
        "heavy-tails",
        "one-far-away",
        "ties",
        "one-place",
        "subnormal",
        "too-wide",
        "one-point",
    ],
)
def test_order(rng, points):
    x = points(rng)
    a = rng.random(x.size)
    order, x_sorted, a_sorted = line_order.ordered(x, a)
    assert_array_equal(x_sorted, np.sort(x))
    assert_array_equal(x[order], x_sorted)
    assert_array_equal(a[order], a_sorted)
    assert_array_equal(np.sort(order), np.arange(x.size))


# --- minima without a matrix ---


@pytest.mark.parametrize("p", CONVEX)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (60, 45), (1500, 1300)])
def test_minima(loops, rng, p, shape):
    x, y = (np.sort(np.round(rng.normal(size=k), 2)) for k in shape)
    f, g = rng.normal(size=shape[0]), rng.normal(size=shape[1])
    f[rng.random(shape[0]) < 0.3] = g[rng.random(shape[1]) < 0.3] = -np.inf
    f[-1] = g[0] = 0.5
    M = costs(x, y, p)
    h = p if callable(p) else lambda d: np.abs(d) ** p
    c = LineCosts(x, y, h, None if callable(p) else float(p))
    of_rows, of_columns = c.minima(f, g)
    assert_allclose(of_rows, (M - g).min(axis=1), atol=1e-14)
    assert_allclose(of_columns, (M - f[:, None]).min(axis=0), atol=1e-14)
    assert c.largest == np.abs(M).max()
    i, j = (rng.integers(0, k, 20) for k in shape)
    assert_array_equal(c.at(i, j), M[i, j])


# --- what may not come in ---


X, Y = [0.0, 1.0], [0.5, 2.0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([], Y), ValueError, r"`x` must hold at least one point on a line, .* got \(0,\)"),
        ((X, 1.0), ValueError, r"`y` must hold at least one point on a line, .* got \(\)"),
        (([[0.0], [1.0]], Y), ValueError, r"got \(2, 1\): use `x.ravel\(\)`"),
        ((X, [0.0, np.nan]), ValueError, r"`y` must be finite, got y\[1\] = nan"),
        (([-np.inf, 0.0], Y), ValueError, r"`x` must be finite, got x\[0\] = -inf"),
        ((["a"], Y), TypeError, "`x` must be an array of real numbers"),
        ((X, Y, [0.5], None), ValueError, r"`a` must have shape \(2,\), one weight per point"),
        ((X, Y, None, [0.5, -0.5]), ValueError, "`b` must be finite and at least 0"),
        ((X, Y, [1, 1], [1, 2]), ValueError, "equal mass, got 2.0 and 3.0"),
        ((X, Y, None, None, 0.5), ValueError, "`p` must be finite and at least 1, .* got 0.5"),
        ((X, Y, None, None, np.inf), ValueError, "`p` must be finite and at least 1"),
        ((X, Y, None, None, 10**400), ValueError, "`p` must be finite and at least 1"),
        ((X, Y, None, None, "2"), TypeError, "`p` must be a power or a convex function"),
        ((X, Y, None, None, True), TypeError, "`p` must be a power or a convex function"),
        (([1e200], [0.0], None, None, 2), ValueError, "below 2.*1000 .* got inf .* rescale"),
        (([1e308], [-1e308]), ValueError, "below 2.*1000 .* got inf"),
        (([1e200], [0.0], [1e200], [1e200]), ValueError, "must fit into float64"),
        (
            (X, Y, None, None, lambda d: np.sqrt(np.abs(d))),
            ValueError,
            r"`p` must be convex, got p\(.*\) = .*, above the line .* for convex costs only",
        ),
        ((X, Y, None, None, lambda d: 1.0), ValueError, r"a cost for every difference, shape"),
        ((X, Y, None, None, lambda d: d / 0), ValueError, r"`p\(x - y\)` must be finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bad_inputs(arguments, error, message):
    with pytest.raises(error, match=message):
        emd.solve_line(*arguments)


def dips(d):
    return np.abs(d) - 2 * (np.abs(d - 0.1) < 1e-9)


def jumps(d):
    return np.abs(d) + (np.abs(d) > 1e-9)


@pytest.mark.parametrize(
    ("x", "y", "h"),
    [([1.3, 2.1, 0.5], [1.2, 0.1, 0.2], dips), ([0, 1, 2, 3], [1, 2, 3, 9], jumps)],
)
@pytest.mark.parametrize("many", [1, 400])
def test_functions_that_are_not_convex_where_nobody_looked(x, y, h, many):
    x, y = np.tile(x, many), np.tile(y, many)
    with pytest.raises(ValueError, match=r"`p` must be convex: .* `emd.solve` takes any costs"):
        emd.solve_line(x, y, p=h)


def test_a_function_of_numbers_of_any_size():
    def h(d):
        return np.abs(d) * 1e-200

    assert emd.solve_line([8e307, 0.0], [-8e307, 0.0], p=h).value == pytest.approx(8e107)
    with pytest.raises(ValueError, match=r"below 2.*1000 .* got inf between points"):
        emd.solve_line([1e308, 0.0], [-1e308, 0.0], p=h)


def test_bad_points_among_many(rng):
    x, y = rng.normal(size=5000), rng.normal(size=5000)
    y[17] = np.nan
    with pytest.raises(ValueError, match=r"`y` must be finite, got y\[17\] = nan"):
        emd.solve_line(x, y)


def test_other_libraries():
    xp = pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match="`x` must be a NumPy array"):
        emd.solve_line(xp.asarray([1.0]), [1.0])


@pytest.mark.parametrize("p", [1, 2, 1.5, 1.3])
def test_equal_weights_are_matched(rng, p):
    n, weight = 3000, 0.3
    x, y = rng.normal(size=n), rng.normal(size=n) + 1
    plain = emd.solve_line(x, y, p=p)
    t = emd.solve_line(x, y, np.full(n, weight), np.full(n, weight), p=p)
    assert t.primal_residual == 0.0
    assert_array_equal(t.plan.data, np.full(n, weight))
    assert_array_equal(t.permutation, plain.permutation)
    assert t.value == pytest.approx(n * weight * plain.value, rel=1e-14)
    assert t.dual_value == pytest.approx(t.value, rel=1e-13)
    assert abs(t.gap) <= 1e-13 * t.value
    again = emd.certify(
        np.full(n, weight),
        None,
        np.abs(x[:, None] - y) ** p,
        t.plan,
        t.f,
        t.g,
        method="again",
    )
    assert again.value == pytest.approx(t.value, rel=1e-14)
    assert again.gap <= 1e-13 * t.value


def test_costs_of_points_without_mass_do_not_hide_those_of_others():
    def steep(d):
        return 1e12 * np.maximum(d, 0) + np.abs(d)

    y = [0.0, 0.0, -0.27655310621242485, 0.002004008016032064]
    t = emd.solve_line([0.0, 0.0], y, [0.0, 2.0**-7], [0.0, 0.0, 0.0, 2.0**-7], steep)
    assert t.value == t.dual_value == 2.0**-7 * y[3]


def test_a_point_far_away_that_carries_nothing():
    """Costs of 1e17 are all the same to rounding, and must not tell where others go."""
    x, y = [1e17, 0.0, 0.0, -0.002], [0.0, 0.0, 0.0, 0.0, -0.002]
    t = emd.solve_line(x, y, [0.0, 0.0, 3.0, 3.0], [0.0, 0.0, 0.0, 4.0, 2.0])
    assert t.value == pytest.approx(0.002, rel=1e-13)
    assert t.dual_value == pytest.approx(0.002, rel=1e-13)


def test_a_convex_function_of_rounded_differences():
    """Far away the difference loses a digit, by which another plan becomes the best."""
    x, y = [-1e12, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1 / 499]
    a, b = [2.0**-20, 1.0, 1.0], [2.0**-20, 1.0, 0.5, 0.25, 0.25]
    t = emd.solve_line(x, y, a, b, np.abs)
    assert t.method == "line"
    assert t.value == pytest.approx(emd.solve(a, b, np.abs(np.subtract.outer(x, y))).value)
    assert t.value == pytest.approx(emd.solve_line(x, y, a, b).value, rel=1e-10)
    assert abs(t.gap) <= 1e-13 * t.value
