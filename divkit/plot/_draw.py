"""Building blocks of the pictures of `divkit.plot`: canvases, images, flows, bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from divkit._labels import label
from divkit.emd import Transport
from divkit.fdiv import Divergence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

    Canvas = Figure | SubFigure

Floats = NDArray[np.float64]

# Blue and vermillion of the color-blind-safe palette of M. Okabe and K. Ito.
P_COLOR, Q_COLOR = "#0072B2", "#D55E00"
INK, PALE = "#333333", "#D9D9D9"
MOST_ARROWS = 600


def figure(given: Canvas | None, width: float, height: float) -> Canvas:
    """Return `given`, or a new figure of that size in inches, not managed by pyplot."""
    if given is not None:
        return given
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def axes(
    canvas: Canvas,
    *,
    widths: Sequence[float] = (1,),
    heights: Sequence[float] = (1,),
) -> list[Axes]:
    """Return new axes in a grid of columns and rows of those relative sizes."""
    grid = canvas.subplots(
        len(heights),
        len(widths),
        squeeze=False,
        gridspec_kw={"width_ratios": widths, "height_ratios": heights},
    )
    return list(grid.ravel())


def open_frame(axes: Axes) -> None:
    """Hide the top and right edges of the frame."""
    axes.spines[["top", "right"]].set_visible(False)


def verbatim(name: str) -> str:
    """Escape `name` so that it is drawn literally: no mathtext, and not omitted from legends."""
    name = name.replace("$", r"\$")
    return f" {name}" if name.startswith("_") else name


def cells(axes: Axes) -> None:
    """Label the axes of an image by row and column of cells, with few integer ticks."""
    from matplotlib.ticker import MaxNLocator

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set(xlabel="column (cells)", ylabel="row (cells)")


def from_q_to_p() -> Colormap:
    """Return a diverging colormap from Q's color over white to P's, for the excess of P over Q."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("q_white_p", [Q_COLOR, "white", P_COLOR])


def positions(
    transport: Transport, shape: tuple[int, ...] | None, points: tuple[Floats, Floats] | None
) -> tuple[Floats, Floats]:
    """Return the positions of the atoms of both sides; in a grid (column, row), as in an image.

    Raises ValueError if their number differs from the transport's, or their dimension exceeds 2.
    """
    n, m = transport.plan.shape
    if points is not None:
        x, y = (np.asarray(z, dtype=np.float64).reshape(len(z), -1) for z in points)
    elif shape is not None:
        x = y = np.indices(shape).reshape(len(shape), -1).T[:, ::-1].astype(np.float64)
    else:
        x, y = np.arange(n, dtype=np.float64)[:, None], np.arange(m, dtype=np.float64)[:, None]
    if (len(x), len(y)) != (n, m):
        raise ValueError(
            f"`shape` or `points` must give {n} and {m} atoms as the transport has, got {len(x)} "
            f"and {len(y)}"
        )
    if x.shape[1] != y.shape[1] or x.shape[1] > 2:
        raise ValueError(
            "`shape` or `points` must lie on a line or in a plane, got "
            f"{x.shape[1]} and {y.shape[1]} dimensions: pass two coordinates of each"
        )
    return x, y


def masses(transport: Transport) -> tuple[Floats, Floats]:
    """Return the two marginals of the plan."""
    plan = transport.plan
    return np.asarray(plan.sum(axis=1)).ravel(), np.asarray(plan.sum(axis=0)).ravel()


def heaviest(mass: Floats, among: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the at most `MOST_ARROWS` heaviest entries, lightest first so as to draw it below."""
    return among[np.argsort(mass[among], kind="stable")][-MOST_ARROWS:]


def arrows(axes: Axes, start: Floats, end: Floats, mass: Floats) -> None:
    """Draw arrows whose width grows linearly with the mass they carry."""
    from matplotlib.patches import FancyArrowPatch

    widest = mass.max(initial=0.0)
    thin = _thinned(mass.size)
    for tail, tip, share in zip(start, end, mass / widest if widest else mass, strict=True):
        axes.add_patch(
            FancyArrowPatch(
                tuple(tail),
                tuple(tip),
                arrowstyle="-|>",
                mutation_scale=4 + 9 * share * thin,
                linewidth=0.4 + 4 * share * thin,
                color=INK,
                alpha=0.85,
                shrinkA=0,
                shrinkB=0,
                zorder=2,
            )
        )


def strands(
    axes: Axes,
    x: Floats,
    y: Floats,
    flow: Any,
    weights: tuple[Floats, Floats],
    names: tuple[str, str],
) -> None:
    """Draw bars of P above and of Q below, joined by lines that widen with the mass they carry."""
    from matplotlib.collections import LineCollection

    drawn = heaviest(flow.data, np.arange(flow.data.size))
    rows, columns, mass = flow.row[drawn], flow.col[drawn], flow.data[drawn]
    ends = np.stack(
        [
            np.column_stack([x[rows], np.ones(rows.size)]),
            np.column_stack([y[columns], np.zeros(columns.size)]),
        ],
        axis=1,
    )
    axes.add_collection(
        LineCollection(
            list(ends),
            linewidths=0.3 + 5 * _thinned(drawn.size) * mass / mass.max(),
            colors=INK,
            alpha=0.35,
        )
    )
    top = max(w.max() for w in weights)
    for z, w, base, sign, color in (
        (x, weights[0], 1.0, 1, P_COLOR),
        (y, weights[1], 0.0, -1, Q_COLOR),
    ):
        axes.vlines(
            z, base, base + sign * 0.5 * w / top, color=color, linewidth=0.5 + 3 * _thinned(z.size)
        )
        axes.axhline(base, color=PALE, linewidth=1, zorder=0)
    axes.set(yticks=[1.25, -0.25], yticklabels=names, ylim=(-0.6, 1.6), xlabel="position")
    for tick, color in zip(axes.get_yticklabels(), (P_COLOR, Q_COLOR), strict=True):
        tick.set_color(color)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _thinned(count: int) -> float:
    """Return the factor on line widths that keeps `count` lines distinguishable."""
    return min(1.0, 80 / max(count, 1))


def shares(axes: Axes, rows: Sequence[tuple[Divergence, float]]) -> None:
    """Draw bounded divergences as fractions of their range, on an axis of the whole range."""
    names = [label(D) for D, _ in rows]
    parts = [(value - D.at_one) / (D.supremum - D.at_one) for D, value in rows]
    axes.barh(names, [1.0] * len(rows), color=PALE, height=0.7)
    axes.barh(names, parts, color=P_COLOR, height=0.7)
    for place, ((D, value), part) in enumerate(zip(rows, parts, strict=True)):
        text = f"{part:.1%}   ({value:.4g} in [{D.at_one:.4g}, {D.supremum:.4g}])".replace("-", "−")
        inside = part > 0.5
        axes.text(
            part - 0.01 if inside else part + 0.01,
            place,
            text,
            ha="right" if inside else "left",
            va="center",
            fontsize=9,
            color="white" if inside else INK,
        )
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.set(xlim=(0, 1), xlabel="share of the way from least to largest possible value")
    _finish_bars(axes, "bounded")


def values(axes: Axes, rows: Sequence[tuple[Divergence, float]]) -> None:
    """Draw unbounded divergences by value; an infinite one fills the axis, hatched."""
    names = [label(D) for D, _ in rows]
    finite = [value for _, value in rows if math.isfinite(value)]
    right = 1.3 * max(finite, default=1.0) or 1.0
    for place, (name, (_, value)) in enumerate(zip(names, rows, strict=True)):
        known = math.isfinite(value)
        axes.barh(
            name,
            value if known else right,
            height=0.7,
            color=Q_COLOR if known else "white",
            edgecolor=Q_COLOR,
            hatch=None if known else "////",
            linewidth=0 if known else 0.8,
        )
        axes.text(
            value + 0.01 * right if known else right / 2,
            place,
            f"{value:.4g}" if known else "∞",
            ha="left" if known else "center",
            va="center",
            fontsize=9 if known else 13,
            color=INK,
            bbox=None if known else {"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    axes.set(xlim=(0, right), xlabel="value (nats where there is a logarithm)")
    if not finite:
        axes.set(xticks=[], xlabel="all infinite")
    _finish_bars(axes, "unbounded")


def _finish_bars(axes: Axes, title: str) -> None:
    axes.invert_yaxis()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.tick_params(axis="y", length=0)
    open_frame(axes)
