"""Flows made optimal cell by cell: the tree stays one, and the answer is HiGHS'."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.optimize import linprog
from scipy.sparse import coo_array

from divkit import _threads
from divkit.emd import ConvergenceError
from divkit.emd._column_generation import initial_basis
from divkit.emd._column_generation.column_generation import solve
from divkit.emd._network_simplex import cell_loops, cells, tree
from divkit.emd._solver_types import NoPlanError
from tests.emd.column_generation.test_columns import Reluctant, require_optimal, weights
from tests.emd.invariants import (
    require_flow,
    require_strongly_feasible,
    require_tight,
    require_tree,
)

NOTHING = np.empty(0, np.int32)


def scattered(nodes, tails, heads):
    """Return a tree of nodes that all hang on the root, without supplies."""
    found = np.zeros(nodes + 1, tree.NODE)
    tree.build_tree(found, np.zeros(nodes), tails, heads, NOTHING, NOTHING)
    return found


def problem(rng, n, m, whole=False):
    """Return the arcs of n·m pairs, their costs, and a plan that is on no forest."""
    a, b = weights(rng, n, m)
    if whole:
        a, b = np.full(n, 1.0 * m), np.full(m, 1.0 * n)
    tails, heads = np.divmod(np.arange(n * m), m)
    costs = rng.integers(0, 9, n * m) if whole else rng.normal(size=n * m)
    return tails, heads + n, costs.astype(float), np.outer(a, b).ravel() / a.sum()


def net(nodes, tails, heads, mass):
    return np.bincount(tails, mass, nodes) - np.bincount(heads, mass, nodes)


def optimum(nodes, tails, heads, costs, supply):
    arcs = np.arange(costs.size)
    ends, signs = np.concatenate([tails, heads]), np.repeat([1.0, -1.0], costs.size)
    balance = coo_array((signs, (ends, np.concatenate([arcs, arcs]))), (nodes, costs.size))
    return linprog(costs, A_eq=balance.tocsr(), b_eq=supply).fun


def test_a_star_is_settled_by_moving_its_leaves(rng):
    # If the hub's tree moved for every leaf, this would take n² steps, some ten seconds.
    n = 200_000
    tails, heads, mass = np.arange(n), np.full(n, n), np.full(n, 1 / n)
    costs = rng.normal(size=n)
    found, pivots = cells.improve(tails, heads, costs, mass, np.zeros(n + 1, np.intp), 1, None)
    assert_array_equal(found, mass)
    assert pivots == 0


@pytest.mark.parametrize("whole", [False, True])
def test_settling_arcs(rng, whole):
    # One arc after another is taken into the tree or emptied; whole costs and masses make ties.
    n, m = 7, 9
    tails, heads, costs, mass = problem(rng, n, m, whole)
    supply, price = net(n + m, tails, heads, mass), costs @ mass
    tails, heads = tails.astype(np.uint32), heads.astype(np.uint32)
    nodes, potential = scattered(n + m, tails, heads), np.zeros(n + m + 1)
    root_potential = np.zeros(n + m + 1)
    for arc in rng.permutation(costs.size):
        # A cell that has no arcs but one that carries flow.
        cells = np.array([[arc + 1, arc + 1, arc]])
        cell_loops.improve(nodes, potential, tails, heads, costs, mass, cells, 0, 0.0, 0)
        assert mass[arc] == 0.0
        require_tree(nodes)
        require_strongly_feasible(nodes)
        inside = supply - net(n + m, tails, heads, mass)
        require_flow(nodes, tails, heads, inside, 1e-13 * np.abs(supply).sum())
        require_tight(nodes, potential, tails, heads, costs, root_potential, 1e-13)
        basic = nodes[nodes["arc"] >= 0]
        now = costs @ mass + costs[basic["arc"]] @ basic["flow"]
        assert now <= price + 1e-13 * np.abs(supply).sum()
        price = now


@pytest.fixture(params=[1, 2, 8], ids="threads={}".format)
def threads(request, monkeypatch):
    monkeypatch.setattr(_threads, "worth", lambda work, per_thread: request.param)
    return request.param


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("smallest", [0, 1, 3])
def test_all_levels_make_the_optimum(rng, smallest, whole, threads):
    n, m = 25, 30
    tails, heads, costs, mass = problem(rng, n, m, whole)
    supply = net(n + m, tails, heads, mass)
    cell = rng.integers(0, 1 << smallest, n + m)
    cell[0] = (1 << smallest) - 1
    found, pivots = cells.improve(tails, heads, costs, mass, cell, smallest + 1, None)
    np.testing.assert_allclose(net(n + m, tails, heads, found), supply, rtol=0, atol=1e-12)
    assert np.count_nonzero(found) < n + m
    assert found.min() >= 0
    assert pivots > 0
    best = optimum(n + m, tails, heads, costs, supply)
    assert costs @ found == pytest.approx(best, rel=1e-12, abs=1e-9)


def test_few_levels_leave_the_flow_between_cells(rng, threads):
    n, m = 24, 24
    tails, heads, costs, mass = problem(rng, n, m)
    cell = rng.integers(0, 8, n + m)
    cell[0] = 7
    found, pivots = cells.improve(tails, heads, costs, mass, cell, 2, None, pivots=100)
    apart = cell[tails] >> 1 != cell[heads] >> 1
    np.testing.assert_array_equal(found[apart], mass[apart])
    assert pivots > 100
    # Every cell of the last level is optimal by itself.
    for k in range(4):
        inside = (cell[tails] >> 1 == k) & (cell[heads] >> 1 == k)
        supply = net(n + m, tails[inside], heads[inside], mass[inside])
        best = optimum(n + m, tails[inside], heads[inside], costs[inside], supply)
        assert costs[inside] @ found[inside] == pytest.approx(best, rel=1e-9)


def test_the_tree_is_one_after_every_pivot(rng, monkeypatch, threads):
    whole = cells.improve_cells

    def one_by_one(nodes, potential, tail, head, cost, carried, cells, start, tolerance, limit):
        done = 0
        while True:
            status, start, one = whole(
                nodes, potential, tail, head, cost, carried, cells, start, tolerance, 1
            )
            require_tree(nodes)
            require_strongly_feasible(nodes)
            require_tight(nodes, potential, tail, head, cost, np.zeros(nodes.size), 1e-12)
            done += one
            if status == cell_loops.OPTIMAL or done == limit:
                return status, start, done

    monkeypatch.setattr(cells, "improve_cells", one_by_one)
    tails, heads, costs, mass = problem(rng, 12, 14, whole=True)
    cell = rng.integers(0, 4, 26)
    cells.improve(tails, heads, costs, mass, cell, 3, None)


def test_cells_without_nodes(rng, threads):
    tails, heads, costs, mass = problem(rng, 12, 13)
    cell = rng.choice([0, 5, 15], 25)
    cell[0] = 15
    found, _ = cells.improve(tails, heads, costs, mass, cell, 5, None)
    supply = net(25, tails, heads, mass)
    best = optimum(25, tails, heads, costs, supply)
    assert costs @ found == pytest.approx(best, rel=1e-12)


def test_the_limit_on_pivots(rng, threads):
    tails, heads, costs, mass = problem(rng, 20, 20)
    _, needed = cells.improve(tails, heads, costs, mass, np.arange(40) % 4, 3, None)
    assert cells.improve(tails, heads, costs, mass, np.arange(40) % 4, 3, needed)[1] == needed
    for limit in (7, needed - 1):
        with pytest.raises(ConvergenceError, match=rf"limit of {limit} iterations"):
            cells.improve(tails, heads, costs, mass, np.arange(40) % 4, 3, limit)


# --- from a plan between groups ---


def groups(rng, a, b, M, of_rows, of_columns):
    """Return an optimal plan between groups of rows and columns that are alike in number."""

    def grouped(number):
        order = np.argsort(number, kind="stable")
        return order, np.searchsorted(number[order], np.arange(number.max() + 2))

    n_groups, m_groups = of_rows.max() + 1, of_columns.max() + 1
    mass_a, mass_b = np.bincount(of_rows, a), np.bincount(of_columns, b)
    fewer = rng.random((n_groups, m_groups))
    answer = solve(mass_a, mass_b, Reluctant(fewer), np.zeros(m_groups))
    ranks = tuple(rng.permutation(max(M.shape)) for _ in range(2))
    rows, columns = grouped(of_rows), grouped(of_columns)
    return initial_basis.Groups(rows, columns, answer.rows, answer.columns, answer.mass, ranks)


@pytest.mark.parametrize("shape", [(40, 60), (150, 90), (1, 30)], ids=str)
def test_any_plan_between_groups_will_do(rng, shape):
    a, b = weights(rng, *shape)
    M = rng.random(shape)
    of_rows, of_columns = (np.arange(k) % max(1, k // 4) for k in shape)
    begin = groups(rng, a, b, M, rng.permutation(of_rows), of_columns)
    answer = solve(a, b, Reluctant(M, 3), np.zeros(shape[1]), groups=begin)
    require_optimal(answer, a, b, M)


def test_tiny_weights_beside_large_ones(rng):
    a, b = weights(rng, 60, 60)
    a[::3] *= 1e-14
    b *= a.sum() / b.sum()
    M = rng.random((60, 60))
    begin = groups(rng, a, b, M, np.arange(60) % 15, np.arange(60) % 15)
    require_optimal(solve(a, b, Reluctant(M, 3), np.zeros(60), groups=begin), a, b, M)


def test_groups_do_not_know_what_is_forbidden(rng):
    a, b = weights(rng, 40, 40)
    M = np.where(rng.random((40, 40)) < 0.6, np.inf, rng.random((40, 40)))
    M[:, 7] = M[3] = 1.0
    begin = groups(rng, a, b, M, np.arange(40) % 10, np.arange(40) % 10)
    require_optimal(solve(a, b, Reluctant(M, 3), np.zeros(40), groups=begin), a, b, M)
    M[:, 1:] = np.inf
    with pytest.raises(NoPlanError):
        solve(a, b, Reluctant(M, 3), np.zeros(40), groups=begin)
