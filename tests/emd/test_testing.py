"""check_transport passes right solvers, and catches every kind of wrong one."""

from __future__ import annotations

import re
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import Phase, settings

from divkit import emd
from divkit.testing._transports import TRANSPORT_IDENTITIES, check_transport, transport_checks

NAMES = [identity.name for identity in TRANSPORT_IDENTITIES]


@pytest.mark.parametrize("name", NAMES)
def test_identities_hold(solver, name):
    run = dict(transport_checks(solver))[name]
    run(10)


def solved(a, b, M):
    # Every identity starts from the same examples.
    t = _remembered(tuple(a), tuple(b), tuple(map(tuple, M)))
    return SimpleNamespace(plan=t.plan.toarray(), f=t.f, g=t.g, value=t.value)


_remembered = cache(emd.solve)


def lost_mass(a, b, M):
    t = solved(a, b, M)
    t.plan *= 0.51
    return t


def column_swapped(a, b, M):
    t = solved(a, b, M)
    t.plan = t.plan[:, ::-1]
    return t


def negative_plan(a, b, M):
    t = solved(a, b, M)
    if min(M.shape) > 1:
        t.plan[:2, :2] += np.array([[1, -1], [-1, 1]]) * 2 * a.sum()
        t.value = float(np.sum(t.plan * M))
    return t


def not_optimal(a, b, M):
    t = solved(a, b, M)
    t.plan = np.outer(a, b / b.sum())
    t.value = float(np.sum(t.plan * M))
    return t


def greedy(a, b, M):
    """Return the north-west corner: the right marginals, and potentials tight on its entries."""
    left, right = a.copy(), b.copy()
    plan, f, g = np.zeros(M.shape), np.zeros(len(a)), np.zeros(len(b))
    i = j = 0
    g[0] = M[0, 0]
    while i < len(a) and j < len(b):
        moved = min(left[i], right[j])
        plan[i, j] += moved
        left[i] -= moved
        right[j] -= moved
        if left[i] <= right[j] and i + 1 < len(a):
            i += 1
            f[i] = M[i, j] - g[j]
        else:
            j += 1
            if j < len(b):
                g[j] = M[i, j] - f[i]
    return SimpleNamespace(plan=plan, f=f, g=g, value=float(np.sum(plan * M)))


def infeasible_potentials(a, b, M):
    t = solved(a, b, M)
    t.f = t.f + 0.1 * (np.abs(M).max() or 1.0)
    return t


def weak_potentials(a, b, M):
    t = solved(a, b, M)
    t.f = t.f - 0.1 * (np.abs(M).max() or 1.0)
    return t


def wrong_value(a, b, M):
    t = solved(a, b, M)
    t.value *= 1 + 1e-6
    return t


def ignores_small_costs(a, b, M):
    """Solve with the two decimals of an absolute tolerance."""
    return solved(a, b, np.round(M, 2))


def without_massless_potentials(a, b, M):
    t = solved(a, b, M)
    t.f, t.g = np.where(a > 0, t.f, 1e300), np.where(b > 0, t.g, 1e300)
    return t


def meddles(a, b, M):
    t = solved(a, b, M)
    M *= 1 + 1e-12
    return t


def forgiving(a, b, M):
    a, b = np.abs(a), np.abs(b)
    a = a[: len(M)]
    return solved(a, b * (a.sum() / b.sum()), np.nan_to_num(M))


def gives_up(a, b, M):
    if a.size > 2:
        raise RuntimeError("too large")
    return solved(a, b, M)


@pytest.fixture
def unshrunk():
    """Spare the search for the smallest failure where any failure will do."""
    settings.register_profile("unshrunk", phases=[Phase.generate])
    before = settings.get_current_profile_name()
    settings.load_profile("unshrunk")
    yield
    settings.load_profile(before)


WRONG = {
    lost_mass: "marginals",
    column_swapped: "marginals",
    negative_plan: "non-negative plan",
    not_optimal: "strong duality",
    greedy: "feasible potentials",
    infeasible_potentials: "feasible potentials",
    weak_potentials: "strong duality",
    wrong_value: "value",
    ignores_small_costs: "value",
    without_massless_potentials: "feasible potentials",
    meddles: "inputs",
    forgiving: "errors",
    gives_up: "marginals",
}


@pytest.mark.parametrize(
    ("solver", "identity"), WRONG.items(), ids=lambda x: getattr(x, "__name__", x)
)
def test_wrong_solvers_are_caught(unshrunk, solver, identity):
    with pytest.raises(AssertionError, match=f"{solver.__name__} breaks '{identity}'.* at a = "):
        check_transport(solver, examples=15)


@pytest.mark.parametrize("identity", ["linear program", "order of atoms"])
def test_greedy_breaks_more_than_duality(unshrunk, identity):
    with pytest.raises(AssertionError, match=identity):
        dict(transport_checks(greedy))[identity](60)


def test_a_failure_says_by_how_much_at_a_small_input():
    with pytest.raises(AssertionError) as failure:
        dict(transport_checks(lost_mass))["marginals"](30)
    assert re.search(
        r"lost_mass breaks 'marginals' \(π1 = a, πᵀ1 = b\): 0.49 between π1 and a, "
        r"at a = \[1.0\], b = \[1.0\], M = \[\[0.0\]\]",
        str(failure.value),
    )


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)
