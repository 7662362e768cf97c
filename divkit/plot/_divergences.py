"""Bar charts of divergences of two distributions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from divkit.fdiv import CATALOGUE, Divergence
from divkit.plot import _draw

if TYPE_CHECKING:
    from divkit.plot._draw import Canvas


def divergences(
    p: ArrayLike,
    q: ArrayLike,
    *,
    catalogue: Sequence[Divergence] | None = None,
    normalize: bool = False,
    figure: Canvas | None = None,
) -> Canvas:
    """Draw divergences of p and q as bars: bounded ones above, unbounded ones below.

    A bounded divergence is drawn as the fraction (D − least)/(largest − least) of its range, for
    comparability, and an unbounded one by its value, with a hatched bar if that is infinite.

    Parameters
    ----------
    p, q : array, shape (n,)
        Two distributions, as accepted by every divergence.
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
        If p and q are not distributions on the same atoms, or `catalogue` is empty.

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
