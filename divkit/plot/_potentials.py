"""Pictures of both potentials of a transport problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divkit import emd
from divkit.plot import _draw
from divkit.plot._draw import INK, P_COLOR, PALE, Q_COLOR, Floats

if TYPE_CHECKING:
    from divkit.plot._draw import Canvas


def potentials(
    transport: emd.Transport,
    *,
    shape: tuple[int, ...] | None = None,
    points: tuple[Floats, Floats] | None = None,
    names: tuple[str, str] = ("P", "Q"),
    figure: Canvas | None = None,
) -> Canvas:
    """Draw the two Kantorovich potentials, f on the first support and g on the second.

    The plan can carry mass only between pairs of atoms whose potentials add up to their cost.

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
        If `shape` or `points` does not fit the transport, or has more than two dimensions.

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
            axes.update_datalim(np.concatenate([x, y]))  # same region in both panels
        axes.set_title(label, color=color, fontweight="bold", fontsize=11)
    figure.colorbar(image, ax=both, label="potential (units of cost)", shrink=0.9)
    return figure
