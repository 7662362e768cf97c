"""Divergences and EMD of two parallel segments as functions of their distance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from divkit import _check, emd
from divkit.fdiv import jensen_shannon, total_variation
from divkit.plot import _draw
from divkit.plot._draw import INK, P_COLOR, Q_COLOR

if TYPE_CHECKING:
    from divkit.plot._draw import Canvas


def parallel_lines(
    theta: ArrayLike | None = None, *, atoms: int = 16, figure: Canvas | None = None
) -> Canvas:
    """Draw divergences and EMD of two parallel segments as functions of their distance θ.

    P is uniform on the segment {0} × [0, 1] and Q on {θ} × [0, 1]. For every θ > 0 they are
    disjoint: Jensen–Shannon is log 2 and total variation 1 however close they are, and only the
    EMD, which is θ, reflects their distance [1]_. All values are computed numerically.

    Parameters
    ----------
    theta : array, optional
        Distances, by default 0, 0.001, and 0.05 to 1 in steps of 0.05.
    atoms : int
        Number of atoms that represent a segment.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    ValueError
        If theta is not a vector of at least one non-negative distance.

    References
    ----------
    .. [1] M. Arjovsky, S. Chintala, L. Bottou, "Wasserstein GAN", ICML 2017, Example 1.

    Examples
    --------
    >>> from divkit import plot
    >>> len(plot.parallel_lines([0.0, 0.5, 1.0], atoms=4).axes)
    2
    """
    usual = [0.0, 0.001, *np.arange(1, 21) / 20]
    distances = np.asarray(usual if theta is None else theta, dtype=np.float64)
    _check.nonnegative("theta", distances, np)
    if distances.ndim != 1 or distances.size == 0:
        raise ValueError(f"`theta` must be a vector of distances, got shape {distances.shape}")
    values = np.array([_apart(distance, atoms) for distance in distances])
    figure = _draw.figure(figure, 8.2, 3.8)
    sketch, axes = _draw.axes(figure, widths=(1, 2.6))
    middle = float(distances.max()) / 2 or 0.5
    for position, name, color in ((0.0, "P", P_COLOR), (middle, "Q", Q_COLOR)):
        sketch.plot([position] * atoms, np.linspace(0, 1, atoms), ".-", color=color)
        sketch.text(position, 1.06, name, color=color, ha="center", fontweight="bold")
    sketch.annotate("", (middle, 0.5), (0, 0.5), arrowprops={"arrowstyle": "<->", "color": INK})
    sketch.text(middle / 2, 0.53, "θ", ha="center", color=INK)
    sketch.set(xlim=(-0.4 * middle, 1.4 * middle), ylim=(-0.06, 1.2), xticks=[], yticks=[])
    sketch.set_title("two uniform segments", fontsize=11)
    sketch.set_axis_off()
    # No line joins θ = 0 to the rest, as two of the three curves jump there.
    apart = distances > 0
    for column, label, color, style, size in (  # decreasing markers: all are 0 at θ = 0
        (2, "total variation", INK, ":", 7),
        (1, "Jensen–Shannon (nats)", P_COLOR, "-", 5),
        (0, "EMD (units of length)", Q_COLOR, "-", 3),
    ):
        axes.plot(distances[apart], values[apart, column], style, color=color, label=label)
        axes.plot(distances, values[:, column], "o", ms=size, color=color)
    axes.annotate(
        "log 2",
        (float(distances.max()), math.log(2)),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        color=P_COLOR,
    )
    axes.set(xlabel="distance θ", ylabel="value")
    axes.set_title("only the EMD says how far apart they are", fontsize=11)
    axes.legend(frameon=False)
    _draw.open_frame(axes)
    return figure


def _apart(theta: float, atoms: int) -> tuple[float, float, float]:
    """Return EMD, Jensen–Shannon and total variation of two segments `theta` apart."""
    heights = np.linspace(0, 1, atoms)
    x = np.column_stack([np.zeros(atoms), heights])
    y = np.column_stack([np.full(atoms, theta), heights])
    M = np.hypot(x[:, None, 0] - y[None, :, 0], x[:, None, 1] - y[None, :, 1])
    # Divergences compare masses on the union of the supports, which overlap only if θ = 0.
    union, index = np.unique(np.concatenate([x, y]), axis=0, return_inverse=True)
    p, q = (np.bincount(part, minlength=len(union)) / atoms for part in np.split(index.ravel(), 2))
    uniform = np.full(atoms, 1 / atoms)
    return (
        emd.solve(uniform, uniform, M).value,
        float(jensen_shannon(p, q)),
        float(total_variation(p, q)),
    )
