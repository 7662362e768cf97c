"""The exact earth mover's loss: values by brute force, derivatives by differences."""

import itertools
import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

torch = pytest.importorskip("torch")

from divkit import gan  # noqa: E402

METRICS = ["sqeuclidean", "euclidean", "cityblock", "chebyshev", 3.0]

SQUARES = "sqeuclidean"


def squares(x, y):
    return (x[..., :, None, :] - y[..., None, :, :]).square().sum(-1)


def norm(x, y, metric):
    z = (x - y).abs()
    if metric == "sqeuclidean":
        return (z**2).sum()
    p = {"euclidean": 2.0, "cityblock": 1.0, "chebyshev": math.inf}.get(metric, metric)
    return torch.linalg.vector_norm(z, p)


def samples(*shape, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, **{"dtype": torch.float64, **options})


def by_linear_program(a, b, M):
    n, m = M.shape
    rows, columns = np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))
    return linprog(M.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.r_[a, b]).fun


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("d", [1, 3])
def test_the_best_of_all_matchings(metric, d):
    x, y = samples(4, d), samples(4, d, seed=1)
    every = [
        sum(norm(x[i], y[j], metric) for i, j in enumerate(order))
        for order in itertools.permutations(range(4))
    ]
    value = gan.earth_mover(x, y, metric=metric)
    assert value.item() == pytest.approx(min(every).item() / 4, rel=1e-13)


def test_masses_and_a_batch_of_problems():
    x, y = samples(2, 3, 4, 2), samples(2, 3, 5, 2, seed=1)
    a, b = samples(2, 3, 4, seed=2).softmax(-1), samples(2, 3, 5, seed=3).softmax(-1)
    M = squares(x, y)
    values = gan.earth_mover(x, y, a, b, metric=SQUARES)
    assert values.shape == (2, 3)
    assert torch.allclose(values, gan.couple(a, b, M).value, rtol=1e-13)
    for k in itertools.product(range(2), range(3)):
        expected = by_linear_program(a[k].numpy(), b[k].numpy(), M[k].numpy())
        assert values[k].item() == pytest.approx(expected, rel=1e-8)
        assert values[k].item() == gan.earth_mover(x[k], y[k], a[k], b[k], metric=SQUARES).item()


# --- derivatives ---


@pytest.mark.parametrize("metric", [*METRICS, squares], ids=[*map(str, METRICS), "squares"])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_derivatives_in_the_points(metric, shape):
    x = samples(*shape, 3, 2).requires_grad_()
    y = samples(*shape, 4, 2, seed=1).requires_grad_()
    a, b = samples(*shape, 3, seed=2).softmax(-1), samples(*shape, 4, seed=3).softmax(-1)
    assert torch.autograd.gradcheck(lambda x, y: gan.earth_mover(x, y, a, b, metric), (x, y))


@pytest.mark.parametrize("shape", [(), (2,)])
def test_derivatives_in_costs_and_masses(shape):
    M = samples(*shape, 3, 4).requires_grad_()
    a, b = (samples(*shape, n, seed=n).requires_grad_() for n in (3, 4))
    assert torch.autograd.gradcheck(
        lambda a, b, M: gan.couple(a.softmax(-1), b.softmax(-1), M).value, (a, b, M)
    )
    square = samples(*shape, 3, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda M: gan.couple(None, None, M).value, (square,))


def test_derivatives_on_a_line():
    x, y = samples(3, 1).requires_grad_(), samples(3, 1, seed=1).requires_grad_()
    a, b = (samples(3, seed=n).requires_grad_() for n in (3, 4))
    assert torch.autograd.gradcheck(
        lambda x, y, a, b: gan.earth_mover(x, y, a.softmax(0), b.softmax(0), metric=SQUARES),
        (x, y, a, b),
    )


SMALL = st.integers(-2, 2)


@settings(max_examples=40, deadline=None)
@given(M=st.lists(SMALL, min_size=9, max_size=9), other=st.lists(SMALL, min_size=9, max_size=9))
def test_with_many_optima_the_plan_is_a_supergradient_in_the_costs(M, other):
    M = torch.tensor(M, dtype=torch.float64).reshape(3, 3).requires_grad_()
    other = torch.tensor(other, dtype=torch.float64).reshape(3, 3)
    value = gan.couple(None, None, M).value
    (plan,) = torch.autograd.grad(value, M)
    above = value + (plan * (other - M)).sum()
    assert gan.couple(None, None, other).value.item() <= above.item() + 1e-14


MASSES = st.lists(st.integers(0, 3), min_size=3, max_size=3).filter(any)


@settings(max_examples=40, deadline=None)
@given(M=st.lists(SMALL, min_size=9, max_size=9), masses=st.tuples(*[MASSES] * 4))
def test_potentials_are_a_subgradient_in_the_masses(M, masses):
    """With zeros among the masses, and moved mass that is not there yet."""
    M = torch.tensor(M, dtype=torch.float64).reshape(3, 3)
    a, b, a2, b2 = (torch.tensor(m, dtype=torch.float64) / sum(m) for m in masses)
    a.requires_grad_()
    b.requires_grad_()
    value = gan.couple(a, b, M).value
    in_a, in_b = torch.autograd.grad(value, [a, b])
    assert in_a.sum().item() == pytest.approx(0, abs=1e-14)
    assert in_b.sum().item() == pytest.approx(0, abs=1e-14)
    below = value + (in_a * (a2 - a)).sum() + (in_b * (b2 - b)).sum()
    assert gan.couple(a2, b2, M).value.item() >= below.item() - 1e-13


def test_one_step_reaches_the_target():
    """W = Σ ‖x − y‖²/n: a step of n/2 along the gradient lays every y on its x."""
    x, y = samples(20, 3), samples(20, 3, seed=1).requires_grad_()
    gan.earth_mover(x, y, metric=SQUARES).backward()
    reached = y.detach() - 10 * y.grad
    assert gan.earth_mover(x, reached, metric=SQUARES).item() == pytest.approx(0, abs=1e-28)


def test_points_that_coincide():
    x = samples(3, 2)
    for metric in METRICS:
        y = x.clone().requires_grad_()
        loss = gan.earth_mover(x, y, metric=metric)
        assert loss.item() == 0
        loss.backward()
        assert y.grad.abs().max() == 0


def test_a_loss_is_passed_on():
    x, y = samples(2, 3, 2), samples(2, 3, 2, seed=1)
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    loss = (gan.earth_mover(x, scale * y, metric=SQUARES) * torch.tensor([1.0, 5.0])).sum()
    (gradient,) = torch.autograd.grad(loss, scale)
    h = 1e-6

    def at(s):
        return (gan.earth_mover(x, s * y, metric=SQUARES) * torch.tensor([1.0, 5.0])).sum().item()

    assert gradient.item() == pytest.approx((at(3 + h) - at(3 - h)) / (2 * h), rel=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: gan.earth_mover(x, samples(3, 2), metric=SQUARES),
        lambda x: gan.couple(None, None, squares(x, samples(3, 2))).value,
        lambda x: gan.earth_mover(samples(3, 2), samples(3, 2), x[:, 0].softmax(0), metric=SQUARES),
    ],
)
def test_second_derivatives_are_refused(loss):
    x = samples(3, 2, seed=5).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(x), x, create_graph=True)
    with pytest.raises(RuntimeError, match="use first derivatives of these losses only"):
        gradient.square().sum().backward()


# --- plan and potentials ---


def test_the_plan_and_its_certificate():
    x, y = samples(2, 3, 2), samples(2, 4, 2, seed=1)
    a, b = samples(2, 3, seed=2).softmax(-1), samples(2, 4, seed=3).softmax(-1)
    found, M = gan.couple_points(x, y, a, b, metric=SQUARES), squares(x, y)
    plan, slack = found.plan, M - found.f[:, :, None] - found.g[:, None, :]
    assert torch.allclose(plan.sum(2), a)
    assert torch.allclose(plan.sum(1), b)
    assert torch.allclose((plan * M).sum((1, 2)), found.value)
    assert slack.min() >= -1e-13
    assert (plan * slack).abs().max() <= 1e-14
    assert [t.value for t in found.answers] == found.value.tolist()
    assert max(abs(t.gap) for t in found.answers) < 1e-13
    assert not plan.requires_grad


def test_forbidden_pairs():
    M = torch.tensor([[0.0, 1.0], [1.0, math.inf]], requires_grad=True)
    value = gan.couple(None, None, M).value
    assert value.item() == 1  # not ½ (0 + inf)
    value.backward()
    assert M.grad.tolist() == [[0, 0.5], [0.5, 0]]
    with pytest.raises(ValueError, match="no plan"):
        gan.couple(None, None, torch.full((2, 2), math.inf))


def test_large_clouds_have_no_matrix(monkeypatch):
    x, y = samples(30, 2).requires_grad_(), samples(30, 2, seed=1)
    expected = gan.earth_mover(x, y, metric=SQUARES)
    (wanted,) = torch.autograd.grad(expected, x)
    module = sys.modules["divkit.gan._earth_mover"]
    monkeypatch.setattr(module, "_MATRIX", 100)
    asked = []
    solve_points = module.emd.solve_points
    monkeypatch.setattr(
        module.emd, "solve_points", lambda *args: asked.append(args) or solve_points(*args)
    )
    value = gan.earth_mover(x, y, metric=SQUARES)
    assert len(asked) == 1
    (found,) = torch.autograd.grad(value, x)
    assert value.item() == pytest.approx(expected.item(), rel=1e-13)
    assert torch.allclose(found, wanted)


# --- types, devices, errors ---


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_types(dtype):
    x, y = samples(5, 2).to(dtype), samples(6, 2, seed=1).to(dtype).requires_grad_()
    a = samples(5, seed=2).softmax(0).to(dtype)
    b = samples(6, seed=3).softmax(0).to(dtype).requires_grad_()
    kept = [z.detach().clone() for z in (x, y, a, b)]
    value = gan.earth_mover(x, y, a, b, metric=SQUARES)
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    wide = [z.detach().double() for z in (x, y, a, b)]
    wide[3] = wide[3] * wide[2].sum() / wide[3].sum()
    exact = gan.earth_mover(*wide, metric=SQUARES)
    assert value.item() == pytest.approx(exact.item(), rel=1e-6)
    for gradient in torch.autograd.grad(value, [y, b]):
        assert gradient.dtype == dtype
        assert gradient.isfinite().all()
    for z, before in zip((x, y, a, b), kept, strict=True):
        assert torch.equal(z, before)


def test_the_widest_type_is_taken():
    assert (
        gan.earth_mover(samples(3, 2), samples(3, 2).float(), metric=SQUARES).dtype == torch.float64
    )


def test_noncontiguous_and_without_gradient():
    x, y = samples(2, 5).T, samples(2, 5, seed=1).T
    with torch.inference_mode():
        value = gan.earth_mover(x, y, metric=SQUARES)
    assert value.item() == gan.earth_mover(x.contiguous(), y.contiguous(), metric=SQUARES).item()
    assert not value.requires_grad


X = torch.zeros(3, 2)
NAN = torch.tensor([[0.0, 0.0], [math.nan, 0.0]])


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (TypeError, "`x` must be a torch tensor of floats, got ndarray",
         lambda: gan.earth_mover(np.zeros((3, 2)), X)),
        (TypeError, "`y` must be a torch tensor of floats, got torch.int64",
         lambda: gan.earth_mover(X, torch.zeros(3, 2, dtype=torch.int64))),
        (ValueError, r"at least one point each.*got \(3,\) and \(3, 2\): flatten",
         lambda: gan.earth_mover(torch.zeros(3), X)),
        (ValueError, "at least one point each", lambda: gan.earth_mover(X[:0], X)),
        (ValueError, r"the last but one, got shapes \(3, 2\) and \(3, 1\)",
         lambda: gan.earth_mover(X, X[:, :1])),
        (ValueError, r"the last but one, got shapes \(1, 3, 2\) and \(2, 3, 2\)",
         lambda: gan.earth_mover(X[None], torch.zeros(2, 3, 2))),
        (ValueError, r"`x` must be finite, got x\[1, 0\] = nan", lambda: gan.earth_mover(NAN, X)),
        (ValueError, r"`y` must be finite, got y\[0, 1, 0\] = nan",
         lambda: gan.earth_mover(X[None], NAN[None])),
        (ValueError, r"`a` must have shape \(3,\), one mass per point, got \(2,\)",
         lambda: gan.earth_mover(X, X, torch.ones(2))),
        (ValueError, r"`b` must have shape \(1, 3\), one mass per point, got \(3,\)",
         lambda: gan.earth_mover(X[None], X[None], None, torch.ones(3))),
        (ValueError, r"`a` must be finite and at least 0, got a\[1\] = -1",
         lambda: gan.earth_mover(X, X, torch.tensor([1.0, -1.0, 1.0]), torch.ones(3))),
        (ValueError, "`a` and `b` must have equal mass, got 3.0 and 6.0",
         lambda: gan.earth_mover(X, X, torch.ones(3), 2 * torch.ones(3))),
        (ValueError, "`metric` must be one of", lambda: gan.earth_mover(X, X, metric="cosine")),
        (ValueError, r"`metric` must return a tensor with the costs of all pairs, shape \(3, 3\), "
         r"got \(3, 2\)", lambda: gan.earth_mover(X, X, metric=lambda x, y: x)),
        (ValueError, r"`M` must have at least one row and one column.*got \(3,\)",
         lambda: gan.couple(None, None, X[:, 0])),
        (ValueError, "nan", lambda: gan.couple(None, None, NAN)),
    ],
)  # fmt: skip
def test_refused(error, message, call):
    with pytest.raises(error, match=message):
        call()
