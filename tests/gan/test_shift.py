"""The bound of a critic that is free up to a constant: best shift, its gradient, its extremes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divkit import fdiv
from divkit.fdiv import bounds

torch = pytest.importorskip("torch")

from divkit import gan  # noqa: E402
from divkit.gan import _shift  # noqa: E402

SUM = fdiv.squared_hellinger + fdiv.total_variation  # a kink, and an end of the domain
ROWS = [*fdiv.CATALOGUE.values(), fdiv.hockey_stick(1), 2 * fdiv.kl, SUM]
EVERY = pytest.mark.parametrize("D", ROWS, ids=str)


def objective(D, generator="minimax"):
    return gan.FGAN(D, generator=generator, lipschitz=gan.Clip(1.0))


def tensor(x):
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)


OUTPUTS = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=1, max_size=6)


@EVERY
@settings(max_examples=15, deadline=None)
@given(v_real=OUTPUTS, v_fake=OUTPUTS)
def test_the_best_shift(D, v_real, v_fake):
    """The critic loss is that of `bounds.shifted` on the two samples as distributions."""
    loss = objective(D).critic_loss(tensor(v_real), tensor(v_fake)).item()
    n, m = len(v_real), len(v_fake)
    p, q = np.repeat([1 / n, 0], [n, m]), np.repeat([0, 1 / m], [n, m])
    T = np.array(v_real + v_fake)
    expected = float(bounds.shifted(D, p, q, T, normalize=True).value)
    assert -loss == pytest.approx(expected, rel=1e-11, abs=1e-9)
    assert -loss <= float(D(p, q)) + 1e-11 * (1 + np.abs(T).max())


@EVERY
@settings(max_examples=15, deadline=None)
@given(v_real=OUTPUTS, v_fake=OUTPUTS, nu=st.floats(-5, 5))
def test_the_gradient_supports_the_penalty(D, v_real, v_fake, nu):
    """The penalty is convex: its gradient supports it, sums to 1, and is not negative."""
    v_real, v_fake = tensor(v_real), tensor(v_fake)
    loss = objective(D).critic_loss(v_real, v_fake)
    on_real, on_fake = torch.autograd.grad(loss, [v_real, v_fake])
    assert float(on_real.sum() + on_fake.sum()) == pytest.approx(0, abs=1e-12)
    assert (on_fake >= 0).all()
    other = [v.detach() + nu * torch.sin(torch.arange(1.0, len(v) + 1)) for v in (v_real, v_fake)]
    rise = objective(D).critic_loss(*other) - loss
    linear = (on_real * (other[0] - v_real)).sum() + (on_fake * (other[1] - v_fake)).sum()
    assert rise.item() >= linear.item() - 1e-8


@EVERY
def test_a_constant_changes_nothing(D):
    v_real, v_fake = tensor([0.25, -1.0, 3.0]), tensor([0.0, 1.5])
    o = objective(D)
    loss, moved = o.critic_loss(v_real, v_fake), o.critic_loss(v_real + 7, v_fake + 7)
    assert moved.item() == pytest.approx(loss.item(), abs=1e-12)


@EVERY
def test_the_gradient_is_the_derivative(D):
    torch.manual_seed(0)
    v_real, v_fake = (torch.randn(n, dtype=torch.float64, requires_grad=True) for n in (3, 5))
    o = objective(D)
    assert torch.autograd.gradcheck(o.critic_loss, (v_real, v_fake), atol=1e-6)
    assert torch.autograd.gradcheck(o.generator_loss, (v_fake,), atol=1e-6)


def test_kl_is_donsker_and_varadhan():
    v_real, v_fake = tensor([1.0, 2.0]), tensor([0.5, -300.0, 700.0])
    loss = objective(fdiv.kl).critic_loss(v_real, v_fake)
    assert loss.item() == 700 + math.log((math.exp(-699.5) + 1) / 3) - 1.5
    wide = objective(fdiv.kl + fdiv.kl).critic_loss(v_real, v_fake)  # 2 log E e^(v/2)
    assert wide.item() == pytest.approx(2 * (350 - math.log(3)) - 1.5, rel=1e-12)


def test_hockey_stick_is_an_expected_shortfall():
    # E_γ penalizes the mean of the largest 1/γ of Q, 2½ of 5 outputs, if they differ by at most 1.
    v = tensor([0.5, 0.1, 0.4, 0.3, 0.2])
    loss = objective(fdiv.hockey_stick(2)).generator_loss(v)
    assert -loss.item() == pytest.approx((0.5 + 0.4 + 0.3 / 2) / 2.5, rel=1e-9)
    (gradient,) = torch.autograd.grad(-loss, v)
    assert gradient.tolist() == pytest.approx([0.4, 0, 0.4, 0.2, 0], abs=1e-6)


def test_total_variation_is_the_range_below_the_highest_output():
    # The bounded divergence never exceeds 1, however far apart the two are.
    o = objective(fdiv.total_variation)
    assert o.critic_loss(tensor([50.0, 50.0]), tensor([-50.0])).item() == pytest.approx(-1)
    assert o.critic_loss(tensor([0.25]), tensor([0.0])).item() == pytest.approx(-0.25)


@EVERY
@pytest.mark.parametrize("scale", [1e-6, 1e3, 1e6])
def test_wide_and_narrow_outputs(D, scale):
    generator = np.random.default_rng(0)
    v_real, v_fake = (tensor(scale * generator.standard_normal(50)) for _ in range(2))
    for loss in (objective(D).critic_loss(v_real, v_fake), objective(D).generator_loss(v_fake)):
        assert math.isfinite(loss.item())
        (gradient,) = torch.autograd.grad(loss, v_fake)
        assert gradient.isfinite().all()


@EVERY
def test_both_searches_agree(D):
    """Devices that should not be waited for narrow the range by equal parts."""
    torch.manual_seed(0)
    v = torch.cat([3 * torch.randn(20, dtype=torch.float64), torch.tensor([4.0])])
    q = torch.tensor([1 / 20] * 20 + [0.0], dtype=torch.float64)
    one, other = (_shift.sharpened(v, q, D, s) for s in (_shift._secants, _shift._parts))
    assert other[0].item() == pytest.approx(one[0].item(), rel=1e-12, abs=1e-9)
    assert other[1].tolist() == pytest.approx(one[1].tolist(), abs=1e-6)


def test_nothing_waits_for_the_device():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        v, q = torch.randn(6, dtype=torch.float64), torch.ones(6, dtype=torch.float64)
        with pytest.raises(Exception, match="_local_scalar_dense"):
            _shift.sharpened(v, q, fdiv.neyman, _shift._secants)
        for D in (fdiv.neyman, fdiv.pearson, fdiv.hockey_stick(2)):
            value, ratio = _shift.sharpened(v, q, D, _shift._parts)
            assert value.shape == ()
            assert ratio.shape == v.shape


def test_everything_is_made_on_the_device_of_the_outputs():
    v, q = (torch.empty(6, dtype=torch.float64, device="meta") for _ in range(2))
    for D in (fdiv.neyman, fdiv.pearson, fdiv.hockey_stick(2)):
        assert all(x.is_meta for x in _shift.sharpened(v, q, D, _shift._parts))


@pytest.mark.parametrize("D", [fdiv.jensen_shannon, SUM], ids=str)
def test_second_derivatives_are_refused(D):
    v = tensor([0.5, -1.0, 2.0])
    (gradient,) = torch.autograd.grad(objective(D).generator_loss(v), v, create_graph=True)
    with pytest.raises(RuntimeError, match="use first derivatives of these losses only"):
        gradient.square().sum().backward()


def test_kl_has_second_derivatives():
    v = tensor([0.5, -1.0, 2.0])
    assert torch.autograd.gradgradcheck(objective(fdiv.kl).generator_loss, (v,))


@EVERY
def test_the_non_saturating_generator_follows_the_critic(D):
    v = tensor([-30.0, 2.0])
    loss = objective(D, "non_saturating").generator_loss(v)
    assert loss.item() == 14
    assert torch.autograd.grad(loss, v)[0].tolist() == [-0.5, -0.5]


def test_a_name_is_not_an_identity():
    mine = fdiv.custom(lambda u, xp: (u - 1) ** 2, name="kl")
    v_real, v_fake = tensor([1.0, 0.5]), tensor([0.0, -0.5, 1.0])
    found, right = (objective(D).critic_loss(v_real, v_fake).item() for D in (mine, fdiv.pearson))
    assert found == pytest.approx(right, rel=1e-9)
