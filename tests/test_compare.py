"""The comparison record: its numbers are the library's own, and what it was told is what it did."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from divkit import emd, fdiv
from divkit._labels import label
from divkit.cli._compare import Line, Metric, compare, compare_samples

P = np.array([0.1, 0.4, 0.2, 0.3])
Q = np.array([0.3, 0.2, 0.25, 0.25])
rng = np.random.default_rng(7)


def test_every_divergence_is_compared_with_its_dual():
    found = compare(P, Q)
    assert [line.divergence for line in found.lines] == list(fdiv.CATALOGUE.values())
    for line in found.lines:
        D = line.divergence
        assert line.value == D(P, Q)
        assert line.dual_value == D.bound(P, Q, D.witness(P, Q))
        # Primal and dual are sums of different terms: some roundings of the largest apart.
        assert abs(line.gap) <= 1e-14 * max(1, abs(line.value))


def test_a_vector_costs_the_distance_between_its_indices():
    i = np.arange(4.0)
    expected = wasserstein_distance(i, i, P, Q)
    for metric in ("euclidean", "cityblock", "chebyshev"):
        assert compare(P, Q, metric=metric).transport.value == pytest.approx(expected, rel=1e-14)
    squared = emd.solve(P, Q, (i[:, None] - i) ** 2).value
    found = compare(P, Q, metric="sqeuclidean")
    assert found.transport.value == pytest.approx(squared, rel=1e-14)
    assert found.largest_cost == 9


@pytest.mark.parametrize(
    ("metric", "diagonal"),
    [("euclidean", 5.0), ("sqeuclidean", 25.0), ("cityblock", 7.0), ("chebyshev", 4.0)],
)
def test_a_grid_costs_the_distance_between_its_cells(metric, diagonal):
    corner, opposite = np.zeros((4, 5)), np.zeros((4, 5))
    corner[0, 0] = opposite[3, 4] = 1
    found = compare(corner, opposite, metric=metric)
    assert found.transport.value == found.largest_cost == pytest.approx(diagonal, rel=1e-15)
    assert found.shape == (4, 5)


def test_the_divergences_see_the_inputs_and_not_their_rounded_shares():
    p = rng.dirichlet(np.ones(50))
    q = p * (1 + 1e-8 * rng.standard_normal(50))
    found = compare(p, q, normalize=True)
    assert [line.value for line in found.lines] == [
        D(p, q, normalize=True) for D in fdiv.CATALOGUE.values()
    ]


def test_counts_are_divided_by_their_masses():
    found = compare(np.array([1, 4, 2, 3]), np.array([6, 4, 5, 5]), normalize=True)
    plain = compare(P, Q)
    for one, other in zip(found.lines, plain.lines, strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-14)
    assert found.transport.value == pytest.approx(plain.transport.value, rel=1e-14)
    assert "10 and 20" in " ".join(found.notes)


@pytest.mark.parametrize("scale", [1e-300, 5.0, 1e308])
def test_the_distance_is_between_measures_of_mass_one(scale):
    expected = compare(P, Q).transport.value
    assert compare(scale * P, scale * Q).transport.value == pytest.approx(expected, rel=1e-14)


def test_disjoint_supports_are_infinite_without_nan():
    found = compare([0.5, 0.5, 0.0], [0.0, 0.0, 1.0])
    values = {line.divergence.name: line for line in found.lines}
    assert values["kl"].value == values["kl"].dual_value == math.inf
    assert values["jensen_shannon"].value == pytest.approx(math.log(2), rel=1e-15)
    for line in found.lines:
        assert abs(line.gap) <= 1e-15


def test_a_gap_is_never_nan():
    inf = math.inf
    gaps = {
        (value, dual): Line(fdiv.kl, value, dual).gap
        for value in (1.0, inf)
        for dual in (0.5, inf, -inf)
    }
    assert gaps == {
        (1.0, 0.5): 0.5,
        (1.0, inf): -inf,
        (1.0, -inf): inf,
        (inf, 0.5): inf,
        (inf, inf): 0,
        (inf, -inf): inf,
    }


def test_samples_on_a_line_have_the_distance_of_their_quantiles():
    x, y = rng.normal(size=40), rng.normal(1, 2, size=30)
    found = compare_samples(x, y)
    assert found.transport.value == pytest.approx(wasserstein_distance(x, y), rel=1e-13)
    counts = [np.histogram(z, found.edges[0])[0] for z in (x, y)]
    assert sum(counts[0]) == 40
    assert sum(counts[1]) == 30
    for line in found.lines:
        assert line.value == line.divergence(*counts, normalize=True)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_samples_share_their_bins(d):
    x, y = rng.normal(size=(60, d)), rng.normal(0.5, size=(50, d))
    found = compare_samples(x, y, bins=3)
    assert [len(edges) for edges in found.edges] == [4] * d
    for histogram in found.histograms:
        assert histogram.shape == (3,) * d
        assert histogram.sum() == pytest.approx(1, rel=1e-15)
    assert f"{' × '.join('3' * d)} bins" in " ".join(found.notes)


def test_in_four_dimensions_the_divergences_are_left_out_and_said_to_be():
    found = compare_samples(rng.normal(size=(20, 4)), rng.normal(size=(20, 4)))
    assert found.lines == ()
    assert found.histograms is None
    assert "left out" in found.notes[-1]
    assert abs(found.transport.gap) <= 1e-13


def test_equal_constant_samples_are_at_distance_zero():
    found = compare_samples(np.full(3, 2.0), np.full(5, 2.0))
    assert found.transport.value == 0
    assert all(line.value == pytest.approx(line.divergence.at_one) for line in found.lines)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare(P, Q[:3]), "`p` and `q` must have the same shape"),
        (lambda: compare(np.zeros((2, 2, 2)), P), "`p` must be a vector or a matrix"),
        (lambda: compare(1.0, 1.0), "`p` must be a vector or a matrix"),
        (lambda: compare([], []), "`p` must have at least 1 atom"),
        (lambda: compare(P, 2 * Q), "must have equal mass"),
        (lambda: compare(P, -Q), "`q` must be finite and at least 0"),
        (lambda: compare(0 * P, Q), "`p` must have positive mass"),
        (lambda: compare(P, Q, metric="l2"), "`metric` must be one of 'euclidean', "),
        (lambda: compare(np.full(6000, 1.0), np.full(6000, 1.0)), "got 6000 × 6000"),
        (lambda: compare_samples([1.0, np.nan], [1.0]), "`x` must be finite"),
        (lambda: compare_samples([], [1.0]), "`x` must hold at least 1 point"),
        (lambda: compare_samples(np.ones((2, 2)), np.ones((2, 3))), "same dimension, got 2 and 3"),
        (lambda: compare_samples(np.ones((2, 3)), np.ones((2, 3)), bins=10**4), "`bins` must give"),
        (lambda: compare_samples([1.0], [1.0], metric="l2"), "`metric` must be one of"),
    ],
)
def test_what_cannot_be_compared_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("call", [compare, compare_samples])
def test_what_is_not_real_is_refused(call):
    with pytest.raises(TypeError, match="must be an array of real numbers"):
        call(np.array([1j, 1]), P[:2])


def test_the_inputs_are_not_written_to():
    p, q = P.copy(), Q.copy()
    p.flags.writeable = q.flags.writeable = False
    compare(p, q)
    compare_samples(p, q, metric=Metric.CITYBLOCK)


def test_labels_tell_members_of_a_family_apart():
    assert label(fdiv.kl) == "Kullback–Leibler"
    assert label(fdiv.alpha(0.5)) == "Alpha (0.5)"
