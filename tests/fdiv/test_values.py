"""Records are values: equal, hashed and compiled by what they are."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from divkit import fdiv
from divkit.fdiv import _evaluate, _fused, _loops


def cubic(u, xp):
    return xp.abs(u - 1) ** 3


RECORDS = [
    *fdiv.CATALOGUE.values(),
    fdiv.alpha(0.25),
    2 * fdiv.kl,
    fdiv.kl + fdiv.pearson,
    fdiv.tsallis(1.5).adjoint,
    fdiv.reverse_kl.symmetrized(),
    fdiv.kl.skewed(0.25),
    fdiv.custom(cubic),
    (0.5 * fdiv.custom(cubic)).adjoint,
]


@pytest.mark.parametrize("D", RECORDS, ids=str)
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, *(lambda D, k=k: pickle.loads(pickle.dumps(D, k)) for k in (2, 5))],
    ids=["copy", "deepcopy", "pickle 2", "pickle 5"],
)
def test_copies_are_equal(D, again):
    other = again(D)
    assert type(other) is type(D)
    assert other == D
    assert hash(other) == hash(D)
    assert {D: 1}[other] == 1
    assert other.adjoint == D.adjoint
    assert other.adjoint.adjoint == D.adjoint.adjoint
    assert other.is_symmetric == D.is_symmetric
    p, q = [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]
    assert other(p, q) == D(p, q)


def test_different_records_differ():
    assert len({*RECORDS}) == len(RECORDS)
    for one in RECORDS:
        assert [one == other for other in RECORDS].count(True) == 1
    named = fdiv.custom(cubic, name="kl")
    assert named != fdiv.kl
    assert fdiv.custom(cubic) != named
    assert fdiv.kl != replace(fdiv.kl, slope=1.0)
    assert fdiv.kl != "kl"


def test_algebra_gives_one_record():
    assert 2 * fdiv.kl is fdiv.kl * 2.0
    assert (fdiv.kl + fdiv.pearson) is (fdiv.kl + fdiv.pearson)
    assert fdiv.kl.skewed(0.5) is fdiv.kl.skewed(0.5)
    with pytest.raises(TypeError, match="by a number only, got True"):
        fdiv.kl * True


def test_composites_and_copies_are_compiled_once(monkeypatch):
    monkeypatch.setattr(_evaluate, "_COMPILE_AFTER", 1)
    made = []
    monkeypatch.setattr(_fused, "_compiles", lambda kernel, example: made.append(kernel) or True)
    for cache in (_fused._compiled, _fused._pass):
        cache.cache_clear()
    for D in (2 * fdiv.kl, fdiv.kl * 2, pickle.loads(pickle.dumps(2 * fdiv.kl))):
        _fused._compiled(D, _loops.along, False)
    for D in (fdiv.kl, copy.deepcopy(fdiv.kl), pickle.loads(pickle.dumps(fdiv.kl))):
        _fused._compiled(D, _loops.along, False)
    assert len(made) == 2
    for cache in (_fused._compiled, _fused._pass):
        cache.cache_clear()


@pytest.mark.parametrize(
    "D", [3 * fdiv.jensen_shannon, fdiv.kl + fdiv.neyman, fdiv.kl.skewed(0.25)], ids=str
)
def test_composites_are_compiled(D):
    assert _fused._compiled(D, _loops.along, False) is not None
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(500), 2)
    excess, mass, _ = _fused.integral(D, p[None], q[None])
    assert D.at_one + excess[0] / mass[0] == pytest.approx(float(D(p, q)), rel=1e-13)


def test_generators_without_a_hash():
    class Cubic:
        def __eq__(self, other):
            return isinstance(other, Cubic)

        __hash__ = None

        def __call__(self, u, xp):
            return cubic(u, xp)

    one, other = fdiv.custom(Cubic()), fdiv.custom(Cubic())
    assert one == other
    assert hash(one) == hash(other)
    p, q = np.random.default_rng(0).dirichlet(np.ones(100), 2)
    assert float((2 * one)(p, q)) == pytest.approx(2 * float(fdiv.custom(cubic)(p, q)), rel=1e-14)
