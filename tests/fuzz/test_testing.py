"""What `divkit.testing` offers: its strategies keep their promises, its checks find faults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from divkit import emd, fdiv, testing


@pytest.mark.inputs(20)
def test_distributions(fuzz):
    def check(drawn):
        p, (x, y) = drawn
        for z in (p, x, y):
            assert (z >= 0).all()
            assert abs(z.sum() - 1) <= 1e-15 * z.size
        assert x.shape == y.shape

    fuzz(st.tuples(testing.distributions(), testing.pairs()), check)


@pytest.mark.inputs(20)
def test_problems(fuzz):
    def check(problem):
        a, b, M = problem
        assert M.shape == (a.size, b.size)
        assert np.isfinite(M).all()
        assert abs(a.sum() - b.sum()) <= 1e-14 * a.sum()

    fuzz(testing.transport_problems(), check)


def _dearer(a, b, M):
    t = emd.solve(a, b, M)
    return replace(t, value=t.value + 1e-3 * float(np.abs(M).max() * np.sum(a)))


def _careless(a, b, M):
    t = emd.solve(a, b, M)
    return replace(t, _potentials=(t.f + np.abs(M).max(), t.g))


def _leaky(a, b, M):
    t = emd.solve(a, b, M)
    return replace(t, _plan=t.plan * 0.99)


def _spoiling(a, b, M):
    t = emd.solve(a, b, M)
    M += 1
    return t


@pytest.mark.parametrize("solver", [_dearer, _careless, _leaky, _spoiling])
def test_faulty_solvers_are_found(solver):
    with pytest.raises(AssertionError):
        testing.check_transport(solver, examples=8)


@pytest.mark.inputs(3)
def test_faulty_divergences_are_found(fuzz):
    """Any one field of a record changed, the check of the record fails."""

    def check(drawn):
        name, field, by = drawn
        D = fdiv.CATALOGUE[name]
        value = getattr(D, field)
        if not np.isfinite(value):
            return
        with pytest.raises(AssertionError):
            testing.check_divergence(replace(D, **{field: value + by}), examples=8)

    fields = ["at_zero", "slope", "derivative_at_zero", "conjugate_at_slope", "at_one"]
    names = st.sampled_from(list(fdiv.CATALOGUE))
    fuzz(st.tuples(names, st.sampled_from(fields), st.sampled_from([0.5, -0.25])), check)
