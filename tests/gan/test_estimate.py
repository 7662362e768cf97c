"""The critic as a measuring instrument: a bound from samples it has not seen, and log p/q."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import torch
from torch import nn

from divkit import emd, fdiv, gan
from divkit.gan._density_ratio import Reading
from divkit.gan.examples import perceptron
from tests import naive


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def gaussians(n, apart, seed=0, dimension=1):
    """Return n samples of N(0, I) and of N(μ, I), |μ| = apart."""
    random = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, n, dimension, generator=random)
    return x, y + apart / math.sqrt(dimension)


def network(dimension=1, seed=0):
    torch.manual_seed(seed)
    return perceptron(dimension, 16, 16, 1)


def integral(f, apart):
    """Return ∫ q f(p/q) of these Gaussians at 30 digits."""
    with mp.workdps(30):

        def term(z):
            p, q = mp.npdf(z, 0, 1), mp.npdf(z, apart, 1)
            return q * f(p / q)

        return float(mp.quad(term, mp.linspace(-12, 12 + apart, 13)))


@pytest.mark.parametrize("name", [name for name, D in fdiv.CATALOGUE.items() if not D.parameters])
def test_the_bound_is_below_the_integral_and_near_it(name):
    D = fdiv.CATALOGUE[name]
    exact = integral(naive.generator(name), 0.7)
    found = gan.estimate(
        network(), gan.FGAN(D), *gaussians(20_000, 0.7), steps=800, batch_size=256, seed=0
    )
    assert 0 < found.standard_error < 0.1
    # Three standard errors either way, and 3 % of the range from independence to D for a critic
    # that is not yet the best.
    assert found.bound < exact + 3 * found.standard_error
    assert found.bound > exact - 3 * found.standard_error - 0.03 * (exact - D.at_one)


def test_it_is_the_same_pair_whatever_is_estimated():
    """The ratio that is read off is log p/q = ½ − x for every divergence that tells it."""
    x, y = gaussians(20_000, 1.0)
    at = torch.linspace(-1, 2, 7)[:, None]
    for D in (fdiv.kl, fdiv.gan, fdiv.neyman, 2 * fdiv.squared_hellinger):
        critic = network()
        found = gan.estimate(critic, gan.FGAN(D), x, y, steps=800, batch_size=256, seed=0)
        ratio = found.log_ratio(at)
        assert ratio.dtype == torch.float64
        assert ratio.shape == (7,)
        assert (ratio - (0.5 - at[:, 0])).abs().max() < 0.25


# The answer comes from samples that nothing else has seen.


class Watched(nn.Module):
    """A critic that remembers which samples it was shown, in training mode or not."""

    def __init__(self):
        super().__init__()
        self.network = network()
        self.trained, self.judged = [], []

    def forward(self, x):
        (self.trained if self.training else self.judged).append(set(x[:, 0].tolist()))
        return self.network(x)


def test_held_out_samples_decide_nothing():
    x, y = gaussians(200, 1.0)
    critic = Watched()
    gan.estimate(critic, gan.FGAN(fdiv.kl), x, y, steps=400, batch_size=64, seed=0)
    trained = set().union(*critic.trained)
    *judged, training, x_held_out, y_held_out = critic.judged
    validation = set().union(*judged)
    everything = set(x[:, 0].tolist()) | set(y[:, 0].tolist())
    assert len(x_held_out) == len(y_held_out) == 100
    assert len(trained) == 160
    assert len(validation) == 40
    assert training < trained
    parts = [trained, validation, x_held_out, y_held_out]
    assert set().union(*parts) == everything
    assert sum(map(len, parts)) == len(everything) == 400


def test_where_nothing_is_nothing_is_found():
    """P = Q and few samples, in which training alone finds a great deal."""
    objective, found = gan.FGAN(fdiv.jensen_shannon), []
    for seed in range(12):
        x, y = gaussians(60, 0.0, seed=seed, dimension=5)
        found.append(gan.estimate(network(5, seed), objective, x, y, steps=300, seed=seed))
    assert max(each.bound / each.standard_error for each in found) < 2
    assert np.mean([each.bound for each in found]) < 0

    critic = network(5)
    optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3)
    for _ in range(300):
        optimizer.zero_grad()
        loss = objective.critic_loss(critic(x), critic(y))
        loss.backward()
        optimizer.step()
    assert -loss.item() > 0.1


def test_the_standard_error_is_the_spread_of_the_bound():
    """A critic at rest on fresh samples, again and again."""
    critic = nn.Linear(1, 1)
    with torch.no_grad():
        critic.weight.fill_(-0.7)
        critic.bias.fill_(1.2)
    still = torch.optim.SGD(critic.parameters(), 0.0)
    found = [
        gan.estimate(
            critic, gan.FGAN(fdiv.kl), *gaussians(400, 1.0, seed), steps=1, optimizer=still, seed=0
        )
        for seed in range(300)
    ]
    spread = np.std([each.bound for each in found])
    # The spread of 300 has a standard error of 4 %.
    assert np.mean([each.standard_error for each in found]) == pytest.approx(spread, rel=0.15)


def test_training_ends_where_nothing_improves_and_goes_back_to_the_best():
    x, y = gaussians(400, 1.0, dimension=10)
    critic = network(10)
    found = gan.estimate(critic, gan.FGAN(fdiv.gan), x, y, patience=2, steps=20_000, seed=0)
    best = int(np.argmax(found.history))
    assert len(found.history) < 100
    # After the best, four times two failures, and no more: the rest is not better.
    assert len(found.history) - 1 - best == pytest.approx(8, abs=8)
    assert not critic.training


# What critics are.


@pytest.mark.parametrize("D", [fdiv.kl, fdiv.jensen_shannon, fdiv.squared_hellinger])
def test_a_lipschitz_critic_bounds_divergence_and_distance(D):
    """Far apart, D is at its end and the (f, Γ)-divergence below it and below W₁ = 0.3."""
    x, y = gaussians(4000, 0.0, dimension=2)
    x, y = 0.02 * x, 0.02 * y + torch.tensor([0.3, 0.0])
    objective = gan.FGAN(D, lipschitz=gan.SpectralNorm())
    found = gan.estimate(network(2), objective, x, y, steps=300, seed=0)
    assert found.bound < 0.3 + 3 * found.standard_error + 0.01  # norms are 1 to a power iteration
    assert 0 < found.bound < min(D.supremum, 1)
    assert found.log_ratio(x[:50]).isfinite().all()


def test_the_shift_of_a_lipschitz_critic_is_the_best():
    v = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
    reading = Reading.of(gan.FGAN(fdiv.kl, lipschitz=gan.Clip(1.0)), v)
    # E_Q e^(T−1) = 1 at T = v − ν: ν = log E_Q e^v − 1.
    nu = math.log((1 + math.e + math.e**3) / 3) - 1
    assert reading.shift == pytest.approx(nu, rel=1e-12)
    assert torch.allclose(reading.gains(v), v - nu)
    assert torch.allclose(reading.losses(v), torch.exp(v - nu - 1))
    assert torch.allclose(reading.log_ratio(v), v - nu - 1)


def test_outputs_above_the_domain_are_read_at_its_end():
    v = torch.tensor([0.0, 0.1], dtype=torch.float64)
    reading = Reading.of(gan.FGAN(fdiv.total_variation, lipschitz=gan.Clip(1.0)), v)
    high = torch.tensor([100.0], dtype=torch.float64)
    assert reading.gains(high).tolist() == [0.5]
    assert reading.losses(high).tolist() == [0.5]


def test_a_wasserstein_critic_bounds_the_distance():
    x, y = gaussians(4000, 1.0, dimension=2)
    found = gan.estimate(
        network(2), gan.WGAN(lipschitz=gan.SpectralNorm()), x, y, steps=500, seed=0
    )
    M = np.linalg.norm(x[:500, None].numpy() - y[None, :500].numpy(), axis=-1)
    uniform = np.full(500, 1 / 500)
    assert 0.7 < found.bound < emd.distance(uniform, uniform, M) + 3 * found.standard_error
    with pytest.raises(TypeError, match="`log_ratio` needs an `FGAN`"):
        found.log_ratio(x)


def test_smoothed_labels_leave_the_ratio_as_it_is():
    x, y = gaussians(20_000, 1.0)
    at = torch.tensor([[0.0], [1.0]])
    objective = gan.FGAN(fdiv.gan, real_label=0.9)
    found = gan.estimate(network(), objective, x, y, steps=800, batch_size=256, seed=0)
    assert found.log_ratio(at).tolist() == pytest.approx([0.5, -0.5], abs=0.15)


# The ratio, from outputs.


@pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)
def test_the_ratio_is_that_of_the_record(D):
    v = torch.linspace(-3, 3, 13, dtype=torch.float64)
    found = Reading(gan.FGAN(D), 0.0).log_ratio(v)
    expected = torch.log(D.ratio(D.activation(v)))
    assert torch.allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kl", lambda v: v - 1),
        ("reverse_kl", lambda v: v),
        ("neyman", lambda v: v / 2),
        ("squared_hellinger", lambda v: 2 * v),
        ("jensen_shannon", lambda v: v),
        ("gan", lambda v: v),
    ],
)
def test_the_ratio_is_right_where_the_activation_rounds(name, expected):
    v = torch.tensor([-300.0, -100.0, -50.0, 50.0, 100.0, 300.0], dtype=torch.float64)
    found = Reading(gan.FGAN(fdiv.CATALOGUE[name]), 0.0).log_ratio(v)
    assert torch.allclose(found, expected(v), rtol=1e-13)


@pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)
def test_the_ratio_is_never_nan(D):
    v = torch.tensor([-1e4, -800.0, -20.0, 0.0, 20.0, 800.0, 1e4], dtype=torch.float64)
    assert not Reading(gan.FGAN(D), 0.0).log_ratio(v).isnan().any()


def test_the_ratio_of_smoothed_labels_inverts_the_best_critic():
    """The best v for p/q = r has σ(v) = 0.9 r/(r + 1): v = log(0.9 r/(0.1 r + 1))."""
    r = torch.tensor([0.01, 0.5, 1.0, 20.0], dtype=torch.float64)
    v = torch.log(0.9 * r / (0.1 * r + 1))
    reading = Reading(gan.FGAN(fdiv.gan, real_label=0.9), 0.0)
    assert torch.allclose(reading.log_ratio(v), r.log(), rtol=1e-12)
    beyond = torch.tensor([math.log(9), 50.0], dtype=torch.float64)
    assert reading.log_ratio(beyond + 1e-9).tolist() == [math.inf, math.inf]


# Random numbers, inputs, errors.


def test_a_seed_decides_everything_and_touches_nothing_outside():
    x, y = gaussians(300, 1.0)
    kept = x.clone(), y.clone()
    objective = gan.FGAN(fdiv.kl, lipschitz=gan.GradientPenalty(1.0))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    runs = [gan.estimate(network(), objective, x, y, steps=150, seed=s) for s in (1, 1, 2)]
    networks_own = torch.get_rng_state()
    torch.manual_seed(0)
    network()
    assert torch.equal(networks_own, torch.get_rng_state())
    assert not torch.equal(networks_own, state)
    assert runs[0].bound == runs[1].bound != runs[2].bound
    assert runs[0].history == runs[1].history
    assert torch.equal(x, kept[0])
    assert torch.equal(y, kept[1])


def test_samples_may_differ_in_number():
    x, y = gaussians(300, 1.0)
    found = gan.estimate(network(), gan.FGAN(fdiv.kl), x, y[:100], steps=50, seed=0)
    assert math.isfinite(found.bound)


X, Y = gaussians(50, 1.0)


class Detached(nn.Linear):
    """A layer that no gradient passes."""

    def forward(self, x):
        return super().forward(x).detach()


class Plain(nn.Linear):
    """A layer that returns no tensor."""

    def forward(self, x):
        return super().forward(x).detach().numpy()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": X[:9]}, ValueError, r"`x` must hold at least 10 samples, got shape \(9, 1\)"),
        ({"y": Y.numpy()}, TypeError, "`y` must be a tensor of floats, .* got ndarray"),
        ({"y": Y.long()}, TypeError, "`y` must be a tensor of floats, .* got torch.int64"),
        ({"y": Y / 0}, ValueError, "`y` must be finite"),
        ({"y": Y.expand(50, 2)}, ValueError, r"got shapes \(50, 1\) and \(50, 2\)"),
        ({"critic": nn.Linear(1, 2)}, ValueError, r"one output per sample, got shape \(5, 2\)"),
        ({"steps": 0}, ValueError, "`steps` must be an integer of at least 1"),
        ({"patience": 0}, ValueError, "`patience` must be an integer of at least 1"),
        ({"critic": nn.Identity()}, ValueError, "`critic` must have parameters to train"),
        ({"critic": 3}, TypeError, "`critic` must be a torch.nn.Module, got int"),
        ({"critic": Detached(1, 1)}, ValueError, "`critic` must return outputs that depend"),
        ({"critic": Plain(1, 1)}, TypeError, "`critic` must return a tensor .* got ndarray"),
        ({"optimizer": 0.1}, TypeError, "`optimizer` must be a torch.optim.Optimizer, got float"),
        (
            {"optimizer": torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)},
            ValueError,
            "`optimizer` must be of the network's own parameters",
        ),
        ({"seed": 1.5}, TypeError, "`seed` must be an integer"),
        ({"device": "nowhere"}, ValueError, "`device` must be one that torch knows"),
        ({"objective": gan.matching_aware(gan.FGAN(fdiv.gan))}, TypeError, "must be an FGAN or a"),
    ],
)
def test_errors(change, error, message):
    given = {
        "critic": network(),
        "objective": gan.FGAN(fdiv.kl),
        "x": X,
        "y": Y,
        "steps": 1,
        **change,
    }
    with pytest.raises(error, match=message):
        gan.estimate(**given)


def test_a_loss_that_is_not_finite_stops_with_the_step():
    critic = network()
    with torch.no_grad():
        critic[-1].bias.fill_(200.0)
    with pytest.raises(FloatingPointError, match="must be finite, got inf at step 1"):
        gan.estimate(critic, gan.FGAN(fdiv.kl), X, Y, steps=1)
