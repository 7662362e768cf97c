"""Histograms on a grid against the linear program on all pairs of cells, and closed forms."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from divkit import emd
from divkit.testing._distributions import distributions

METRICS = ["cityblock", "chebyshev"]


def histogram(rng, shape, density=0.7):
    """Return a histogram of mass 1 with some cells empty."""
    x = rng.random(shape) * (rng.random(shape) < density)
    x.flat[rng.integers(x.size)] += 1.0
    return x / x.sum()


def distances(shape, metric="cityblock", spacing=1.0):
    cells = np.indices(shape).reshape(len(shape), -1).T * np.broadcast_to(spacing, len(shape))
    return cdist(cells, cells, metric)


def require_optimal(t, a, b, M):
    """Check plan, potentials and certificate over all pairs of cells."""
    n, mass, unit = a.size, a.sum(), M.max() or 1.0
    plan = t.plan.toarray()
    assert plan.min() >= 0
    assert t.plan.nnz <= np.count_nonzero(a) + np.count_nonzero(b) - 1
    assert_allclose(plan.sum(axis=1), a.ravel(), atol=2e-15 * mass)
    assert_allclose(plan.sum(axis=0), b.ravel(), atol=2e-15 * mass)
    # Common mass stays where it is.
    assert_allclose(plan.diagonal(), np.minimum(a, b).ravel(), atol=2e-15 * mass)
    assert t.value == pytest.approx(float(np.sum(plan * M)), rel=1e-13, abs=1e-14 * mass * unit)
    assert t.f.shape == t.g.shape == a.shape
    assert_array_equal(t.g, -t.f)
    assert (t.f.ravel()[:, None] - t.f.ravel() - M).max() <= 1e-15 * unit
    dual = float(np.sum(a * t.f) + np.sum(b * t.g))
    assert t.dual_value == pytest.approx(dual, abs=1e-14 * mass * unit)
    assert np.sum(a * t.f) == pytest.approx(np.sum(b * t.g), abs=1e-8 * mass * unit)
    assert abs(t.gap) <= 1e-14 * mass * unit
    assert t.primal_residual <= 1e-15
    assert t.dual_residual <= 1e-15
    assert (t.method, t.shape) == ("grid", (n, n))


# --- values ---


@pytest.mark.parametrize(
    ("shape", "metric", "spacing"),
    [
        ((30,), "cityblock", None),
        ((6, 7), "cityblock", None),
        ((6, 7), "cityblock", (0.3, 1.7)),
        ((6, 7), "chebyshev", None),
        ((5, 6), "chebyshev", 0.37),
        ((3, 4, 3), "cityblock", (1.0, 0.1, 3.0)),
        ((3, 4, 3), "chebyshev", 2.0),
        ((2, 3, 2, 3), "cityblock", None),
        ((2, 9), "chebyshev", (0.5, 2.0)),
        ((4, 1, 6), "chebyshev", (1.0, 0.1, 1.0)),
        ((2, 2, 2), "chebyshev", (1.0, 2.0, 3.0)),
        ((1, 12), "chebyshev", None),
        ((12, 14), "cityblock", None),
    ],
)
@pytest.mark.parametrize("density", [1.0, 0.3])
def test_against_the_linear_program(rng, shape, metric, spacing, density):
    a, b = histogram(rng, shape, density), histogram(rng, shape, density)
    M = distances(shape, metric, 1.0 if spacing is None else spacing)
    t = emd.solve_grid(a, b, metric, spacing)
    assert t.value == pytest.approx(emd.primal(a.ravel(), b.ravel(), M).value, rel=1e-12)
    require_optimal(t, a, b, M)


@pytest.mark.parametrize("metric", METRICS)
def test_a_larger_grid_against_dense(rng, metric):
    a, b = histogram(rng, (25, 30)), histogram(rng, (25, 30), 0.1)
    M = distances((25, 30), metric)
    t = emd.solve_grid(a, b, metric)
    assert t.value == pytest.approx(emd.solve(a.ravel(), b.ravel(), M).value, rel=1e-12)
    require_optimal(t, a, b, M)


@pytest.mark.parametrize(("metric", "value"), [("cityblock", 11.0), ("chebyshev", 6.0)])
def test_one_cell_to_another(metric, value):
    a, b = np.zeros((2, 10, 10))
    a[1, 2] = b[7, 7] = 1.0
    t = emd.solve_grid(a, b, metric)
    assert (t.value, t.gap, t.dual_residual) == (value, 0.0, 0.0)
    assert_array_equal(
        t.plan.coords if hasattr(t.plan, "coords") else t.plan.nonzero(), [[12], [77]]
    )


@pytest.mark.parametrize("metric", METRICS)
def test_translation(rng, metric):
    # Moving everything by one vector is optimal for costs that are norms of the difference.
    a, b = np.zeros((2, 20, 20))
    a[2:8, 3:9] = rng.random((6, 6))
    b[9:15, 7:13] = a[2:8, 3:9]
    t = emd.solve_grid(a, b, metric)
    assert t.value == pytest.approx(a.sum() * (11 if metric == "cityblock" else 7), rel=1e-14)


def test_cityblock_between_products_is_the_sum_over_axes(rng):
    row, other, column = (histogram(rng, 16) for _ in range(3))
    t = emd.solve_grid(np.outer(row, column), np.outer(other, column), spacing=(0.7, 2.0))
    expected = 0.7 * wasserstein_distance(range(16), range(16), row, other)
    assert t.value == pytest.approx(expected, rel=1e-13)


def test_one_axis_is_a_line(rng):
    a, b = histogram(rng, 3000), histogram(rng, 3000)
    t = emd.solve_grid(a, b, spacing=0.5)
    assert t.value == pytest.approx(0.5 * np.abs(np.cumsum(a - b)).sum(), rel=1e-12)
    assert t.iterations == 0


def test_equal_histograms_cost_nothing(rng):
    a = histogram(rng, (9, 9))
    for b in (a, a * (1 + 1e-15)):
        t = emd.solve_grid(a, b)
        assert abs(t.value) <= 1e-14
        assert t.primal_residual <= 1e-14
        assert_allclose(t.plan.toarray().diagonal(), a.ravel(), rtol=1e-13)


def test_a_small_difference_on_a_large_mass(rng):
    a = histogram(rng, (12, 12), 1.0)
    b = a.copy()
    b[3, 4] -= 2.0**-40
    b[5, 4] += 2.0**-40
    t = emd.solve_grid(a, b)
    assert t.value == pytest.approx(2.0**-39, rel=1e-4)
    assert t.primal_residual <= 1e-15


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("mass", [1e9, 1e-9, 1e-100])
@pytest.mark.parametrize("spacing", [1e-150, 1.0, 1e150])
def test_scales(rng, metric, mass, spacing):
    a, b = histogram(rng, (8, 9)), histogram(rng, (8, 9))
    unit = emd.solve_grid(a, b, metric)
    t = emd.solve_grid(mass * a, mass * b, metric, spacing)
    assert t.value == pytest.approx(mass * spacing * unit.value, rel=1e-13)
    assert abs(t.gap) <= 1e-13 * t.value
    assert max(t.primal_residual, t.dual_residual) <= 1e-15
    assert_allclose(t.plan.sum(axis=1), mass * a.ravel(), atol=2e-15 * mass)


def test_spacings_of_very_different_size(rng):
    M = distances((4, 4), spacing=(1e-150, 1e150))
    a = histogram(rng, (4, 4))
    b = a[::-1].copy()  # nothing needs to move along the wide axis
    t = emd.solve_grid(a, b, spacing=(1e-150, 1e150))
    narrow = sum(
        wasserstein_distance(range(4), range(4), *pair) * pair[0].sum()
        for pair in zip(a.T, b.T, strict=True)
        if pair[0].sum() > 0
    )
    assert t.value == pytest.approx(1e-150 * narrow, rel=1e-12)
    assert abs(t.gap) <= 1e-12 * t.value
    assert (t.f.ravel()[:, None] - t.f.ravel() - M).max() <= 1e-163


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_any_histograms(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    metric = data.draw(st.sampled_from(METRICS))
    spacing = data.draw(st.sampled_from([1.0, 0.1, 1e-150, 1e150]))
    mass = data.draw(st.sampled_from([1.0, 1e9, 1e-9]))
    cells = math.prod(shape)
    a, b = (mass * data.draw(distributions(cells)).reshape(shape) for _ in range(2))
    b *= a.sum() / b.sum()
    M = distances(shape, metric, spacing)
    t = emd.solve_grid(a, b, metric, spacing)
    reference = emd.primal(a.ravel(), b.ravel(), M)
    assert t.value == pytest.approx(reference.value, rel=1e-12, abs=1e-14 * mass * M.max())
    require_optimal(t, a, b, M)


@pytest.mark.parametrize("shape", [(64, 64), (16, 16, 16)])
@pytest.mark.parametrize("metric", METRICS)
def test_many_cells_are_certified(rng, shape, metric):
    a, b = histogram(rng, shape), histogram(rng, shape)
    t = emd.solve_grid(a, b, metric)
    assert abs(t.gap) <= 1e-13 * t.value
    assert t.primal_residual <= 1e-15
    assert t.dual_residual == 0.0
    rows, columns = t.plan.nonzero()
    assert rows.size <= np.count_nonzero(a) + np.count_nonzero(b) - 1
    apart = np.abs(np.subtract(np.unravel_index(rows, shape), np.unravel_index(columns, shape)))
    cost = apart.sum(axis=0) if metric == "cityblock" else apart.max(axis=0)
    assert t.value == pytest.approx(float(cost @ t.plan.tocoo().data), rel=1e-12)
    assert_allclose(t.plan.sum(axis=0), b.ravel(), atol=1e-15)


# --- inputs ---


def test_the_order_of_masses_does_not_change_their_sum():
    """Both sides hold the same numbers, whose sums in float64 depend on their order."""
    a = [0.5, 2.22e-16, 9.5367431640625e-07, 3, 2.22e-16]
    b = [0.5, 2.22e-16, 2.22e-16, 3, 9.5367431640625e-07]
    exact = float(2 * (Fraction(a[2]) - Fraction(2.22e-16)))
    for t in (emd.solve_grid(a, b), emd.solve_line(range(5), range(5), a, b)):
        assert t.value == pytest.approx(exact, rel=1e-14)


def test_very_many_equal_weights_add_up():
    a = np.zeros((1000, 700))
    a[0, 0] = 1.0
    t = emd.solve_grid(a, None)
    assert t.value == pytest.approx(849.0, rel=1e-15)
    assert max(abs(t.gap) / t.value, t.primal_residual) <= 1e-15


def test_inputs_are_read_only_and_left_alone(rng):
    a, b = histogram(rng, (6, 4)).T, histogram(rng, (8, 6))[::2]
    a.setflags(write=False)
    b = b / b.sum()
    before = b.copy()
    t = emd.solve_grid(a, b)
    plan = t.plan.toarray()
    assert_array_equal(b, before)
    assert t.value == pytest.approx(emd.solve_grid(a.copy(), b.tolist()).value, rel=1e-14)
    assert_allclose(plan.sum(axis=0), b.ravel(), atol=1e-15)


def test_the_plan_does_not_follow_later_changes(rng):
    a, b = histogram(rng, (5, 5)), histogram(rng, (5, 5))
    t = emd.solve_grid(a, b)
    expected = a.ravel().copy()
    a[:] = 0.0
    assert_allclose(t.plan.sum(axis=1), expected, atol=1e-15)


def test_a_missing_histogram_is_uniform():
    t = emd.solve_grid([[4.0, 0.0], [0.0, 0.0]], None)
    assert t.value == 4.0
    assert emd.solve_grid(None, [[4, 0], [0, 0]]).value == 4.0


def test_float32_and_integers(rng):
    a, b = (histogram(rng, (7, 7)).astype(np.float32) for _ in range(2))
    t = emd.solve_grid(a, b)
    assert t.f.dtype == t.plan.dtype == np.float64
    counts = rng.integers(1, 9, (5, 5))
    t = emd.solve_grid(counts, counts[::-1])
    assert t.value == pytest.approx(round(t.value), abs=1e-12)


def test_records_are_pickled(rng):
    t = emd.solve_grid(histogram(rng, (5, 5)), histogram(rng, (5, 5)))
    again = pickle.loads(pickle.dumps(t))
    assert_array_equal(again.plan.toarray(), t.plan.toarray())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1.0, 2.0], [1.0, 1.0]), ValueError, "equal mass, got 3.0 and 2.0"),
        (([1.0, 2.0], [[1.0, 2.0]]), ValueError, "one grid, got shapes"),
        (([[1.0, np.nan]], [[1.0, 2.0]]), ValueError, r"a\[0, 1\] = nan"),
        (([[1.0, 2.0]], [[4.0, -1.0]]), ValueError, r"b\[0, 1\] = -1"),
        (([[0.0, 0.0]], [[0.0, 0.0]]), ValueError, "must hold mass"),
        (([], []), ValueError, "at least one cell"),
        ((1.0, 1.0), ValueError, "at least one cell"),
        ((None, None), ValueError, "None for both"),
        ((["x"], [1.0]), TypeError, "real numbers"),
        (([[1.0, 0.0]], [[0.0, 1.0]], "cityblock", 1e308), ValueError, "must be below 2..1000"),
        (([1.0], [1.0], "euclidean"), ValueError, "must be one of 'cityblock', 'chebyshev'"),
        (([1.0], [1.0], "cityblock", 0.0), ValueError, "positive and finite"),
        (([1.0], [1.0], "cityblock", np.inf), ValueError, "positive and finite"),
        (([1.0], [1.0], "cityblock", (1.0, 2.0)), ValueError, "one per axis, 1 of them"),
        (([1.0, 1.0], [1.0, 1.0], "cityblock", 1e302), ValueError, "reduce `spacing`"),
        (([1e200, 0.0], [0.0, 1e200], "cityblock", 1e200), ValueError, "fit into float64"),
        ((np.ones((3, 3)), np.ones((3, 3)), "chebyshev", (1, 2)), ValueError, "same spacing"),
        ((np.ones((3, 2)), np.ones((3, 2)), "chebyshev", (1, 2)), ValueError, "solve_points"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        emd.solve_grid(*arguments)


def test_kings_moves_miss_the_distance_where_they_are_refused():
    # Two cells along the narrow axis and one along the wide: the longer is 2, the path is 3.
    M = distances((3, 2), "chebyshev", (1.0, 2.0))
    assert M[0, 5] == 2.0
    assert min(M[0, k] + M[k, 5] for k in (1, 2, 3)) == 3.0


@pytest.mark.parametrize("metric", ["cityblock", "chebyshev"])
def test_a_grid_that_is_met_again(rng, metric):
    a, b = rng.dirichlet(np.ones(30), 2).reshape(2, 5, 6)
    first = emd.solve_grid(a, b, metric, spacing=2)
    emd.solve_grid(b, a, metric)  # other lengths on the same cells
    emd.solve_grid(a.T, b.T, metric, spacing=2)
    again = emd.solve_grid(a, b, metric, spacing=2)
    assert (again.value, again.dual_value, again.iterations) == (
        first.value,
        first.dual_value,
        first.iterations,
    )
    assert_array_equal(again.f, first.f)
    assert_array_equal(again.plan.toarray(), first.plan.toarray())


def test_pivots_run_out(rng):
    a, b = rng.dirichlet(np.ones(400), 2).reshape(2, 20, 20)
    with pytest.raises(emd.ConvergenceError, match="reached the limit of 1 iterations"):
        emd.solve_grid(a, b, max_iter=1)
    assert emd.solve_grid(a, b, max_iter=10**6).value == emd.solve_grid(a, b).value
    graph = csr_array(rng.random((40, 40)))
    a, b = rng.dirichlet(np.ones(40), 2)
    with pytest.raises(emd.ConvergenceError, match="reached the limit of 1 iterations"):
        emd.solve_graph(a, b, graph, max_iter=1)
    with pytest.raises(ValueError, match="`max_iter` must be at least 1"):
        emd.solve_graph(a, b, graph, max_iter=0)
