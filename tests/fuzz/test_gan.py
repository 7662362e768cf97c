"""Objectives of GANs at outputs of every size and width, and transport of tensors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import strategies as st

from divkit import emd, fdiv
from tests.fuzz import manners
from tests.fuzz import strategies as fuzzed
from tests.fuzz.honesty import require_right, require_value
from tests.fuzz.oracles import Problem

torch = pytest.importorskip("torch")
from divkit import gan  # noqa: E402

OUTPUTS = st.one_of(
    st.sampled_from([0.0, 18.0, -18.0, 80.0, -80.0, 100.0, -100.0, 1000.0, -1000.0]),
    fuzzed.FRACTIONS,
    st.floats(-30, 30),
)
WIDTHS = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-5, "float64": 1e-12}
OBJECTIVES = {
    **{f"minimax {name}": gan.FGAN(D) for name, D in fdiv.CATALOGUE.items()},
    **{
        f"non-saturating {name}": gan.FGAN(D, generator="non_saturating")
        for name, D in fdiv.CATALOGUE.items()
    },
}


def tensors(width):
    return st.lists(OUTPUTS, min_size=1, max_size=4).map(
        lambda v: torch.tensor(v, dtype=getattr(torch, width))
    )


@pytest.mark.inputs(30)
@pytest.mark.parametrize("width", WIDTHS)
def test_losses(fuzz, width):
    """Both losses are those of the record in double precision, and no derivative is nan."""

    def check(drawn):
        name, real, fake = drawn
        objective = OBJECTIVES[name]
        D = objective.D
        real, fake = (v.clone().requires_grad_() for v in (real, fake))
        wide_real, wide_fake = (v.detach().double().numpy() for v in (real, fake))
        critic = manners.answer(objective.critic_loss, real, fake)
        generator = manners.answer(objective.generator_loss, fake)
        with np.errstate(all="ignore"):
            gain, loss = D.activation(wide_real), D.penalty(wide_fake)
            gain_of_fake = D.activation(wide_fake)
            terms = [
                (critic, np.mean(loss) - np.mean(gain), np.abs(loss).max() + np.abs(gain).max())
            ]
            saturates = objective.generator == "minimax"
            earned = loss if saturates else gain_of_fake
            terms.append((generator, -np.mean(earned), np.abs(earned).max()))
        for found, expected, size in terms:
            # What does not fit into single precision is infinite.
            if (abs(expected) < 1e37 and size < 1e37) or width == "float64":
                near = WIDTHS[width] * (size + 1)
                same = found.item() == expected or abs(found.item() - float(expected)) <= near
                assert same, f"{found.item()!r} is not {expected!r}"
        for loss in (critic, generator):
            gradients = torch.autograd.grad(
                loss, [real, fake], retain_graph=True, allow_unused=True
            )
            for gradient in gradients:
                assert gradient is None or not gradient.isnan().any(), f"gradient {gradient}"

    names = st.sampled_from(list(OBJECTIVES))
    fuzz(st.tuples(names, tensors(width), tensors(width)), check)


@pytest.mark.inputs(30)
def test_other_objectives(fuzz):
    def check(drawn):
        name, kind, real, fake, third = drawn
        D = fdiv.CATALOGUE[name]
        objective = {
            "lipschitz": lambda: gan.FGAN(D, lipschitz=gan.Clip(0.1)),
            "smooth": lambda: gan.FGAN(D, real_label=0.9),
            "wgan": lambda: gan.WGAN(),
            "matching": lambda: gan.matching_aware(gan.FGAN(D)),
        }[kind]()
        args = (real, fake, third) if kind == "matching" else (real, fake)
        manners.answer(objective.critic_loss, *args)
        manners.answer(objective.generator_loss, fake)
        if kind == "wgan":
            expected = float(fake.double().mean() - real.double().mean())
            assert abs(objective.critic_loss(real, fake).item() - expected) <= 1e-4 * (
                1 + abs(expected)
            )

    outputs = st.sampled_from(list(WIDTHS)).flatmap(lambda w: st.tuples(*[tensors(w)] * 3))
    kinds = st.sampled_from(["lipschitz", "smooth", "wgan", "matching"])
    fuzz(
        st.tuples(st.sampled_from(list(fdiv.CATALOGUE)), kinds, outputs).map(
            lambda d: (*d[:2], *d[2])
        ),
        check,
    )


WRONG = [
    None, 1.0, [1.0], np.ones(2), torch.ones(2, dtype=torch.int64), torch.ones(0), torch.ones(2, 1),
    torch.ones(()), torch.ones(2, dtype=torch.complex64), torch.ones(2, dtype=torch.bool),
    torch.full((2,), math.nan), torch.full((2,), math.inf), torch.ones(3), torch.ones(2, 2, 2),
]  # fmt: skip


@pytest.mark.inputs(40)
def test_wrong_tensors(fuzz):
    def check(drawn):
        which, first, second = drawn
        x, y = WRONG[first], WRONG[second]
        objective = gan.FGAN(fdiv.gan)
        calls = {
            "critic": (objective.critic_loss, x, y),
            "generator": (objective.generator_loss, x),
            "earth_mover": (gan.earth_mover, x, y),
            "couple": (gan.couple, x, y, torch.ones(2, 2)),
            "costs": (gan.couple, None, None, x),
            "points": (gan.couple_points, torch.ones(2, 1), torch.ones(2, 1), x, y),
            "matching": (gan.matching_aware, x),
            "fgan": (gan.FGAN, x),
        }
        function, *args = calls[which]
        try:
            manners.ask(function, *args)
        except AssertionError as error:
            # What goes in as nan comes out as nan: values are not looked at, nothing waits.
            unknown = any(isinstance(z, torch.Tensor) and not z.isfinite().all() for z in args)
            if not (unknown and "answers with nan" in str(error)):
                raise

    which = st.sampled_from(
        ["critic", "generator", "earth_mover", "couple", "costs", "points", "matching", "fgan"]
    )
    indices = st.integers(0, len(WRONG) - 1)
    fuzz(st.tuples(which, indices, indices), check)


@pytest.mark.inputs(30)
def test_couple(fuzz):
    def check(problem):
        a, b, M = problem
        exactly = Problem(a, b, M)
        a, b, M = (torch.tensor(x, requires_grad=True) for x in (a, b, M))
        found = manners.ask(gan.couple, a, b, M)
        if isinstance(found, manners.Refused):
            untold = not exactly.mass_is_told and isinstance(found.error, emd.ConvergenceError)
            assert untold or exactly.optimum is None, f"refuses: {found.error}"
            return
        require_right(found.answers[0], exactly)
        for gradient in torch.autograd.grad(found.value, [a, b, M]):
            assert not gradient.isnan().any(), f"gradient {gradient}"

    fuzz(fuzzed.problems(4), check)


@pytest.mark.inputs(40)
def test_earth_mover(fuzz):
    from tests.fuzz import oracles
    from tests.fuzz.test_points_line_grid_graph import METRICS, in_range, problem_of

    def check(drawn):
        (x, y), metric = drawn
        costs = oracles.distances(oracles.exact(x), oracles.exact(y), METRICS[metric])
        problem = problem_of(None, None, costs)
        x, y = (torch.tensor(side, requires_grad=True) for side in (x, y))
        found = manners.ask(gan.earth_mover, x, y, metric=metric)
        if isinstance(found, manners.Refused):
            assert not in_range(problem), f"refuses: {found.error}"
            return
        require_value(found.item(), problem)
        for gradient in torch.autograd.grad(found, [x, y]):
            assert not gradient.isnan().any(), f"gradient {gradient}"

    metrics = st.sampled_from(["sqeuclidean", "euclidean", "cityblock", "chebyshev", 3])
    fuzz(st.tuples(fuzzed.point_sets(), metrics), check)
