"""Pictures of two histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from divkit import _check
from divkit.plot import _draw
from divkit.plot._draw import P_COLOR, Q_COLOR, Floats

if TYPE_CHECKING:
    from divkit.plot._draw import Canvas


def histograms(
    p: ArrayLike,
    q: ArrayLike,
    *,
    names: tuple[str, str] = ("P", "Q"),
    edges: Sequence[Floats] | None = None,
    figure: Canvas | None = None,
) -> Canvas:
    """Draw two histograms: vectors in one plot, matrices as two images with one color scale.

    Parameters
    ----------
    p, q : array, shape (n,) or (height, width)
        Masses of the cells.
    names : (str, str)
        Names of p and q.
    edges : sequence of array, optional
        Edges of the bins along each coordinate. With edges, a matrix is drawn with its first
        coordinate to the right and its second upwards; without, like an image.
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
