"""The training loop: it is algorithm 1, resumes bit for bit, and generators learn by it."""

from __future__ import annotations

import copy
import io
import itertools
import math

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import nn

from divkit import fdiv, gan
from divkit.gan.examples import Conditional, Ring, digits, perceptron

NON_SATURATING = gan.FGAN(fdiv.gan, generator="non_saturating")
X = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(50) % 3


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def networks(width=8, dtype=torch.float32):
    torch.manual_seed(0)
    return (
        perceptron(3, width, 2).to(dtype),
        perceptron(2, width, 1).to(dtype),
    )


def conditional():
    torch.manual_seed(0)
    return Conditional(perceptron(3 + 3, 8, 2), 3), Conditional(perceptron(2 + 3, 8, 1), 3)


def weights(network):
    return [weight.detach().clone() for weight in network.parameters()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


class Recording(gan.Objective):
    """The original GAN, that writes down what is done with it."""

    lipschitz = None

    def __init__(self):
        self.calls = []

    def critic_loss(self, v_real, v_fake):
        self.calls.append(("critic", len(v_real), len(v_fake)))
        return NON_SATURATING.critic_loss(v_real, v_fake)

    def generator_loss(self, v_fake):
        self.calls.append(("generator", len(v_fake)))
        return NON_SATURATING.generator_loss(v_fake)


# What it does: algorithm 1.


def test_it_is_algorithm_1_written_out():
    """Three steps with k = 2 are those of plain gradient descent, to the last bit."""
    generator, critic = networks()
    by_hand = networks()
    rate, m = 0.05, 16

    torch.manual_seed(7)
    rows = lambda: torch.randint(len(X), (m,))  # noqa: E731
    noise = lambda: torch.randn(m, 3)  # noqa: E731
    for _ in range(3):
        for _ in range(2):
            x_real, x_fake = X[rows()], by_hand[0](noise()).detach()
            d_real, d_fake = by_hand[1](x_real), by_hand[1](x_fake)
            loss = NON_SATURATING.critic_loss(d_real, d_fake)
            move(by_hand[1], loss, rate)
        rows()  # real samples may matter to a generator too
        move(by_hand[0], NON_SATURATING.generator_loss(by_hand[1](by_hand[0](noise()))), rate)

    run = gan.train(
        generator,
        critic,
        NON_SATURATING,
        X,
        noise=3,
        steps=3,
        batch_size=m,
        critic_steps=2,
        seed=7,
        generator_optimizer=torch.optim.SGD(generator.parameters(), rate),
        critic_optimizer=torch.optim.SGD(critic.parameters(), rate),
    )
    assert same(generator, by_hand[0])
    assert same(critic, by_hand[1])
    assert run.step == len(run.critic_losses) == 3
    assert run.critic_losses[-1] == loss.item()


def move(network, loss, rate):
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    with torch.no_grad():
        for weight, gradient in zip(network.parameters(), gradients, strict=True):
            weight.add_(gradient, alpha=-rate)


def test_minibatches_are_fresh_and_k_come_before_each_step():
    objective, drawn = Recording(), []

    def data(n):
        drawn.append(torch.randn(n, 2))
        return drawn[-1]

    gan.train(*networks(), objective, data, noise=3, steps=2, batch_size=5, critic_steps=3)
    assert objective.calls == 2 * [*3 * [("critic", 5, 5)], ("generator", 5)]
    assert len(drawn) == 8
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(drawn, 2))


def test_every_sample_is_drawn_about_equally_often():
    x = torch.arange(10.0)[:, None].expand(10, 2)
    seen = []
    generator, critic = networks()
    critic.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    gan.train(generator, critic, NON_SATURATING, x, noise=3, steps=200, batch_size=50, seed=0)
    real = torch.cat(seen[0::3])[:, 0]  # real, fake, fake for the generator
    counts = torch.bincount(real.long(), minlength=10)
    assert counts.sum() == 10_000
    assert (counts - 1000).abs().max() < 5 * 30  # five standard deviations


def test_a_step_of_one_network_leaves_the_other_without_gradients():
    generator, critic = networks()
    critic[0].weight.requires_grad_(False)
    before = weights(generator), weights(critic)
    seen = []

    def callback(run):
        critic_gradients = [weight.grad for weight in run.critic.parameters()]
        seen.append(None if critic_gradients[0] is None else "frozen")
        # What is left is that of the critic's own step: the generator's did not add to it.
        assert torch.equal(critic_gradients[-1], expected[-1])

    expected = []
    optimizer = torch.optim.SGD([w for w in critic.parameters() if w.requires_grad], 0.1)
    optimizer.register_step_pre_hook(lambda *_: expected.append(critic[-1].bias.grad.clone()))
    gan.train(
        generator,
        critic,
        NON_SATURATING,
        X,
        noise=3,
        steps=2,
        critic_optimizer=optimizer,
        callback=callback,
    )
    assert seen == [None, None]
    assert torch.equal(critic[0].weight, before[1][0])
    assert not torch.equal(critic[2].weight, before[1][2])
    assert not same(generator, networks()[0])


def test_networks_train_in_training_mode_in_their_own_precision():
    generator, critic = networks(dtype=torch.float64)
    generator.eval()
    run = gan.train(generator, critic, NON_SATURATING, X.double(), noise=3, steps=1)
    assert generator.training
    assert run.critic_losses[0] != float(np.float32(run.critic_losses[0]))


def test_noise_may_be_a_function():
    generator, critic = networks()
    seen = []
    generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    gan.train(generator, critic, NON_SATURATING, X, noise=lambda n: torch.rand(n, 3) + 5, steps=2)
    assert len(seen) == 4
    assert all(z.min() >= 5 and z.max() <= 6 for z in seen)


# The critic's constraint.


def test_clipping_holds_after_every_step():
    generator, critic = networks()
    largest = []
    gan.train(
        generator,
        critic,
        gan.WGAN(lipschitz=gan.Clip(0.03)),
        X,
        noise=3,
        steps=5,
        callback=lambda run: largest.extend(w.abs().max().item() for w in weights(critic)),
    )
    assert max(largest) == pytest.approx(0.03)


def test_a_penalty_is_part_of_the_critics_loss():
    """With weights at rest the loss is that without a penalty, plus the penalty."""
    penalty, losses = gan.GradientPenalty(10.0, at="real"), []
    for lipschitz in (None, penalty):
        generator, critic = networks()
        run = gan.train(
            generator,
            critic,
            gan.WGAN(lipschitz=lipschitz),
            lambda n: X,
            noise=3,
            steps=1,
            seed=3,
            critic_optimizer=torch.optim.SGD(critic.parameters(), 0.0),
        )
        losses.append(run.critic_losses[0])
    assert losses[1] - losses[0] == pytest.approx(penalty(critic, X, X).item(), rel=1e-5)
    assert losses[1] - losses[0] > 1


def test_spectral_norms_are_in_place_before_the_first_step():
    generator, critic = networks()
    before = copy.deepcopy(critic)
    gan.train(
        generator, critic, gan.WGAN(lipschitz=gan.SpectralNorm()), X, noise=3, steps=20, seed=0
    )
    for layer, old in zip(critic, before, strict=True):
        if isinstance(layer, nn.Linear):
            assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=0.05)
            assert not torch.equal(layer.parametrizations.weight.original, old.weight)


# Conditions.


def test_conditions_reach_both_networks_and_wrong_ones_are_wrong():
    """Samples here are their own conditions, so that each call tells whether they match."""
    x = LABELS[:, None].float().expand(50, 2)
    generator, critic = conditional()
    seen = []
    critic.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    made = []
    generator.register_forward_pre_hook(lambda _, inputs: made.append(inputs[1]))
    gan.train(
        generator, critic, gan.matching_aware(NON_SATURATING), (x, LABELS), noise=3, steps=3, seed=0
    )
    for step in range(3):
        real, fake, mismatched, generated = seen[4 * step : 4 * step + 4]
        assert torch.equal(real[0][:, 0].long(), real[1])
        assert torch.equal(real[1], fake[1])
        assert torch.equal(fake[1], made[2 * step])
        assert (mismatched[0][:, 0].long() != mismatched[1]).all()
        assert 0 < len(mismatched[0]) <= 64
        assert torch.equal(generated[1], made[2 * step + 1])
        assert not torch.equal(generated[1], fake[1])


def test_conditions_may_be_vectors():
    class Joined(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x, condition):
            return self.network(torch.cat([x, condition], dim=1))

    conditions = torch.stack([LABELS, LABELS + 1], dim=1).float()
    run = gan.train(
        Joined(perceptron(3 + 2, 8, 2)),
        Joined(perceptron(2 + 2, 8, 1)),
        gan.matching_aware(gan.WGAN(lipschitz=gan.GradientPenalty(1.0))),
        lambda n: (X[:n], conditions[torch.randint(50, (n,))]),
        noise=3,
        steps=2,
        batch_size=10,
    )
    assert run.step == 2


# A loss without a critic.


def test_a_loss_of_samples_needs_no_critic():
    generator, _ = networks()
    run = gan.train(
        generator,
        None,
        lambda x, y: (x.mean(0) - y.mean(0)).square().sum(),
        X + 3,
        noise=3,
        steps=300,
        seed=0,
        generator_optimizer=torch.optim.SGD(generator.parameters(), 0.05),
    )
    assert run.critic is None
    assert run.critic_losses == []
    y = generator(torch.randn(2000, 3, generator=torch.Generator().manual_seed(0)))
    assert y.mean(0).tolist() == pytest.approx((X + 3).mean(0).tolist(), abs=0.2)


# Random numbers, and going on.

CASES = {
    "gan": (NON_SATURATING, networks, X),
    "gradient penalty": (gan.WGAN(lipschitz=gan.GradientPenalty(1.0)), networks, X),
    "spectral norm": (gan.FGAN(fdiv.kl, lipschitz=gan.SpectralNorm()), networks, X),
    "matching-aware": (gan.matching_aware(NON_SATURATING), conditional, (X, LABELS)),
}


@pytest.mark.parametrize("case", CASES)
def test_an_interrupted_run_goes_on_bit_for_bit(case):
    objective, make, data = CASES[case]
    settings = {"noise": 3, "batch_size": 20, "critic_steps": 2}
    whole, file = make(), io.BytesIO()

    def save(run):
        if run.step == 4:
            torch.save(run.state_dict(), file)

    expected = gan.train(*whole, objective, data, steps=9, seed=5, callback=save, **settings)

    resumed = make()
    torch.manual_seed(99)
    torch.rand(3)
    state = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    kept = copy.deepcopy(state)
    run = gan.train(*resumed, objective, data, steps=9, state=state, **settings)
    assert run.step == 9
    assert run.generator_losses == expected.generator_losses
    assert run.critic_losses == expected.critic_losses
    assert all(same(a, b) for a, b in zip(resumed, whole, strict=True))
    assert state["generator_losses"] == kept["generator_losses"]  # what was given stays as it was
    for name, value in kept["generator"].items():
        assert torch.equal(state["generator"][name], value)
    # And again: a run can be resumed any number of times from one state.
    again = make()
    gan.train(*again, objective, data, steps=9, state=state, **settings)
    assert same(again[0], whole[0])


def test_a_run_without_a_critic_can_be_resumed():
    def loss(x, y):
        return (x.mean(0) - y.mean(0)).square().sum()

    whole, resumed = networks()[0], networks()[0]
    states = []
    gan.train(
        whole,
        None,
        loss,
        X,
        noise=3,
        steps=6,
        seed=1,
        callback=lambda run: states.append(run.state_dict()),
    )
    gan.train(resumed, None, loss, X, noise=3, steps=6, state=states[2])
    assert same(whole, resumed)


def test_a_seed_decides_everything_and_touches_nothing_outside():
    a, b, c = networks(), networks(), networks()
    torch.manual_seed(123)
    state = torch.get_rng_state()
    gan.train(*a, NON_SATURATING, X, noise=3, steps=3, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    gan.train(*b, NON_SATURATING, X, noise=3, steps=3, seed=1)
    gan.train(*c, NON_SATURATING, X, noise=3, steps=3, seed=2)
    assert same(a[0], b[0])
    assert not same(a[0], c[0])


def test_without_a_seed_random_numbers_are_torchs_own():
    a, b = networks(), networks()
    for pair in (a, b):
        torch.manual_seed(4)
        gan.train(*pair, NON_SATURATING, X, noise=3, steps=3)
    assert same(a[0], b[0])


def test_data_stay_as_they_were():
    x, labels = X.clone(), LABELS.clone()
    gan.train(
        *conditional(), gan.matching_aware(NON_SATURATING), (x, labels), noise=3, steps=3, seed=0
    )
    assert torch.equal(x, X)
    assert torch.equal(labels, LABELS)


# What is shown, and what goes wrong.


def test_the_callback_sees_each_step():
    seen = []
    gan.train(
        *networks(),
        NON_SATURATING,
        X,
        noise=3,
        steps=4,
        callback=lambda run: seen.append((run.step, run.generator_losses[-1])),
    )
    assert [step for step, _ in seen] == [1, 2, 3, 4]


def test_progress_shows_both_losses(capsys):
    gan.train(*networks(), NON_SATURATING, X, noise=3, steps=3, progress=True)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "generator=" in shown
    assert "critic=" in shown
    gan.train(*networks(), NON_SATURATING, X, noise=3, steps=3)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("sick", "name"), [(0, "generator"), (1, "critic")])
def test_a_loss_that_is_nan_stops_at_its_step(sick, name):
    pair = networks()
    calls = itertools.count()
    before = []

    def poison(_, inputs, output):
        # A critic sees three batches a step, a generator makes two.
        if next(calls) == (4 if sick == 0 else 6) + (sick == 0):
            before.extend(weights(pair[sick]))
            return output * float("nan")
        return output

    pair[sick].register_forward_hook(poison)
    with pytest.raises(FloatingPointError, match=f"the {name}'s loss .* nan at step 2: lower"):
        gan.train(*pair, NON_SATURATING, X, noise=3, steps=5)
    assert all(torch.equal(a, b) for a, b in zip(weights(pair[sick]), before, strict=True))


def test_a_loss_that_is_infinite_stops_too():
    generator, critic = networks()
    with torch.no_grad():
        critic[-1].bias.fill_(200.0)  # e^199 is past single precision
    with pytest.raises(FloatingPointError, match="critic's loss must be finite, got inf at step 0"):
        gan.train(generator, critic, gan.FGAN(fdiv.kl), X, noise=3, steps=1)


def test_a_loss_that_is_nan_leaves_no_loss_of_its_step():
    generator, critic = networks()
    calls = itertools.count()
    generator.register_forward_hook(
        lambda _, inputs, output: output * float("nan") if next(calls) == 5 else output
    )
    runs = []
    with pytest.raises(FloatingPointError, match=r"the generator's loss .* at step 2"):
        gan.train(generator, critic, NON_SATURATING, X, noise=3, steps=5, callback=runs.append)
    assert len(runs[-1].critic_losses) == len(runs[-1].generator_losses) == 2


# What it goes on from.


def kept(optimizer=torch.optim.Adam, width=8):
    """Return the state of a run, and new networks and optimizers to go on with."""

    def start(width=8):
        pair = networks(width)
        made = [optimizer(network.parameters(), lr=0.01) for network in pair]
        return {
            **dict(zip(("generator", "critic"), pair, strict=True)),
            **dict(zip(("generator_optimizer", "critic_optimizer"), made, strict=True)),
            "objective": NON_SATURATING,
            "data": X,
            "noise": 3,
        }

    state = gan.train(**start(), steps=2, seed=0).state_dict()
    return state, start(width)


def parts(given):
    names = "generator", "critic", "generator_optimizer", "critic_optimizer"
    return {name: copy.deepcopy(given[name].state_dict()) for name in names}


def spoiled(state, *path, by):
    state = copy.deepcopy(state)
    inner = state
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by
    return state


SPOILED = {
    "no part": (("critic",), {}, r"`state\['critic'\]` must be of the same critic .* Missing key"),
    "no weights": (("generator",), None, r"`state\['generator'\]` must be of the same generator"),
    "shape": (
        ("critic", "0.weight"),
        torch.zeros(1),
        r"`state\['critic'\]` .* size mismatch for 0.weight",
    ),
    "text": (("critic", "0.weight"), "x", r"`state\['critic'\]` must be of the same critic"),
    "groups": (
        ("critic_optimizer", "param_groups"),
        [],
        r"`state\['critic_optimizer'\]` must be of the same critic optimizer",
    ),
    "other optimizer": (
        ("critic_optimizer",),
        torch.optim.SGD(networks()[1].parameters(), 0.1).state_dict(),
        r"`state\['critic_optimizer'\]` .* it has dampening, .* and not .* unlike Adam",
    ),
    "momenta": (
        ("generator_optimizer", "state", 0, "exp_avg"),
        torch.zeros(1),
        r"`state\['generator_optimizer'\]` .* exp_avg of shape \(1,\) for a parameter of \(8, 3\)",
    ),
    "losses": (
        ("generator_losses",),
        "many",
        r"`state\['generator_losses'\]` must be a list of finite numbers",
    ),
    "nan": (("critic_losses", 0), math.nan, r"`state\['critic_losses'\]` must be a list of finite"),
    "one loss more": (
        ("critic_losses",),
        [0.0] * 3,
        r"`state\['critic_losses'\]` must have one loss per step, 2 of them, got 3",
    ),
    "random": (("random", "cpu"), torch.zeros(3), r"`state\['random'\]\['cpu'\]` must be a state"),
    "no random": (("random",), None, r"`state\['random'\]\['cpu'\]` must be a state"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_state_that_does_not_fit_changes_nothing(case):
    path, by, message = SPOILED[case]
    state, given = kept()
    before, random = parts(given), torch.get_rng_state()
    with pytest.raises(ValueError, match=message):
        gan.train(**given, steps=4, state=spoiled(state, *path, by=by))
    assert torch.equal(torch.get_rng_state(), random)
    after = parts(given)
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert gan.train(**given, steps=4, state=state).step == 4


def test_a_state_of_other_networks_changes_nothing():
    state, given = kept(width=16)
    before = parts(given)
    with pytest.raises(ValueError, match=r"`state\['generator'\]` .* size mismatch") as caught:
        gan.train(**given, steps=4, state=state)
    assert len(str(caught.value)) < 500
    torch.testing.assert_close(parts(given), before, rtol=0, atol=0)


def test_a_state_of_more_parts_is_refused():
    state, given = kept()
    for name in ("critic", "critic_optimizer"):
        given[name] = None
    given["objective"] = lambda x, y: (x.mean() - y.mean()) ** 2
    with pytest.raises(ValueError, match="got critic, critic_optimizer as well"):
        gan.train(**given, steps=4, state=state)
    with pytest.raises(TypeError, match=r"`state` must be a dict, .* got str: read a file with"):
        gan.train(**given, steps=4, state="state.pt")


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda weights, lr: torch.optim.SGD(weights, lr, momentum=0.9),
        torch.optim.AdamW,
        torch.optim.RMSprop,
        torch.optim.Adagrad,
        torch.optim.Adadelta,
        torch.optim.ASGD,
        torch.optim.Rprop,
        torch.optim.NAdam,
        torch.optim.Adamax,
    ],
)
def test_every_optimizer_can_be_resumed(optimizer):
    state, given = kept(optimizer)
    del state["generator_optimizer"]["param_groups"][0]["maximize"]  # as older releases wrote it
    assert gan.train(**given, steps=4, state=state).step == 4


# What it refuses.


class Detached(nn.Linear):
    """A layer that no gradient passes."""

    def forward(self, x):
        return super().forward(x).detach()


class Plain(nn.Linear):
    """A layer that returns no tensor."""

    def forward(self, x):
        return super().forward(x).detach().numpy()


class Blind(nn.Linear):
    """A critic that does not pass gradients on."""

    def forward(self, x):
        return super().forward(x.detach())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"steps": 0}, ValueError, "`steps` must be an integer of at least 1, got 0"),
        ({"batch_size": 2.5}, ValueError, "`batch_size` must be an integer of at least 1, got 2.5"),
        ({"critic_steps": True}, ValueError, "`critic_steps` must be an integer"),
        ({"noise": 0}, ValueError, "`noise` must be an integer of at least 1"),
        ({"data": X.numpy()}, TypeError, "`data` must be a tensor .* got ndarray"),
        ({"data": X.int()}, TypeError, "`data` must hold floats, got torch.int32"),
        ({"data": X[:0]}, ValueError, r"`data` must hold at least 1 sample, got shape \(0, 2\)"),
        ({"data": X / 0}, ValueError, "`data` must be finite"),
        ({"data": (X, LABELS[:3])}, ValueError, "one condition per sample, got 3 for 50"),
        ({"data": X[:, :1]}, ValueError, r"`generator` must return .* got \(2,\) for \(1,\)"),
        ({"critic": None}, TypeError, "`objective` must be an FGAN"),
        ({"objective": lambda x, y: x.sum()}, TypeError, "`objective` must be an FGAN"),
        ({"objective": gan.matching_aware(NON_SATURATING)}, ValueError, "`data` must be a pair"),
        ({"state": {"generator": {}}}, ValueError, "`state` must be what `Training.state_dict`"),
        ({"generator": Detached(3, 2)}, ValueError, "`generator` must return samples that depend"),
        ({"critic": Detached(2, 1)}, ValueError, "the critic's loss must depend on the critic's"),
        (
            {"critic": Blind(2, 1)},
            ValueError,
            "the generator's loss must depend on the generator's",
        ),
        ({"generator": Plain(3, 2)}, TypeError, "`generator` must return a tensor .* got ndarray"),
        ({"generator": nn.Identity()}, ValueError, "`generator` must have parameters to train"),
        ({"critic": nn.Flatten()}, ValueError, "`critic` must have parameters to train"),
        ({"critic": nn.Linear(2, 1).requires_grad_(False)}, ValueError, "`critic` must have param"),
        ({"generator": lambda z: z}, TypeError, "`generator` must be a torch.nn.Module, got func"),
        ({"noise": lambda n: n}, TypeError, "`noise` must be .* got a function that returns int"),
        ({"seed": 2**70}, ValueError, "`seed` must lie within 64 bits"),
        ({"seed": "x"}, TypeError, "`seed` must be an integer, got 'x'"),
        ({"device": "nowhere"}, ValueError, "`device` must be one that torch knows, got 'nowhere'"),
        ({"callback": 3}, TypeError, "`callback` must be a function of the run, got 3"),
        (
            {"critic_optimizer": 0.1},
            TypeError,
            "`critic_optimizer` must be a torch.optim.Optimizer",
        ),
        (
            {"generator_optimizer": torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)},
            ValueError,
            "`generator_optimizer` must be of the network's own parameters",
        ),
        (
            {"critic": None, "objective": lambda x, y: (x - y).square()},
            TypeError,
            r"`objective` must return a tensor of one number, got shape \(64, 2\)",
        ),
        (
            {"critic": None, "objective": lambda x, y: 1.0},
            TypeError,
            "`objective` must return a tensor of one number, got float",
        ),
        (
            {"critic": None, "objective": lambda x, y: x.sum()},
            ValueError,
            "the generator's loss must depend on the generator's parameters",
        ),
    ],
)
def test_errors(change, error, message):
    generator, critic = networks()
    given = {
        "generator": generator,
        "critic": critic,
        "objective": NON_SATURATING,
        "data": X,
        "noise": 3,
        "steps": 1,
        **change,
    }
    with pytest.raises(error, match=message):
        gan.train(**given)


def test_one_condition_is_not_enough_to_be_wrong():
    with pytest.raises(ValueError, match="at least 2 different conditions"):
        gan.train(
            *conditional(),
            gan.matching_aware(NON_SATURATING),
            (X, torch.zeros(50, dtype=torch.long)),
            noise=3,
            steps=1,
        )


# What comes of it.

PENALTY = gan.GradientPenalty(1.0)


@pytest.mark.parametrize(
    ("objective", "critic_steps", "steps"),
    [
        (NON_SATURATING, 1, 1500),
        (gan.FGAN(fdiv.kl), 1, 1500),
        (gan.FGAN(fdiv.jensen_shannon), 1, 1500),
        (gan.WGAN(lipschitz=PENALTY), 3, 800),
        (gan.FGAN(fdiv.kl, lipschitz=PENALTY), 1, 1500),
        (lambda x, y: gan.earth_mover(x, y, metric="euclidean"), 1, 1500),
    ],
    ids=["non-saturating", "kl", "jensen-shannon", "wgan-gp", "f-gamma", "earth-mover"],
)
def test_generators_learn_the_ring(objective, critic_steps, steps):
    """At least 7 of 8 modes are there, and the samples are near: from 2.0 to below 0.4."""
    ring = Ring()
    torch.manual_seed(0)
    generator, critic = perceptron(2, 64, 64, 2), perceptron(2, 64, 64, 1)
    assert distance_to(ring, generator) > 1.5
    gan.train(
        generator,
        critic if isinstance(objective, gan.Objective) else None,
        objective,
        ring.sample,
        noise=2,
        steps=steps,
        batch_size=128,
        critic_steps=critic_steps,
        seed=1,
    )
    with torch.no_grad():
        y = generator(torch.randn(1000, 2, generator=torch.Generator().manual_seed(2)))
    assert ring.modes_covered(y) >= 7
    assert distance_to(ring, generator) < 0.4


def distance_to(ring, generator):
    """Return the exact EMD to fresh samples, by a solver that is not ours."""
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        y = generator(torch.randn(400, 2, generator=random))
    M = cdist(ring.sample(400, random), y)
    rows, columns = linear_sum_assignment(M)
    return M[rows, columns].mean()


def test_a_conditional_generator_writes_the_digit_it_is_asked_for():
    torch.manual_seed(0)
    generator = Conditional(perceptron(16 + 10, 128, 128, 64, last=nn.Tanh()), 10)
    critic = Conditional(perceptron(64 + 10, 128, 128, 1), 10)
    wanted = torch.arange(10).repeat(50)

    def share_right():
        with torch.no_grad():
            x = generator(torch.randn(500, 16), wanted)
        return digits.recognized(x, wanted)

    assert share_right() < 0.3
    gan.train(
        generator,
        critic,
        gan.matching_aware(NON_SATURATING),
        digits.digits(),
        noise=16,
        steps=1000,
        seed=1,
    )
    assert share_right() >= 0.9
