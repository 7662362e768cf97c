"""Sparse cost matrices: what is stored is allowed, every other pair forbidden."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import (
    coo_array,
    coo_matrix,
    csc_array,
    csr_array,
    csr_matrix,
    dia_array,
    diags_array,
)

from divkit import emd
from divkit.emd._costs.costs import MatrixCosts
from divkit.emd._costs.sparse_costs import read


def band(rng, n, width):
    """Return a sparse matrix with a band, some stored zeros in it, and its dense form."""
    i, j = np.indices((n, n))
    inside = np.abs(i - j) <= width
    cost = rng.random((n, n)) * (rng.random((n, n)) > 0.1)
    rows, columns = np.nonzero(inside)
    sparse = csr_array((cost[rows, columns], (rows, columns)), shape=(n, n))
    return sparse, np.where(inside, cost, np.inf)


def neighbors(rng, n):
    """Return weights between which a plan with steps of at most one exists."""
    a = rng.random(n)
    moved = a[:-1] * rng.random(n - 1) / 2
    return a, a - np.append(moved, 0.0) + np.append(0.0, moved)


@pytest.mark.parametrize("form", [csr_array, csc_array, coo_array, csr_matrix])
def test_the_same_as_dense_with_infinities(rng, form):
    M, dense = band(rng, 60, 4)
    a, b = neighbors(rng, 60)
    t, expected = emd.solve(a, b, form(M)), emd.solve(a, b, dense, method="highs")
    assert t.method == "simplex"
    assert t.value == pytest.approx(expected.value, rel=1e-12)
    assert abs(t.gap) <= 1e-14 * a.sum()
    assert max(t.primal_residual, t.dual_residual) <= 1e-14
    plan = t.plan.tocoo()
    assert np.isfinite(dense[plan.coords]).all()


FORMATS = ["coo", "csr", "csc", "dia", "lil", "dok"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", [coo_array, coo_matrix])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.uint8])
def test_what_is_stored_is_allowed_in_every_format(rng, form, kind, dtype):
    # Two diagonals: nothing has to be filled in in any format.
    n = 12
    rows = np.append(np.arange(n), np.arange(n - 1))
    columns = np.append(np.arange(n), np.arange(1, n))
    cost = rng.integers(0, 3, rows.size).astype(dtype)
    M = kind((cost, (rows, columns)), shape=(n, n)).asformat(form)
    if form == "dia":  # which has dropped its zeros
        M = type(M)((np.zeros((2, n), dtype), [0, 1]), shape=(n, n))
        M.data[0], M.data[1, 1:] = cost[:n], cost[n:]
    dense = np.full((n, n), np.inf)
    dense[rows, columns] = cost
    a = rng.random(n)
    b = np.append(a[:-1] / 2, a[-1]) + np.append(0.0, a[:-1] / 2)
    assert emd.solve(a, b, M).value == pytest.approx(emd.solve(a, b, dense).value, rel=1e-14)
    assert_array_equal(emd.c_transform(a, M), emd.c_transform(a, dense))
    entries = coo_array((cost, (rows, columns)), shape=(n, n))
    assert emd.solve_graph(a, b, M).value == emd.solve_graph(a, b, entries).value


def test_zeros_on_a_diagonal():
    M = diags_array([np.ones(2), np.zeros(3), np.ones(2)], offsets=[-1, 0, 1])
    assert emd.solve([0.5, 0.5, 0.0], [0.5, 0.5, 0.0], M).value == 0.0
    wide = dia_array((np.zeros((3, 5)), [-1, 0, 3]), shape=(2, 5))
    assert_array_equal(read(wide).columns, [0, 3, 0, 1, 4])


def test_blocks_that_are_filled_are_refused():
    M = csr_array(np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]]))
    with pytest.raises(ValueError, match=r"`M` must say which zeros .* BSR.* 2x2 .* `M.tocsr"):
        emd.solve([0.5, 0.5], [0.5, 0.5, 0.0, 0.0], M.tobsr((2, 2)))
    with pytest.raises(ValueError, match="`graph` must say which zeros"):
        emd.solve_graph([1, 0], [0, 1], csr_array(np.diag([1.0, 2.0])).tobsr((2, 2)))
    for blocks in (M.tobsr((1, 1)), csr_array(np.ones((2, 4))).tobsr((2, 2))):
        a, b = np.array([0.5, 0.5]), np.array([0.5, 0.5, 0.0, 0.0])
        assert emd.solve(a, b, blocks).value == emd.solve(a, b, blocks.tocsr()).value


def test_many_points_with_few_allowed_pairs(rng):
    n = 3000
    M, dense = band(rng, n, 3)
    a, b = neighbors(rng, n)
    t = emd.solve(a, b, M)
    assert t.value == pytest.approx(emd.solve(a, b, dense, method="simplex").value, rel=1e-12)
    assert max(t.primal_residual, t.dual_residual) <= 1e-14


def test_stored_zeros_are_free_and_absent_pairs_forbidden():
    M = csr_array((np.array([0.0, 5.0, 7.0]), ([0, 0, 1], [0, 1, 1])), shape=(2, 2))
    t = emd.solve([0.5, 0.5], [0.5, 0.5], M)
    assert t.value == 3.5
    assert emd.solve([0.75, 0.25], [0.5, 0.5], M).value == 5.0 * 0.25 + 7.0 * 0.25
    M.data[1] = np.inf  # a stored infinity forbids as well
    assert emd.solve([0.5, 0.5], [0.5, 0.5], M).value == 3.5


def test_atoms_without_mass_need_no_pair():
    M = csr_array((np.array([1.0, 2.0]), ([0, 2], [0, 1])), shape=(3, 3))
    t = emd.solve([0.5, 0.0, 0.5], [0.5, 0.5, 0.0], M)
    assert t.value == 1.5
    assert np.isfinite([*t.f, *t.g]).all()
    assert t.dual_residual == t.gap == 0.0


def test_scales(rng):
    M, _ = band(rng, 20, 3)
    a, b = neighbors(rng, 20)
    value = emd.solve(a, b, M).value
    for mass, cost in ((1e9, 1e-9), (1e-9, 1e150), (1.0, 1e-150)):
        scaled = M.copy()
        scaled.data = cost * scaled.data
        assert emd.solve(mass * a, mass * b, scaled).value == pytest.approx(
            mass * cost * value, rel=1e-12
        )


def test_a_violated_cut_is_named():
    M = csr_array((np.ones(4), ([0, 1, 2, 2], [0, 0, 1, 2])), shape=(3, 3))
    with pytest.raises(ValueError, match=r"rows \[0, 1\] hold a mass of 0.75, .* \[0\], take 0.5"):
        emd.solve([0.5, 0.25, 0.25], [0.5, 0.25, 0.25], M)


def test_refused():
    M = csr_array(np.eye(2))
    with pytest.raises(TypeError, match="`M` must be a dense matrix here"):
        emd.solve(None, None, M, method="highs")
    with pytest.raises(ValueError, match=r"got M\[1, 1\] = nan"):
        emd.solve(None, None, csr_array(np.diag([1.0, np.nan])))
    twice = coo_array((np.ones(2), ([0, 0], [1, 1])), shape=(2, 2))
    with pytest.raises(ValueError, match=r"each pair once, got M\[0, 1\] twice"):
        emd.solve(None, None, twice)
    with pytest.raises(ValueError, match="one weight per row"):
        emd.solve([1.0], None, M)
    with pytest.raises(TypeError, match="real numbers"):
        emd.solve(None, None, csr_array(1j * np.eye(2)))
    many = csr_array(np.random.default_rng(0).random((30, 30)))
    with pytest.raises(emd.ConvergenceError, match="limit of 1 iterations"):
        emd.solve(None, None, many, max_iter=1)


def test_anybodys_answer_is_certified(rng):
    M, dense = band(rng, 30, 3)
    a, b = neighbors(rng, 30)
    t = emd.solve(a, b, M)
    c = emd.certify(a, b, M, t.plan, t.f, t.g, method="again")
    assert (c.value, c.dual_value, c.primal_residual) == (t.value, t.dual_value, t.primal_residual)
    wrong = np.outer(a, b) / b.sum()
    assert emd.certify(a, b, M, wrong, t.f, t.g, method="wrong").value == np.inf
    f = rng.random(30)
    for cost in (M, dense):
        poor = emd.certify(a, b, cost, t.plan, f, np.zeros(30), method="poor")
        assert poor.gap == pytest.approx(t.value - poor.dual_value, rel=1e-12)
        assert poor.gap > 0.01
        assert poor.dual_residual <= 1e-16


def test_c_transform(rng):
    M, dense = band(rng, 30, 3)
    M.data[:3] = np.inf  # with the rest of the row, forbidden
    M.data[3] = np.inf
    dense[0] = np.inf
    f = rng.normal(size=30)
    f[0] = np.inf
    assert_array_equal(emd.c_transform(f, M), emd.c_transform(f, dense))
    f[1] = np.inf
    with pytest.raises(ValueError, match=r"a finite cost, got f\[1\] = inf"):
        emd.c_transform(f, M)


def test_the_matrix_is_left_alone(rng):
    M, _ = band(rng, 20, 3)
    a, b = neighbors(rng, 20)
    before = M.copy()
    emd.solve(a, b, M)
    assert_array_equal(M.data, before.data)
    assert_array_equal(M.indices, before.indices)


def test_costs_are_those_of_the_dense_matrix(rng):
    M, dense = band(rng, 12, 2)
    sparse, matrix = read(M), MatrixCosts(dense)
    f, g = rng.normal(size=12), rng.normal(size=12)
    f[3] = g[5] = -np.inf
    assert_allclose(sparse.row_minima(g), matrix.row_minima(g), rtol=0, atol=0)
    assert_allclose(sparse.column_minima(f), matrix.column_minima(f), rtol=0, atol=0)
    rows, columns = np.indices((12, 12)).reshape(2, -1)
    assert_array_equal(sparse.at(rows, columns), dense.ravel())
    assert sparse.largest == matrix.largest
    assert read(csr_array((3, 3))).largest == 0.0
    assert np.isinf(read(csr_array((3, 3))).at(rows[:3] % 3, columns[:3] % 3)).all()


def test_an_atom_that_nothing_reaches_is_named_however_little_it_weighs():
    M = csr_array(np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]))
    with pytest.raises(ValueError, match=r"b\[0\] = 1e-17, but all of column 0 is forbidden"):
        emd.solve([1.0, 1.0], [1e-17, 1.0, 1.0], M)
    with pytest.raises(ValueError, match=r"a\[0\] = 1e-17, but all of row 0 is forbidden"):
        emd.solve([1e-17, 1.0, 1.0], [1.0, 1.0], M.T.tocsr())
