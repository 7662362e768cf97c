"""JAX: under grad, jit and vmap, in the precision that it is set to."""

import numpy as np
import pytest

from divkit import fdiv

jax = pytest.importorskip("jax")
jnp = jax.numpy

EVERY = pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)
P = [[0.5, 0.0, 0.3, 0.2], [0.25, 0.25, 0.25, 0.25]]
Q = [[0.4, 0.3, 0.0, 0.3], [0.1, 0.4, 0.2, 0.3]]


@EVERY
def test_compiled_values_and_gradients(D):
    with jax.enable_x64(True):
        p, q = jnp.asarray(P), jnp.asarray(Q)

        def value_and_total(p, q):
            value = D(p, q)
            return value.sum(), value

        differentiated = jax.value_and_grad(value_and_total, argnums=(0, 1), has_aux=True)
        (_, value), gradient = jax.jit(differentiated)(p, q)
    assert value.dtype == np.float64
    assert np.asarray(value) == pytest.approx(D(P, Q), rel=1e-14)
    of_p, of_q = map(np.asarray, gradient)
    T = D.witness(P[1], Q[1])
    penalty = D.conjugate(T)
    assert of_p[1] == pytest.approx(T - np.dot(P[1], T), rel=1e-13, abs=1e-13)
    assert of_q[1] == pytest.approx(np.dot(Q[1], penalty) - penalty, rel=1e-13, abs=1e-13)
    # The limits at zeros.
    assert not np.isnan([of_p, of_q]).any()
    assert np.isneginf(of_p[0, 1]) == np.isneginf(D.derivative_at_zero)
    assert np.isneginf(of_q[0, 2]) == np.isposinf(D.conjugate_at_slope)


def test_in_single_precision():
    D = fdiv.jensen_shannon
    rng = np.random.default_rng(0)
    p = rng.random((2, 12), dtype=np.float32)
    q = p * (1 + 1e-4 * rng.standard_normal((2, 12), dtype=np.float32))
    expected = D(p.astype(float), q.astype(float), normalize=True)
    p, q = jnp.asarray(p), jnp.asarray(q)
    for function in (D, jax.jit(D, static_argnames="normalize")):
        value = function(p, q, normalize=True)
        assert isinstance(value, jax.Array)
        assert value.dtype == jnp.float32
        assert np.asarray(value) == pytest.approx(expected, rel=1e-6)
    rows = jax.vmap(lambda p, q: D(p, q, normalize=True))(p, q)
    assert np.asarray(rows) == pytest.approx(expected, rel=1e-6)


@EVERY
def test_critics(D):
    def both(v):
        return (D.activation(v) + D.penalty(v)).sum()

    v = jnp.asarray([-20.0, -1.0, 0.0, 2.0, 20.0])
    value, gradient = jax.jit(jax.value_and_grad(both))(v)
    expected = np.float32(D.activation(np.asarray(v)).sum() + D.penalty(np.asarray(v)).sum())
    assert float(value) == pytest.approx(expected, rel=1e-5)
    assert not np.isnan(gradient).any()


def test_refused_outside_of_transformations():
    with pytest.raises(ValueError, match=r"`q` must be finite and at least 0, got q\[1\] = nan"):
        fdiv.kl(jnp.asarray([0.5, 0.5]), jnp.asarray([0.5, jnp.nan]))
    assert float(jax.jit(fdiv.total_variation)(jnp.ones(2) / 2, jnp.ones(2))) == 0
