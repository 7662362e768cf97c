"""Beyond the published table: more rows against 60 digits, and transforms with their bounds."""

import itertools
import pickle

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divkit import fdiv
from divkit.testing import divergence_checks, pairs
from tests import naive

MANY = settings(max_examples=100, deadline=None, derandomize=True, database=None)
ORDERS = (1e-6, 0.3, 0.5, 0.999, 1.0001, 2.0, 5.0)
MORE = [
    *map(fdiv.hockey_stick, (1, 1.5, 10)),
    *map(fdiv.tsallis, (0.3, 0.5, 1.0001, 3)),
    *map(fdiv.cressie_read, (-3.3, -2, -0.5, 1)),
]
TRANSFORMS = [*map(fdiv.renyi, ORDERS), fdiv.bhattacharyya, fdiv.chernoff]

every_row = pytest.mark.parametrize("D", MORE, ids=str)
every_transform = pytest.mark.parametrize("D", TRANSFORMS, ids=str)


@every_row
@pytest.mark.parametrize("identity", [name for name, _ in divergence_checks(fdiv.kl)])
def test_identity(D, identity):
    dict(divergence_checks(D))[identity](10)


def nearby(step, n, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    return p, p * np.exp(step * rng.standard_normal(n))


@pytest.mark.parametrize("D", [*MORE, fdiv.cressie_read(1e-9), fdiv.tsallis(1e-6)], ids=str)
@pytest.mark.parametrize("step", [3.0, 1e-1, 1e-4, 1e-8, 1e-12])
def test_rows_against_60_digits(D, step):
    for n in (2, 10, 100):
        p, q = nearby(step, n)
        exact = naive.divergence(D.name, p, q, tuple(D.parameters.values()))
        assert naive.relative_error(D(p, q, normalize=True), exact) < 5e-14


@every_transform
@pytest.mark.parametrize("step", [3.0, 1e-1, 1e-4, 1e-8, 1e-12])
def test_transforms_against_60_digits(D, step):
    for n in (2, 10, 50):
        p, q = nearby(step, n)
        assert naive.relative_error(D(p, q, normalize=True), exact_transform(D, p, q)) < 5e-14


def exact_transform(D, p, q):
    with mp.workdps(naive.DIGITS):
        if D.name == "renyi":
            a = mp.mpf(D.parameters["order"])
            return mp.log(naive.affinity(p, q, a)) / (a - 1)
        if D.name == "bhattacharyya":
            return -mp.log(naive.affinity(p, q, mp.mpf(1) / 2))
        low, high = mp.mpf(0), mp.mpf(1)
        for _ in range(60):
            a, b = (2 * low + high) / 3, (low + 2 * high) / 3
            low, high = (a, high) if naive.affinity(p, q, a) > naive.affinity(p, q, b) else (low, b)
        return -mp.log(naive.affinity(p, q, low))


@every_transform
@MANY
@given(pair=pairs(), critic=st.lists(st.floats(-20, 20), min_size=8, max_size=8))
def test_bounds_hold_and_are_attained(D, pair, critic):
    p, q = pair
    value = D(p, q)
    assert value >= 0
    assert not np.isnan(value)
    # Rényi divides a logarithm, which has rounded, by α − 1.
    magnified = 1 / abs(D.parameters["order"] - 1) if D.name == "renyi" else 1.0
    slack = (1e-12 + 1e-15 * magnified) * (1 + value)
    assert D.bound(p, q, critic[: len(p)]) <= value + slack
    if D.name != "renyi" or 0.01 < D.parameters["order"] < 0.9 or D.parameters["order"] > 1.5:
        assert D.bound(p, q, D.witness(p, q)) == pytest.approx(value, rel=1e-10, abs=1e-12)


@MANY
@given(pairs(zeros=False))
def test_how_they_hang_together(pair):
    p, q = pair
    chernoff, half = fdiv.chernoff(p, q), fdiv.bhattacharyya(p, q)
    assert fdiv.renyi(0.5)(p, q) == pytest.approx(2 * half, rel=1e-12, abs=1e-28)
    assert half <= chernoff * (1 + 1e-12) + 1e-28
    kl, reverse = fdiv.kl(p, q), fdiv.reverse_kl(p, q)
    assert chernoff <= min(kl, reverse) * (1 + 1e-12) + 1e-28
    values = [fdiv.renyi(a)(p, q) for a in (0.3, 0.9)] + [kl, fdiv.renyi(2)(p, q)]
    assert all(a <= b * (1 + 1e-12) + 1e-28 for a, b in itertools.pairwise(values))
    assert fdiv.hockey_stick(1)(p, q) == pytest.approx(
        fdiv.total_variation(p, q), rel=1e-12, abs=1e-28
    )
    assert fdiv.cressie_read(1)(p, q) == pytest.approx(fdiv.pearson(p, q) / 2, rel=1e-12, abs=1e-28)
    assert fdiv.tsallis(2)(p, q) == pytest.approx(fdiv.pearson(p, q), rel=1e-12, abs=1e-28)


@every_transform
def test_shapes_types_and_limits(D):
    rng = np.random.default_rng(0)
    p, q = rng.random((3, 4)), rng.random((3, 4))
    rows = [float(D(x, y, normalize=True)) for x, y in zip(p, q, strict=True)]
    assert D(p, q, normalize=True) == pytest.approx(rows, rel=1e-13)
    assert D(p.T, q.T, axis=0, keepdims=True, normalize=True).shape == (1, 3)
    assert D(p.astype(np.float32), q.astype(np.float32), normalize=True).dtype == np.float32
    assert D(p[0], q, normalize=True).shape == (3,)
    T = D.witness(p.T, q.T, axis=0, normalize=True)
    bound = D.bound(p.T, q.T, T, axis=0, keepdims=True, normalize=True)
    assert bound[0] == pytest.approx(rows, rel=1e-9)
    assert D([1.0, 0.0], [0.0, 1.0]) == np.inf
    assert D([0.5, 0.5], [0.5, 0.5]) == 0
    assert str(pickle.loads(pickle.dumps(D))) == str(D)
    with pytest.raises(ValueError, match="must have equal mass"):
        D([0.5, 0.5], [0.3, 0.3])


@pytest.mark.parametrize("order", [0, 1, -1, float("nan"), float("inf")])
def test_orders(order):
    for family in (fdiv.renyi, fdiv.tsallis):
        with pytest.raises(ValueError, match="`order` must be positive, finite and not 1"):
            family(order)
    with pytest.raises(TypeError, match="must be a real number"):
        fdiv.renyi("2")


@pytest.mark.parametrize("gamma", [0.5, -1, float("nan"), float("inf")])
def test_thresholds(gamma):
    with pytest.raises(ValueError, match="`gamma` must be finite and at least 1"):
        fdiv.hockey_stick(gamma)


@pytest.mark.parametrize("lam", [0, -1, float("nan"), float("inf")])
def test_powers(lam):
    with pytest.raises(ValueError, match="`lam` must be finite and neither 0 nor -1"):
        fdiv.cressie_read(lam)


@pytest.mark.parametrize("rest", [1e-16, 1e-10, 1e-3])
def test_chernoff_where_one_law_is_little_more_than_the_other(rest):
    """Towards s = 1 the affinity is what Q sees of P, from the small atom alone."""
    p, q = [1.0, rest], [1.0, 0.0]
    for one, other in ((p, q), (q, p)):
        found = float(fdiv.chernoff(one, other, normalize=True))
        assert found == pytest.approx(np.log1p(rest), rel=1e-8)


@pytest.mark.parametrize(
    "D",
    [*fdiv.CATALOGUE.values(), 2 * fdiv.kl, fdiv.kl + fdiv.pearson, fdiv.kl.skewed(0.5)],
    ids=str,
)
def test_base(D):
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(5), (2, 3))
    if D.in_nats:
        assert np.allclose(D(p, q, base=2), D(p, q) / np.log(2), rtol=1e-15)
        assert np.allclose((D / np.log(10))(p, q), D(p, q, base=10), rtol=1e-13)
        assert D(p.astype(np.float32), q.astype(np.float32), base=2).dtype == np.float32
        for base in (1, 0, -2, np.inf, np.nan):
            with pytest.raises(ValueError, match="`base` must be above 1 and finite"):
                D(p, q, base=base)
        with pytest.raises(TypeError, match="`base` must be a real number"):
            D(p, q, base="2")
    else:
        with pytest.raises(ValueError, match=r"`base` is that of a logarithm, and .* has none"):
            D(p, q, base=2)


def test_base_is_that_of_scipy():
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import entropy

    p, q = [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]
    assert fdiv.kl(p, q, base=2) == pytest.approx(entropy(p, q, base=2), rel=1e-14)
    assert fdiv.jensen_shannon(p, q, base=2) == pytest.approx(
        jensenshannon(p, q, base=2) ** 2, rel=1e-14
    )


def test_chernoff_of_atoms_that_are_hardly_common():
    """Each law has next to nothing of what the other has; Σ (p − q) = 0 must not drown that."""
    p, q = [0.0, 0.0, 1.0, 5e-324], [0.0, 4.0, 5e-324, 1.0]
    found = float(fdiv.chernoff(p, q, normalize=True))
    log_q = np.log(5e-324) - np.log(5.0), -np.log(5.0)
    log_p = 0.0, np.log(5e-324)
    s = np.linspace(0.49, 0.51, 20001)
    exponents = -np.logaddexp(*(s * x + (1 - s) * y for x, y in zip(log_p, log_q, strict=True)))
    assert found == pytest.approx(exponents.max(), rel=1e-8)
