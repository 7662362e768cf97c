"""One atom against many: the one plan, and tight potentials."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from divkit import emd
from divkit.emd._small import single

M = 500


def case(rng, cost=None, zeros=False):
    weights = rng.random(M) * (rng.random(M) < 0.5 if zeros else 1)
    return np.array([weights.sum()]), weights, rng.normal(size=(1, M)) if cost is None else cost


def turned(a, b, cost):
    return b, a, cost.T


CASES = {
    "signed": {},
    "without mass": {"zeros": True},
    "constant": {"cost": np.full((1, M), 3.0)},
    "zero": {"cost": np.zeros((1, M))},
    "large": {"cost": 1e100 * np.arange(M)[None]},
    "small": {"cost": 1e-150 * np.arange(M)[None]},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("turn", [False, True], ids=["row", "column"])
def test_the_only_plan(rng, name, turn):
    given = case(rng, **CASES[name])
    given = turned(*given) if turn else given
    assert single.solve(*given) is not None
    t = emd.solve(*given)
    a, b, cost = given
    many = a if turn else b
    assert t.value == pytest.approx(np.sum(many * cost.ravel()), rel=1e-15, abs=0)
    scale = a.sum() * np.abs(cost).max()
    assert t.dual_value == pytest.approx(t.value, rel=1e-14, abs=1e-16 * scale)
    assert abs(t.gap) <= 1e-15 * scale
    assert t.dual_residual <= 1e-15
    assert t.primal_residual <= 1e-15
    assert_array_equal(t.plan.toarray().ravel(), many)
    assert np.abs(cost - t.f[:, None] - t.g).max() <= 1e-15 * np.abs(cost).max()
    again = emd.certify(a, b, cost, t.plan, t.f, t.g, method="again")
    assert again.value == pytest.approx(t.value, rel=1e-15)
    assert again.gap == pytest.approx(t.gap, abs=1e-15 * scale)
    assert (t.method, t.iterations, t.shape) == ("simplex", 0, cost.shape)


def test_masses_apart_by_rounding_and_inputs_stay(rng):
    a, b, cost = case(rng)
    kept = a.copy(), b.copy(), cost.copy()
    t = emd.solve(a * (1 + 1e-12), b, cost)
    assert t.primal_residual <= 1e-15
    assert t.plan.sum() == pytest.approx(a[0] * (1 + 1e-12), rel=1e-15)
    plan = emd.solve(a, b, cost)
    b *= 2
    assert_array_equal(plan.plan.toarray()[0], kept[1])
    assert_array_equal(cost, kept[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, b, cost: b.__setitem__(3, -1.0), r"`b` .* b\[3\] = -1.0"),
        (lambda a, b, cost: b.__setitem__(3, np.nan), r"`b` .* b\[3\] = nan"),
        (lambda a, b, cost: cost.__setitem__((0, 3), np.nan), r"`M` .* M\[0, 3\] = nan"),
        (lambda a, b, cost: cost.__setitem__((0, 3), np.inf), r"no plan avoids"),
        (lambda a, b, cost: a.__setitem__(0, 1.0), r"equal mass"),
        (lambda a, b, cost: (a.__setitem__(0, 0.0), b.__imul__(0.0)), r"`a` must hold mass"),
    ],
    ids=["negative", "nan weight", "nan cost", "forbidden", "mass", "nothing"],
)
def test_errors(rng, change, message):
    given = case(rng)
    change(*given)
    with pytest.raises(ValueError, match=message):
        emd.solve(*given)


def test_a_forbidden_pair_without_mass(rng):
    a, b, cost = case(rng, zeros=True)
    cost[0, b == 0] = np.inf
    t = emd.solve(a, b, cost)
    assert t.value == pytest.approx(np.sum(b[b > 0] * cost[0, b > 0]), rel=1e-14)


def test_extremes_are_for_others(rng):
    a, b, cost = case(rng)
    assert single.solve(1e80 * a, 1e80 * b, cost) is None
    assert emd.solve(1e80 * a, 1e80 * b, cost).value == pytest.approx(
        1e80 * emd.solve(a, b, cost).value, rel=1e-13
    )
    assert single.solve(a, b, 1e200 * cost) is None
