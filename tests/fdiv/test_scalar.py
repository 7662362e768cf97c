"""The loop over plain numbers: the same as arrays, and where it stands aside."""

import numpy as np
import pytest

from divkit import fdiv
from divkit.fdiv import _evaluate, _numbers, _scalar

EVERY = pytest.mark.parametrize("D", [*fdiv.CATALOGUE.values(), fdiv.alpha(-0.5)], ids=str)


@EVERY
def test_a_few_atoms_are_as_many(D, monkeypatch):
    rng = np.random.default_rng(0)
    for step in (1.0, 1e-2, 1e-6, 1e-10):
        p = rng.random(20)
        q = np.abs(p * (1 + step * rng.standard_normal(20)))
        p[3] = q[5] = p[7] = q[7] = 0
        p, q = p / p.sum(), q / q.sum()
        value = D(p, q)
        assert D(p.tolist(), q.tolist()) == value
        with monkeypatch.context() as patch:
            patch.setattr(_evaluate, "_SMALL", 0)
            assert value == pytest.approx(D(p, q), rel=1e-13, abs=1e-30)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        ([0.5, 0.5], [0.5, -0.5]),
        ([0.5, 0.5], [0.5, float("nan")]),
        ([0.5, 0.5], [0.5, float("inf")]),
        ([0.0, 0.0], [0.5, 0.5]),
        ([0.5, 0.5], [0.5, 0.6]),
        ([1e200, 1e200], [1e200, 1e200]),
    ],
)
def test_what_it_leaves_to_arrays(p, q):
    assert _scalar.integral(fdiv.kl, p, q) is None
    assert _scalar.integral(fdiv.kl, q, p) is None


def test_functions_of_numbers():
    for name in ("half_log_ratio", "kl_term", "js_term"):
        function = getattr(fdiv._elementary, name)
        for ratio in (1e-300, 1e-3, 0.5, 0.9, 1 - 1e-9, 1.0, 1 + 1e-9, 1.3, 2.0, 1e3, 1e300):
            p, q = ratio * 0.5, 0.5
            expected = float(function(*map(np.float64, (p, q, p - q)), np))
            assert function(p, q, p - q, _numbers) == pytest.approx(expected, rel=1e-14, abs=0)
