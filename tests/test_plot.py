"""The pictures: what they draw is what they were given, and pyplot never hears of them."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from divkit import emd, fdiv, plot
from divkit.cli._compare import compare, compare_samples
from divkit.plot import _draw

P = np.array([0.1, 0.4, 0.2, 0.3])
Q = np.array([0.3, 0.2, 0.25, 0.25])
rng = np.random.default_rng(3)


def drawn(figure):
    """Draw the figure, where warnings are errors, and return it."""
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    return figure


def grid():
    p, q = np.zeros((3, 4)), np.zeros((3, 4))
    p[0, 3], q[2, 3], p[1, 1], q[1, 1] = 0.75, 0.75, 0.25, 0.25
    return compare(p, q)


def cloud():
    return compare_samples(rng.normal(size=(7, 2)), rng.normal(size=(5, 2)))


def test_histograms_on_a_line_are_steps():
    figure = drawn(plot.histograms(P, Q, names=("left", "right")))
    (axes,) = figure.axes
    filled, outline, *_ = axes.patches
    for patch in (filled, outline):
        np.testing.assert_array_equal(patch.get_data().values, P)
        np.testing.assert_array_equal(patch.get_data().edges, [-0.5, 0.5, 1.5, 2.5, 3.5])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["left", "right"]


def test_histograms_on_a_grid_are_images_on_one_scale():
    p, q = rng.dirichlet(np.ones(12)).reshape(3, 4), rng.dirichlet(np.ones(12)).reshape(3, 4)
    first, second, _ = drawn(plot.histograms(p, q)).axes
    np.testing.assert_array_equal(first.images[0].get_array(), p)
    np.testing.assert_array_equal(second.images[0].get_array(), q)
    assert first.images[0].get_clim() == second.images[0].get_clim() == (0, max(p.max(), q.max()))
    assert first.yaxis_inverted()  # row 0 on top


def test_histograms_of_samples_have_their_edges():
    found = compare_samples(rng.normal(size=(30, 2)), rng.normal(size=(30, 2)), bins=4)
    first, *_ = drawn(plot.histograms(*found.histograms, edges=found.edges)).axes
    assert not first.yaxis_inverted()
    assert first.get_xlim() == (found.edges[0][0], found.edges[0][-1])
    line = compare_samples(rng.normal(size=30), rng.normal(size=30))
    (axes,) = drawn(plot.histograms(*line.histograms, edges=line.edges)).axes
    np.testing.assert_array_equal(axes.patches[0].get_data().edges, line.edges[0])


def test_a_plan_on_a_grid_is_arrows_from_cell_to_cell():
    found = grid()
    axes, _ = drawn(plot.plan(found.transport, shape=found.shape)).axes
    arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    # Mass that stays is no arrow; the other goes down two rows in column 3.
    assert [arrow._posA_posB for arrow in arrows] == [[(3, 0), (3, 2)]]
    excess = axes.images[0].get_array()
    assert excess[0, 3] == pytest.approx(0.75)
    assert excess[2, 3] == pytest.approx(-0.75)
    assert excess[1, 1] == pytest.approx(0)
    assert "75% of the mass moves\n1 arrow," in axes.get_title()


def test_a_plan_between_points_is_arrows_as_wide_as_their_mass():
    x, y = np.array([[0.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    t = emd.solve([0.8, 0.2], [0.8, 0.2], np.hypot(*(x[:, None] - y).transpose(2, 0, 1)))
    (axes,) = drawn(plot.plan(t, points=(x, y))).axes
    thin, wide = (p for p in axes.patches if isinstance(p, FancyArrowPatch))
    assert wide._posA_posB == [(0, 0), (1, 0)]
    assert wide.get_linewidth() > 3 * thin.get_linewidth()


def test_a_plan_on_a_line_is_strands():
    found = compare(P, Q)
    (axes,) = drawn(plot.plan(found.transport)).axes
    assert len(axes.collections[0].get_segments()) == found.transport.plan.nnz


def test_a_plan_that_moves_nothing_is_drawn():
    found = compare(np.full((2, 2), 0.25), np.full((2, 2), 0.25))
    axes, _ = drawn(plot.plan(found.transport, shape=found.shape)).axes
    assert "0% of the mass moves" in axes.get_title()


def test_of_many_arrows_the_heaviest_are_drawn_and_that_is_said(monkeypatch):
    monkeypatch.setattr("divkit.plot._draw.MOST_ARROWS", 3)
    found = cloud()
    (axes,) = drawn(plot.plan(found.transport, points=found.points)).axes
    assert sum(isinstance(patch, FancyArrowPatch) for patch in axes.patches) == 3
    assert "the 3 heaviest of" in axes.get_title()


def test_potentials_are_those_of_the_transport():
    found = grid()
    first, second, _ = drawn(plot.potentials(found.transport, shape=found.shape)).axes
    np.testing.assert_array_equal(first.images[0].get_array().ravel(), found.transport.f)
    np.testing.assert_array_equal(second.images[0].get_array().ravel(), found.transport.g)
    low, high = first.images[0].get_clim()
    assert low == -high  # white is 0

    found = cloud()
    first, second, _ = drawn(plot.potentials(found.transport, points=found.points)).axes
    np.testing.assert_array_equal(second.collections[0].get_array(), found.transport.g)
    assert first.get_xlim() == pytest.approx(second.get_xlim())

    found = compare(P, Q)
    (axes,) = drawn(plot.potentials(found.transport)).axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), found.transport.f)


def test_divergences_are_shares_of_their_range_or_values():
    bounded, unbounded = drawn(plot.divergences(P, Q)).axes
    widths = [bar.get_width() for bar in bounded.patches if bar.get_width() < 1]
    expected = [
        (D(P, Q) - D.at_one) / (D.supremum - D.at_one)
        for D in fdiv.CATALOGUE.values()
        if D.supremum < math.inf
    ]
    assert widths == pytest.approx(expected, rel=1e-15)
    assert [bar.get_width() for bar in unbounded.patches] == [
        D(P, Q) for D in fdiv.CATALOGUE.values() if D.supremum == math.inf
    ]


def test_infinite_divergences_are_marked():
    figure = drawn(plot.divergences([1.0, 0.0], [0.5, 0.5]))
    unbounded = figure.axes[1]
    infinite = [D for D in fdiv.CATALOGUE.values() if D([1.0, 0.0], [0.5, 0.5]) == math.inf]
    assert sum(text.get_text() == "∞" for text in unbounded.texts) == len(infinite) > 0
    assert sum(bool(bar.get_hatch()) for bar in unbounded.patches) == len(infinite)
    drawn(plot.divergences([1.0, 0.0], [0.0, 1.0]))  # all of them


def test_divergences_can_be_chosen():
    (axes,) = drawn(plot.divergences(P, Q, catalogue=[fdiv.kl])).axes
    assert axes.get_title("left") == "unbounded"
    with pytest.raises(ValueError, match="`catalogue` must hold at least 1 divergence"):
        plot.divergences(P, Q, catalogue=[])


def test_parallel_lines_are_computed():
    theta = [0.0, 0.25, 1.0]
    axes = drawn(plot.parallel_lines(theta, atoms=5)).axes[1]
    dots = {line.get_color(): line.get_ydata() for line in axes.lines if line.get_marker() == "o"}
    np.testing.assert_allclose(dots[_draw.Q_COLOR], theta, rtol=1e-14)
    np.testing.assert_allclose(dots[_draw.P_COLOR], [0, math.log(2), math.log(2)], rtol=1e-15)
    np.testing.assert_allclose(dots[_draw.INK], [0, 1, 1], rtol=1e-15)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda t: plot.histograms(P, Q[:2]), "`p` and `q` must be two vectors or two matrices"),
        (lambda t: plot.histograms(np.ones((1, 1, 1)), np.ones((1, 1, 1))), "two vectors or two"),
        (lambda t: plot.plan(t, shape=(3, 3)), "must give 4 and 4 atoms .* got 9 and 9"),
        (lambda t: plot.plan(t, shape=(1, 2, 2)), "on a line or in a plane, got 3 and 3"),
        (lambda t: plot.potentials(t, points=(P, Q[:2])), "must give 4 and 4 atoms"),
        (lambda t: plot.parallel_lines([]), "`theta` must be a vector of distances"),
        (lambda t: plot.parallel_lines([-1.0]), "`theta` must be finite and at least 0"),
    ],
)
def test_what_cannot_be_drawn_is_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw(compare(P, Q).transport)


def test_names_are_drawn_as_they_stand():
    names = ("_hidden", "cost_$5_or_$\\frac$")
    (axes,) = drawn(plot.histograms(P, Q, names=names)).axes
    assert len(axes.get_legend().get_texts()) == 2
    found = grid()
    drawn(plot.plan(found.transport, shape=found.shape, names=names))
    drawn(plot.potentials(found.transport, shape=found.shape, names=names))


def test_pyplot_does_not_hear_of_a_picture_and_a_given_figure_is_used():
    before = plt.get_fignums()
    drawn(plot.histograms(P, Q))
    assert plt.get_fignums() == before
    whole = Figure(figsize=(8, 4), layout="constrained")
    left, right = whole.subfigures(1, 2)
    assert plot.histograms(P, Q, figure=left) is left
    assert plot.plan(compare(P, Q).transport, figure=right) is right
    drawn(whole)
