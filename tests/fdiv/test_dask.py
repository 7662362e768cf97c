"""Dask arrays: the numbers of arrays in memory, from a few blocks at a time."""

import gc
import weakref

import numpy as np
import pytest

from divkit import fdiv

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

EVERY = pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)


@pytest.fixture(autouse=True)
def one_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    p = rng.random((5, 200))
    q = p * (1 + 1e-6 * rng.random((5, 200)))
    p[0, 3] = q[1, 4] = 0
    return p, q


SHAPES = {
    "atoms": (slice(None), slice(None), (5, 60), (5, 60), -1),
    "unlike chunks": (slice(None), slice(None), (2, 60), (5, 70), -1),
    "rows": (slice(None), slice(None), (1, 200), (1, 200), -1),
    "atoms first": (slice(None), slice(None), (2, 60), (2, 60), 0),
    "one against many": (2, slice(None), 60, (2, 60), -1),
    "vectors": (2, 3, 60, 50, -1),
}


@EVERY
@pytest.mark.parametrize("shape", SHAPES)
def test_equal_to_those_in_memory(D, batch, shape):
    of_p, of_q, p_chunks, q_chunks, axis = SHAPES[shape]
    p, q = batch[0][of_p], batch[1][of_q]
    options = {"axis": axis, "normalize": True}
    lazy = da.from_array(p, chunks=p_chunks), da.from_array(q, chunks=q_chunks)
    for found, expected in (
        (D(*lazy, **options), D(p, q, **options)),
        (D(*lazy, keepdims=True, **options), D(p, q, keepdims=True, **options)),
        (D.witness(*lazy, **options), D.witness(p, q, **options)),
    ):
        assert isinstance(found, da.Array)
        assert found.shape == np.shape(expected)
        assert found.dtype == expected.dtype
        assert found.compute() == pytest.approx(expected, rel=1e-14, abs=0)


@EVERY
def test_bounds(D, batch):
    p, q = (x[2] / x[2].sum() for x in batch)
    T = D.witness(p, q) * 0.9
    lazy = [da.from_array(x, chunks=chunks) for x, chunks in ((p, 60), (q, 50), (T, 70))]
    found = D.bound(*lazy)
    assert isinstance(found, da.Array)
    assert float(found.compute()) == pytest.approx(float(D.bound(p, q, T)), rel=1e-13, abs=1e-16)


def test_float32_and_sequences(batch):
    p, q = (x[3].astype(np.float32) for x in batch)
    value = fdiv.kl(da.from_array(p, chunks=60), q.tolist(), normalize=True)
    assert value.compute() == pytest.approx(fdiv.kl(p, q, normalize=True), rel=1e-6)
    value = fdiv.kl(da.from_array(p, chunks=60), da.from_array(q, chunks=60), normalize=True)
    assert value.dtype == value.compute().dtype == np.float32


def test_few_blocks_in_memory_at_a_time():
    alive, most = 0, 0

    def freed():
        nonlocal alive
        alive -= 1

    def block(block_info=None):
        nonlocal alive, most
        rng = np.random.default_rng(block_info[None]["chunk-location"][0])
        made = 1 + rng.random(1000)
        weakref.finalize(made, freed)
        alive += 1
        most = max(most, alive)
        return made

    chunks = ((1000,) * 40,)
    p, q = (da.map_blocks(block, chunks=chunks, dtype=float, meta=np.empty(0)) for _ in "pq")
    gc.collect()
    assert fdiv.kl(p, q).compute() == 0
    assert most <= 10


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ([0.5, 0.25, -0.25, 0.5], [0.25] * 4, r"`p` must be .*, got p\[2\] = -0\.25"),
        ([0.25] * 4, [0.5, 0.25, 0.25, np.nan], r"`q` must be .*, got q\[3\] = nan"),
        ([0.25] * 4, [0.5] * 4, "equal mass, got 1 and 2: pass `normalize=True`"),
        ([0.25] * 4, [0.0] * 4, "`q` must have positive mass"),
        ([1, 1, 1, 1], [0.25] * 4, "`p` must hold probabilities, got integer counts of mass 4"),
        ([1e-200] * 4, [1e-200] * 4, "`p` must have a mass between 1e-100 and 1e"),
    ],
)
def test_refused_when_computed(p, q, message):
    value = fdiv.kl(*(da.from_array(np.array(x), chunks=2) for x in (p, q)))
    with pytest.raises(ValueError, match=message):
        value.compute()


def test_refused_at_once():
    with pytest.raises(TypeError, match="`p` must be an array of real numbers, got dtype bool"):
        fdiv.kl(da.ones(4, dtype=bool), da.ones(4))
    with pytest.raises(ValueError, match="same number of atoms, got 4 and 5"):
        fdiv.kl(da.ones(4), da.ones(5))


def test_critics_stay_in_blocks():
    v = np.linspace(-3, 3, 10)
    found = fdiv.gan.penalty(da.from_array(v, chunks=4))
    assert isinstance(found, da.Array)
    assert np.array_equal(found.compute(), fdiv.gan.penalty(v))
