"""Every way to solve a transport problem, against rational arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from divkit import emd
from tests.fuzz import manners
from tests.fuzz import strategies as fuzzed
from tests.fuzz.honesty import require_right, require_value
from tests.fuzz.oracles import Problem


def require_answer(solve: Any, a: Any, b: Any, M: Any, *, must: bool = True) -> Any:
    """Require the right answer, or the right refusal where no plan exists.

    Unless it `must`, a method may also say that it found no optimum; and so may every method where
    a mass is lost in the sum of all.
    """
    problem = Problem(a, b, M)
    t = manners.ask(solve)
    if not isinstance(t, manners.Refused):
        require_right(t, problem)
        return t
    if problem.optimum is None:
        untold = isinstance(t.error, emd.ConvergenceError) and not problem.mass_is_told
        assert untold or isinstance(t.error, ValueError), f"{t.error} where no plan exists"
    elif (must and problem.mass_is_told) or not isinstance(t.error, emd.ConvergenceError):
        kind = type(t.error).__name__
        raise AssertionError(f"refuses a valid problem, {kind}: {t.error}")
    return None


@pytest.mark.inputs(70)
@pytest.mark.parametrize("method", ["auto", "simplex"])
def test_simplex(fuzz, method):
    fuzz(
        fuzzed.problems(),
        lambda problem: require_answer(lambda: emd.solve(*problem, method=method), *problem),
    )


@pytest.mark.inputs(100)
def test_sentinels(fuzz):
    fuzz(
        fuzzed.problems(6, fuzzed.sentinel_costs),
        lambda problem: require_answer(lambda: emd.solve(*problem), *problem),
    )


@pytest.mark.inputs(25)
@pytest.mark.parametrize("function", [emd.solve, emd.primal, emd.dual], ids=lambda f: f.__name__)
def test_highs(fuzz, function):
    fuzz(
        fuzzed.problems(),
        lambda problem: require_answer(
            lambda: function(*problem, method="highs"), *problem, must=False
        ),
    )


@pytest.mark.inputs(30)
def test_pot(fuzz):
    pytest.importorskip("ot")
    fuzz(
        fuzzed.problems(),
        lambda problem: require_answer(
            lambda: emd.solve(*problem, method="pot"), *problem, must=False
        ),
    )


@pytest.mark.inputs(1)
@pytest.mark.parametrize("function", [emd.solve, emd.primal, emd.dual], ids=lambda f: f.__name__)
def test_cvxpy(fuzz, function):
    pytest.importorskip("cvxpy")
    fuzz(
        fuzzed.problems(4),
        lambda problem: require_answer(
            lambda: function(*problem, method="cvxpy"), *problem, must=False
        ),
    )


@pytest.mark.inputs(40)
def test_distance_and_limits(fuzz):
    def check(drawn):
        (a, b, M), limit = drawn
        problem = Problem(a, b, M)
        found = manners.ask(emd.distance, a, b, M, max_iter=limit)
        if isinstance(found, manners.Refused):
            stopped = isinstance(found.error, emd.ConvergenceError) and limit is not None
            assert stopped or problem.optimum is None, f"refuses: {found.error}"
        elif problem.optimum is None:  # but for a rounding of the weights, as the plan tells
            t = emd.solve(a, b, M)
            require_right(t, problem)
            assert found == t.value
        else:
            require_value(found, problem)

    limits = st.sampled_from([None, 1, 2, 3, 10**9, 10**30])
    fuzz(st.tuples(fuzzed.problems(4), limits), check)


@st.composite
def sparse_problems(draw):
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    given, dense = draw(fuzzed.sparse_costs(n, m))
    a, b = draw(fuzzed.masses(n, m))
    largest = np.abs(dense[np.isfinite(dense)]).max(initial=0.0)
    if not fuzzed.in_range(a.sum(), largest):
        a, b = draw(fuzzed.masses(n, m, whole=True))
    return a, b, given, dense


@pytest.mark.inputs(70)
def test_sparse_costs(fuzz):
    def check(drawn):
        a, b, given, dense = drawn
        require_answer(lambda: emd.solve(a, b, given), a, b, dense)

    fuzz(sparse_problems().filter(lambda x: fuzzed.in_range(1.0, _largest(x[3]))), check)


def _largest(M):
    return np.abs(M[np.isfinite(M)]).max(initial=0.0)


@st.composite
def batches(draw):
    n, m, k = (draw(st.integers(1, 4)) for _ in range(3))
    M = np.stack([draw(fuzzed.costs(n, m)) for _ in range(k)])
    both = [draw(fuzzed.masses(n, m, whole=draw(st.booleans()))) for _ in range(k)]
    a, b = (np.stack(side) for side in zip(*both, strict=True))
    for i in range(k):
        if not fuzzed.in_range(a[i].sum(), _largest(M[i])):
            M[i] = draw(fuzzed.matrices(n, m, fuzzed.WHOLE))
            a[i], b[i] = draw(fuzzed.masses(n, m, whole=True))
    return a, b, M


@pytest.mark.inputs(50)
def test_batches(fuzz):
    def check(drawn):
        a, b, M = drawn
        problems = [Problem(*one) for one in zip(a, b, M, strict=True)]
        found = manners.ask(emd.solve_batch, a, b, M)
        if isinstance(found, manners.Refused):
            refused = [one.optimum is None or not one.mass_is_told for one in problems]
            assert any(refused), f"refuses a valid batch: {found.error}"
            assert any(f"problem {i}" in str(found.error) for i in np.flatnonzero(refused))
            return
        for i, problem in enumerate(problems):
            require_right(found[i], problem)
            assert found.values[i] == found[i].value
            assert np.array_equal(found.plans[i], found[i].plan.toarray())

    fuzz(batches(), check)


@st.composite
def starts(draw):
    a, b, M = draw(fuzzed.problems())
    n, m = M.shape
    other = draw(fuzzed.problems())
    kind = draw(st.sampled_from(["same", "weights", "costs", "potentials"]))
    if kind == "potentials":
        return (a, b, M), draw(fuzzed.potentials(a, b, M, np.zeros(n), np.zeros(m)))
    if kind == "weights":
        return (a, b, M), (*draw(fuzzed.masses(n, m, whole=True)), np.nan_to_num(M, posinf=1e9))
    if kind == "costs":
        return (a, b, M), (a, b, draw(fuzzed.matrices(n, m, fuzzed.WHOLE)))
    return (a, b, M), other if other[2].shape == (n, m) else (a, b, M)


@pytest.mark.inputs(60)
def test_warm_starts(fuzz):
    def check(drawn):
        problem, begin = drawn
        if len(begin) == 3:
            begin = manners.ask(emd.solve, *begin)
            if isinstance(begin, manners.Refused):
                return
        require_answer(lambda: emd.solve(*problem, start=begin), *problem)

    fuzz(starts(), check)


@st.composite
def starts_of_many(draw):
    """Problems that are too large for the small solver, whose start matters, by a seed."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(20, 60)), draw(st.integers(20, 60))
    M = rng.random((n, m))
    where = draw(st.sampled_from(["none", "block", "row"]))
    big = draw(st.sampled_from(fuzzed.SENTINELS[:-1]))  # times the mass within float64
    if where == "block":
        # As many atoms in either block, so that nothing has to cross.
        k = min(n, m) // 2
        n = m = 2 * k
        M = M[:n, :m]
        M[:k, k:], M[k:, :k] = big, big
    elif where == "row":
        M[0] = big
    weights = rng.integers(1, 9, n).astype(float)
    a, b = (
        (weights, rng.permutation(weights))
        if n == m
        else (np.full(n, m / 1.0), np.full(m, n / 1.0))
    )
    if where == "block":
        k = n // 2
        b = np.concatenate([rng.permutation(a[:k]), rng.permutation(a[k:])])
    return a, b, M, where, draw(st.sampled_from(["cold", "own", "useless", "adversarial"]))


@pytest.mark.inputs(15)
def test_problems_of_many_atoms(fuzz):
    from tests.fuzz.oracles import highs

    def check(drawn):
        a, b, M, where, begin = drawn
        n, m = M.shape
        start = {
            "cold": None,
            "own": manners.answer(emd.solve, a, b, M) if begin == "own" else None,
            "useless": (np.zeros(n), np.zeros(m)),
            "adversarial": (np.linspace(-1e3, 1e17, n), np.linspace(1e17, 0, m)),
        }[begin]
        t = manners.answer(emd.solve, a, b, M, start=start)
        # Within blocks the huge costs play no part, and forbidding them changes nothing.
        plain = np.where(M > 1, np.inf, M) if where == "block" else np.where(M > 1, 0.0, M)
        constant = a[0] * M[0, 0] if where == "row" else 0.0
        reference = highs(a, b, plain)
        size = a.sum() + abs(constant)
        assert abs(t.value - constant - reference) <= 1e-8 * size, (t.value, reference)
        assert t.gap <= 1e-9 * size
        assert abs(t.plan.sum(1) - a).max() <= 1e-12 * a.sum()

    fuzz(starts_of_many(), check)


@st.composite
def histograms_and_costs(draw):
    n, m, k = (draw(st.integers(1, 4)) for _ in range(3))
    alone = draw(st.booleans())
    M = draw(fuzzed.costs(n, n if alone else m))
    if alone and draw(st.booleans()):
        M = np.minimum(M, M.T)
        np.fill_diagonal(M, 0.0)
    row = st.lists(st.integers(0, 5), min_size=n, max_size=n).filter(any)
    column = st.lists(st.integers(0, 5), min_size=m, max_size=m).filter(any)
    P = [draw(row) for _ in range(k)]
    Q = None if alone else [draw(column) for _ in range(draw(st.integers(1, 3)))]
    mass = np.lcm.reduce([sum(x) for x in (*P, *(Q or []))])
    P, Q = (
        None if X is None else np.array([np.array(x) * (mass // sum(x)) for x in X]) * 1.0
        for X in (P, Q)
    )
    return M, P, Q


@pytest.mark.inputs(40)
def test_pairwise(fuzz):
    def check(drawn):
        M, P, Q = drawn
        sinks = P if Q is None else Q
        problems = [[Problem(p, q, M) for q in sinks] for p in P]
        found = manners.ask(emd.pairwise, P, Q, M)
        if isinstance(found, manners.Refused):
            impossible = any(one.optimum is None for row in problems for one in row)
            assert impossible, f"refuses: {found.error}"
            return
        for i, row in enumerate(problems):
            for j, one in enumerate(row):
                require_value(found.values[i, j], one)
                dual_value = found.dual_values[i, j]
                over = dual_value - float(one.optimum.value)
                assert over <= 1e-11 * float(one.optimal_size), f"dual value {dual_value}"

    fuzz(histograms_and_costs().filter(lambda x: fuzzed.in_range(60.0, _largest(x[0]))), check)


@pytest.mark.inputs(50)
def test_uniform_and_rounded_masses(fuzz):
    """None, and masses that are equal up to rounding only, stand for masses that are equal."""
    from tests.fuzz.oracles import uniform

    def check(drawn):
        M, kind, weights = drawn
        n, m = M.shape
        if kind == "uniform":
            a = b = None
            exactly = uniform(n), uniform(m)
        else:
            a = np.array(weights[:n]) / sum(weights[:n])
            b = np.array(weights[-m:]) / sum(weights[-m:])
            exactly = a, b
        problem = Problem(*exactly, M)
        t = manners.ask(emd.solve, a, b, M)
        if isinstance(t, manners.Refused):
            assert problem.optimum is None or np.isinf(M).any(), f"refuses: {t.error}"
        elif problem.optimum is not None:
            # That a sum of rounded masses is 1 in rational arithmetic is too much to ask.
            problem.unbalance = max(problem.unbalance, problem.mass / 2**50)
            require_right(t, problem)

    shapes = st.tuples(st.integers(1, 6), st.integers(1, 6))
    weights = st.lists(st.integers(1, 99), min_size=12, max_size=12)
    fuzz(
        st.tuples(
            shapes.flatmap(lambda s: fuzzed.costs(*s)),
            st.sampled_from(["uniform", "rounded"]),
            weights,
        ).filter(lambda x: fuzzed.in_range(1.0, _largest(x[0]))),
        check,
    )


@pytest.mark.inputs(20)
def test_c_transform(fuzz):
    def check(drawn):
        M, f, as_sparse = drawn
        given = fuzzed.as_graph(M) if as_sparse else M
        g = manners.answer(emd.c_transform, f, given)
        with np.errstate(all="ignore"):
            expected = np.min(np.where(np.isinf(M), np.inf, M - f[:, None]), axis=0)
        assert np.array_equal(g, expected), f"{g} is not {expected}"

    @st.composite
    def inputs(draw):
        n, m = draw(st.integers(1, 5)), draw(st.integers(1, 5))
        M = draw(fuzzed.costs(n, m))
        f, _ = draw(fuzzed.potentials(None, None, M, np.zeros(n), np.zeros(m)))
        return M, np.clip(f, -1e300, 1e300), draw(st.booleans())

    fuzz(inputs().filter(lambda x: _largest(x[0]) < 2.0**1000), check)
