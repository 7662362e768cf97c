"""Transport between points: against the matrix of their costs, HiGHS and closed forms."""

from __future__ import annotations

import itertools
import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from divkit import emd
from divkit.emd import _points
from divkit.emd._costs import metrics

METRICS = ["sqeuclidean", "euclidean", "cityblock", "chebyshev", 1.5, 3, np.inf]


def concave(x, y):
    return np.sqrt(cdist(x, y))


@pytest.fixture
def no_matrix(monkeypatch):
    """Make no matrix for few points either."""
    monkeypatch.setattr(_points, "_FEW_PAIRS", 0)


def costs(x, y, metric):
    return metrics.metric(metric).all_pairs(x, y)


def weights(rng, n):
    return rng.dirichlet(np.ones(n))


def require_exact(t, x, y, a, b, metric):
    """Check the answer itself: nothing that the record says is believed."""
    M = costs(x, y, metric)
    scale = np.abs(M[np.isfinite(M)]).max()
    mass = a.sum()
    plan = t.plan.tocoo()
    assert plan.nnz <= sum(M.shape) - 1
    assert (plan.data > 0).all()
    np.testing.assert_allclose(t.plan.sum(axis=1), a, rtol=0, atol=1e-14 * mass)
    np.testing.assert_allclose(t.plan.sum(axis=0), b, rtol=0, atol=1e-14 * mass)
    assert (t.f[:, None] + t.g - M).max() <= 1e-13 * scale
    cost = plan.data @ M[plan.coords]
    assert t.value == pytest.approx(cost, rel=1e-14, abs=1e-15 * mass * scale)
    # It includes the roundings of the potentials where they count against the cost.
    size = a @ np.abs(t.f) + b @ np.abs(t.g)
    assert t.dual_value == pytest.approx(a @ t.f + b @ t.g, rel=1e-13, abs=1e-15 * size)
    assert t.value - t.dual_value == pytest.approx(t.gap, rel=1e-12, abs=1e-15 * cost)
    assert abs(t.gap) <= max(1e-12 * cost, 1e-15 * mass * scale)


# --- against the matrix ---


@pytest.mark.parametrize("d", [2, 3, 8])
@pytest.mark.parametrize("metric", [*METRICS, concave], ids=[*map(str, METRICS), "concave"])
def test_every_metric(rng, metric, d):
    x, y = rng.normal(size=(600, d)), 0.5 * rng.normal(size=(450, d)) + 1
    a, b = weights(rng, 600), weights(rng, 450)
    t = emd.solve_points(x, y, a, b, metric)
    assert t.method == "points"
    require_exact(t, x, y, a, b, metric)
    assert t.value == pytest.approx(emd.solve(a, b, costs(x, y, metric)).value, rel=1e-12)


def clusters(rng, n):
    near = rng.normal(size=(n // 2, 2)) / 100
    return np.concatenate([near, 1e4 + rng.normal(size=(n - n // 2, 2)) / 100])


def same(rng, n, m):
    x = rng.random((max(n, m), 2))
    return x[:n], x[:m]


CLOUDS = {
    "far apart": lambda rng, n, m: (rng.normal(size=(n, 2)), 1e4 + rng.normal(size=(m, 2))),
    "same points": same,
    "on a grid": lambda rng, n, m: tuple(rng.integers(0, 12, (k, 2)) * 1.0 for k in (n, m)),
    "on a line": lambda rng, n, m: tuple(rng.random((k, 1)) * [1, 2] for k in (n, m)),
    "clusters": lambda rng, n, m: (clusters(rng, n), clusters(rng, m)[:, ::-1]),
    "all on one": lambda rng, n, m: (np.zeros((n, 2)), rng.random((m, 2))),
    "orders of size": lambda rng, n, m: tuple(np.exp(20 * rng.random((k, 2))) for k in (n, m)),
}
WEIGHTS = {
    "dirichlet": weights,
    "uniform": lambda rng, n: np.full(n, 1 / n),
    "heavy": lambda rng, n: rng.random(n) ** 20,
    "zeros": lambda rng, n: weights(rng, n) * (rng.random(n) < 0.4),
}


@pytest.mark.parametrize("shape", [(450, 450), (30, 1300), (1300, 30)], ids=str)
@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_cloud(rng, no_matrix, cloud, kind, shape):
    x, y = CLOUDS[cloud](rng, *shape)
    a, b = (WEIGHTS[kind](rng, n) for n in shape)
    a /= a.sum()
    b *= a.sum() / b.sum()
    metric = "sqeuclidean" if kind == "heavy" else "euclidean"
    t = emd.solve_points(x, y, a, b, metric)
    require_exact(t, x, y, a, b, metric)
    M = costs(x, y, metric)
    assert t.value == pytest.approx(
        emd.solve(a, b, M, "simplex").value, rel=1e-12, abs=1e-15 * M.max()
    )


def test_atoms_without_weight_are_tight(rng, no_matrix):
    x, y = rng.random((60, 2)), rng.random((50, 2))
    a, b = WEIGHTS["zeros"](rng, 60), weights(rng, 50)
    t = emd.solve_points(x, y, a / a.sum(), b)
    slack = cdist(x, y) - t.f[:, None] - t.g
    np.testing.assert_allclose(slack.min(axis=1), 0.0, atol=1e-15)
    np.testing.assert_allclose(slack.min(axis=0), 0.0, atol=1e-15)


@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_linear_program(rng, no_matrix, metric):
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(55, 3))
    a, b = weights(rng, 40), weights(rng, 55)
    t = emd.solve_points(x, y, a, b, metric)
    assert t.method == "points"
    M = costs(x, y, metric)
    assert t.value == pytest.approx(emd.primal(a, b, M).value, rel=1e-12)
    assert t.dual_value == pytest.approx(emd.dual(a, b, M).dual_value, rel=1e-12)


# Few places, so that there are ties, duplicates and points that lie in a line.
CORNERS = st.lists(st.tuples(*[st.integers(0, 3)] * 2), min_size=1, max_size=9)


@settings(max_examples=60)
@given(CORNERS, CORNERS, st.sampled_from(METRICS), st.data())
def test_any_few_points(x, y, metric, data):
    x, y = np.array(x, float), np.array(y, float)
    a, b = (
        np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(z), max_size=len(z))), float)
        for z in (x, y)
    )
    a[0], b[0] = a[0] + 1, b[0] + 1
    b *= a.sum() / b.sum()
    M = costs(x, y, metric)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_points, "_FEW_PAIRS", 0)
        t = emd.solve_points(x, y, a, b, metric)
    require_exact(t, x, y, a, b, metric)
    assert t.value == pytest.approx(emd.solve(a, b, M, "highs").value, rel=1e-12, abs=1e-13)


# --- closed forms ---


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev", 3, "sqeuclidean"])
def test_translation(rng, metric):
    x, v = rng.normal(size=(700, 2)), np.array([[3.0, -4.0]])
    a = weights(rng, 700)
    shuffled = rng.permutation(700)
    t = emd.solve_points(x, (x + v)[shuffled], a, a[shuffled], metric)
    assert t.value == pytest.approx(costs(v, 0 * v, metric)[0, 0], rel=1e-13)


def test_gradient_of_a_convex_function(rng):
    # Brenier: the plan is on the graph of the gradient; here it is of |x|²/2 + Σ x⁴/4 + (x·u)²/2.
    x = rng.normal(size=(800, 3))
    u = np.array([0.5, -1.0, 2.0])
    y = x + x**3 + (x @ u)[:, None] * u
    shuffled = rng.permutation(800)
    t = emd.solve_points(x, y[shuffled], metric="sqeuclidean")
    assert t.value == pytest.approx(np.mean(np.sum((x - y) ** 2, axis=1)), rel=1e-13)
    np.testing.assert_array_equal(t.plan.tocoo().coords, [np.arange(800), np.argsort(shuffled)])


def test_two_sides_of_a_circle():
    # All roads to the center are as long.
    angle = np.linspace(0, 2 * np.pi, 601)[:-1]
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    t = emd.solve_points(x, np.zeros((500, 2)))
    assert t.value == pytest.approx(1.0, rel=1e-14)


def test_concave_costs_leave_what_is_common_where_it_is(rng):
    x = rng.random((600, 2))
    y = np.concatenate([x[:599], [[5.0, 5.0]]])
    t = emd.solve_points(x, y, metric=concave)
    assert t.value == pytest.approx(concave(x[599:], y[599:])[0, 0] / 600, rel=1e-12)


@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_one_dimension_is_a_line(rng, metric):
    x, y = rng.normal(size=(300, 1)), rng.normal(size=(200, 1))
    a, b = weights(rng, 300), weights(rng, 200)
    t = emd.solve_points(x, y, a, b, metric)
    assert t.method == "line"
    assert t.value == pytest.approx(emd.solve(a, b, costs(x, y, metric)).value, rel=1e-12)


# --- scales and forms of the input ---


@pytest.mark.parametrize("scale", [2.0**490, 2.0**-490])
@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_scales(rng, no_matrix, metric, scale):
    # About 1e±148. Powers of two, so that not a digit may differ.
    x, y = rng.random((450, 2)), rng.random((40, 2))
    t = emd.solve_points(x, y, metric=metric)
    scaled = emd.solve_points(scale * x, scale * y, metric=metric)
    power = scale**2 if metric == "sqeuclidean" else scale
    assert scaled.value == t.value * power
    assert scaled.dual_value == t.dual_value * power
    np.testing.assert_array_equal(scaled.f, t.f * power)
    assert (scaled.primal_residual, scaled.dual_residual) == (t.primal_residual, t.dual_residual)


@pytest.mark.parametrize("mass", [1e9, 1e-9])
def test_masses(rng, no_matrix, mass):
    x, y = rng.random((420, 2)), rng.random((50, 2))
    a, b = mass * weights(rng, 420), mass * weights(rng, 50)
    b *= a.sum() / b.sum()
    require_exact(emd.solve_points(x, y, a, b), x, y, a, b, "euclidean")


def test_inputs_as_they_come(rng, no_matrix):
    x, y = rng.random((80, 2)).astype(np.float32), rng.integers(0, 3, (70, 2))
    a = weights(rng, 80)
    t = emd.solve_points(x, y, a)
    frozen = [np.array(x, np.float64), np.array(y, np.float64), a.copy()]
    for array in frozen:
        array.flags.writeable = False
    assert emd.solve_points(*frozen).value == t.value
    wide = np.zeros((80, 6))
    wide[:, ::3] = x
    assert emd.solve_points(wide[:, ::3], y.tolist(), a.tolist()).value == t.value
    assert t.f.dtype == t.g.dtype == t.plan.dtype == np.float64


def test_weights_that_are_not_given(rng, no_matrix):
    x, y = rng.random((30, 2)), rng.random((20, 2))
    a = np.full(30, 0.1)
    assert emd.solve_points(x, y).value == pytest.approx(emd.solve_points(x, y, a).value / 3)
    b = np.full(20, 0.15)
    assert emd.solve_points(x, y, a).value == pytest.approx(emd.solve_points(x, y, a, b).value)


@pytest.mark.parametrize(
    ("metric", "step", "matrix"),
    [(100, 1e-4, True), (100, 1e-4, False), (1000, 1e-4, False), (2, 1e-170, True)],
)
def test_powers_of_short_distances(monkeypatch, metric, step, matrix):
    monkeypatch.setattr(_points, "_FEW_PAIRS", _points._FEW_PAIRS if matrix else 0)
    x, y = [[0.0, 0.0], [1.0, 1.0]], [[step, 0.0], [1.0, 1.0]]
    assert emd.solve_points(x, y, metric=metric).value == step / 2


@pytest.mark.parametrize("p", [60, 1000])
@pytest.mark.parametrize("matrix", [True, False])
def test_high_norms_far_from_the_origin(monkeypatch, rng, p, matrix):
    monkeypatch.setattr(_points, "_FEW_PAIRS", _points._FEW_PAIRS if matrix else 0)
    x, y = 1e6 + rng.random((9, 2)), 1e6 + rng.random((9, 2))
    difference = np.abs(x[:, None] - y)
    most = difference.max(axis=2, keepdims=True)
    M = most[..., 0] * np.sum((difference / most) ** p, axis=2) ** (1 / p)
    t = emd.solve_points(x, y, metric=p)
    assert t.value == pytest.approx(emd.distance(None, None, M), rel=1e-14)


def test_very_many_equal_weights_add_up(rng):
    x, y = rng.random((2, 2)), rng.random((150_000, 2))
    to_first, to_second = cdist(x, y, "chebyshev")
    # Half of the sinks go where they gain most.
    gain = np.sort(to_first - to_second)[: len(y) // 2]
    t = emd.solve_points(x, y, metric="chebyshev")
    assert t.value == pytest.approx((to_second.sum() + gain.sum()) / len(y), rel=1e-13)
    assert max(abs(t.gap), t.primal_residual) <= 1e-14


def test_no_matrix_is_made(rng):
    x, y = rng.random((4000, 2)), rng.random((4000, 2))
    emd.solve_points(x[:600], y[:600])  # compiled here
    tracemalloc.start()
    emd.solve_points(x, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 0.2 * 8 * 4000**2


# --- forbidden pairs ---


def near_only(radius):
    def cost(x, y):
        distance = cdist(x, y)
        return np.where(distance <= radius, distance, np.inf)

    return cost


@pytest.mark.parametrize("n", [60, 700])
def test_forbidden_pairs(rng, n):
    x = rng.random((n, 2))
    y = x + rng.normal(size=(n, 2)) / 100
    a = weights(rng, n)
    cost = near_only(0.15)
    t = emd.solve_points(x, y, a, a, cost)
    require_exact(t, x, y, a, a, cost)
    assert t.value == pytest.approx(emd.solve(a, a, cost(x, y)).value, rel=1e-12)


@pytest.mark.parametrize("n", [20, 700])
def test_no_plan(rng, n):
    # Two points of the second cloud are all that some of the first may reach.
    x, y = rng.random((n, 2)), rng.random((n, 2))
    x[[3, 5, 8]] += 10
    y[[2, 4]] += 10
    message = (
        rf"no plan avoids the forbidden pairs \(\+inf from `metric`\): the points \[3, 5, 8\] of "
        rf"`x` hold a mass of {3 / n:.6g}, but those of `y` that they may reach, \[2, 4\], take "
        rf"{2 / n:.6g}: allow more pairs, or move mass"
    )
    with pytest.raises(ValueError, match=message):
        emd.solve_points(x, y, metric=near_only(5.0))


# --- what may not come in ---

X = np.array([[0.0, 1.0], [2.0, 3.0]])
BAD = {
    "numbers": ((np.arange(3.0), X), r"`x` must hold at least one .* use `x\[:, None\]`"),
    "no points": ((X, np.empty((0, 2))), r"`y` must hold at least one point, .* got \(0, 2\)"),
    "dimensions": ((X, X[:, :1]), r"same dimension, got 2 and 1"),
    "nan": (([[0.0, np.nan]], X), r"`x` .* got x\[0, 1\] = nan"),
    "infinite": ((X, [[0.0, np.inf]]), r"`y` .* got y\[0, 1\] = inf"),
    "short weights": ((X, X, [1.0]), r"`a` must have shape \(2,\), one weight per point of `x`"),
    "negative weight": ((X, X, None, [2.0, -1.0]), r"`b` .* got b\[1\] = -1"),
    "masses": ((X, X, [1.0, 1.0], [1.0, 2.0]), r"`a` and `b` must have equal mass"),
    "metric": ((X, X, None, None, "manhattan"), r"`metric` must be one of 'sqeuclidean'"),
    "half a norm": ((X, X, None, None, 0.5), r"`metric` must be at least 1"),
    "huge squares": ((1e160 * X, X, None, None, "sqeuclidean"), r"within 2\*\*1000 .* rescale"),
    "huge costs": (
        (X, X, [1e9, 1e9], [1e9, 1e9], lambda x, y: 1e299 + cdist(x, y)),
        r"must fit into float64, .* rescale",
    ),
    "nan from a function": (
        (X, X, None, None, lambda x, y: np.full((len(x), len(y)), np.nan)),
        r"`metric` must return numbers or \+inf",
    ),
    "shape from a function": ((X, X, None, None, lambda x, y: np.zeros(3)), r"`metric` must ret"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(no_matrix, case):
    given, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        emd.solve_points(*given)


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (1.0, ValueError, r"`metric` must return the same costs .* for the same pair of points"),
        (-1e-9, emd.ConvergenceError, "the costs are not the same whenever they are asked for"),
    ],
)
def test_costs_that_change_from_call_to_call(rng, step, error, message):
    calls = itertools.count()

    def moving(x, y):
        return cdist(x, y) * (1 + step * next(calls) * rng.random((len(x), len(y))))

    with pytest.raises(error, match=message):
        emd.solve_points(rng.random((700, 2)), rng.random((600, 2)), metric=moving)


@pytest.mark.parametrize("calls", range(1, 12))
def test_pairs_that_become_forbidden_while_they_are_looked_at(rng, calls):
    left = iter(range(calls))

    def forbidding(x, y):
        return cdist(x, y) + (0.0 if next(left, None) is not None else np.inf)

    x, y = rng.random((700, 2)), rng.random((600, 2))
    with pytest.raises((ValueError, emd.ConvergenceError), match="`metric`"):
        emd.solve_points(x, y, metric=forbidding)


def test_types_that_are_refused():
    for x in ("ab", X + 1j, X > 0):
        with pytest.raises(TypeError):
            emd.solve_points(x, X)
    with pytest.raises(TypeError, match=r"`metric` must be a name"):
        emd.solve_points(X, X, metric=None)
    with pytest.raises(TypeError, match=r"`max_iter` must be an integer"):
        emd.solve_points(X, X, max_iter=1.5)


@pytest.mark.parametrize("limit", [1, 50])
def test_the_limit_on_pivots(rng, limit):
    solve = partial(emd.solve_points, rng.random((700, 2)), rng.random((600, 2)))
    with pytest.raises(emd.ConvergenceError, match=rf"limit of {limit} iterations .* `max_iter`"):
        solve(max_iter=limit)
    done = solve().iterations
    assert solve(max_iter=done).iterations == done
