"""The directives ``catalogue`` and ``families``: made of what `divkit.fdiv` holds.

A new divergence appears in them when the documentation is built.
"""

from __future__ import annotations

import ast
import math
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from divkit import fdiv
from divkit.fdiv import CATALOGUE, Divergence, Family


def latex(formula: str) -> str:
    """Return a formula in the notation of Python as LaTeX."""
    return _latex(ast.parse(formula, mode="eval").body)[0]


# How tightly a piece of LaTeX holds together: what binds less is put in parentheses.
_SUM, _PRODUCT, _POWER, _ATOM = range(4)


def _latex(node: ast.expr) -> tuple[str, int]:
    match node:
        case ast.Name(id=name):
            return name, _ATOM
        case ast.Constant(value=value):
            return f"{value:g}", _ATOM
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"-{_held(operand, _PRODUCT)}", _SUM
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return f"{_held(left, _SUM)} + {_held(right, _SUM)}", _SUM
        case ast.BinOp(op=ast.Sub(), left=left, right=right):
            return f"{_held(left, _SUM)} - {_held(right, _PRODUCT)}", _SUM
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            # Two numbers side by side would read as one.
            dot = r" \cdot " if isinstance(right, ast.Constant) else r"\,"
            return f"{_held(left, _PRODUCT)}{dot}{_held(right, _PRODUCT)}", _PRODUCT
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            return rf"\frac{{{_held(left, _SUM)}}}{{{_held(right, _SUM)}}}", _PRODUCT
        case ast.BinOp(op=ast.Pow(), left=left, right=right):
            return f"{_held(left, _ATOM)}^{{{_held(right, _SUM)}}}", _POWER
        case ast.Call(func=ast.Name(id="exp"), args=[x]):
            return f"e^{{{_held(x, _SUM)}}}", _POWER
        case ast.Call(func=ast.Name(id="sqrt"), args=[x]):
            return rf"\sqrt{{{_held(x, _SUM)}}}", _ATOM
        case ast.Call(func=ast.Name(id="abs"), args=[x]):
            return rf"\left|{_held(x, _SUM)}\right|", _ATOM
        case ast.Call(func=ast.Name(id="log"), args=[x]):
            return rf"\log {_held(x, _ATOM)}", _PRODUCT
        case ast.Call(func=ast.Name(id=name), args=arguments):
            listed = ", ".join(_held(x, _SUM) for x in arguments)
            command = rf"\{name}" if name in ("max", "min") else name
            return rf"{command}\left({listed}\right)", _ATOM
        case ast.IfExp(test=test, body=body, orelse=other):
            return (
                rf"\begin{{cases}} {_held(body, _SUM)} & {_latex(test)[0]} \\ "
                rf"{_held(other, _SUM)} & \text{{else}} \end{{cases}}"
            ), _ATOM
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return f"{_held(left, _SUM)} {_RELATIONS[type(operator)]} {_held(right, _SUM)}", _SUM
    raise ValueError(f"the formula has a part with no LaTeX here: {ast.unparse(node)}")


_RELATIONS: dict[type[ast.cmpop], str] = {
    ast.Gt: ">",
    ast.GtE: r"\ge",
    ast.Lt: "<",
    ast.LtE: r"\le",
}


def _held(node: ast.expr, least: int) -> str:
    text, strength = _latex(node)
    return text if strength >= least else rf"\left({text}\right)"


def _number(x: float) -> str:
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    return f"{x:.6g}".replace("-", "−")


def _formula(text: str | None) -> nodes.Node:
    if text is None:
        return nodes.Text("as code")
    found = latex(text)
    return nodes.math(found, found)


def _formulas(D: Divergence) -> list[Any]:
    return [
        nodes.literal(text=str(D)),
        _formula(D.generator_formula),
        _formula(D.conjugate_formula),
        nodes.Text(str(D.conjugate_domain)),
    ]


def _limits(D: Divergence) -> list[Any]:
    return [
        nodes.literal(text=str(D)),
        nodes.Text(_number(D.at_zero)),
        nodes.Text(_number(D.slope)),
        nodes.Text(_number(D.derivative_at_zero)),
        nodes.Text(_number(D.conjugate_at_slope)),
        nodes.Text(f"{_number(D.at_one)} … {_number(D.supremum)}"),
    ]


def _sources(D: Divergence) -> list[Any]:
    exchanged = nodes.Text("symmetric") if D.is_symmetric else nodes.literal(text=str(D.adjoint))
    return [nodes.literal(text=str(D)), nodes.Text(D.title), exchanged, nodes.Text(D.citation)]


class Catalogue(SphinxDirective):
    """One of the tables ``formulas``, ``limits`` and ``sources``, a row for each divergence."""

    required_arguments = 1
    tables: ClassVar = {
        "formulas": (["name", "f(u)", "f*(t)", "finite for"], _formulas),
        "limits": (["name", "f(0⁺)", "f′(∞)", "f′(0⁺)", "f*(f′(∞))", "least … largest"], _limits),
        "sources": (["name", "", "exchanged arguments", "source"], _sources),
    }

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        headings, cells = self.tables[self.arguments[0]]
        table = nodes.table(classes=["colwidths-auto"])
        group = nodes.tgroup(cols=len(headings))
        table += group
        for _ in headings:
            group += nodes.colspec(colwidth=20)
        group += nodes.thead("", _row([nodes.Text(heading) for heading in headings]))
        group += nodes.tbody("", *(_row(cells(D)) for D in CATALOGUE.values()))
        return [table]


class Families(SphinxDirective):
    """The functions that return a record for a parameter."""

    def run(self) -> list[nodes.Node]:
        """Return what autodoc makes of each."""
        names = [name for name, value in vars(fdiv).items() if isinstance(value, Family)]
        return self.parse_text_to_nodes(
            "\n\n".join(f".. autofunction:: divkit.fdiv.{name}" for name in names)
        )


def _row(cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("catalogue", Catalogue)
    app.add_directive("families", Families)
    return {"parallel_read_safe": True}
