"""Derivatives in p and q: those of the mathematics, one-sided at zeros, and never nan."""

import math

import numpy as np
import pytest

from divkit import fdiv

torch = pytest.importorskip("torch")

EVERY = pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)
ONCE = {"total_variation", "hockey_stick"}  # kinks: no second derivative to speak of


def tensors(*rows):
    return [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in rows]


def gradient(D, p, q, **options):
    p, q = tensors(p, q)
    return [x.numpy() for x in torch.autograd.grad(D(p, q, **options).sum(), (p, q))]


def envelope(D, p, q):
    """Return the derivative at the normalized measures: T and −f*(T), less what scaling gives."""
    p, q = np.asarray(p) / np.sum(p), np.asarray(q) / np.sum(q)
    T = D.witness(p, q)
    penalty = D.conjugate(T)
    assert np.isfinite(T).all()
    return T - p @ T, q @ penalty - penalty


@EVERY
def test_inside_twice(D):
    rng = np.random.default_rng(3)
    p, q = tensors(*(0.05 + rng.random((2, 3))))

    def value(p, q):
        return D(p, q, normalize=True)

    assert torch.autograd.gradcheck(value, (p, q))
    if D.name not in ONCE:
        assert torch.autograd.gradgradcheck(value, (p, q))


@EVERY
def test_is_that_of_the_envelope(D):
    p, q = [0.5, 0.2, 0.3], [0.1, 0.7, 0.2]
    for found, expected in zip(gradient(D, p, q), envelope(D, p, q), strict=True):
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-13)


@EVERY
def test_vanishes_where_the_measures_are_equal(D):
    p = [0.5, 0.2, 0.3]
    for found in gradient(D, p, p):
        assert np.abs(found).max() <= (0.5 if D.name in ONCE else 1e-15)


@EVERY
@pytest.mark.parametrize("zero", ["p", "q"])
def test_one_sided_limits_at_a_zero(D, zero):
    """Against the quotient of the mathematics: f(u) with the atom's mass 0 and a little more."""
    p, q = np.array([0.6, 0.0, 0.4]), np.array([0.2, 0.5, 0.3])
    if zero == "q":
        p, q = q, p
    value = D(p, q)
    of_p, of_q = gradient(D, p, q)
    moving = of_p if zero == "p" else of_q
    limit = D.derivative_at_zero if zero == "p" else -D.conjugate_at_slope
    if math.isinf(limit):
        assert moving[1] == limit
    else:
        step = 1e-10  # what is left may be of its root
        e = np.array([0.0, step, 0.0])
        ahead = D(p + e, q, normalize=True) if zero == "p" else D(p, q + e, normalize=True)
        assert moving[1] == pytest.approx((ahead - value) / step, rel=1e-4, abs=1e-4)
    other = of_q if zero == "p" else of_p
    if math.isfinite(value):
        e = np.array([0.0, 1e-6, 0.0])
        pairs = [(p, q + e), (p, q - e)] if zero == "p" else [(p + e, q), (p - e, q)]
        ahead, behind = (D(*pair, normalize=True) for pair in pairs)
        assert other[1] == pytest.approx((ahead - behind) / 2e-6, rel=1e-6, abs=1e-8)
    else:
        assert other[1] == math.inf
    rest = np.array([0, 2])
    assert np.isfinite(of_p[rest]).all()
    assert np.isfinite(of_q[rest]).all()


@EVERY
def test_an_atom_of_neither_measure_changes_nothing(D):
    p, q = [0.5, 0.2, 0.3], [0.1, 0.7, 0.2]
    without = gradient(D, p, q)
    with_it = gradient(D, [*p, 0.0], [*q, 0.0])
    for few, more in zip(without, with_it, strict=True):
        assert more[:3] == pytest.approx(few, rel=1e-14)
        assert np.isfinite(more[3])


@EVERY
def test_an_infinite_row_leaves_the_others_alone(D):
    p, q = tensors([[0.5, 0.5, 0.0], [0.5, 0.2, 0.3]], [[0.0, 0.5, 0.5], [0.1, 0.7, 0.2]])
    found = torch.autograd.grad(D(p, q)[1], (p, q))
    alone = gradient(D, p[1].detach().numpy(), q[1].detach().numpy())
    for rows, row in zip(found, alone, strict=True):
        assert (rows[0] == 0).all()
        assert np.array_equal(rows[1], row)


@EVERY
@pytest.mark.parametrize("ratio", [1e-15, 1e-100])
def test_finite_between_extremes(D, ratio):
    for found in gradient(D, [ratio, 1 - ratio], [0.5, 0.5]):
        assert not np.isnan(found).any()
    for found in gradient(D, [0.5, 0.5], [ratio, 1 - ratio]):
        assert not np.isnan(found).any()


@EVERY
@pytest.mark.parametrize("name", ["activation", "penalty"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_of_a_critic(D, name, dtype):
    formula = getattr(D, name)
    v = torch.tensor([-100.0, -1, 0, 1, 100], dtype=getattr(torch, dtype), requires_grad=True)
    (found,) = torch.autograd.grad(formula(v).sum(), v)
    assert not torch.isnan(found).any()
    if dtype == "float64":
        v = v.detach()[1:4].requires_grad_()
        if D.name != "hockey_stick" or name == "activation":
            assert torch.autograd.gradcheck(lambda v: formula(v), v)


def test_where_a_penalty_overflows_its_derivative_is_infinite():
    v = torch.tensor([-800.0, 600.0, 800.0], dtype=torch.float64, requires_grad=True)
    value = fdiv.jeffreys.penalty(v)
    (found,) = torch.autograd.grad(value.sum(), v)
    assert value[2] == found[2] == math.inf
    assert found[1].item() == pytest.approx(math.exp(599), rel=1e-12)
    assert found[0].item() == pytest.approx(1 / 794.3, rel=1e-3)  # 1/ω(801), ω(801) ≈ 801 − log 801


@pytest.mark.parametrize(
    "D", [fdiv.alpha(0.1), fdiv.tsallis(0.1), fdiv.cressie_read(-0.9)], ids=str
)
def test_a_penalty_where_the_activation_is_nearer_to_its_end_than_doubles_are(D):
    # 1 − t/f′(∞) ~ e^−v, and f* is a constant times its power −1/9, less a constant.
    v = torch.tensor([600.0, 609.0, 900.0, 909.0], dtype=torch.float64, requires_grad=True)
    value = D.penalty(v)
    assert (value[1::2] / value[::2]).tolist() == pytest.approx([math.e, math.e], rel=1e-12)
    (found,) = torch.autograd.grad(value.sum(), v)
    assert torch.allclose(found, value.detach() / 9, rtol=1e-12)


def test_a_value_rounded_to_the_end_of_the_domain_keeps_its_derivative():
    v = torch.tensor([20.0], dtype=torch.float32, requires_grad=True)
    t = fdiv.squared_hellinger.activation(v)
    assert t.item() < 1
    (found,) = torch.autograd.grad(t, v)
    assert found.item() == pytest.approx(math.exp(-20), rel=1e-6)


@EVERY
def test_of_the_witness_and_the_bound(D):
    p, q = tensors([0.5, 0.2, 0.3, 0.0], [0.1, 0.4, 0.2, 0.3])
    T = D.witness(p, q)
    found = torch.autograd.grad(D.bound(p, q, T.detach()), (p, q))
    assert not any(
        torch.isnan(x).any() for x in (*found, *torch.autograd.grad(T[:3].sum(), (p, q)))
    )
