"""Pictures of a transport plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divkit import emd
from divkit.plot import _draw
from divkit.plot._draw import P_COLOR, Q_COLOR, Floats

if TYPE_CHECKING:
    from divkit.plot._draw import Canvas


def plan(
    transport: emd.Transport,
    *,
    shape: tuple[int, ...] | None = None,
    points: tuple[Floats, Floats] | None = None,
    names: tuple[str, str] = ("P", "Q"),
    figure: Canvas | None = None,
) -> Canvas:
    """Draw an optimal plan as the flow that transports one distribution to the other.

    On a grid or between points in the plane, mass moves along arrows whose width grows with the
    mass; on a grid, the cells behind are colored by the difference of the two masses. On a line,
    the two distributions are drawn opposite each other and joined by lines.

    Parameters
    ----------
    transport : Transport
        Any result of `divkit.emd`.
    shape : (height, width), optional
        The grid of cells on which both distributions are defined.
    points : (array of shape (n, d), array of shape (m, d)), optional
        Positions of the atoms, d ≤ 2. Without `shape` and `points` they are 0, 1, … on a line.
    names : (str, str)
        Names of the two distributions.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    ValueError
        If `shape` or `points` does not fit the transport, or has more than two dimensions.

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
