"""Objectives: the formulas at any output, and the pitfalls of code that is in use elsewhere."""

import copy
import math
import pickle
import re
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divkit import fdiv

torch = pytest.importorskip("torch")

from divkit import gan  # noqa: E402
from tests.gan import reference  # noqa: E402

ROWS = list(fdiv.CATALOGUE.values())
EVERY = pytest.mark.parametrize("D", ROWS, ids=str)
EXTREME = [
    fdiv.alpha(-1),
    fdiv.alpha(0.5),
    fdiv.alpha(0.99),
    fdiv.alpha(1.01),
    fdiv.alpha(3),
    fdiv.weighted_jensen_shannon(0.01),
    fdiv.weighted_jensen_shannon(0.99),
    fdiv.hockey_stick(1),
    fdiv.tsallis(0.5),
    fdiv.tsallis(3),
    fdiv.cressie_read(-0.5),
    fdiv.cressie_read(-2),
]
OUTPUTS = [-100, -88.75, -60, -30, -10, -3, -2, -1.5, -0.125, -(2.0**-20), 0, 2.0**-20]
OUTPUTS += [0.5, 1, 2, 3.25, 10, 30, 60, 88, 89, 100]
HALF = [torch.float16, torch.bfloat16]
TYPES = [torch.float64, torch.float32, *HALF]


def tensor(x, dtype=torch.float64):
    return torch.tensor(x, dtype=dtype, requires_grad=True)


def gradients(loss, *outputs):
    return [g.tolist() for g in torch.autograd.grad(loss, outputs)]


def same(found, expected, eps, roundings):
    """Return whether a number is right, in roundings of it or of 1; infinite where it must be."""
    largest = {2.0**-52: 1.7976931348623157e308, 2.0**-23: 3.4028234663852886e38}[eps]
    if abs(expected) > largest:
        return found == math.copysign(math.inf, expected)
    return abs(found - expected) <= roundings * eps * (1 + abs(expected))


def check_terms(D, dtype, roundings, of_logarithm=0):
    minimax, other = gan.FGAN(D), gan.FGAN(D, generator="non_saturating")
    eps = torch.finfo(dtype).eps
    for v in OUTPUTS:
        x = tensor([float(v)], dtype)
        # The generator minimizes minus the penalty, or minus the activation.
        for objective, k in ((other, 0), (minimax, 1)):
            loss = objective.generator_loss(x)
            found = -loss.item(), -gradients(loss, x)[0][0]
            expected = reference.at(D, float(v))[k::2]
            for number, exact in zip(found, expected, strict=True):
                allowed = roundings + of_logarithm * abs(mp.log(abs(exact) or 1))
                assert same(number, exact, eps, allowed), (v, k, found, expected)


@EVERY
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_terms_and_their_derivatives(D, dtype):
    check_terms(D, dtype, 8)


@pytest.mark.parametrize("D", EXTREME, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_terms_of_families(D, dtype):
    # A power of base x takes roundings of x as often as it says, and e^x those of x |x| times.
    a = next(iter(D.parameters.values())) + (D.name == "cressie_read")
    power = abs(a / (a - 1)) if D.name in ("alpha", "tsallis", "cressie_read") else 1
    check_terms(D, dtype, 8 * (1 + power), of_logarithm=2)


@pytest.mark.parametrize("D", reference.OTHERS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_terms_of_composites_and_of_a_generator_alone(D, dtype):
    # Their dual side is found by bisection, or followed by a power where f′ has rounded away.
    check_terms(D, dtype, 1e4 if dtype == torch.float64 else 8)


def test_a_newcomer_gets_its_objective(monkeypatch):
    """The divergence that CONTRIBUTING.md makes up, and the reference that is to hold for it."""
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    module = {}
    exec(re.search(r"```python\n(\"\"\".*?)```", text, re.DOTALL)[1], module)
    D = next(x for x in module.values() if isinstance(x, fdiv.Divergence))
    for dtype in (torch.float64, torch.float32):
        check_terms(D, dtype, 8)


def outputs_of(count):
    return st.lists(st.sampled_from([float(v) for v in OUTPUTS]), min_size=1, max_size=count)


@EVERY
@settings(max_examples=10, deadline=None)
@given(v_real=outputs_of(5), v_fake=outputs_of(3), label=st.sampled_from([1.0, 0.9, 0.5]))
def test_the_critic_loss_is_minus_the_bound_of_any_two_batches(D, v_real, v_fake, label):
    real, fake = tensor(v_real), tensor(v_fake)
    loss = gan.FGAN(D, real_label=label).critic_loss(real, fake)
    g, penalty = ([reference.at(D, v)[k] for v in v_real] for k in (0, 1))
    penalty_fake = [reference.at(D, v)[1] for v in v_fake]
    gain = sum(label * x - (1 - label) * y for x, y in zip(g, penalty, strict=True))
    expected = sum(penalty_fake) / len(v_fake) - gain / len(v_real)
    size = sum(map(abs, penalty_fake)) + sum(map(abs, g)) + sum(map(abs, penalty))
    assert abs(loss.item() - expected) <= 1e-14 * (1 + size)

    of_real, of_fake = gradients(loss, real, fake)
    for v, slope in zip(v_real, of_real, strict=True):
        of_g, of_penalty = reference.at(D, v)[2:]
        exact = ((1 - label) * of_penalty - label * of_g) / len(v_real)
        assert abs(slope - exact) <= 1e-14 * (1 + abs(of_g) + abs(of_penalty))
    for v, slope in zip(v_fake, of_fake, strict=True):
        exact = reference.at(D, v)[3] / len(v_fake)
        assert abs(slope - exact) <= 1e-14 * (1 + abs(exact))


@pytest.mark.parametrize("D", [*ROWS, *reference.OTHERS], ids=str)
@settings(max_examples=10, deadline=None)
@given(
    atoms=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(-20, 20)), min_size=1, max_size=4
    ).filter(lambda atoms: sum(a[0] for a in atoms) and sum(a[1] for a in atoms))
)
def test_no_critic_exceeds_the_divergence_of_the_batches(D, atoms):
    p, q, v = (list(x) for x in zip(*atoms, strict=True))
    batches = [
        torch.cat(
            [torch.full((count,), x, dtype=torch.float64) for count, x in zip(m, v, strict=True)]
        )
        for m in (p, q)
    ]
    value = float(D(p, q, normalize=True))
    for objective in (gan.FGAN(D), gan.FGAN(D, lipschitz=gan.Clip(1.0))):
        bound = -objective.critic_loss(*batches).item()
        # What rounds to the end of the domain may pass it by a rounding of the terms.
        assert bound <= value + 1e-11 * (1 + abs(value) + max(map(abs, v)))


def test_the_best_critic_of_the_game_attains_two_js_minus_log_four():
    p, q = torch.tensor([3.0, 1.0, 4.0]) / 8, torch.tensor([1.0, 2.0, 1.0]) / 4
    v = (p / q).log()  # D* = p/(p+q)
    real, fake = (
        v.repeat_interleave(torch.tensor([3, 1, 4])),
        v.repeat_interleave(torch.tensor([1, 2, 1])),
    )
    bound = -gan.FGAN(fdiv.gan).critic_loss(real, fake)
    js = fdiv.jensen_shannon(p.double().numpy(), q.double().numpy())
    assert bound.item() == pytest.approx(2 * js - math.log(4), rel=1e-6)
    at_best = tensor(v.tolist())
    bound = gan.FGAN(fdiv.gan).critic_loss(
        at_best.repeat_interleave(torch.tensor([3, 1, 4])),
        at_best.repeat_interleave(torch.tensor([1, 2, 1])),
    )
    assert gradients(bound, at_best)[0] == pytest.approx([0, 0, 0], abs=1e-7)


# --- the original GAN ---


def cross_entropy(v, target):
    v = v.float() if v.dtype in HALF else v
    return torch.nn.functional.binary_cross_entropy_with_logits(v, torch.full_like(v, target))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("label", [1.0, 0.9])
def test_gan_is_binary_cross_entropy(dtype, label):
    torch.manual_seed(0)
    real = (torch.randn(33) * 10).to(dtype).requires_grad_()
    fake = (torch.randn(47) * 10).to(dtype).requires_grad_()
    few = 4 * torch.finfo(torch.float32 if dtype in HALF else dtype).eps
    for objective, k in (("minimax", -1.0), ("non_saturating", 1.0)):
        o = gan.FGAN(fdiv.gan, generator=objective, real_label=label)
        pairs = [
            (o.critic_loss(real, fake), cross_entropy(real, label) + cross_entropy(fake, 0.0)),
            (o.generator_loss(fake), k * cross_entropy(fake, 1.0 if k > 0 else 0.0)),
        ]
        for loss, expected in pairs:
            assert loss.dtype == expected.dtype
            assert loss.item() == pytest.approx(expected.item(), rel=few)
            for x in (real, fake):
                got, wanted = (
                    torch.autograd.grad(y, x, retain_graph=True, allow_unused=True)[0]
                    for y in (loss, expected)
                )
                if wanted is None:
                    assert got is None
                else:
                    assert got.dtype == dtype
                    rounding = max(few, torch.finfo(dtype).eps)
                    assert torch.allclose(got, wanted, rtol=rounding, atol=few / 30)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_the_non_saturating_loss_does_not_saturate(dtype):
    v = tensor([-30.0], dtype)
    loss = gan.FGAN(fdiv.gan, generator="non_saturating").generator_loss(v)
    assert loss.item() == pytest.approx(30, rel=1e-12)
    assert gradients(loss, v)[0][0] == pytest.approx(-1, rel=1e-12)
    v = tensor([-30.0])
    loss = gan.FGAN(fdiv.gan).generator_loss(v)
    assert gradients(loss, v)[0][0] == pytest.approx(-math.exp(-30), rel=1e-12)


@EVERY
def test_minimax_is_one_game(D):
    """What the critic loses on generated samples the generator wins."""
    v_real, v_fake = tensor([-1.0, 0.5]), tensor([-2.0, 0.25, 3.0])
    o = gan.FGAN(D)
    (critic,) = gradients(o.critic_loss(v_real, v_fake), v_fake)
    (generator,) = gradients(o.generator_loss(v_fake), v_fake)
    assert critic == [-x for x in generator]


# --- Wasserstein, and mismatched conditions ---


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_wgan(dtype):
    v_real, v_fake = tensor([1.0, 3.0], dtype), tensor([1.0, -1.0, 0.0, 2.0], dtype)
    o = gan.WGAN()
    assert o.critic_loss(v_real, v_fake).item() == 0.5 - 2
    assert gradients(o.critic_loss(v_real, v_fake), v_real, v_fake) == [[-0.5] * 2, [0.25] * 4]
    assert o.generator_loss(v_fake).item() == -0.5
    assert gradients(o.generator_loss(v_fake), v_fake) == [[-0.25] * 4]


@pytest.mark.parametrize("D", [*ROWS, *reference.OTHERS], ids=str)
def test_mismatched_samples_count_as_generated_ones(D):
    real, fake, mismatched = tensor([0.5, -1.0]), tensor([1.0, -2.0, 0.25]), tensor([0.125])
    o = gan.matching_aware(gan.FGAN(D, generator="non_saturating", real_label=0.9))
    loss = o.critic_loss(v_real=real, v_fake=fake, v_mismatched=mismatched)
    g, penalty = D.activation, D.penalty
    real, fake, mismatched = (x.detach().numpy() for x in (real, fake, mismatched))
    expected = penalty(fake).mean() + penalty(mismatched).mean()
    expected -= (0.9 * g(real) - 0.1 * penalty(real)).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    assert o.generator_loss(tensor(fake)).item() == pytest.approx(-g(fake).mean(), rel=1e-12)


def test_matching_aware_gan_is_three_cross_entropies():
    real, fake, mismatched = torch.randn(5), torch.randn(4), torch.randn(3)
    o = gan.matching_aware(gan.FGAN(fdiv.gan))
    expected = sum(cross_entropy(v, t) for v, t in ((real, 1.0), (fake, 0.0), (mismatched, 0.0)))
    assert o.critic_loss(real, fake, mismatched).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("objective", [gan.WGAN(), gan.FGAN(fdiv.kl, lipschitz=gan.Clip(1.0))])
def test_with_a_critic_free_up_to_a_constant_the_two_kinds_are_half_of_q_each(objective):
    real, fake, mismatched = tensor([0.5, -1.0]), tensor([1.0, -2.0, 0.25]), tensor([0.125])
    o = gan.matching_aware(objective)
    loss = o.critic_loss(real, fake, mismatched)
    shifted = o.critic_loss(real + 5, fake + 5, mismatched + 5)
    assert shifted.item() == pytest.approx(loss.item(), abs=1e-12)
    both = torch.cat([fake, mismatched.repeat(3)])
    assert loss.item() == pytest.approx(objective.critic_loss(real, both).item(), abs=1e-12)
    assert o.lipschitz is objective.lipschitz


# --- precision ---


@EVERY
@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_half_precision_is_computed_in_single(D, dtype):
    real, fake = (tensor([float(v) for v in OUTPUTS], dtype) for _ in range(2))
    wide = [x.detach().float().requires_grad_() for x in (real, fake)]
    for lipschitz in (None, gan.Clip(0.1)):
        o = gan.FGAN(D, lipschitz=lipschitz)
        loss, expected = o.critic_loss(real, fake), o.critic_loss(*wide)
        assert loss.dtype == torch.float32
        assert loss.item() == expected.item()
        both = torch.autograd.grad(loss, [real, fake]), torch.autograd.grad(expected, wide)
        for found, wanted in zip(*both, strict=True):
            assert found.dtype == dtype
            assert torch.equal(found, wanted.to(dtype))


@EVERY
@pytest.mark.parametrize("v", [-100.0, 100.0])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_far_out_nothing_is_nan(D, v, dtype):
    for generator in ("minimax", "non_saturating"):
        for lipschitz in (None, gan.Clip(0.1)):
            o = gan.FGAN(D, generator=generator, lipschitz=lipschitz)
            real, fake = tensor([v], dtype), tensor([-v], dtype)
            for loss in (o.critic_loss(real, fake), o.generator_loss(fake)):
                assert not loss.isnan()
                for x in torch.autograd.grad(loss, [real, fake], allow_unused=True):
                    assert x is None or not x.isnan().any()


def test_autocast_changes_nothing():
    torch.manual_seed(0)
    real, fake = torch.randn(50) * 20, torch.randn(40) * 20
    for D in (fdiv.gan, fdiv.kl, fdiv.jeffreys, fdiv.alpha(0.5)):
        for o in (gan.FGAN(D), gan.FGAN(D, lipschitz=gan.Clip(0.1)), gan.WGAN()):
            with torch.autocast("cpu", torch.bfloat16):
                inside = o.critic_loss(real, fake)
            assert torch.equal(inside, o.critic_loss(real, fake))


@pytest.mark.parametrize("D", [fdiv.gan, fdiv.jeffreys, fdiv.alpha(0.5), fdiv.neyman], ids=str)
def test_twice_differentiable(D):
    torch.manual_seed(0)
    v_real, v_fake = (torch.randn(3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradgradcheck(gan.FGAN(D, real_label=0.9).critic_loss, (v_real, v_fake))


# --- shapes and errors ---


def test_outputs_of_any_shape_but_of_one_kind():
    o, v = gan.FGAN(fdiv.gan), torch.randn(6)
    flat = o.critic_loss(v[:4], v[4:])
    assert torch.equal(o.critic_loss(v[:4, None], v[4:, None]), flat)
    patches = o.critic_loss(v[:4].reshape(2, 1, 2), v[4:].reshape(1, 1, 2))
    assert torch.equal(patches, flat)


ERRORS = {
    "broadcast": (
        ValueError,
        r"`v_real` and `v_fake` must agree in all but their first axis, got shapes \(4, 1\) and "
        r"\(4,\): use `\.flatten\(\)` on both",
        (torch.zeros(4, 1), torch.zeros(4)),
    ),
    "mean": (
        ValueError,
        r"`v_real` must have at least 1 sample along its first axis, got shape \(\): give one",
        (torch.tensor(1.0), torch.zeros(4)),
    ),
    "empty": (
        ValueError,
        r"`v_fake` must have at least 1 sample",
        (torch.zeros(4), torch.zeros(0)),
    ),
    "labels": (
        TypeError,
        r"`v_real` must hold floats, got torch.int64",
        (torch.zeros(4, dtype=torch.int64), torch.zeros(4)),
    ),
    "numpy": (
        TypeError,
        r"`v_fake` must be a torch tensor, the critic's raw output, got ndarray",
        (torch.zeros(4), np.zeros(4)),
    ),
}


@pytest.mark.parametrize(("error", "message", "outputs"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("o", [gan.FGAN(fdiv.gan), gan.WGAN()], ids=repr)
def test_outputs_that_are_refused(o, error, message, outputs):
    with pytest.raises(error, match=message):
        o.critic_loss(*outputs)


def test_every_batch_is_looked_at():
    v = torch.zeros(4)
    with pytest.raises(ValueError, match="`v_fake` must have at least 1"):
        gan.WGAN().generator_loss(torch.tensor(0.0))
    o = gan.matching_aware(gan.WGAN())
    with pytest.raises(ValueError, match="`v_real` and `v_mismatched` must agree"):
        o.critic_loss(v, v, v[:, None])
    with pytest.raises(ValueError, match="`v_fake` must have at least 1"):
        o.generator_loss(torch.tensor(0.0))


@pytest.mark.parametrize(
    ("error", "message", "make"),
    [
        (TypeError, "must be a divergence, got <Family.*: call it", lambda: gan.FGAN(fdiv.alpha)),
        (TypeError, "must be a divergence, one of divkit.fdiv", lambda: gan.FGAN("kl")),
        (ValueError, "`generator` must be one of 'minimax'", lambda: gan.FGAN(fdiv.kl, "max")),
        (
            TypeError,
            "`lipschitz` must be a Clip, a GradientPenalty or a SpectralNorm, or None, got 0.01",
            lambda: gan.WGAN(0.01),
        ),
        (TypeError, "`lipschitz` must be", lambda: gan.FGAN(fdiv.kl, lipschitz=1)),
        (
            ValueError,
            r"`real_label` must lie in \(0, 1\], got 0",
            lambda: gan.FGAN(fdiv.gan, real_label=0),
        ),
        (
            ValueError,
            "`real_label` must be 1 with `lipschitz`, got 0.9",
            lambda: gan.FGAN(fdiv.gan, lipschitz=gan.Clip(1), real_label=0.9),
        ),
        (TypeError, "must be an FGAN or a WGAN", lambda: gan.matching_aware(fdiv.kl)),
    ],
)  # fmt: skip
def test_objectives_that_are_refused(error, message, make):
    with pytest.raises(error, match=message):
        make()


# --- records ---


@pytest.mark.parametrize(
    "o",
    [
        gan.FGAN(fdiv.alpha(0.5), generator="non_saturating", real_label=0.9),
        gan.FGAN(fdiv.kl + fdiv.reverse_kl, lipschitz=gan.GradientPenalty(10.0)),
        gan.WGAN(gan.Clip(0.01)),
        gan.matching_aware(gan.FGAN(fdiv.gan)),
    ],
    ids=repr,
)
def test_objectives_survive_pickling(o):
    v = torch.randn(3), torch.randn(4), torch.randn(5)
    v = v if isinstance(o, gan.MatchingAware) else v[:2]
    for other in (pickle.loads(pickle.dumps(o)), copy.deepcopy(o)):
        assert repr(other) == repr(o)
        assert torch.equal(other.critic_loss(*v), o.critic_loss(*v))


def test_names():
    o = gan.FGAN(fdiv.alpha(0.5), generator="non_saturating", real_label=0.9)
    assert repr(o) == "FGAN(alpha(0.5), generator='non_saturating', real_label=0.9)"
    assert repr(gan.FGAN(fdiv.kl, lipschitz=gan.Clip(1))) == "FGAN(kl, lipschitz=Clip(c=1))"


def test_an_objective_made_in_inference_mode():
    with torch.inference_mode():
        o = gan.FGAN(fdiv.kl + fdiv.reverse_kl)
    v = tensor([1.0])
    with mp.workdps(30):
        expected = float(reference.at(reference.OTHERS[1], 1.0)[1])
    assert o.generator_loss(v).item() == pytest.approx(-expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("D", [*fdiv.CATALOGUE.values(), fdiv.alpha(-1)], ids=str)
def test_large_outputs_give_no_nan(D, dtype):
    o = gan.FGAN(D)
    for size in (18.0, 80.0, 100.0, 1000.0):
        for pair in ((size, size), (-size, -size), (size, -size), (-size, 0.0), (size, 0.0)):
            v_real, v_fake = (
                torch.tensor(v, dtype=dtype).requires_grad_() for v in (pair, pair[::-1])
            )
            losses = o.critic_loss(v_real, v_fake), o.generator_loss(v_fake)
            # In double precision these outputs give the sums of the definition, or infinities.
            with np.errstate(all="ignore"):
                wide = [v.detach().double().numpy() for v in (v_real, v_fake)]
                gain = D.activation(wide[0]).mean()
                loss = D.penalty(wide[1]).mean()
                expected = float(np.float32(np.inf if gain == loss == -np.inf else loss - gain))
            assert losses[0].item() == pytest.approx(expected, rel=1e-4, abs=1e-4)
            assert not losses[1].isnan()
            for value, inputs in ((losses[0], (v_real, v_fake)), (losses[1], (v_fake,))):
                for gradient in torch.autograd.grad(value, inputs):
                    assert not gradient.isnan().any(), (pair, value)
