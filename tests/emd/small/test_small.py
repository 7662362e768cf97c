"""Small problems: the same bits from plain loops and from compiled ones, whatever the input."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from divkit import emd
from divkit.emd._network_simplex.tree import NODE
from divkit.emd._small import dense_simplex, small, small_problem
from divkit.emd._solver_types import NoPlanError
from divkit.testing._problems import transport_problems
from tests.emd import naive
from tests.emd.invariants import require_strongly_feasible, require_tree


@pytest.fixture(params=["plain", "compiled"])
def loops(request, monkeypatch):
    """Solve by plain loops, however long they take, or by compiled ones."""
    if request.param == "plain":
        choose_plain(monkeypatch)
    else:
        small.load()
    return request.param


def choose_plain(monkeypatch):
    monkeypatch.setattr(small, "_compiled", None)
    monkeypatch.setattr(small, "_PATIENCE", np.inf)


def plane(rng, n, m):
    return np.hypot(*(rng.random((2, n, 1)) - rng.random((2, 1, m))))


COSTS = {
    "plane": plane,
    "signed": lambda rng, n, m: rng.normal(size=(n, m)),
    "few different": lambda rng, n, m: rng.integers(0, 4, (n, m)).astype(float),
    "constant": lambda rng, n, m: np.full((n, m), -2.5),
    "total variation": lambda rng, n, m: 1.0 - np.eye(n, m),
    "line": lambda rng, n, m: np.abs(rng.random((n, 1)) - rng.random(m)),
    "sizes": lambda rng, n, m: 10.0 ** rng.uniform(-6, 6, (n, m)),
    "forbidden": lambda rng, n, m: np.where(rng.random((n, m)) < 0.6, np.inf, plane(rng, n, m)),
    "some very dear": lambda rng, n, m: rng.random((n, m)) + 1e14 * (rng.random((n, m)) < 0.4),
    "constants in rows": lambda rng, n, m: plane(rng, n, m) + 1e8 * rng.random((n, 1)),
}
WEIGHTS = {
    "dirichlet": lambda rng, n: rng.dirichlet(np.ones(n)),
    "uniform": lambda rng, n: np.full(n, 1 / n),
    "tenths": lambda rng, n: rng.integers(1, 9, n) / 10,
    "zeros": lambda rng, n: np.append(1.0, rng.random(n - 1) * (rng.random(n - 1) < 0.5)),
    "heavy tail": lambda rng, n: rng.random(n) ** 20,
}


def problems(rng, sizes=((1, 1), (1, 7), (9, 2), (2, 2), (9, 6), (15, 15))):
    for costs in COSTS.values():
        for weights in WEIGHTS.values():
            for n, m in sizes:
                M, a, b = costs(rng, n, m), weights(rng, n), weights(rng, m)
                b *= a.sum() / b.sum()
                # The pairs of the plan in order are allowed.
                ends = np.cumsum(a)[:, None], np.cumsum(b)
                common = np.minimum(*ends) - np.maximum(ends[0] - a[:, None], ends[1] - b)
                yield a, b, np.where(np.isinf(M) & (common > -1e-9), 0.5, M)


def numbers(t):
    return t.value, t.dual_value, t.gap, t.primal_residual, t.dual_residual, t.iterations


# --- plain and compiled ---


def test_the_same_bits(rng, monkeypatch):
    given = list(problems(rng))
    small.load()
    compiled = [small.solve(*problem) for problem in given]
    choose_plain(monkeypatch)
    for problem, fast in zip(given, compiled, strict=True):
        slow = small.solve(*problem)
        if slow is None:
            assert fast is None
            continue
        assert numbers(slow) == numbers(fast)
        assert_array_equal(slow.f, fast.f)
        assert_array_equal(slow.g, fast.g)
        assert_array_equal(slow.plan.toarray(), fast.plan.toarray())


def test_a_new_process_loads_nothing_for_a_small_problem():
    code = """
import sys
from divkit import emd
emd.solve([0.5, 0.5], [0.25, 0.75], [[0.0, 1.0], [1.0, 0.0]]).value
print(sorted({"numba", "llvmlite", "scipy"} & set(sys.modules)))
from divkit.emd._small import small
small._spent = 1 + small._PATIENCE
emd.solve([0.5, 0.5], [0.25, 0.75], [[0.0, 1.0], [1.0, 0.0]]).value
print(sorted({"numba", "llvmlite"} & set(sys.modules)), small._compiled is not None)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['llvmlite', 'numba'] True"]


def test_patience_is_spent(monkeypatch, rng):
    choose_plain(monkeypatch)
    before = small._spent
    emd.solve(None, None, rng.random((30, 30)))
    assert before < small._spent < before + 1.0


# --- the answer ---


def test_every_problem_is_solved_at_once_and_exactly(loops, rng):
    sizes = ((1, 9), (22, 4), (8, 8), (25, 14))
    for a, b, M in problems(rng, sizes):
        t = emd.solve(a, b, M)
        scale = a.sum() * np.abs(M[np.isfinite(M)]).max()
        plan = t.plan.tocoo()
        assert t.gap <= max(1e-12 * (plan.data * np.abs(M[plan.coords])).sum(), 1e-15 * scale)
        assert t.value - t.dual_value == pytest.approx(t.gap, abs=1e-14 * scale)
        assert t.dual_residual <= 1e-15
        assert t.primal_residual <= 1e-15
        assert t.plan.nnz <= sum(M.shape) - 1
        assert np.isfinite(M[plan.coords]).all()
        if (b > 0).all() and np.isfinite(M).all():
            slack = M - t.f[:, None] - t.g
            # The potentials of one side are computed from those of the other.
            computed = 0 if small_problem.is_tall(*M.shape) else 1
            assert np.abs(slack.min(axis=computed)).max() <= 1e-15 * np.abs(M).max()
            assert np.abs(slack.min(axis=1 - computed)).max() <= 1e-14 * np.abs(M).max()


def test_the_certificate_is_that_of_everybody(loops, rng):
    for a, b, M in problems(rng, ((9, 12),)):
        t = emd.solve(a, b, M)
        again = emd.certify(a, b, M, t.plan, t.f, t.g, method="again")
        scale = a.sum() * np.abs(M[np.isfinite(M)]).max()
        assert t.value == pytest.approx(again.value, rel=1e-15, abs=1e-17 * scale)
        assert t.dual_value == pytest.approx(again.dual_value, rel=1e-14, abs=1e-15 * scale)
        assert t.gap == pytest.approx(again.gap, abs=1e-15 * scale)
        assert t.primal_residual == pytest.approx(again.primal_residual, abs=1e-16)


def test_against_all_permutations(loops, rng):
    for huge in (0.0, 1e12, 1e16):
        M = rng.random((6, 6)) + huge * (rng.random((6, 6)) < 0.4) * (1 - np.eye(6))
        t = emd.solve(None, None, M)
        assert t.value == pytest.approx(float(naive.assignment(M)), rel=1e-14)
        assert t.dual_value == pytest.approx(t.value, rel=1e-14)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(transport_problems(), st.booleans())
def test_against_highs(problem, compiled):
    with pytest.MonkeyPatch.context() as patch:
        small.load() if compiled else choose_plain(patch)
        t, by_highs = emd.solve(*problem), emd.solve(*problem, "highs")
    scale = problem[0].sum() * np.abs(problem[2]).max()
    assert t.value == pytest.approx(by_highs.value, rel=1e-11, abs=1e-14 * scale)
    assert t.method == "simplex"


def test_ranges(loops, rng):
    M = rng.random((5, 6))
    expected = emd.solve(None, None, M).value
    for mass, cost in ((1e-80, 1e200), (1e80, 1e-200), (1e9, 1e-290), (1.0, 1e300)):
        a, b = np.full(5, mass / 5), np.full(6, mass / 6)
        t = emd.solve(a, b, cost * M)
        assert t.value / mass / cost == pytest.approx(expected, rel=1e-14)
        assert abs(t.gap) <= 1e-14 * t.value


def test_costs_too_uneven_for_one_go(loops):
    # The one plan costs 7780, and the potential of the dearest sink has no digits for f.
    b = [7.9e-7, 3.3e-5, 6.9e-6, 0.0, 2.6e-6, 1e-10, 2.4e-3]
    M = [2.6e6, 2.3e8, 1.6e7, 1.2, 3.4e-9, 6.1e5, 2.6e-9]
    b[3] = 1.0 - sum(b)
    t = small.solve(np.ones(1), np.array(b), np.array([M]))
    assert t.value == pytest.approx(float(np.dot(b, M)), rel=1e-15)
    assert abs(t.gap) <= 1e-13 * t.value


# --- what takes more care ---


def test_what_is_not_ordinary_is_left_alone(rng):
    a, M = np.full(4, 0.25), rng.random((4, 4))
    wide = np.zeros((4, 8), np.dtype([("pad", np.int8), ("cost", np.float64)]))
    for a_given, M_given in (
        (a, M.astype(np.float32)),
        (a.astype(np.float32), M),
        (a, M.tolist()),
        (list(a), M),
        (a, wide["cost"][:, ::2]),  # not aligned
        (a[:3], M),
        (a, M[:0]),
        (a, M.ravel()),
        (a * 1.1, M),
        (np.append(a[:3], -0.25), M),
        (np.append(a[:3], np.nan), M),
        (0 * a, M),
        (1e200 * a, M),
        (a, np.where(M[1, 2] == M, np.nan, M)),
        (a, np.where(M[1, 2] == M, -np.inf, M)),
        (a, np.where(np.arange(4) == 2, np.inf, M)),
        (a, np.zeros((513, 513))),
    ):
        assert small.solve(a_given, a, M_given) is None
    assert small.solve(a, None, M) is None
    assert small.solve(a, a, M).value == emd.solve(list(a), None, M.tolist()).value


def test_strides(rng):
    M, b = rng.random((12, 10)), rng.dirichlet(np.ones(5))
    for view in (M[::2, ::2], np.asfortranarray(M)[:6, 5:], M[::-2, ::-2]):
        assert emd.solve(None, b, view).value == emd.solve(None, b, view.copy()).value


def test_the_limit_is_on_the_pivots(loops, rng):
    M = plane(rng, 20, 20)
    t = emd.solve(None, None, M)
    assert emd.solve(None, None, M, max_iter=t.iterations).value == t.value
    with pytest.raises(emd.ConvergenceError, match="the network simplex reached the limit of"):
        emd.solve(None, None, M, max_iter=t.iterations - 1)
    # Finding any plan takes pivots, too.
    few = np.where(np.tri(20, k=0) > 0, 1.0, np.inf)
    with pytest.raises(emd.ConvergenceError, match="limit of 1 iterations"):
        emd.solve(None, None, few[:, ::-1] + M, max_iter=1)


def test_the_one_plan_among_few_pairs(loops, rng):
    a = rng.dirichlet(np.ones(25))
    M = np.where(np.tri(25) > 0, rng.random((25, 25)), np.inf)
    order = rng.permutation(25)
    t = emd.solve(a, a[order], M[:, order])
    np.testing.assert_allclose(t.plan.toarray(), np.diag(a)[:, order], atol=1e-15)


def test_no_plan(loops, rng):
    M = np.full((5, 5), 1.0)
    M[1:3, 1:] = np.inf
    with pytest.raises(ValueError, match=r"rows \[1, 2\] hold .* 0.4, .* \[0\], take 0.2"):
        emd.solve(None, None, M)
    M[:, 3] = np.inf
    with pytest.raises(ValueError, match=r"b\[3\] = 0.2, but all of column 3 is forbidden"):
        emd.solve(None, None, M)
    # However light it is.
    M = np.ones((3, 3))
    M[2] = np.inf
    with pytest.raises(ValueError, match=r"a\[2\] = 1e-20, but all of row 2 is forbidden"):
        emd.solve([0.5, 0.5, 1e-20], [0.5, 0.25, 0.25], M)


def test_a_backend_for_scaled_problems(loops, rng):
    a = np.full(6, 1 / 6)
    rows, columns, mass, f, g, _ = small.answer(a, a, rng.random((6, 6)))
    assert rows.dtype == columns.dtype == np.intp
    assert mass.sum() == pytest.approx(1.0, rel=1e-15)
    assert f.shape == g.shape == (6,)
    with pytest.raises(NoPlanError):
        small.answer(a, a, np.where(np.arange(6) > 3, np.inf, rng.random((6, 6))))


# --- the tree ---


def test_every_tree(rng, monkeypatch):
    choose_plain(monkeypatch)
    whole, pivots = dense_simplex.pivot, []

    def checked(tree, *arguments):
        for after in (False, True):
            if after:
                assert whole(tree, *arguments)
            nodes = np.zeros(len(tree), NODE)
            for name in ("parent", "next", "previous", "last", "size"):
                nodes[name] = [int(getattr(node, name)) for node in tree]
            for name in ("flow", "upward"):
                nodes[name][:-1] = [getattr(node, name) for node in tree[:-1]]
            require_tree(nodes)
            require_strongly_feasible(nodes)
        pivots.append(arguments)
        return True

    monkeypatch.setattr(dense_simplex, "pivot", checked)
    for a, b, M in problems(rng, ((6, 6), (4, 11))):
        emd.solve(a, b, M)
    assert len(pivots) > 200


def test_sums_are_rounded_once():
    terms = [1.0, 1e-17, -1.0, 3e-33, 1e20, 1.0, -1e20]
    high = low = 0.0
    for term in terms:
        high, low = small_problem._add(high, low, term)
    assert high + low == 1.0 + 1e-17


def test_a_limit_beyond_all_integers(rng):
    M = rng.random((6, 7))
    expected = emd.solve(None, None, M).value
    small.load()
    for limit in (10**30, np.uint64(2**64 - 1)):
        assert emd.solve(None, None, M, max_iter=limit).value == expected
        assert emd.solve_batch(None, None, M, max_iter=limit).values[0] == expected
