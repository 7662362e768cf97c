"""torch: answers live where tensors live, and compile in one graph."""

import numpy as np
import pytest

from divkit import fdiv

torch = pytest.importorskip("torch")

EVERY = pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)
P = [[0.5, 0.0, 0.3, 0.2], [0.25, 0.25, 0.25, 0.25]]
Q = [[0.4, 0.3, 0.0, 0.3], [0.125, 0.375, 0.25, 0.25]]


@EVERY
@pytest.mark.parametrize(
    ("dtype", "answer"),
    [("float64", "float64"), ("float32", "float32"), ("float16", "float32"),
     ("bfloat16", "float32")],
)  # fmt: skip
def test_types(D, dtype, answer):
    p, q = (torch.tensor(x, dtype=getattr(torch, dtype)) for x in (P, Q))
    value = D(p, q, normalize=True)
    assert value.dtype == getattr(torch, answer)
    expected = D(p.double().numpy(), q.double().numpy(), normalize=True)
    assert value.numpy() == pytest.approx(expected, rel=1e-14 if dtype == "float64" else 1e-6)
    T = D.witness(p, q, normalize=True)
    assert T.dtype == value.dtype
    assert T.shape == p.shape
    assert D.bound(p, q, T, normalize=True).dtype == value.dtype


@EVERY
def test_close_measures(D):
    rng = np.random.default_rng(0)
    p = rng.random(100)
    q = p * (1 + 1e-9 * rng.standard_normal(100))
    value = D(torch.from_numpy(p), torch.from_numpy(q), normalize=True)
    assert value.item() == pytest.approx(D(p, q, normalize=True), rel=1e-14)


def test_a_sequence_joins_a_tensor():
    q = torch.tensor(Q[0], dtype=torch.float64)
    assert fdiv.jensen_shannon(P[0], q).item() == fdiv.jensen_shannon(P[0], Q[0])


def test_half_precision_masses_differ_by_its_rounding():
    p = torch.softmax(torch.arange(50.0), 0).to(torch.bfloat16)
    assert fdiv.kl(p, p.flip(0)).isfinite()


def test_refused():
    bad = torch.tensor([0.5, float("nan")])
    with pytest.raises(ValueError, match=r"`q` must be finite and at least 0, got q\[1\] = nan"):
        fdiv.kl(torch.tensor([0.5, 0.5]), bad)
    with pytest.raises(ValueError, match="equal mass, got 1 and 2"):
        fdiv.kl(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 1.0]))
    with pytest.raises(TypeError, match=r"real numbers, got dtype torch\.bool"):
        fdiv.kl(torch.tensor([True]), torch.tensor([True]))
    with pytest.raises(TypeError, match="one library, got numpy and torch"):
        fdiv.kl(np.array([0.5, 0.5]), torch.tensor([0.5, 0.5]))


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ([0.5, float("nan")], r"got p\[1\] = nan"),
        ([1.5, -0.5], r"got p\[1\] = -0.5"),
        ([0.5, 0.75], r"got 1.25 and 1"),
    ],
    ids=["nan", "negative", "mass"],
)
def test_errors_where_gradients_are_asked_for(p, message):
    p = torch.tensor(p, dtype=torch.float64, requires_grad=True)
    with pytest.raises(ValueError, match=message):
        fdiv.kl(p, torch.tensor([0.5, 0.5], dtype=torch.float64))


@EVERY
def test_one_graph(D):
    def loss(p, q, v):
        return D(p, q), D.penalty(v), D.activation(v)

    p, q = (torch.tensor(x, dtype=torch.float64) for x in (P, Q))
    v = torch.linspace(-3, 3, 7)
    torch.compiler.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    for found, expected in zip(compiled(p, q, v), loss(p, q, v), strict=True):
        assert torch.equal(found, expected)


def test_one_function_compiled_for_one_record_after_another():
    # From the second on, torch takes the numbers of a record for variables.
    def values(D, p, q, v):
        return D(p, q), D.witness(p, q), D.bound(p, q, v), D.conjugate(v), D.activation(v)

    p, q = (torch.tensor(x, dtype=torch.float64) for x in (P, Q))
    v = torch.linspace(-2, 0.2, 4, dtype=torch.float64)
    torch.compiler.reset()
    compiled = torch.compile(values, fullgraph=True, backend="eager")
    for D in (fdiv.kl, fdiv.pearson, fdiv.neyman, fdiv.jensen_shannon, fdiv.alpha(0.5)):
        for found, expected in zip(compiled(D, p, q, v), values(D, p, q, v), strict=True):
            assert torch.equal(found, expected)


def test_one_graph_of_witness_and_bound_with_gradients():
    def gap(p, q):
        D = fdiv.jensen_shannon
        return (D(p, q) - D.bound(p, q, D.witness(p, q))).sum()

    p = torch.tensor(Q, dtype=torch.float64, requires_grad=True)
    q = torch.full((2, 4), 0.25, dtype=torch.float64)
    torch.compiler.reset()
    compiled = torch.compile(gap, fullgraph=True, backend="aot_eager")
    (found,) = torch.autograd.grad(compiled(p, q), p)
    (expected,) = torch.autograd.grad(gap(p, q), p)
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-12)


def test_inside_a_compiled_function_values_are_not_checked():
    torch.compiler.reset()
    compiled = torch.compile(fdiv.total_variation, fullgraph=True, backend="eager")
    assert compiled(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 1.0])).item() == 0
