"""Axes, shapes, types and libraries: answers live where inputs live."""

import array_api_strict as strict
import numpy as np
import pytest

from divkit import fdiv

EVERY = pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    p, q = rng.random((3, 4, 5)), rng.random((3, 4, 5))
    p[0, 0, 0] = q[1, 2, 3] = p[2, 2, 2] = q[2, 2, 2] = 0
    return p, q


@EVERY
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_axes(D, batch, axis):
    p, q = batch
    value = D(p, q, axis=axis, normalize=True)
    kept = D(p, q, axis=axis, normalize=True, keepdims=True)
    assert value.shape == tuple(np.delete(p.shape, axis))
    assert np.array_equal(np.squeeze(kept, axis), value)
    moved = np.moveaxis(p, axis, -1), np.moveaxis(q, axis, -1)
    for index in np.ndindex(value.shape):
        assert value[index] == pytest.approx(
            D(moved[0][index], moved[1][index], normalize=True), rel=1e-14
        )
    T = D.witness(p, q, axis=axis, normalize=True)
    assert T.shape == p.shape
    bound = D.bound(p, q, T, axis=axis, keepdims=True, normalize=True)
    assert bound.shape == kept.shape
    assert np.allclose(bound, kept, rtol=1e-12, atol=1e-12)


@EVERY
def test_one_against_many(D, batch):
    q = batch[1].reshape(12, 5)
    p = np.full(5, 0.2)
    q = np.maximum(q, 0.01)
    value = D(p, q, normalize=True)
    assert value.shape == (12,)
    assert np.array_equal(value, D(np.tile(p, (12, 1)), q, normalize=True))
    assert D.bound(p, q, 0.0 * p, normalize=True).shape == (12,)


def test_plain_numbers_in_plain_numbers_out():
    assert type(fdiv.kl.generator(2)) is float
    assert type(fdiv.kl.conjugate(np.float64(2))) is float
    assert fdiv.kl.generator([2]).shape == (1,)
    assert isinstance(fdiv.kl([0.5, 0.5], [0.1, 0.9]), np.float64)
    assert fdiv.kl([0.5, 0.5], [0.1, 0.9], keepdims=True).shape == (1,)


@pytest.mark.parametrize("kind", ["strided", "reversed", "fortran", "big endian", "tuple", "range"])
def test_any_memory_layout(kind):
    p = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])
    q = np.array([[0.2, 0.2, 0.6], [0.1, 0.1, 0.8]])
    expected = fdiv.kl(p, q)
    wide = np.repeat(p, 2, axis=1)
    given = {
        "strided": wide[:, ::2],
        "reversed": p[:, ::-1][:, ::-1],
        "fortran": np.asfortranarray(p),
        "big endian": p.astype(">f8"),
        "tuple": tuple(map(tuple, p)),
        "range": p,
    }[kind]
    assert np.array_equal(fdiv.kl(given, q), expected)


@EVERY
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_another_library_follows_the_standard_alone(D, batch, dtype):
    kind = getattr(strict, dtype)
    mine = [np.asarray(x, dtype=dtype) for x in batch]
    theirs = [strict.asarray(x, dtype=kind) for x in mine]
    for options in ({"axis": -1}, {"axis": 0, "keepdims": True}):
        value = D(*theirs, normalize=True, **options)
        assert isinstance(value, strict.asarray(0.0).__class__)
        assert value.dtype == kind
        assert np.array_equal(np.asarray(value), D(*mine, normalize=True, **options))
    T = D.witness(*theirs, normalize=True)
    assert T.dtype == kind
    bound = D.bound(*theirs, T, normalize=True)
    reference = D.bound(*mine, np.asarray(T), normalize=True)
    assert np.array_equal(np.asarray(bound), reference)
    v = strict.asarray([-30.0, -1.0, 0.0, 2.0, 30.0], dtype=kind)
    for name in ("activation", "penalty"):
        formula = getattr(D, name)
        assert np.array_equal(np.asarray(formula(v)), formula(np.asarray(v)))
        assert formula(v).dtype == kind


def test_libraries_are_not_mixed():
    with pytest.raises(TypeError, match="one library, got numpy and array_api_strict"):
        fdiv.kl(np.array([0.5, 0.5]), strict.asarray([0.5, 0.5]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("D", [*fdiv.CATALOGUE.values(), *map(fdiv.alpha, (-0.5, 0.3))], ids=str)
def test_critic_outputs_of_any_precision(D, dtype):
    v = np.array([-100.0, -1.0, 0.0, 1.0, 100.0], dtype=dtype)
    t, penalty = D.activation(v), D.penalty(v)
    assert t.dtype == penalty.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert not np.isnan(t).any()
    assert not np.isnan(penalty).any()
    assert np.all(np.diff(t) >= 0)
    assert all(float(x) in D.conjugate_domain for x in t)
