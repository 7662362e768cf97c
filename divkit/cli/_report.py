"""Comparisons as a self-contained HTML page with embedded pictures."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from divkit import __version__, plot
from divkit.cli import _tables
from divkit.cli._compare import Comparison

if TYPE_CHECKING:
    from divkit.plot._draw import Canvas


@dataclass(frozen=True)
class Picture:
    """A PNG picture with its caption and file name (without suffix)."""

    name: str
    caption: str
    png: bytes

    @property
    def data_uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"


@dataclass(frozen=True)
class Section:
    """A section of a report: heading, text, optional comparison, and pictures."""

    title: str
    text: str
    comparison: Comparison | None
    pictures: list[Picture]


def picture(name: str, caption: str, figure: Canvas) -> Picture:
    """Render a figure as PNG."""
    stream = io.BytesIO()
    figure.figure.savefig(stream, format="png", dpi=150)
    return Picture(name, caption, stream.getvalue())


def pictures(found: Comparison) -> list[Picture]:
    """Return the pictures of a comparison; plans and potentials in at most two dimensions."""
    drawn = []
    # Long names such as paths would overlap; the page's title says what P and Q are.
    names = found.names if max(map(len, found.names)) <= 24 else ("P", "Q")
    if found.histograms is not None and found.histograms[0].ndim <= 2:
        drawn.append(
            picture(
                "histograms",
                "The two histograms that the divergences compare, on one scale.",
                plot.histograms(*found.histograms, names=names, edges=found.edges),
            )
        )
    if found.points[0].shape[1] <= 2:
        where = {"points": found.points} if found.shape is None else {"shape": found.shape}
        drawn.append(
            picture(
                "plan",
                "The optimal plan: where the mass of P goes to become Q. Width is mass.",
                plot.plan(found.transport, **where, names=names),
            )
        )
        drawn.append(
            picture(
                "potentials",
                "The two potentials. Their means under P and Q add up to the dual value of the "
                "distance, and nowhere do they add up to more than the cost.",
                plot.potentials(found.transport, **where, names=names),
            )
        )
    if found.histograms is not None:
        drawn.append(
            picture(
                "divergences",
                "All divergences. A hatched bar is infinite: one of the two has no mass somewhere "
                "the other has some.",
                plot.divergences(*(h.ravel() for h in found.histograms), normalize=True),
            )
        )
    return drawn


def render(title: str, sections: list[Section]) -> str:
    """Return the HTML page, which has no external resources."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("divkit.cli", package_path=""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(rows=_tables.rows, notes=_tables.notes)
    template = environment.get_template("report.html.j2")
    return template.render(title=title, sections=sections, version=__version__)


def write(path: Path, title: str, sections: list[Section]) -> None:
    """Write the page to a file."""
    path.write_text(render(title, sections), encoding="utf-8")
