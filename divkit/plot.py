"""Pictures of both sides of a comparison: histograms, plan, potentials, divergences.

Each function draws on the figure that it is given, or on a new one that pyplot does not know of,
and returns it: a notebook shows it, ``figure.savefig("x.png")`` saves it. They need the extra
`plot`: ``pip install 'divkit[plot]'``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from divkit import _check, _draw, emd
from divkit._draw import INK, P_COLOR, PALE, Q_COLOR, Floats
from divkit.fdiv import CATALOGUE, Divergence, jensen_shannon, total_variation

__all__ = [
    "divergences",
    "histograms",
    "parallel_lines",
    "plan",
    "potentials",
]

if TYPE_CHECKING:
    from divkit._draw import Canvas


def histograms(
    p: ArrayLike,
    q: ArrayLike,
    *,
    names: tuple[str, str] = ("P", "Q"),
    edges: Sequence[Floats] | None = None,
    figure: Canvas | None = None,
) -> Canvas:
    """Draw two histograms: vectors over one another, matrices as two images on one scale.

    Parameters
    ----------
    p, q : array, shape (n,) or (height, width)
        Masses of the cells.
    names : (str, str)
        What they are called.
    edges : sequence of array, optional
        Edges of the bins along each coordinate. A matrix with edges is drawn with its first
        coordinate to the right and its second upwards, one without like an image.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    ValueError
        If p and q are not two vectors or two matrices of the same shape.

    Examples
    --------
    >>> from divkit import plot
    >>> len(plot.histograms([0.5, 0.5], [0.25, 0.75]).axes)
    1
    """
    _check.complete("p", p)
    _check.complete("q", q)
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    names = (_draw.verbatim(names[0]), _draw.verbatim(names[1]))
    if p.shape != q.shape or p.ndim not in (1, 2):
        raise ValueError(
            f"`p` and `q` must be two vectors or two matrices of one shape, got {p.shape} and "
            f"{q.shape}"
        )
    if p.ndim == 1:
        figure = _draw.figure(figure, 7, 3.2)
        axes = _draw.axes(figure)[0]
        steps = np.arange(p.size + 1) - 0.5 if edges is None else edges[0]
        for values, name, color in ((p, names[0], P_COLOR), (q, names[1], Q_COLOR)):
            axes.stairs(values, steps, label=name, color=color, fill=True, alpha=0.25)
            axes.stairs(values, steps, color=color, linewidth=1.8)
        axes.set(xlabel="cell" if edges is None else "value", ylabel="mass", ylim=(0, None))
        axes.margins(x=0)
        _draw.open_frame(axes)
        axes.legend(frameon=False)
        return figure
    figure = _draw.figure(figure, 7.6, 3.6)
    top = max(p.max(), q.max())
    both = _draw.axes(figure, widths=(1, 1))
    for axes, values, name, color in zip(both, (p, q), names, (P_COLOR, Q_COLOR), strict=True):
        if edges is None:
            image: Any = axes.imshow(values, cmap="Greys", vmin=0, vmax=top)
            _draw.cells(axes)
        else:
            image = axes.pcolormesh(*edges, values.T, cmap="Greys", vmin=0, vmax=top)
            axes.set(xlabel="first coordinate", ylabel="second coordinate")
        axes.set_title(name, color=color, fontweight="bold", fontsize=11)
    figure.colorbar(image, ax=both, label="mass", shrink=0.9)
    return figure


def plan(
    transport: emd.Transport,
    *,
    shape: tuple[int, ...] | None = None,
    points: tuple[Floats, Floats] | None = None,
    names: tuple[str, str] = ("P", "Q"),
    figure: Canvas | None = None,
) -> Canvas:
    """Draw an optimal plan as the flow that takes one distribution to the other.

    On a grid or between points of the plane mass moves along arrows as wide as there is much of
    it; the cells behind show which of the two has more there. On a line both distributions stand
    opposite each other, and strands join them.

    Parameters
    ----------
    transport : Transport
        Any answer of `divkit.emd`.
    shape : (height, width), optional
        The grid that both distributions live on.
    points : (array of shape (n, d), array of shape (m, d)), optional
        Where the atoms are, d ≤ 2. Without shape and points they are 0, 1, 2, … on a line.
    names : (str, str)
        What the two distributions are called.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    ValueError
        If the transport is not between atoms there.

    Examples
    --------
    >>> from divkit import emd, plot
    >>> t = emd.solve([0.5, 0.5], [1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]])
    >>> len(plot.plan(t).axes)
    1
    """
    x, y = _draw.positions(transport, shape, points)
    flow = transport.plan.tocoo()
    names = (_draw.verbatim(names[0]), _draw.verbatim(names[1]))
    given, taken = _draw.masses(transport)
    if x.shape[1] == 1:
        figure = _draw.figure(figure, 7, 4)
        axes = _draw.axes(figure)[0]
        _draw.strands(axes, x[:, 0], y[:, 0], flow, (given, taken), names)
        return figure
    figure = _draw.figure(figure, 6.2, 5.2)
    axes = _draw.axes(figure)[0]
    if shape is not None and len(shape) == 2:
        excess = (given - taken).reshape(shape)
        bound = np.abs(excess).max() or 1.0
        image = axes.imshow(excess, cmap=_draw.from_q_to_p(), vmin=-bound, vmax=bound, alpha=0.6)
        colorbar = figure.colorbar(image, ax=axes, shrink=0.9)
        colorbar.set_label(f"mass of {names[0]} minus mass of {names[1]}")
        _draw.cells(axes)
    else:
        for z, mass, name, color in ((x, given, names[0], P_COLOR), (y, taken, names[1], Q_COLOR)):
            size = 10 + 10 * mass / mass.max()
            axes.scatter(z[:, 0], z[:, 1], s=size, c=color, label=name, zorder=3)
        axes.set(xlabel="first coordinate", ylabel="second coordinate")
        axes.set_aspect("equal", adjustable="datalim")
        axes.legend(frameon=False)
    moves = np.flatnonzero((x[flow.row] != y[flow.col]).any(axis=1))
    drawn = _draw.heaviest(flow.data, moves)
    _draw.arrows(axes, x[flow.row[drawn]], y[flow.col[drawn]], flow.data[drawn])
    share = flow.data[moves].sum() / flow.data.sum()
    shown = f"{moves.size} arrow" + "s" * (moves.size != 1)
    if drawn.size < moves.size:
        shown = f"the {drawn.size} heaviest of {shown}"
    axes.set_title(
        f"EMD = {transport.value:.4g}; {share:.0%} of the mass moves\n"
        f"{shown}, the widest of mass {flow.data[drawn].max(initial=0.0):.2g}",
        fontsize=10,
    )
    return figure


def potentials(
    transport: emd.Transport,
    *,
    shape: tuple[int, ...] | None = None,
    points: tuple[Floats, Floats] | None = None,
    names: tuple[str, str] = ("P", "Q"),
    figure: Canvas | None = None,
) -> Canvas:
    """Draw the two Kantorovich potentials, f on the first support and g on the second.

    Where their sum is the cost of a pair, the plan may use that pair, and nowhere else.

    Parameters
    ----------
    transport, shape, points, names, figure
        As for `plan`.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    ValueError
        If the transport is not between atoms there.

    Examples
    --------
    >>> from divkit import emd, plot
    >>> t = emd.solve([0.5, 0.5], [1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]])
    >>> len(plot.potentials(t).axes)
    1
    """
    x, y = _draw.positions(transport, shape, points)
    f, g = transport.f, transport.g
    labels = f"f on {_draw.verbatim(names[0])}", f"g on {_draw.verbatim(names[1])}"
    if x.shape[1] == 1:
        figure = _draw.figure(figure, 7, 3.2)
        axes = _draw.axes(figure)[0]
        for z, values, label, color in ((x, f, labels[0], P_COLOR), (y, g, labels[1], Q_COLOR)):
            order = np.argsort(z[:, 0])
            axes.plot(z[order, 0], values[order], ".-", color=color, label=label)
        axes.axhline(0, color=PALE, linewidth=1, zorder=0)
        axes.set(xlabel="cell" if points is None else "value", ylabel="potential (units of cost)")
        _draw.open_frame(axes)
        axes.legend(frameon=False)
        return figure
    figure = _draw.figure(figure, 7.6, 3.6)
    bound = max(np.abs(f).max(), np.abs(g).max()) or 1.0
    scale: dict[str, Any] = {"cmap": "PRGn", "vmin": -bound, "vmax": bound}
    both = _draw.axes(figure, widths=(1, 1))
    colors = P_COLOR, Q_COLOR
    for axes, z, values, label, color in zip(both, (x, y), (f, g), labels, colors, strict=True):
        if shape is not None:
            image: Any = axes.imshow(values.reshape(shape), **scale)
            _draw.cells(axes)
        else:
            image = axes.scatter(
                z[:, 0], z[:, 1], c=values, s=22, edgecolors=INK, linewidths=0.3, **scale
            )
            axes.set(xlabel="first coordinate", ylabel="second coordinate")
            axes.set_aspect("equal", adjustable="datalim")
            axes.update_datalim(np.concatenate([x, y]))  # both panels show the same part
        axes.set_title(label, color=color, fontweight="bold", fontsize=11)
    figure.colorbar(image, ax=both, label="potential (units of cost)", shrink=0.9)
    return figure


def divergences(
    p: ArrayLike,
    q: ArrayLike,
    *,
    catalogue: Sequence[Divergence] | None = None,
    normalize: bool = False,
    figure: Canvas | None = None,
) -> Canvas:
    """Draw divergences of p and q as bars: the bounded ones as shares of their range, on top.

    A bounded divergence is drawn as the share (D − least)/(largest − least), which makes them
    comparable; an unbounded one by its value, with a hatched bar where that is infinite.

    Parameters
    ----------
    p, q : array, shape (n,)
        Two distributions, as every divergence takes them.
    catalogue : sequence of Divergence, optional
        Which to draw, by default all of the catalogue.
    normalize : bool
        Divide p and q each by its own mass.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    TypeError, ValueError
        If p and q are not two such distributions.

    Examples
    --------
    >>> from divkit import plot
    >>> [axes.get_title("left") for axes in plot.divergences([0.5, 0.5], [0.25, 0.75]).axes]
    ['bounded', 'unbounded']
    """
    chosen = list(CATALOGUE.values()) if catalogue is None else list(catalogue)
    found = [(D, float(D(p, q, normalize=normalize))) for D in chosen]
    bounded = [(D, value) for D, value in found if D.supremum < math.inf]
    unbounded = [(D, value) for D, value in found if D.supremum == math.inf]
    panels = [rows for rows in (bounded, unbounded) if rows]
    if not panels:
        raise ValueError("`catalogue` must hold at least 1 divergence, got none")
    figure = _draw.figure(figure, 7.6, 1.6 + 0.36 * len(found))
    heights = [len(rows) + 1.5 for rows in panels]
    for axes, rows in zip(_draw.axes(figure, heights=heights), panels, strict=True):
        if rows is bounded:
            _draw.shares(axes, rows)
        else:
            _draw.values(axes, rows)
    return figure


def parallel_lines(
    theta: ArrayLike | None = None, *, atoms: int = 16, figure: Canvas | None = None
) -> Canvas:
    """Draw how divergences and EMD see two parallel lines that are θ apart.

    P is uniform on the segment {0} × [0, 1] and Q on {θ} × [0, 1]. For every θ > 0 they are
    disjoint: Jensen–Shannon is log 2 and total variation 1 however near they are, and the EMD
    alone, which is θ, tells how far they have to go. All values are computed.

    Parameters
    ----------
    theta : array, optional
        Distances, by default from 0 over 0.001 to 1.
    atoms : int
        How many atoms stand for a segment.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    ValueError
        If theta is not a vector of distances.

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
    # No line joins θ = 0 to the rest: two of the three jump there.
    apart = distances > 0
    for column, label, color, style, size in (  # all three are 0 at 0: dots within dots
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
    # The divergences see both on the union of their supports, where atoms meet only if θ = 0.
    union, index = np.unique(np.concatenate([x, y]), axis=0, return_inverse=True)
    p, q = (np.bincount(part, minlength=len(union)) / atoms for part in np.split(index.ravel(), 2))
    uniform = np.full(atoms, 1 / atoms)
    return (
        emd.solve(uniform, uniform, M).value,
        float(jensen_shannon(p, q)),
        float(total_variation(p, q)),
    )
