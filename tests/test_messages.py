"""Numbers in refusals tell apart what is refused, and no limit is too large a number."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.sparse import csr_array

from divkit import emd, fdiv
from divkit._check import distinct
from divkit._check.masses import equal_mass, equal_rows

HALVES = [0.5, 0.5]
MORE = [0.5, 0.5 + 2e-8]
SHIFTED = [0.5 - 2e-8, 0.5 + 2e-8]
APART = np.array([[0.0, np.inf], [np.inf, 0.0]])
P = np.eye(3)
M = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))


@pytest.mark.parametrize(
    ("x", "y", "shown"),
    [
        (1.0, 0.6, ("1", "0.6")),
        (1.0, 1.0 + 2e-8, ("1", "1.00000002")),
        (1.0, np.nextafter(1.0, 2.0), ("1.0", "1.0000000000000002")),
        (0.0, 5e-324, ("0", "4.94066e-324")),
        (np.float32(0.5), np.inf, ("0.5", "inf")),
    ],
)
def test_numbers_that_differ_are_shown_to_differ(x, y, shown):
    assert distinct(x, y) == shown


@pytest.mark.parametrize(
    "call",
    [
        lambda: fdiv.kl(HALVES, MORE),
        lambda: fdiv.pairwise(fdiv.kl, [HALVES, MORE]),
        lambda: emd.pairwise([HALVES, MORE], None, np.eye(2)),
        lambda: emd.solve(HALVES, MORE, np.eye(2)),
        lambda: emd.solve_batch(HALVES, MORE, np.eye(2)),
        lambda: emd.solve_line(HALVES, HALVES, HALVES, MORE),
        lambda: emd.solve_grid(HALVES, MORE),
        lambda: emd.solve(HALVES, SHIFTED, APART),
        lambda: emd.solve(HALVES, SHIFTED, csr_array(np.eye(2))),
        lambda: emd.solve_points(
            np.eye(2), np.eye(2), HALVES, SHIFTED, lambda x, y: np.where(x @ y.T > 0, 0.0, np.inf)
        ),
        lambda: emd.solve_graph(HALVES, SHIFTED, csr_array(np.eye(2))),
        lambda: emd.solve_grid(
            np.ones((3, 3)), np.ones((3, 3)), "chebyshev", spacing=[1.0, 1.0 + 1e-9]
        ),
        lambda: equal_mass(np.ones(1), np.ones(1) + 2e-16, 0.0, np),
        lambda: equal_rows(np.ones(1), np.ones(1) + 2e-16, 0.0),
        lambda: fdiv.histograms([0.5, 1 + 1e-9], [0.5], bins=[0.0, 1.0]),
    ],
)
def test_no_refusal_compares_equal_numbers(call):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call()
    numbers = re.findall(r"(?<![\w\[.])\d+\.?\d*(?:e[+-]\d+)?(?![\w.\]])", str(caught.value))
    near = [{float(x) for x in numbers if abs(float(x) - size) < 1e-6} for size in (0.5, 1.0)]
    assert max(map(len, near)) == 2


@pytest.mark.parametrize("limit", [2**31, 2**63, np.uint64(2**64 - 1), 10**30], ids=str)
def test_a_limit_may_be_any_number(limit):
    costs = np.random.default_rng(0).random((40, 50))
    for method in ("simplex", "highs", "pot", "cvxpy"):
        for some in (costs[:3, :4], costs):
            t = emd.solve(None, None, some, method, max_iter=limit)
            assert t.value == pytest.approx(emd.distance(None, None, some), rel=1e-12)
    for solver in (emd.primal, emd.dual):
        assert solver(None, None, costs, max_iter=limit).value > 0
    assert emd.solve(None, None, csr_array(costs), max_iter=limit).value > 0
    assert (emd.solve_batch(None, None, [costs] * 3, max_iter=limit).values > 0).all()
    assert emd.solve_points(costs[:, :2], costs[:, 2:4], max_iter=limit).value > 0
    assert emd.pairwise(P, None, M, max_iter=limit).values[0, 2] == 2.0


@pytest.mark.parametrize("normalize", [False, True])
def test_no_rows_are_refused(normalize):
    none = np.zeros((0, 3))
    for given, name in (((none,), "P"), ((P, none), "Q"), ((none, P), "P")):
        with pytest.raises(ValueError, match=rf"`{name}` must have at least 1 row, got shape"):
            fdiv.pairwise(fdiv.kl, *given, normalize=normalize)
        with pytest.raises(ValueError, match=rf"`{name}` must have shape \(k, 3\), k at least 1"):
            emd.pairwise(*(*given, None)[:2], M, normalize=normalize)
