"""Shortest-path metrics against the linear program on all distances, trees, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import block_diag, coo_array, csr_array, csr_matrix
from scipy.spatial import Delaunay

from divkit import emd
from divkit.emd._certificate.double_double import DoubleDouble
from divkit.emd._flow import beckmann
from divkit.testing._distributions import distributions
from tests.emd import naive


def graph(n, arcs):
    """Return the graph of the arcs (tail, head, length); lengths of 0 are kept."""
    tails, heads, lengths = zip(*arcs, strict=True) if arcs else ((), (), ())
    return coo_array((np.array(lengths, float), (tails, heads)), shape=(n, n)).tocsr()


def both_ways(edges):
    return [*edges, *((w, v, length) for v, w, length in edges)]


def random_tree(rng, n):
    return [(int(rng.integers(k)), k, rng.random() + 0.1) for k in range(1, n)]


def random_graph(rng, n, extra, directed=False):
    """Return a graph in which every node reaches every other."""
    arcs = {(v, w): length for v, w, length in both_ways(random_tree(rng, n))}
    for _ in range(extra):
        v, w = (int(k) for k in rng.choice(n, 2, replace=False))
        arcs[v, w] = rng.random()
        if not directed:
            arcs[w, v] = arcs[v, w]
    return graph(n, [(v, w, length) for (v, w), length in arcs.items()])


def triangulation(rng, n):
    """Return a triangulation of random points, with its edges' lengths."""
    points = rng.random((n, 2))
    corners = Delaunay(points).simplices
    edges = {tuple(sorted((int(t[i]), int(t[i - 1])))) for t in corners for i in range(3)}
    return graph(
        n, both_ways([(v, w, float(np.linalg.norm(points[v] - points[w]))) for v, w in edges])
    )


def weights(rng, n, density=0.7):
    x = rng.random(n) * (rng.random(n) < density)
    x[rng.integers(n)] += 1.0
    return x / x.sum()


def require_optimal(t, a, b, M):
    """Check plan, potentials and certificate over all pairs of nodes."""
    n, mass = a.size, a.sum()
    unit = M[np.isfinite(M)].max() or 1.0
    plan = t.plan.toarray()
    assert plan.min() >= 0
    assert t.plan.nnz <= np.count_nonzero(a) + np.count_nonzero(b) - 1
    assert_allclose(plan.sum(axis=1), a, atol=2e-15 * mass)
    assert_allclose(plan.sum(axis=0), b, atol=2e-15 * mass)
    assert_allclose(plan.diagonal(), np.minimum(a, b), atol=2e-15 * mass)
    cost = float(np.sum(plan[plan > 0] * M[plan > 0]))
    assert t.value == pytest.approx(cost, rel=1e-13, abs=1e-14 * mass * unit)
    assert_array_equal(t.g, -t.f)
    assert (t.f[:, None] - t.f - M).max() <= 2e-15 * unit
    dual = float(np.sum(a * t.f) + np.sum(b * t.g))
    assert t.dual_value == pytest.approx(dual, abs=1e-14 * mass * unit)
    assert abs(t.gap) <= 1e-14 * mass * unit
    assert t.primal_residual <= 1e-15
    assert t.dual_residual <= 1e-15
    assert t.shape == (n, n)


# --- values ---


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("density", [1.0, 0.2])
@pytest.mark.parametrize(("n", "extra"), [(8, 6), (30, 60), (60, 20)])
def test_against_the_linear_program(rng, n, extra, directed, density):
    G = random_graph(rng, n, extra, directed)
    a, b = weights(rng, n, density), weights(rng, n, density)
    M = naive.shortest_paths(G)
    t = emd.solve_graph(a, b, G)
    assert t.value == pytest.approx(emd.primal(a, b, M).value, rel=1e-12)
    assert t.method == "graph"
    require_optimal(t, a, b, M)


def test_a_triangulation_against_dense(rng):
    n = 500
    G = triangulation(rng, n)
    a, b = weights(rng, n), weights(rng, n, 0.1)
    M = naive.shortest_paths(G)
    t = emd.solve_graph(a, b, G)
    assert t.value == pytest.approx(emd.solve(a, b, M).value, rel=1e-12)
    require_optimal(t, a, b, M)


@pytest.mark.parametrize("n", [2, 3, 40, 2000])
def test_a_tree_has_a_closed_form(rng, n):
    tree = random_tree(rng, n)
    a, b = weights(rng, n), weights(rng, n)
    t = emd.solve_graph(a, b, graph(n, both_ways(tree)))
    # Each edge carries what the nodes beyond it have too much of.
    excess, value = a - b, 0.0
    for above, node, length in reversed(tree):
        value += length * abs(excess[node])
        excess[above] += excess[node]
    assert t.value == pytest.approx(value, rel=1e-12)
    assert (t.method, t.iterations) == ("tree", 0)
    assert abs(t.gap) <= 1e-13 * t.value
    if n <= 40:
        require_optimal(t, a, b, naive.shortest_paths(graph(n, both_ways(tree))))


def test_a_tree_of_one_way_arcs(rng):
    n = 30
    tree = random_tree(rng, n)
    G = graph(n, tree)  # away from node 0
    a, b = np.zeros(n), weights(rng, n)
    a[0] = 1.0
    M = naive.shortest_paths(G)
    t = emd.solve_graph(a, b, G)
    assert t.value == pytest.approx(float(M[0] @ b), rel=1e-13)
    assert t.method == "tree"
    require_optimal(t, a, b, M)
    with pytest.raises(ValueError, match="no arc leads out of them"):
        emd.solve_graph(b, a, G)


def test_directions_matter():
    # Round a ring one way: the way back is the long one.
    G = graph(5, [(k, (k + 1) % 5, 1.0) for k in range(5)])
    a, b = np.eye(5)[[0, 1]]
    assert emd.solve_graph(a, b, G).value == 1.0
    t = emd.solve_graph(b, a, G)
    assert (t.value, t.gap, t.dual_residual) == (4.0, 0.0, 0.0)
    require_optimal(t, b, a, naive.shortest_paths(G))


def test_ring_by_the_median(rng):
    # On a ring the flow is the difference of the distribution functions less their median.
    n = 51
    a, b = weights(rng, n), weights(rng, n)
    G = graph(n, both_ways([(k, (k + 1) % n, 1.0) for k in range(n)]))
    F = np.cumsum(a - b)
    t = emd.solve_graph(a, b, G)
    assert t.value == pytest.approx(np.abs(F - np.median(F)).sum(), rel=1e-12)


def test_a_grid_is_a_graph(rng):
    edges = [(6 * i + j, 6 * i + j + 1, 0.5) for i in range(5) for j in range(5)]
    edges += [(6 * i + j, 6 * i + j + 6, 2.0) for i in range(4) for j in range(6)]
    a, b = weights(rng, 30), weights(rng, 30)
    t = emd.solve_graph(a, b, graph(30, both_ways(edges)))
    expected = emd.solve_grid(a.reshape(5, 6), b.reshape(5, 6), spacing=(2.0, 0.5)).value
    assert t.value == pytest.approx(expected, rel=1e-13)


def test_stored_zeros_are_arcs_and_stored_infinities_are_none():
    arcs = both_ways([(0, 1, 0.0), (1, 2, 5.0), (2, 3, 0.0), (0, 3, np.inf)])
    a, b = np.eye(4)[[0, 3]]
    t = emd.solve_graph(a, b, graph(4, arcs))
    assert (t.value, t.method) == (5.0, "tree")
    assert emd.solve_graph(a, np.eye(4)[1], graph(4, arcs)).value == 0.0
    # A cycle of length 0.
    free = both_ways([(0, 1, 0.0), (1, 2, 0.0), (0, 2, 0.0)])
    t = emd.solve_graph(a, b, graph(4, [*free, (2, 3, 1.0)]))
    assert (t.value, t.gap) == (1.0, 0.0)


def test_loops_change_nothing():
    arcs = [(0, 0, 3.0), (0, 1, 1.0), (1, 1, 0.0)]
    assert emd.solve_graph([1, 0], [0, 1], graph(2, arcs)).value == 1.0


def test_components_are_solved_apart(rng):
    first, second = random_graph(rng, 9, 9), random_graph(rng, 7, 5)
    M = np.full((17, 17), np.inf)
    M[:9, :9], M[9:16, 9:16] = naive.shortest_paths(first), naive.shortest_paths(second)
    M[16, 16] = 0.0
    a = np.concatenate([0.3 * weights(rng, 9), 0.6 * weights(rng, 7), [0.1]])
    b = np.concatenate([0.3 * weights(rng, 9), 0.6 * weights(rng, 7), [0.1]])
    arcs = [(v, w, M[v, w]) for v, w in zip(*np.nonzero(np.isfinite(M)), strict=True)]
    t = emd.solve_graph(a, b, graph(17, arcs))
    assert t.value == pytest.approx(emd.primal(a, b, M).value, rel=1e-12)
    require_optimal(t, a, b, M)


@pytest.mark.parametrize("mass", [1e9, 1e-9])
@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_scales(rng, mass, unit):
    G = triangulation(rng, 80)
    a, b = weights(rng, 80), weights(rng, 80)
    expected = emd.solve_graph(a, b, G).value
    t = emd.solve_graph(mass * a, mass * b, G * unit)
    assert t.value == pytest.approx(mass * unit * expected, rel=1e-13)
    assert abs(t.gap) <= 1e-13 * t.value
    assert max(t.primal_residual, t.dual_residual) <= 1e-15


def test_dear_arcs_take_no_digit_from_the_others(rng):
    G = random_graph(rng, 40, 60)
    a, b = weights(rng, 40), weights(rng, 40)
    expected = emd.solve_graph(a, b, G).value
    dear = [(0, k, 1e30 * k) for k in range(1, 40) if G[0, k] == 0]
    G = G.tocoo()
    cheap = list(zip(G.row.tolist(), G.col.tolist(), G.data.tolist(), strict=True))
    t = emd.solve_graph(a, b, graph(40, cheap + dear))
    assert t.value == pytest.approx(expected, rel=1e-13)
    assert abs(t.gap) <= 1e-13 * t.value


def test_equal_weights_cost_nothing(rng):
    G = random_graph(rng, 30, 30)
    a = weights(rng, 30)
    t = emd.solve_graph(a, a, G)
    assert (t.value, t.gap, t.dual_residual) == (0.0, 0.0, 0.0)
    assert_array_equal(t.plan.toarray(), np.diag(a))
    t = emd.solve_graph(a, a * (1 + 1e-15 * rng.random(30)), G)
    assert t.value <= 1e-13
    assert t.primal_residual <= 1e-14


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_any_graph(data):
    n = data.draw(st.integers(1, 6))
    node, length = st.integers(0, n - 1), st.integers(0, 12).map(lambda k: k / 7)
    arcs = data.draw(st.dictionaries(st.tuples(node, node), length, max_size=14))
    G = graph(n, [(v, w, x) for (v, w), x in arcs.items()])
    a, b = data.draw(distributions(n)), data.draw(distributions(n))
    M = naive.shortest_paths(G)
    try:
        expected = emd.primal(a, b, M).value
    except ValueError:
        with pytest.raises(ValueError, match="add one, or move mass"):
            emd.solve_graph(a, b, G)
        return
    t = emd.solve_graph(a, b, G)
    assert t.value == pytest.approx(expected, rel=1e-12, abs=1e-14)
    require_optimal(t, a, b, M)


@pytest.mark.parametrize("n", [3000])
def test_many_nodes_are_certified(rng, n):
    G = triangulation(rng, n)
    a, b = weights(rng, n), weights(rng, n)
    t = emd.solve_graph(a, b, G)
    assert abs(t.gap) <= 1e-13 * t.value
    assert max(t.primal_residual, t.dual_residual) <= 1e-15
    rows, columns = t.plan.nonzero()
    some = rng.choice(rows.size, 40, replace=False)
    M = naive.shortest_paths(G, rows[some])
    cost = M[np.arange(40), columns[some]]
    # What the plan moves, it moves between nodes that are as far apart as the witness says.
    assert_allclose(t.f[rows[some]] - t.f[columns[some]], cost, atol=1e-14)


@pytest.mark.parametrize("components", [1, 2])
def test_very_many_equal_weights_add_up(components):
    n = 400_001
    steps = np.arange(n - 1)
    one_way = csr_array((np.ones(n - 1), (steps, steps + 1)), shape=(n, n))
    a = np.zeros(n * components)
    a[::n] = 1 / components
    t = emd.solve_graph(a, None, block_diag([one_way] * components, "csr"))
    assert t.value == pytest.approx((n - 1) / 2, rel=1e-15)
    assert t.primal_residual <= 1e-15
    assert abs(t.gap) <= 1e-15 * t.value


# --- inputs ---


def test_any_format_and_no_weights(rng):
    G = random_graph(rng, 10, 10)
    a = weights(rng, 10)
    expected = emd.solve_graph(a, None, G).value
    assert expected == emd.solve_graph(a, np.full(10, 0.1), G).value
    for given_graph in (csr_matrix(G), G.tocsc(), G.tolil(), G.astype(np.float32).astype(float)):
        t = emd.solve_graph(a, None, given_graph)
        assert t.value == pytest.approx(expected, rel=1e-6)
    whole = csr_array(np.array([[0, 2], [3, 0]]))
    assert emd.solve_graph([0, 1], [1, 0], whole).value == 3.0
    assert emd.solve_graph(None, None, whole).value == 0.0


def test_inputs_are_left_alone(rng):
    G, a, b = random_graph(rng, 10, 10), weights(rng, 10), weights(rng, 10)
    before = [x.copy() for x in (G.data, G.indices, a, b)]
    for x in (G.data, G.indices, a, b):
        x.setflags(write=False)
    emd.solve_graph(a, b, G).plan  # noqa: B018
    for x, y in zip(before, (G.data, G.indices, a, b), strict=True):
        assert_array_equal(x, y)


LINE = csr_array(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize(
    ("a", "b", "G", "error", "message"),
    [
        ([1, 0, 0], [0, 0, 1], LINE, ValueError, r"got 1 and 0 on nodes \[0, 1\], which no arc"),
        ([1, 0], [0, 1], graph(2, [(1, 0, 1.0)]), ValueError, r"nodes \[0\] hold a mass of 1 in"),
        ([1, 0, 0], [0, 1, 1], LINE, ValueError, "equal mass, got 1.0 and 2.0"),
        ([1, 0], [0, 1], LINE, ValueError, "one weight per node of `graph`"),
        ([1, 0, 0], [0, -1, 0], LINE, ValueError, r"b\[1\] = -1"),
        ([1, 0], [0, 1], np.ones((2, 2)), TypeError, r"scipy.sparse.csr_array\(graph\)"),
        ([1, 0], [0, 1], csr_array(np.ones((2, 3))), ValueError, "square"),
        ([1, 0], [0, 1], graph(2, [(0, 1, -1.0)]), ValueError, r"graph\[0, 1\] = -1"),
        ([1, 0], [0, 1], graph(2, [(0, 1, np.nan)]), ValueError, r"graph\[0, 1\] = nan"),
        ([1, 0], [0, 1], graph(2, [(0, 1, 1e302)]), ValueError, "rescale `graph`"),
        ([1e200, 0], [0, 1e200], graph(2, [(0, 1, 1e200)]), ValueError, "fit into float64"),
        (
            [1, 0],
            [0, 1],
            coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2)),
            ValueError,
            r"graph\[0, 1\] twice",
        ),
        ([1, 0], [0, 1], csr_array(np.ones((2, 2), bool)), TypeError, "real numbers"),
    ],
)
def test_errors(a, b, G, error, message):
    with pytest.raises(error, match=message):
        emd.solve_graph(a, b, G)


def test_the_cut_that_is_named_is_violated(rng):
    # Two halves, and arcs that lead from the second to the first only.
    halves = [(v, w, 1.0) for v in range(5) for w in range(5) if v != w]
    G = graph(10, [*halves, *((v + 5, w + 5, x) for v, w, x in halves), (7, 2, 1.0)])
    a, b = np.zeros((2, 10))
    a[:5], b[:5], a[5:], b[5:] = 0.14, 0.08, 0.06, 0.12
    with pytest.raises(ValueError, match=r"\[0, 1, 2, 3, 4\] hold a mass of 0.7 in `a` and of 0.4"):
        emd.solve_graph(a, b, G)
    assert emd.solve_graph(b, a, G).gap == pytest.approx(0.0, abs=1e-14)


def test_an_answer_that_is_none_is_refused(rng, monkeypatch):
    def half_hearted(*args, fine):
        optimum = solve(*args, fine=fine)
        return optimum._replace(potential=DoubleDouble.of(0.5 * optimum.potential.high))

    solve = beckmann.cheapest
    monkeypatch.setattr(beckmann, "cheapest", half_hearted)
    with pytest.raises(emd.ConvergenceError, match="left a gap"):
        emd.solve_graph(weights(rng, 9), weights(rng, 9), random_graph(rng, 9, 9))
