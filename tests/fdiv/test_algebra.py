"""c·D, D + E, adjoints, symmetrized and skewed forms: full records, and the field's identities."""

import pickle

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings

from divkit import fdiv
from divkit.testing import divergence_checks, pairs
from tests import naive

MANY = settings(max_examples=60, deadline=None, derandomize=True, database=None)
COMPOSED = [
    2 * fdiv.jensen_shannon,
    fdiv.pearson / 3,
    fdiv.kl + fdiv.reverse_kl,
    fdiv.squared_hellinger + fdiv.jensen_shannon,
    fdiv.total_variation + fdiv.squared_hellinger,
    fdiv.kl.skewed(0.5),
    fdiv.pearson.skewed(0.2),
    fdiv.total_variation.skewed(0.3),
    fdiv.kl.skewed(0.5).symmetrized(),
    fdiv.pearson.symmetrized(),
    fdiv.hockey_stick(2).adjoint,
    fdiv.tsallis(0.5).adjoint,
    fdiv.gan.skewed(0.4),
]

every_composed = pytest.mark.parametrize("D", COMPOSED, ids=str)


@every_composed
@pytest.mark.parametrize("identity", [name for name, _ in divergence_checks(fdiv.kl)])
def test_identity(D, identity):
    dict(divergence_checks(D))[identity](8)


@MANY
@given(pairs())
def test_one_is_the_other(pair):
    p, q = pair

    def same(left, right):
        assert left(p, q) == pytest.approx(right(p, q), rel=1e-13, abs=1e-30)

    same(fdiv.kl + fdiv.reverse_kl, fdiv.jeffreys)
    same(2 * fdiv.kl.symmetrized(), fdiv.jeffreys)
    same(fdiv.kl.skewed(0.5).symmetrized(), fdiv.jensen_shannon)
    same(fdiv.pearson / 2, fdiv.alpha(2))
    same(fdiv.pearson.skewed(0.5).symmetrized(), fdiv.triangular_discrimination / 2)
    assert fdiv.kl.skewed(0.3)(p, q) == pytest.approx(fdiv.kl(p, 0.7 * p + 0.3 * q), abs=1e-14)
    assert fdiv.tsallis(0.5).adjoint(p, q) == pytest.approx(
        fdiv.tsallis(0.5)(q, p), rel=1e-14, abs=1e-30
    )


def test_the_published_jensen_shannon_is_twice_ours():
    D, u, t = 2 * fdiv.jensen_shannon, np.array([0.0, 0.1, 1.0, 7.0]), np.array([-3.0, 0.0, 0.6])
    with np.errstate(all="ignore"):
        published = np.where(u > 0, u * np.log(u), 0) - (1 + u) * np.log((1 + u) / 2)
    assert D.generator(u) == pytest.approx(published, abs=1e-15)
    assert D.conjugate(t) == pytest.approx(-np.log(2 - np.exp(t)), rel=1e-14, abs=1e-15)
    assert D.slope == pytest.approx(np.log(2), rel=1e-15)


def test_the_conjugate_of_a_sum():
    D = fdiv.kl + fdiv.reverse_kl
    t = np.concatenate([-np.logspace(3, -3, 40), [0.0], np.logspace(-3, 2, 40)])
    assert D.conjugate(t) == pytest.approx(fdiv.jeffreys.conjugate(t), rel=1e-13, abs=1e-14)
    assert D.ratio(t) == pytest.approx(fdiv.jeffreys.ratio(t), rel=1e-12)
    assert D.penalty(t) == pytest.approx(fdiv.jeffreys.penalty(t), rel=1e-13, abs=1e-14)


def test_the_penalty_of_a_sum_where_its_activation_has_rounded_to_the_end():
    D = fdiv.squared_hellinger + fdiv.triangular_discrimination
    assert D.activation(88.0) == D.conjugate_domain.largest()
    # f*(f′(u)) = √u − 1 and 4 − t − 4√(1−t) at t = 1 − 4/(u+1)², with u = e^v.
    u = np.exp(88.0)
    expected = np.sqrt(u) - 1 + 3 - 8 / (u + 1)
    assert D.penalty(88.0) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("D", "E"),
    [
        (fdiv.kl, fdiv.pearson),
        (fdiv.total_variation, fdiv.kl),
        (fdiv.neyman, fdiv.squared_hellinger),
    ],
    ids=str,
)
def test_it_is_the_infimal_convolution(D, E):
    total = D + E
    for u in (0.01, 0.5, 1.5, 30.0):
        s, rest = D.derivative(u), E.derivative(u)
        attained = D.conjugate(s) + E.conjugate(rest)
        assert total.conjugate(s + rest) == pytest.approx(attained, rel=1e-12, abs=1e-12)
        for step in (-0.3, -0.01, 0.01, 0.3):
            elsewhere = D.conjugate(s + step) + E.conjugate(rest - step)
            assert attained <= elsewhere + 1e-13


@pytest.mark.parametrize("t", [-3.0, -1.0, 0.0, 0.05, 1 / 12 - 1e-3])
def test_a_skewed_conjugate_against_the_supremum(t):
    D, f = fdiv.pearson.skewed(0.25), naive.generator("pearson")

    def gain(u):
        m = (3 * u + 1) / 4
        return u * mp.mpf(t) - m * f(u / m)

    with mp.workdps(40):
        low, high = mp.mpf(10) ** -20, mp.mpf(10) ** 8
        for _ in range(250):
            a, b = (low**w * high ** (1 - w) for w in (mp.mpf(2) / 3, mp.mpf(1) / 3))
            low, high = (a, high) if gain(a) < gain(b) else (low, b)
        best = max(gain(low), -f(0) / 4)
    assert D.conjugate(t) == pytest.approx(float(best), rel=1e-12)


@every_composed
@pytest.mark.parametrize("step", [1e-1, 1e-6, 1e-12])
def test_nothing_cancels_near_equality(D, step):
    rng = np.random.default_rng(0)
    p = rng.random(10)
    q = p * (1 + step * rng.standard_normal(10))
    # D(λp + (1−λ)q, q) shrinks as λ² where D is smooth: all its digits are still there.
    near, far = D(p, q, normalize=True), D(q, p, normalize=True)
    assert near >= D.at_one
    if D.is_symmetric:
        assert near - D.at_one == pytest.approx(far - D.at_one, rel=1e-12)


@every_composed
def test_records_survive_pickling(D):
    copy = pickle.loads(pickle.dumps(D))
    assert copy([0.5, 0.5], [0.2, 0.8]) == D([0.5, 0.5], [0.2, 0.8])
    assert str(copy) == str(D)


def test_names_read_as_expressions():
    assert str(2 * (fdiv.kl + fdiv.alpha(0.5))) == "2*(kl + alpha(0.5))"
    assert str(fdiv.kl.skewed(0.25)) == "kl.skewed(0.25)"
    assert str(fdiv.hockey_stick(2).adjoint) == "hockey_stick(2).adjoint"
    assert repr(fdiv.kl / 2) == "<Divergence 0.5*kl: f(u) = 0.5*(u*log(u))>"


def test_adjoints_and_symmetry():
    assert (fdiv.kl + fdiv.reverse_kl).is_symmetric
    assert (2 * fdiv.jeffreys).is_symmetric
    assert not (fdiv.kl + fdiv.pearson).is_symmetric
    assert str((2 * fdiv.kl).adjoint) == "2*reverse_kl"
    D = fdiv.tsallis(2)
    assert D.adjoint.adjoint is D
    assert fdiv.jeffreys.symmetrized() is fdiv.jeffreys
    assert fdiv.kl.skewed(1) is fdiv.kl
    assert str(2 * (3 * fdiv.kl)) == "6*kl"


@pytest.mark.parametrize("c", [0, -1, float("inf"), float("nan")])
def test_only_positive_numbers(c):
    with pytest.raises(ValueError, match="positive finite number only"):
        c * fdiv.kl
    with pytest.raises(ValueError, match="positive finite number only"):
        fdiv.kl / c


@pytest.mark.parametrize("c", ["2", None, True, 1j, fdiv.kl])
def test_only_numbers(c):
    with pytest.raises(TypeError, match="by a number only"):
        fdiv.kl * c


def test_only_divergences_are_added():
    with pytest.raises(TypeError, match=r"only a divergence can be added to kl, got 1\.0"):
        fdiv.kl + 1.0


@pytest.mark.parametrize("pi", [0, -0.5, 1.5, float("nan")])
def test_skewing_weights(pi):
    with pytest.raises(ValueError, match=r"`pi` must lie in \(0, 1\]"):
        fdiv.kl.skewed(pi)
    with pytest.raises(TypeError, match="`pi` must be a real number"):
        fdiv.kl.skewed("0.5")
