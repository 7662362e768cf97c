"""The directive ``methods``: the table of methods of `divkit.emd`, a row for each."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from divkit.emd._methods import METHODS, Method

HEADINGS = "method", "what it is", "needs", "takes", "for n sources and m sinks"


class Methods(SphinxDirective):
    """The table."""

    def run(self) -> list[nodes.Node]:
        """Return it."""
        table = nodes.table(classes=["colwidths-auto"])
        group = nodes.tgroup(cols=len(HEADINGS))
        table += group
        for _ in HEADINGS:
            group += nodes.colspec(colwidth=20)
        group += nodes.thead("", _row([nodes.Text(heading) for heading in HEADINGS]))
        group += nodes.tbody("", *(_row(_cells(*item)) for item in METHODS.items()))
        return [table]


def _cells(name: str, method: Method) -> list[nodes.Node]:
    takes = {
        "a sparse M": method.sparse,
        "start": method.start,
        "solver": method.solver,
        "either program alone": method.primal is not None,
    }
    listed = ", ".join(what for what, taken in takes.items() if taken)
    texts = method.about, method.needs or "–", listed or "–", method.cost
    return [nodes.literal(text=name), *(nodes.Text(text) for text in texts)]


def _row(cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("methods", Methods)
    return {"parallel_read_safe": True}
