"""Masked and missing entries are counted and refused by everything that takes an array."""

from __future__ import annotations

import dask.array as da
import jax
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import coo_array, csr_array

from divkit import cvx, emd, fdiv, plot
from divkit._check import hidden
from divkit.cli._compare import compare, compare_samples
from divkit.fdiv import bounds

P = np.array([0.5, 0.25, 0.25])
X = np.arange(6.0).reshape(3, 2)
M = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))

# Each is a name, the array that is given, and a call with it in one place.
ENTRANCES = {
    "divergence, p": ("p", P, lambda x: fdiv.kl(x, P)),
    "divergence, q": ("q", P, lambda x: fdiv.kl(P, x)),
    "witness": ("p", P, lambda x: fdiv.kl.witness(x, P)),
    "bound": ("T", P, lambda x: fdiv.kl.bound(P, P, x)),
    "generator": ("u", P, lambda x: fdiv.kl.generator(x)),
    "conjugate": ("t", P, lambda x: fdiv.kl.conjugate(x)),
    "renyi": ("p", P, lambda x: fdiv.renyi(2)(x, P)),
    "chernoff, bound": ("T", P, lambda x: fdiv.chernoff.bound(P, P, x)),
    "rows": ("P", np.stack([P, P]), lambda x: fdiv.pairwise(fdiv.kl, x)),
    "samples": ("x", P, lambda x: fdiv.histograms(x, P)),
    "weights of samples": (
        r"weights\[0\]",
        P,
        lambda x: fdiv.histograms(P, P, weights=(x, None)),
    ),
    "edges": ("bins", np.array([0.0, 0.3, 1.0]), lambda x: fdiv.histograms(P, P, bins=x)),
    "shifted": ("T", P, lambda x: bounds.shifted(fdiv.kl, P, P, x)),
    "interpolated": ("M", M, lambda x: bounds.interpolated(fdiv.kl, P, P, x, lipschitz=1.0)),
    "solve, a": ("a", P, lambda x: emd.solve(x, P, M)),
    "solve, b": ("b", P, lambda x: emd.solve(P, x, M)),
    "solve, costs": ("M", M, lambda x: emd.solve(P, P, x)),
    "solve, single costs": ("M", M.astype(np.float32), lambda x: emd.solve(P, P, x)),
    "primal": ("a", P, lambda x: emd.primal(x, P, M)),
    "dual": ("M", M, lambda x: emd.dual(P, P, x)),
    "start": (r"start\[0\]", P, lambda x: emd.solve(P, P, M, start=(x, P))),
    "batch": ("a", np.stack([P, P]), lambda x: emd.solve_batch(x, P, M)),
    "batch of costs": ("M", np.stack([M, M]), lambda x: emd.solve_batch(P, P, x)),
    "points": ("x", X, lambda x: emd.solve_points(x, X)),
    "weights of points": ("b", P, lambda x: emd.solve_points(X, X, None, x)),
    "line": ("y", P, lambda x: emd.solve_line(P, x)),
    "grid": ("a", P, lambda x: emd.solve_grid(x, P)),
    "graph": ("a", P, lambda x: emd.solve_graph(x, P, coo_array(M))),
    "histograms": ("P", np.stack([P, P]), lambda x: emd.pairwise(x, None, M)),
    "costs of histograms": ("M", M, lambda x: emd.pairwise([P, P], None, x)),
    "certify, plan": (
        "plan",
        np.diag(P),
        lambda x: emd.certify(P, P, M, x, 0 * P, 0 * P, method="mine"),
    ),
    "certify, f": (
        "f",
        0 * P,
        lambda x: emd.certify(P, P, M, np.diag(P), x, 0 * P, method="mine"),
    ),
    "c-transform": ("f", P, lambda x: emd.c_transform(x, M)),
    "wasserstein": ("x", P, lambda x: emd.wasserstein(x, P)),
    "wasserstein of points": ("y", X, lambda x: emd.wasserstein(X, x, p=2)),
    "potential": ("values", P, lambda x: emd.Potential(X, x)),
    "potential elsewhere": ("x", X, lambda x: emd.Potential(X, P)(x)),
    "comparison": ("q", P, lambda x: compare(P, x)),
    "comparison of samples": ("y", X, lambda x: compare_samples(X, x)),
    "picture": ("p", P, lambda x: plot.histograms(x, P)),
    "convex divergence": ("p", P, lambda x: cvx.divergence(fdiv.kl, x, P)),
    "convex distance": ("M", M, lambda x: cvx.emd(P, P, x)),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_masked_entries_are_counted(entrance):
    name, x, call = ENTRANCES[entrance]
    call(np.ma.array(x, mask=False))
    masked = np.ma.array(x, mask=np.arange(x.size).reshape(x.shape) == 1)
    with pytest.raises(ValueError, match=rf"`{name}` .* 1 entry of {x.size} hidden .*filled"):
        call(masked)


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_masked_entries_are_counted_in_sequences(entrance):
    name, x, call = ENTRANCES[entrance]
    masked = np.ma.array(x, mask=np.arange(x.size).reshape(x.shape) < 2)
    with pytest.raises(ValueError, match=rf"`{name}` .* 2 entries hidden .*filled"):
        call(list(masked))


def test_what_is_masked_is_not_moved():
    x = np.ma.array(np.arange(1000.0), mask=np.arange(1000) > 0)
    with pytest.raises(ValueError, match=r"got 999 entries of 1000 hidden .*`x.compressed\(\)`"):
        emd.wasserstein(x, np.zeros(3))
    assert emd.wasserstein(x.compressed(), np.zeros(3)) == 0.0


def test_stored_entries_of_sparse_arrays_may_be_masked():
    costs = coo_array(M)
    costs.data = np.ma.array(costs.data, mask=np.arange(costs.nnz) == 2)
    for call in (emd.solve, emd.solve_graph):
        with pytest.raises(ValueError, match="1 entry of 6 hidden"):
            call(P, P, costs)


@pytest.mark.parametrize(
    ("x", "remedy"),
    [
        (csr_array(P[None]), r"x\.toarray\(\)"),
        (torch.tensor(P), r"x\.detach\(\)\.cpu\(\)\.numpy\(\)"),
        (da.from_array(P), r"x\.compute\(\)"),
        (jax.numpy.asarray(P), r"numpy\.asarray\(x\)"),
    ],
    ids=["scipy", "torch", "dask", "jax"],
)
def test_arrays_of_other_libraries_are_refused_with_what_converts_them(x, remedy):
    for call in (emd.solve_line, emd.solve_grid, emd.solve_points):
        with pytest.raises(TypeError, match=remedy.replace("x", "[ax]", 1)):
            call(x, x)
    with pytest.raises(TypeError, match=rf"one library.* `{remedy}`"):
        fdiv.kl(P, x)


def test_blocks_may_be_masked():
    p, mask = da.from_array(P, chunks=2), np.array([False, False, True])
    masked = da.ma.masked_array(p, mask=da.from_array(mask, chunks=2))
    with pytest.raises(ValueError, match=r"`p` .* hidden by a mask"):
        fdiv.kl(masked, p).compute()
    with pytest.raises(ValueError, match=r"`q` .* hidden by a mask"):
        fdiv.kl.witness(p, masked).compute()
    shown = da.ma.masked_array(p, mask=da.zeros(3, bool, chunks=2))
    assert fdiv.kl(shown, p).compute() == 0.0


@pytest.mark.parametrize(
    ("column", "missing"),
    [
        (pd.Series([0.5, 0.25, None], dtype="Float64"), 1),
        (pd.Series([2, None, None], dtype="Int64"), 2),
        (pd.Series([0.5, pd.NA, 0.25], dtype=object), 1),
        (pd.array([0.5, 0.25, None], dtype="Float32"), 1),
    ],
    ids=str,
)
def test_missing_entries_of_tables_are_counted(column, missing):
    for call in (
        lambda: fdiv.kl(column, P),
        lambda: emd.solve(column, P, M),
        lambda: emd.solve_line(P, column),
    ):
        with pytest.raises(ValueError, match=rf"got {missing} entr.* of 3 missing: .*dropna\(\)"):
            call()


def test_missing_cells_of_frames_are_counted():
    frame = pd.DataFrame({"x": pd.array([1.0, None, 3.0], dtype="Float64"), "y": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match=r"`x` .* 1 entry of 6 missing"):
        emd.solve_points(frame, X)
    with pytest.raises(ValueError, match=r"`p` .* 1 entry hidden by masks or missing"):
        fdiv.kl([0.5, 0.25, pd.NA], P)


def test_complete_columns_are_taken():
    assert fdiv.kl(pd.Series(P, dtype="Float64"), P) == 0.0
    with pytest.raises(ValueError, match="integer counts of mass 4"):
        fdiv.kl(pd.Series([2, 1, 1], dtype="Int64"), P)


def test_nulls_are_counted_as_polars_and_arrow_tell_them():
    class Series:
        """What polars and Arrow have in common."""

        def __init__(self, values):
            self._values = values

        def null_count(self):
            return int(np.isnan(self._values).sum())

        def __array__(self, dtype=None, copy=None):
            return np.array(self._values)

    assert fdiv.kl(Series(P), P) == 0.0
    with pytest.raises(ValueError, match=r"got 1 entry missing: .*`p.fill_null\(\.\.\.\)`"):
        fdiv.kl(Series([0.5, np.nan, 0.5]), P)


def test_arrays_are_told_by_their_type(monkeypatch):
    def refuse(x):
        raise AssertionError("looked at")

    monkeypatch.setattr(hidden, "count", refuse)
    emd.solve(P, P, M)
    fdiv.kl(np.full(100, 0.01), np.full(100, 0.01))
    emd.solve_points(X, X)
