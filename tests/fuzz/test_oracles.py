"""The oracles against what is more obvious still, and whether checks notice what is wrong."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divkit import emd
from tests.fuzz import honesty, manners, oracles
from tests.fuzz import strategies as fuzzed


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(st.integers(1, 5).flatmap(lambda n: fuzzed.costs(n, n)))
def test_assignments_against_all_permutations(M):
    n = len(M)
    cost = oracles.exact(M)
    found = oracles.transport([1] * n, [1] * n, cost)
    sums = [
        sum(cost[i][s] for i, s in enumerate(order))
        for order in permutations(range(n))
        if None not in [cost[i][s] for i, s in enumerate(order)]
    ]
    assert (found is None) == (not sums)
    if sums:
        assert found.value == min(sums)


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(fuzzed.plain_problems(max_size=7))
def test_transport_against_highs(problem):
    a, b, M = problem
    found = oracles.Problem(a, b, M).optimum
    largest = np.abs(M[np.isfinite(M)]).max(initial=0.0) * a.sum()
    reference = oracles.highs(a, b, M)
    assert (found is None) == (reference is None)
    if found is not None:
        assert abs(float(found.value) - reference) <= 1e-8 * largest


def test_the_optimum_of_a_known_problem():
    big = 1e17
    M = [[3, 1, 1, big], [0, 3, 4, big], [1, 1, 2, big], [big, big, big, 4]]
    assert oracles.Problem([1.0] * 4, [1.0] * 4, np.array(M)).optimum.value == 6


def test_shortest_paths():
    lengths = oracles.exact([[np.inf, 1, 5], [np.inf, np.inf, 2], [np.inf] * 3])
    assert oracles.shortest_paths(lengths)[0] == [0, 1, 3]


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": 1.0},
        {"gap": 0.0},
        {"dual_value": 1.5, "gap": 0.0},
        {"dual_residual": 0.0, "_potentials": (np.array([0.0, 9.0]), np.array([0.0, -9.0]))},
        {"primal_residual": 0.0, "plan": [[0.5, 0.0], [0.0, 0.25]]},
    ],
)
def test_a_record_that_lies_is_found_out(wrong):
    a, b, M = [0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [2.0, 0.0]]
    plan = wrong.pop("plan", [[0.0, 0.5], [0.5, 0.0]])
    t = emd.certify(a, b, M, plan, [0, 0], [0, 0], method="a guess")
    problem = oracles.Problem(a, b, M)
    honesty.require_honest(t, problem)
    with pytest.raises(AssertionError):
        honesty.require_honest(replace(t, **wrong), problem)
    with pytest.raises(AssertionError):
        honesty.require_right(t, problem)


def _modifies(x):
    x[0] = 7.0


def _asks_numpy(x):
    return np.zeros(3) + np.zeros(2)


def _divides(x):
    return np.array([1.0]) / np.array([0.0])


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (_modifies, "changes its input"),
        (_asks_numpy, "foreign message"),
        (_divides, "leaks RuntimeWarning"),
        (lambda x: 1 // 0, "foreign error"),
        (lambda x: {"a": [x * np.nan]}, "answers with nan"),
    ],
)
def test_bad_manners_are_noticed(function, what):
    with pytest.raises(AssertionError, match=what):
        manners.ask(function, np.ones(2))


def test_a_hang_is_noticed():
    def endless():
        while True:
            pass

    with pytest.raises(manners.Hang), manners.deadline(0.05):
        endless()


def test_uniform_weights_are_exact():
    assert sum(oracles.uniform(7)) == Fraction(1)
