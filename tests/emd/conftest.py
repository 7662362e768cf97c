"""Every way to solve, as one fixture."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from divkit import emd


def installed(library: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(library) is None
    return pytest.mark.skipif(missing, reason=f"{library} is not installed")


def _named(function, method):
    def solver(a, b, M, **options):
        return function(a, b, M, method, **options)

    solver.__qualname__ = f"{function.__name__} by {method}"
    return solver


SOLVERS = [
    pytest.param(_named(emd.solve, "auto"), id="auto"),
    pytest.param(_named(emd.solve, "simplex"), id="simplex"),
    pytest.param(_named(emd.primal, "highs"), id="highs-primal"),
    pytest.param(_named(emd.dual, "highs"), id="highs-dual"),
    pytest.param(_named(emd.solve, "pot"), id="pot", marks=installed("ot")),
    pytest.param(_named(emd.primal, "cvxpy"), id="cvxpy-primal", marks=installed("cvxpy")),
    pytest.param(_named(emd.dual, "cvxpy"), id="cvxpy-dual", marks=installed("cvxpy")),
]


@pytest.fixture(params=SOLVERS)
def solver(request):
    """Return each way to solve in turn, with one signature."""
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(20190301)
