"""The public check passes what is right and catches what is wrong, one mistake at a time."""

from dataclasses import replace

import pytest

from divkit import fdiv
from divkit.testing import check_divergence, divergence_checks


def with_formula(D, **changes):
    return replace(D, formulas=replace(D.formulas, **changes))


JS = fdiv.jensen_shannon
KL = fdiv.kl
PEARSON = fdiv.pearson

BROKEN = {
    # the published table's conjugate, that of twice the generator
    "conjugate of another scale": with_formula(JS, conjugate=lambda t, xp: -xp.log(2 - xp.exp(t))),
    "conjugate without its clamp": with_formula(
        PEARSON, conjugate=lambda t, xp: t * (1 + 0.25 * t)
    ),
    "conjugate off by a constant": with_formula(KL, conjugate=lambda t, xp: xp.exp(t - 1) + 1e-6),
    "generator": with_formula(KL, generator=lambda u, xp: u * xp.log(u) + 1e-9 * (u - 1) ** 2),
    "derivative": with_formula(KL, derivative=lambda u, xp: xp.log(u)),
    "ratio": with_formula(KL, ratio=lambda t, xp: xp.exp(t)),
    "activation out of the domain": with_formula(
        fdiv.reverse_kl, activation=lambda v, xp: xp.exp(-v)
    ),
    "activation that falls": with_formula(KL, activation=lambda v, xp: -v),
    "activation that stops short": with_formula(
        fdiv.squared_hellinger,
        activation=lambda v, xp: 0.5 * xp.tanh(v),
        penalty=lambda v, xp: 0.5 * xp.tanh(v) / (1 - 0.5 * xp.tanh(v)),
    ),
    "penalty": with_formula(fdiv.gan, penalty=fdiv.gan.formulas.activation),
    "penalty off in one place": with_formula(
        fdiv.neyman, penalty=lambda v, xp: -2 * xp.expm1(-0.5 * v) + xp.where(v > 5, 1e-6, 0.0)
    ),
    "integrand": with_formula(KL, integrand=fdiv.reverse_kl.formulas.integrand),
    "integrand that cancels": with_formula(
        KL, integrand=lambda p, q, difference, xp: p * xp.log(p / q) - difference
    ),
    "limit at zero": replace(JS, at_zero=0.5),
    "slope": replace(JS, slope=0.35),
    "infinite slope": replace(fdiv.neyman, slope=float("inf")),
    "derivative at zero": replace(fdiv.total_variation, derivative_at_zero=-1.0),
    "conjugate at the slope": replace(fdiv.neyman, conjugate_at_slope=1.0),
    "open domain that is closed": replace(fdiv.neyman, conjugate_at_slope=float("inf")),
    "f(1)": replace(fdiv.gan, at_one=0.0),
    "f′(1)": replace(KL, derivative_at_one=0.0),
    "adjoint": replace(KL, adjoint_of=None),
    "generator's text": replace(KL, generator_formula="u*log(u) - u"),
    "conjugate's text": replace(KL, conjugate_formula="exp(t)"),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_wrong_divergence_is_caught(mistake):
    with pytest.raises(AssertionError):
        check_divergence(BROKEN[mistake], examples=60)


def test_the_message_names_divergence_identity_input_and_size():
    with pytest.raises(AssertionError) as caught:
        check_divergence(BROKEN["conjugate off by a constant"], examples=60)
    message = str(caught.value)
    assert message.startswith("kl breaks ")
    assert "f(u)" in message
    assert "off by 1e-06" in message
    assert "u = " in message


def test_an_exception_inside_a_formula_is_reported_as_a_failure():
    def explode(u, xp):
        raise ZeroDivisionError("no")

    with pytest.raises(AssertionError, match=r"kl raises in .*ZeroDivisionError: no"):
        check_divergence(with_formula(KL, generator=explode), examples=5)


def test_every_identity_has_its_own_name():
    names = [name for name, _ in divergence_checks(KL)]
    assert len(names) == len(set(names)) > 15
