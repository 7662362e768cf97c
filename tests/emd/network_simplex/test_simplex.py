"""The network simplex: its tree after every pivot, and its answers against HiGHS."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array

from divkit.emd import ConvergenceError
from divkit.emd._network_simplex import simplex
from divkit.emd._network_simplex.simplex import NetworkSimplex
from divkit.emd._solver_types import NoPlanError
from tests.emd.invariants import watched

NOTHING = np.empty(0, int)


def incidence(nodes, tails, heads):
    arcs = np.arange(tails.size)
    ones = np.ones(tails.size)
    return csr_array(
        (np.r_[ones, -ones], (np.r_[tails, heads], np.r_[arcs, arcs])), shape=(nodes, tails.size)
    )


def optimum(supply, tails, heads, costs):
    """Return the least cost, by HiGHS; None if there is no flow."""
    result = linprog(costs, A_eq=incidence(supply.size, tails, heads), b_eq=supply)
    assert result.status in (0, 2)
    return result.fun if result.status == 0 else None


def require_optimal(solver, supply, tails, heads, costs):
    flow = solver.flow()
    price = csr_array((costs, (tails, heads)), shape=(supply.size,) * 2)
    assert (flow.mass > 0).all()
    np.testing.assert_allclose(
        incidence(supply.size, flow.tails, flow.heads) @ flow.mass,
        supply,
        rtol=0,
        atol=1e-15 * np.abs(supply).sum(),
    )
    value = float(price[flow.tails, flow.heads] @ flow.mass)
    scale = (np.abs(costs).max() + np.abs(solver.potential).max()) * np.abs(supply).sum()
    assert value == pytest.approx(optimum(supply, tails, heads, costs), rel=0, abs=1e-9 * scale)
    potential = solver.potential
    assert (potential[tails] - potential[heads] - costs).max() <= 1e-13 * np.abs(costs).max()
    assert float(potential @ supply) == pytest.approx(value, rel=0, abs=1e-14 * scale)


def bipartite(a, b, M):
    n, m = M.shape
    tails, heads = np.divmod(np.arange(n * m), m)
    return np.concatenate([a, -b * (a.sum() / b.sum())]), tails, heads + n, M.ravel()


def random_problem(rng, n, m, costs):
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    return bipartite(a, b, costs(rng, n, m))


def north_west(a, b):
    """Return the arcs of the plan that serves the sinks in order."""
    cuts = np.unique(np.concatenate([np.cumsum(a), np.cumsum(b)]))
    middle = (cuts + np.append(0.0, cuts[:-1])) / 2
    rows, columns = np.searchsorted(np.cumsum(a), middle), np.searchsorted(np.cumsum(b), middle)
    return np.unique(rows.clip(max=a.size - 1) * b.size + columns.clip(max=b.size - 1))


def assignment(rng, n, costs):
    return bipartite(np.ones(n), np.ones(n), costs(rng, n, n))


def network(rng, nodes, arcs, supply):
    """Return arcs of a random graph, with a cycle through all nodes so that a flow exists."""
    around = np.arange(nodes)
    tails = np.concatenate([around, rng.integers(0, nodes, arcs)])
    heads = np.concatenate([np.roll(around, -1), rng.integers(0, nodes, arcs)])
    kept = tails != heads
    _, first = np.unique(tails * nodes + heads, return_index=True)
    kept = np.intersect1d(first, np.flatnonzero(kept))
    return supply, tails[kept], heads[kept], rng.integers(0, 9, kept.size).astype(float)


COSTS = {
    "random": lambda rng, n, m: rng.random((n, m)),
    "few different": lambda rng, n, m: rng.integers(0, 3, (n, m)).astype(float),
    "constant": lambda rng, n, m: np.ones((n, m)),
    "zero": lambda rng, n, m: np.zeros((n, m)),
    "signed": lambda rng, n, m: rng.normal(size=(n, m)),
    "line": lambda rng, n, m: np.abs(np.arange(n)[:, None] - np.arange(m)).astype(float),
}


@pytest.mark.parametrize("costs", COSTS.values(), ids=COSTS.keys())
@pytest.mark.parametrize("weights", ["random", "equal"])
def test_every_pivot(rng, costs, weights):
    problem = (
        random_problem(rng, 9, 12, costs) if weights == "random" else assignment(rng, 10, costs)
    )
    solver = NetworkSimplex(*problem, NOTHING, rng.normal(size=problem[0].size))
    assert solver.artificial_flow == pytest.approx(
        problem[0][:9].sum() if weights == "random" else 10
    )
    with watched(solver, costs_matter=False) as counts:
        solver.run_phase_one()
    assert solver.feasible
    if weights == "equal":
        assert counts["degenerate"] > 0
    with watched(solver):
        solver.run()
    require_optimal(solver, *problem)


def test_every_pivot_on_networks(rng):
    for _ in range(5):
        supply = rng.integers(-2, 3, 20).astype(float)
        supply[0] -= supply.sum()
        problem = network(rng, 20, 60, supply)
        solver = NetworkSimplex(*problem, NOTHING, np.zeros(20))
        with watched(solver, costs_matter=False):
            solver.run()
        require_optimal(solver, *problem)


def test_all_pivots_degenerate(rng):
    # Nothing is supplied: the pivots look for shortest paths, and no flow tells them apart.
    problem = network(rng, 40, 200, np.zeros(40))
    problem = (*problem[:3], rng.integers(-1, 9, problem[3].size) + 1.0)
    root_potential = 10.0 * rng.permutation(40)
    solver = NetworkSimplex(*problem, NOTHING, root_potential)
    with watched(solver) as counts:
        solver.run()
    assert counts["pivots"] == counts["degenerate"] > 20
    # The largest potentials below the given ones: a node hangs on another by a shortest path.
    _, tails, heads, costs = problem
    length = np.full((40, 40), np.inf)
    np.fill_diagonal(length, 0.0)
    length[tails, heads] = costs
    for k in range(40):
        length = np.minimum(length, length[:, k, None] + length[k])
    np.testing.assert_array_equal(solver.potential, (length + root_potential).min(axis=1))


def test_no_cycling_on_large_degenerate_problems(rng):
    for costs in (COSTS["few different"], COSTS["line"], COSTS["constant"]):
        problem = assignment(rng, 100, costs)
        solver = NetworkSimplex(*problem, NOTHING, np.zeros(200), limit=20_000)
        solver.run()
        require_optimal(solver, *problem)


def test_arcs_that_come_later(rng):
    supply, tails, heads, costs = random_problem(rng, 30, 20, COSTS["random"])
    start = north_west(supply[:30], -supply[30:])
    solver = NetworkSimplex(supply, tails[start], heads[start], costs[start], NOTHING, np.zeros(50))
    solver.run()
    require_optimal(solver, supply, tails[start], heads[start], costs[start])
    for more in np.array_split(rng.permutation(costs.size), 5):
        solver.add(tails[more], heads[more], costs[more])
        solver.run()
    assert solver.arcs == start.size + costs.size
    require_optimal(solver, supply, tails, heads, costs)


def test_forest_to_start_from(rng):
    # On a path each way; the second half of the nodes lies on a path of its own.
    n = 20
    forward = np.delete(np.arange(n - 1), n // 2 - 1)
    tails, heads = np.r_[forward, forward + 1], np.r_[forward + 1, forward]
    opposite = np.r_[np.arange(n - 2) + n - 2, np.arange(n - 2)]
    supply = rng.integers(-3, 4, n).astype(float)
    for half in (supply[: n // 2], supply[n // 2 :]):
        half[-1] -= half.sum()
    problem = supply, tails, heads, np.ones(tails.size)
    solver = NetworkSimplex(*problem, np.arange(n - 2), np.zeros(n), opposite=opposite)
    assert solver.artificial_flow == 0.0
    solver.run()
    assert solver.pivots == 0
    require_optimal(solver, *problem)
    # Without the arcs back, what leads to the wrong side is cut off.
    solver = NetworkSimplex(*problem, np.arange(n - 2), np.zeros(n))
    assert solver.artificial_flow > 0.0
    solver.run()
    assert solver.artificial_flow == 0.0
    require_optimal(solver, *problem)


def test_a_forest_whose_flow_is_optimal_needs_no_pivot(rng):
    supply, tails, heads, costs = random_problem(rng, 20, 20, COSTS["random"])
    first = NetworkSimplex(supply, tails, heads, costs, NOTHING, np.zeros(40))
    first.run()
    flow = first.flow()
    basic = flow.tails * 20 + flow.heads - 20
    again = NetworkSimplex(supply, tails, heads, costs, basic, first.potential)
    assert again.feasible
    again.run()
    assert again.pivots == 0
    np.testing.assert_allclose(again.potential, first.potential, atol=1e-14)


def test_what_cannot_be_placed(rng):
    # The first three sources reach the first two sinks only.
    a, b = np.full(6, 1.0), np.array([1.0, 1.0, 1.0, 1.0, 2.0])
    tails, heads = np.divmod(np.arange(30), 5)
    allowed = (tails >= 3) | (heads < 2)
    problem = np.r_[a, -b], tails[allowed], heads[allowed] + 6, np.ones(allowed.sum())
    solver = NetworkSimplex(*problem, NOTHING, np.zeros(11))
    cut_side = solver.run_phase_one()
    assert solver.artificial_flow == pytest.approx(1.0)
    assert not solver.feasible
    np.testing.assert_array_equal(np.flatnonzero(cut_side), [0, 1, 2, 6, 7])
    with pytest.raises(NoPlanError):
        solver.run()
    solver.add(np.array([0]), np.array([9]), np.array([5.0]))
    solver.run()
    require_optimal(
        solver, problem[0], *(np.r_[x, y] for x, y in zip(problem[1:], (0, 9, 5.0), strict=True))
    )


@pytest.mark.parametrize("cost", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("mass", [1e-9, 1.0, 1e9])
def test_scales(rng, cost, mass):
    supply, tails, heads, costs = random_problem(rng, 15, 12, COSTS["random"])
    one = NetworkSimplex(supply, tails, heads, costs, NOTHING, np.zeros(27))
    other = NetworkSimplex(mass * supply, tails, heads, cost * costs, NOTHING, np.zeros(27))
    one.run()
    other.run()
    np.testing.assert_allclose(other.potential, cost * one.potential, rtol=1e-12)
    np.testing.assert_allclose(other.flow().mass, mass * one.flow().mass, rtol=1e-12)


def test_huge_costs_do_not_spoil_the_tolerance(rng):
    n = 30
    M = rng.random((n, n))
    dear = rng.random((n, n)) < 0.3
    np.fill_diagonal(dear, False)
    M[dear] += 1e14
    supply, tails, heads, costs = bipartite(np.ones(n), np.ones(n), M)
    solver = NetworkSimplex(supply, tails, heads, costs, NOTHING, np.zeros(2 * n))
    solver.run()
    flow = solver.flow()
    allowed = ~dear.ravel()
    exact = optimum(supply, tails[allowed], heads[allowed], costs[allowed])
    assert float(M[flow.tails, flow.heads - n] @ flow.mass) == pytest.approx(exact, rel=1e-13)


def test_the_rounding_of_the_supplies_ends_up_in_the_heaviest_node():
    a = np.array([1.0, 1e-20, 1e-25])
    b = np.array([1e-22, 1.0 + 2e-16])
    problem = bipartite(a, b, np.zeros((3, 2)))
    supply = np.r_[a, -b]
    solver = NetworkSimplex(supply, *problem[1:], NOTHING, np.zeros(5))
    solver.run()
    flow = solver.flow()
    net = incidence(5, flow.tails, flow.heads) @ flow.mass
    np.testing.assert_allclose(net, supply, rtol=3e-16)


def test_limits_are_errors(rng):
    problem = random_problem(rng, 20, 20, COSTS["random"])
    with pytest.raises(ConvergenceError, match=r"network simplex reached the limit of 3 iter"):
        NetworkSimplex(*problem, NOTHING, np.zeros(40), limit=3).run()


def test_a_cycle_of_negative_cost_is_an_error():
    problem = np.zeros(3), np.arange(3), np.array([1, 2, 0]), np.array([1.0, 1.0, -2.5])
    with pytest.raises(ConvergenceError, match=r"cycle of negative cost"):
        NetworkSimplex(*problem, NOTHING, np.zeros(3)).run()


def test_pivots_that_come_back_are_an_error(monkeypatch, rng):
    # A pivot that changes nothing stands for cycling.
    monkeypatch.setattr(simplex, "pivots", lambda *state: (1, state[-1]))
    problem = random_problem(rng, 5, 5, COSTS["random"])
    with pytest.raises(ConvergenceError, match=r"reached the limit of 1000000"):
        NetworkSimplex(*problem, NOTHING, np.zeros(10)).run()
