"""Objectives in one graph, without waiting for the device."""

import pytest

from divkit import fdiv

torch = pytest.importorskip("torch")

from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402

from divkit import gan  # noqa: E402

SUM = fdiv.kl + fdiv.reverse_kl
CUSTOM = fdiv.custom(lambda u, xp: (u - 1) ** 2 / (u + 1))
ROWS = [*fdiv.CATALOGUE.values(), 2 * fdiv.jensen_shannon]
OBJECTIVES = [
    *(gan.FGAN(D, generator="non_saturating", real_label=0.9) for D in ROWS),
    gan.FGAN(fdiv.kl, lipschitz=gan.Clip(1.0)),
    gan.FGAN(SUM, lipschitz=gan.Clip(1.0)),
    gan.WGAN(),
]
DERIVED = [gan.FGAN(D, generator="non_saturating") for D in (SUM, CUSTOM)]


@pytest.fixture(autouse=True)
def _forget():
    torch.compiler.reset()


def outputs(n, m):
    generator = torch.Generator().manual_seed(n)
    return [(10 * torch.randn(k, generator=generator)).requires_grad_() for k in (n, m)]


def check(function, compiled, v):
    loss, expected = compiled(*v), function(*v)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    both = (torch.autograd.grad(y, v, allow_unused=True) for y in (loss, expected))
    for found, wanted in zip(*both, strict=True):
        assert (found is None) == (wanted is None)
        if wanted is not None:
            assert torch.allclose(found, wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("o", OBJECTIVES, ids=repr)
def test_one_graph(o):
    def losses(v_real, v_fake):
        return o.critic_loss(v_real, v_fake) + 2 * o.generator_loss(v_fake)

    compiled = torch.compile(losses, fullgraph=True, backend="eager")
    check(losses, compiled, outputs(5, 3))


def test_batches_of_another_length():
    o = gan.FGAN(fdiv.neyman)
    compiled = torch.compile(o.critic_loss, fullgraph=True, backend="eager")
    for n, m in ((5, 3), (4, 6), (7, 2)):  # from the second on for any length
        check(o.critic_loss, compiled, outputs(n, m))


@pytest.mark.parametrize(
    "o",
    [
        gan.FGAN(fdiv.gan),
        gan.FGAN(fdiv.jeffreys),
        gan.FGAN(fdiv.alpha(0.5)),
        gan.FGAN(fdiv.kl, lipschitz=gan.Clip(1.0)),
        gan.FGAN(fdiv.jensen_shannon, lipschitz=gan.Clip(1.0)),
        gan.WGAN(),
    ],
    ids=repr,
)
def test_the_gradient_too(o):
    compiled = torch.compile(o.critic_loss, fullgraph=True, backend="aot_eager")
    check(o.critic_loss, compiled, outputs(5, 3))


def test_matching_aware():
    o = gan.matching_aware(gan.FGAN(fdiv.gan))
    compiled = torch.compile(o.critic_loss, fullgraph=True, backend="aot_eager")
    check(o.critic_loss, compiled, [*outputs(5, 3), outputs(4, 1)[0]])


@pytest.mark.parametrize("o", [*OBJECTIVES, *DERIVED], ids=repr)
def test_nothing_waits_for_the_device(o):
    with FakeTensorMode():
        v_real, v_fake = (torch.randn(n, requires_grad=True) for n in (5, 3))
        with pytest.raises(Exception, match="_local_scalar_dense"):
            v_real[0].item()
        loss = o.critic_loss(v_real, v_fake) + o.generator_loss(v_fake)
        loss.backward()
        assert v_real.grad.shape == (5,)
        assert v_fake.grad.shape == (3,)


@pytest.mark.parametrize("o", [*OBJECTIVES, *DERIVED], ids=repr)
def test_everything_is_made_on_the_device_of_the_outputs(o):
    v_real, v_fake = (torch.empty(n, device="meta", requires_grad=True) for n in (5, 3))
    loss = o.critic_loss(v_real, v_fake) + o.generator_loss(v_fake)
    assert loss.is_meta
    loss.backward()
    assert v_real.grad.is_meta


def test_penalties_do_not_wait_either():
    with FakeTensorMode():
        critic, x = torch.nn.Linear(3, 1), torch.randn(5, 3)
        for at in ("between", "around", "real"):
            gan.GradientPenalty(10.0, at=at)(critic, x, x).backward()
        gan.Clip(0.01).project(critic)
        assert critic.weight.grad.shape == (1, 3)
