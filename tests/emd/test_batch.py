"""Many problems at once: each answer is that of one at a time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from divkit import _threads, emd
from divkit.emd import _batch as batches
from divkit.emd._small import small
from divkit.emd._transport import Transport
from tests.emd.small.test_small import choose_plain


@pytest.fixture(autouse=True, params=["plain", "compiled", "threads"])
def loops(request, monkeypatch):
    """Solve one by one, in compiled loops, or in these on several threads."""
    if request.param == "plain":
        choose_plain(monkeypatch)
    else:
        small.load()
    if request.param == "threads":
        monkeypatch.setattr(_threads, "worth", lambda work, per_thread: 3)
    return request.param


def many(rng, k, n, m):
    M = rng.random((k, n, m))
    return rng.dirichlet(np.ones(n), k), rng.dirichlet(np.ones(m), k), M


def require_same(batch, problems):
    """Compare with `solve`, bit for bit."""
    assert len(batch) == len(problems)
    for i, (a, b, M) in enumerate(problems):
        one, t = emd.solve(a, b, M), batch[i]
        assert isinstance(t, Transport)
        assert (t.value, t.dual_value, t.gap) == (one.value, one.dual_value, one.gap)
        assert t.primal_residual == batch.primal_residuals[i] == one.primal_residual
        assert t.dual_residual == batch.dual_residuals[i] == one.dual_residual
        assert t.iterations == batch.iterations[i] == one.iterations
        assert (t.shape, t.method) == (one.shape, one.method)
        assert_array_equal(t.f, one.f)
        assert_array_equal(t.g, one.g)
        assert_array_equal(t.plan.toarray(), one.plan.toarray())
        assert_array_equal(batch.plans[i], one.plan.toarray())
        assert (batch.values[i], batch.dual_values[i], batch.gaps[i]) == (
            one.value,
            one.dual_value,
            one.gap,
        )
        assert_array_equal(batch.f[i], one.f)
        assert_array_equal(batch.g[i], one.g)


@pytest.mark.parametrize("shape", [(7, 4, 6), (20, 1, 3), (5, 3, 1), (1, 2, 2)], ids=str)
def test_each_problem_its_own(rng, shape):
    a, b, M = many(rng, *shape)
    batch = emd.solve_batch(a, b, M)
    assert batch.shape == shape
    require_same(batch, list(zip(a, b, M, strict=True)))


def test_what_is_given_once_is_for_all(rng):
    a, b, M = many(rng, 6, 4, 5)
    require_same(emd.solve_batch(a, b[0], M[0]), [(a[i], b[0], M[0]) for i in range(6)])
    require_same(emd.solve_batch(a[0], b[0], M), [(a[0], b[0], M[i]) for i in range(6)])
    require_same(emd.solve_batch(a[:1], b, M[:1]), [(a[0], b[i], M[0]) for i in range(6)])
    require_same(emd.solve_batch(a[0], b[0], M[0]), [(a[0], b[0], M[0])])


def test_uniform_weights(rng):
    a, b, M = many(rng, 4, 5, 5)
    require_same(emd.solve_batch(None, None, M), [(None, None, M[i]) for i in range(4)])
    heavy = emd.solve_batch(None, 3 * b, M)
    np.testing.assert_allclose(heavy.plans.sum(axis=2), 3 / 5, rtol=1e-14)
    np.testing.assert_allclose(
        emd.solve_batch(3 * a, None, M[0]).plans.sum(axis=1), 3 / 5, rtol=1e-14
    )


def test_awkward_problems_among_others(rng):
    a, b, M = many(rng, 9, 6, 6)
    a[1] = np.where(np.arange(6) < 3, a[1], 0.0)
    a[1] /= a[1].sum()
    M[2][~np.eye(6, dtype=bool)] = np.inf
    b[2] = a[2]
    M[3] = 2.0
    M[4] *= 1e250
    a[5], b[5] = 1e80 * a[5], 1e80 * b[5]
    M[6] = rng.integers(0, 2, (6, 6))
    M[7] = 0.0
    batch = emd.solve_batch(a, b, M)
    require_same(batch, list(zip(a, b, M, strict=True)))
    assert_array_equal(batch.plans[2], np.diag(a[2]))


def test_iteration_and_indices(rng):
    batch = emd.solve_batch(*many(rng, 5, 3, 3))
    assert [t.value for t in batch] == batch.values.tolist()
    assert batch[-1].value == batch.values[4]
    with pytest.raises(IndexError):
        batch[5]
    assert repr(batch).startswith("Batch(5 problems of 3x3, gap<=")


def test_any_array(rng):
    a, b, M = many(rng, 6, 4, 8)
    values = emd.solve_batch(a, b, M).values
    given = np.asfortranarray(a), np.repeat(b, 2, axis=1)[:, ::2], M.transpose(2, 0, 1).copy()
    for x in given:
        x.setflags(write=False)
    assert_array_equal(emd.solve_batch(*given[:2], given[2].transpose(1, 2, 0)).values, values)
    assert_array_equal(emd.solve_batch(a.tolist(), b.tolist(), M.tolist()).values, values)
    integers = emd.solve_batch([[1, 2], [3, 0]], [2, 1], [[0, 1], [3, 0]])
    assert_array_equal(integers.values, [3.0, 1.0])


def test_single_precision(rng):
    a, b, M = (x.astype(np.float32) for x in many(rng, 4, 5, 6))
    batch = emd.solve_batch(a, b, M)
    for i in range(4):
        one = emd.solve(a[i], b[i], M[i])
        assert batch.values[i] == pytest.approx(one.value, rel=1e-15)
    assert batch.values.dtype == batch.plans.dtype == np.float64
    assert batch.primal_residuals.max() <= 1e-15


def test_problems_that_are_not_small(rng, monkeypatch):
    monkeypatch.setattr(small, "_MOST_PAIRS", 99)
    a, b, M = many(rng, 2, 30, 20)
    batch = emd.solve_batch(a, b, M)
    require_same(batch, list(zip(a, b, M, strict=True)))


# --- errors name the problem ---


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, b, M: M.__setitem__((2, 1, 0), np.nan), r"problem 2: `M` .* M\[1, 0\] = nan"),
        (lambda a, b, M: M.__setitem__((1, 0, 0), -np.inf), r"problem 1: `M` .* = -inf"),
        (lambda a, b, M: M.__setitem__((1, 2), np.inf), r"problem 1: no plan .* all of row 2"),
        (lambda a, b, M: a.__setitem__((0, 1), -1), r"problem 0: `a` .* a\[1\] = -1.0"),
        (lambda a, b, M: b.__setitem__((2, 2), np.inf), r"problem 2: `b` .* b\[2\] = inf"),
        (lambda a, b, M: b.__setitem__(1, 0.0), r"problem 1: `b` must hold mass"),
        (lambda a, b, M: b.__setitem__(1, 2 * b[1]), r"problem 1: .* equal mass"),
    ],
)
def test_bad_problems(rng, change, message):
    a, b, M = many(rng, 3, 3, 3)
    change(a, b, M)
    with pytest.raises(ValueError, match=message):
        emd.solve_batch(a, b, M)
    with pytest.raises(ValueError, match=message):
        emd.solve_batch(a.astype(np.float32), b.astype(np.float32), M.astype(np.float32))


def test_bad_shapes(rng):
    a, b, M = many(rng, 3, 4, 5)
    for given, message in (
        ((a, b, M[0, 0]), r"`M` must have shape \(k, n, m\), or \(n, m\) .* got \(5,\)"),
        ((a, b, M[:0]), r"`M` must .* got \(0, 4, 5\)"),
        ((a, b, M[:, :, :0]), r"one column, got \(3, 4, 0\)"),
        ((a[:, :3], b, M), r"`a` must have shape \(k, 4\), one weight per row .* got \(3, 3\)"),
        ((a, b[None], M), r"`b` must have shape \(k, 5\), .* got \(1, 3, 5\)"),
        ((a[:2], b, M), r"equally many problems in all arrays, got 3 in `M`, 2 in `a`, 3 in `b`"),
    ):
        with pytest.raises(ValueError, match=message):
            emd.solve_batch(*given)


def test_bad_types(rng):
    a, b, M = many(rng, 3, 4, 5)
    with pytest.raises(TypeError, match=r"`M` .* complex128"):
        emd.solve_batch(a, b, M + 0j)
    with pytest.raises(TypeError, match=r"`a` .* bool"):
        emd.solve_batch(a > 0, b, M)
    with pytest.raises(TypeError, match="`max_iter` must be an integer"):
        emd.solve_batch(a, b, M, max_iter=0.5)


def test_the_limit_is_on_each_problem(rng):
    a, b, M = many(rng, 6, 15, 15)
    batch = emd.solve_batch(a, b, M)
    most = int(batch.iterations.max())
    assert_array_equal(emd.solve_batch(a, b, M, max_iter=most).values, batch.values)
    i = int(np.argmax(batch.iterations > most - 1))
    with pytest.raises(emd.ConvergenceError, match=rf"problem {i}: .* limit of {most - 1} iter"):
        emd.solve_batch(a, b, M, max_iter=most - 1)


def test_threads_share_the_problems(rng, loops, monkeypatch):
    if loops != "threads":
        pytest.skip("one thread")
    pieces = []
    run = _threads.run

    def recorded(piece, size, number):
        run(lambda *part: (pieces.append(part), piece(*part)), size, number)

    monkeypatch.setattr(batches._threads, "run", recorded)
    emd.solve_batch(*many(rng, 10, 3, 3))
    assert sorted(pieces) == [(0, 3), (3, 6), (6, 10)]
