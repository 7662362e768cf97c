"""What keeps a critic Lipschitz, sample by sample."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from divkit import gan  # noqa: E402

PLACES = pytest.mark.parametrize("at", ["between", "around", "real"])


def samples(n, m=None, shape=(3,), **options):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(k, *shape, generator=generator, **options) for k in (n, m or n)]


# --- the gradient penalty ---


@PLACES
@pytest.mark.parametrize("n", [1, 2, 7, 64, 1000])
@pytest.mark.parametrize("shape", [(1,), (3,), (2, 4, 5)])
@pytest.mark.parametrize(
    "options",
    [{}, {"power": 1}, {"one_sided": True}, {"one_sided": True, "power": 1}, {"power": 3}],
)
def test_a_critic_of_unit_gradient_is_free_at_any_batch_size(at, n, shape, options):
    def critic(x):
        return x.flatten(1)[:, 0]

    assert gan.GradientPenalty(10.0, at=at, **options)(critic, *samples(n, n, shape)).item() == 0


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, lambda norm: 10 * (norm - 1) ** 2),
        ({"power": 1}, lambda norm: 10 * abs(norm - 1)),
        ({"one_sided": True}, lambda norm: 10 * max(0, norm - 1) ** 2),
        ({"one_sided": True, "power": 1}, lambda norm: 10 * max(0, norm - 1)),
        ({"center": 0.0, "at": "real"}, lambda norm: 10 * norm**2),
        ({"center": 0.0, "one_sided": True, "power": 1.5}, lambda norm: 10 * norm**1.5),
    ],
)
@pytest.mark.parametrize("slope", [0.25, 3.0])
def test_the_formula_and_its_derivative_in_the_weights(n, options, expected, slope):
    weight = torch.tensor([slope, 0.0, 0.0], dtype=torch.float64, requires_grad=True)
    x = samples(n, dtype=torch.float64)
    penalty = gan.GradientPenalty(10.0, **options)(lambda x: x @ weight, *x)
    assert penalty.item() == pytest.approx(expected(slope), rel=1e-14)
    (gradient,) = torch.autograd.grad(penalty, weight)
    h = 1e-6
    derivative = (expected(slope + h) - expected(slope - h)) / (2 * h)
    assert gradient.tolist() == pytest.approx([derivative, 0, 0], abs=1e-7)


def test_norms_are_those_of_samples_and_not_of_the_batch():
    # v = ½ x², whose gradient is x: (|x|−1)² for each, then the mean.
    x = torch.tensor([[1.0], [-3.0], [0.5]])
    penalty = gan.GradientPenalty(2.0, at="real")(lambda x: 0.5 * x.square().sum(1), x, x)
    assert penalty.item() == pytest.approx(2 * (0 + 4 + 0.25) / 3)


@pytest.mark.parametrize("shape", [(6,), (2, 3)])
def test_one_point_between_each_pair(shape):
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.flatten(1)[:, 0]

    real, fake = torch.zeros(50, *shape), torch.ones(50, *shape)
    torch.manual_seed(0)
    gan.GradientPenalty(1.0)(critic, real, fake)
    shares = seen[0].flatten(1)
    assert torch.equal(shares, shares[:, :1].expand_as(shares))  # on the straight line
    assert len(shares[:, 0].unique()) == 50  # another place for each pair
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert 0.3 < shares.mean() < 0.7


def test_around_is_noise_of_half_the_standard_deviation():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x[:, 0]

    torch.manual_seed(0)
    x = 4 * torch.randn(10000, 1) + 100
    gan.GradientPenalty(1.0, at="around")(critic, x, x)
    noise = seen[0] - x
    assert noise.mean().item() == pytest.approx(0, abs=0.1)
    assert noise.std().item() == pytest.approx(2, rel=0.05)


@PLACES
@pytest.mark.parametrize("power", [1, 1.5, 2])
def test_no_nan_from_the_root_of_zero(at, power):
    critic = nn.Linear(3, 1)
    nn.init.zeros_(critic.weight)
    penalty = gan.GradientPenalty(10.0, power=power, at=at)(critic, *samples(4))
    assert penalty.item() == 10
    penalty.backward()
    assert critic.weight.grad.tolist() == [[0, 0, 0]]


def test_a_critic_that_ignores_its_input_in_part():
    # A ReLU that is off for some samples: their gradient is 0, that of the others is not.
    weight = torch.tensor(2.0, requires_grad=True)
    x = torch.tensor([[-1.0], [1.0]])
    penalty = gan.GradientPenalty(1.0, at="real")(lambda x: torch.relu(weight * x), x, x)
    assert penalty.item() == 1  # (0−1)² and (2−1)²
    penalty.backward()
    assert weight.grad.item() == 1


def test_batches_of_unequal_length():
    seen = []

    def critic(x):
        seen.append(len(x))
        return 3 * x[:, 0]

    for n, m in ((5, 3), (3, 5)):
        real, fake = samples(n, m)
        assert gan.GradientPenalty(1.0)(critic, real, fake).item() == 4
        assert gan.GradientPenalty(1.0, at="real")(critic, real, fake).item() == 4
    assert seen == [3, 5, 3, 3]


def test_the_critic_learns_and_the_samples_do_not():
    real, fake = samples(5)
    fake.requires_grad_()
    kept = real.clone(), fake.detach().clone()
    critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    for at in ("between", "around", "real"):
        with torch.no_grad():  # the penalty needs a gradient wherever it is called
            penalty = gan.GradientPenalty(1.0, at=at)(critic, real, fake)
        penalty.backward()
    assert critic[0].weight.grad.abs().sum() > 0
    assert fake.grad is None
    assert not real.requires_grad
    assert torch.equal(real, kept[0])
    assert torch.equal(fake, kept[1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    # The norm of 10 000 gradients of 4 overflows or loses its digits in half precision.
    real, fake = samples(2, shape=(10000,), dtype=torch.float32)
    penalty = gan.GradientPenalty(1.0, center=0.0)(
        lambda x: 4 * x.sum(1), real.to(dtype), fake.to(dtype)
    )
    assert penalty.dtype == torch.float32
    assert penalty.item() == pytest.approx(160000, rel=1e-3)


@pytest.mark.parametrize("output", [(5,), (5, 1), (5, 1, 1)])
def test_outputs_of_any_shape(output):
    penalty = gan.GradientPenalty(1.0)(lambda x: 2 * x[:, 0].reshape(output), *samples(5))
    assert penalty.item() == 1


@pytest.mark.parametrize(
    ("message", "call"),
    [
        (
            r"`x_real` and `x_fake` must agree in all but their first axis, got shapes \(4, 3\) "
            r"and \(4, 2\)",
            lambda p: p(lambda x: x[:, 0], torch.zeros(4, 3), torch.zeros(4, 2)),
        ),
        (
            r"`critic` must return one output per sample, got shape \(\) for 4 samples",
            lambda p: p(lambda x: x.mean(), torch.zeros(4, 3), torch.zeros(4, 3)),
        ),
        (r"at least 1 sample", lambda p: p(lambda x: x[:, 0], torch.zeros(0, 3), torch.ones(2, 3))),
        ("`weight` must be finite and at least 0, got -1", lambda _: gan.GradientPenalty(-1)),
        ("`power` must be finite and at least 1", lambda _: gan.GradientPenalty(1, power=0.5)),
        ("`center` must be finite", lambda _: gan.GradientPenalty(1, center=math.nan)),
        ("`at` must be one of 'between'", lambda _: gan.GradientPenalty(1, at="fake")),
        ("`c` must be positive and finite, got 0", lambda _: gan.Clip(0)),
    ],
)
def test_refused(message, call):
    with pytest.raises(ValueError, match=message):
        call(gan.GradientPenalty(10.0))


def test_a_critic_that_does_not_use_its_input():
    with pytest.raises(ValueError, match="`critic` must depend on its samples"):
        gan.GradientPenalty(1.0)(lambda x: torch.zeros(len(x)), *samples(4))


# --- clipped weights and spectral norms ---


def test_clip():
    critic = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    given = [w.detach().clone() for w in critic.parameters()]
    gan.Clip(0.05).project(critic)
    for before, after in zip(given, critic.parameters(), strict=True):
        assert torch.equal(after, before.clamp(-0.05, 0.05))
        assert after.requires_grad
    assert gan.Clip(0.05)(critic, *samples(2)).item() == 0


def convolutions():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.LeakyReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 1))


def test_spectral_norm():
    torch.manual_seed(0)
    critic = convolutions()
    gan.SpectralNorm().prepare(critic)
    for _ in range(30):
        critic(torch.randn(2, 1, 8, 8))
    for layer in (critic[0], critic[3]):
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, 1e-4)
    names = [name for name, _ in critic.named_parameters()]
    gan.SpectralNorm().prepare(critic)  # again: nothing to do
    assert [name for name, _ in critic.named_parameters()] == names


def test_spectral_norms_make_a_critic_lipschitz():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
    critic.append(nn.Linear(16, 1))
    for layer in critic[::2]:
        nn.init.normal_(layer.weight, std=5.0)
    gan.SpectralNorm().prepare(critic)
    for _ in range(100):
        critic(torch.randn(2, 3))
    x, y = torch.randn(200, 3), torch.randn(200, 3)
    slope = (critic(x) - critic(y)).abs()[:, 0] / (x - y).norm(dim=1)
    assert slope.max().item() <= 1 + 1e-4


def test_a_shared_layer_is_prepared_once():
    layer = nn.Linear(3, 3)
    critic = nn.Sequential(layer, layer)
    gan.SpectralNorm().prepare(critic)
    assert len(layer.parametrizations.weight) == 1


# --- the systems that they make ---


def test_wasserstein_with_gradient_penalty_is_the_published_loss():
    critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    real, fake = samples(6)
    o = gan.WGAN(lipschitz=gan.GradientPenalty(10.0))
    torch.manual_seed(1)
    loss = o.critic_loss(critic(real), critic(fake)) + o.lipschitz(critic, real, fake)
    # E v(x̃) − E v(x) + 10 E (‖∇v‖ − 1)², the gradient by hand.
    torch.manual_seed(1)
    x = real + torch.rand(6, 1) * (fake - real)
    W, b = critic[0].weight, critic[0].bias
    gradient = ((1 - torch.tanh(x @ W.T + b) ** 2) * critic[2].weight) @ W
    expected = critic(fake).mean() - critic(real).mean()
    expected = expected + 10 * ((gradient.norm(dim=1) - 1) ** 2).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_lipschitz_critic_between_two_points_finds_their_distance():
    """W₁ of two points 5 apart: the best 1-Lipschitz critic rises by 5 between them."""
    torch.manual_seed(0)
    weight = nn.Parameter(torch.tensor([0.1, 0.0]))
    x, y = torch.tensor([[5.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    o = gan.WGAN(lipschitz=gan.GradientPenalty(1000.0))
    optimizer = torch.optim.SGD([weight], lr=4e-4)
    for _ in range(20):
        optimizer.zero_grad()
        loss = o.critic_loss(x @ weight, y @ weight) + o.lipschitz(lambda z: z @ weight, x, y)
        loss.backward()
        optimizer.step()
    # At the balance of 5w and 1000 (w−1)².
    assert weight[0].item() == pytest.approx(1 + 5 / 2000, rel=1e-4)
    distance = -o.critic_loss(x @ weight, y @ weight).item()
    assert distance == pytest.approx(5 * (1 + 5 / 2000), rel=1e-4)
    assert np.isfinite(loss.item())
