"""Output of the command line as rich tables: comparison, catalogue, verification, training."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from divkit._labels import label
from divkit.cli._compare import Comparison
from divkit.fdiv import Divergence

if TYPE_CHECKING:
    from divkit.cli._gan_demo import Outcome


def number(x: float) -> str:
    """Format `x` with seven significant digits, infinities as ∞."""
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    return f"{x:.7g}".replace("-", "−")


def small(x: float) -> str:
    """Format a gap or residual with two significant digits."""
    return number(x) if x == 0 or math.isinf(x) else f"{x:.1e}".replace("-", "−")


def rows(found: Comparison) -> list[tuple[str, str, str, str, str]]:
    """Return label, value, dual value, gap and largest value of every measure, the EMD last."""
    divergences = [
        (label(line.divergence), line.value, line.dual_value, line.gap, line.divergence.supremum)
        for line in found.lines
    ]
    t = found.transport
    moved = ("Earth mover's distance", t.value, t.dual_value, t.gap, found.largest_cost)
    return [
        (name, number(value), number(dual), small(gap), number(largest))
        for name, value, dual, gap, largest in [*divergences, moved]
    ]


def notes(found: Comparison) -> list[str]:
    """Return notes on how the comparison was made, and on the accuracy of the distance."""
    t = found.transport
    steps = "" if t.iterations is None else f" in {t.iterations} iterations"
    lines = [
        *found.notes,
        f"EMD: by {t.method}{steps}; residuals: primal {small(t.primal_residual)}, dual "
        f"{small(t.dual_residual)}.",
        "Logarithms are natural (nats). The gap is value minus dual, 0 up to rounding.",
    ]
    if any(math.isinf(line.value) for line in found.lines):
        lines.append("∞: one of the two has no mass at all somewhere the other has some.")
    return lines


def comparison(found: Comparison) -> Table:
    """Return the table of `divkit compare`."""
    table = Table(
        title=Text(f"P = {found.names[0]}    Q = {found.names[1]}"),
        caption="\n".join(notes(found)),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("measure")
    for heading in ("value", "dual", "gap", "largest"):
        table.add_column(heading, justify="right", no_wrap=True)
    *divergences, moved = rows(found)
    for row in divergences:
        table.add_row(*row)
    table.add_section()
    table.add_row(*moved)
    return table


def catalogue(divergences: Iterable[Divergence]) -> Table:
    """Return the table of `divkit table`."""
    table = Table(box=box.SIMPLE_HEAD, show_lines=True, pad_edge=False)
    table.add_column("divergence", overflow="fold")
    table.add_column("generator, conjugate and its domain, limits", overflow="fold")
    for D in divergences:
        parameters = [f"{name} = {value:g}" for name, value in D.parameters.items()]
        mirrored = "symmetric" if D.is_symmetric else f"adjoint {D.adjoint}"
        table.add_row(
            Text("\n".join([D.title, D.name, *parameters])),
            Text(
                f"f(u)  = {D.generator_formula or 'computed'}\n"
                f"f*(t) = {D.conjugate_formula or 'computed'}\n"
                f"{D.conjugate_domain}; f(0) = {number(D.at_zero)}; f′(∞) = {number(D.slope)}\n"
                f"largest {number(D.supremum)}; {mirrored}"
            ),
        )
    return table


def verification(results: dict[str, list[tuple[str, str | None]]]) -> Table:
    """Return the table of `divkit verify`: how many identities hold and fail per subject."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("checked")
    table.add_column("hold", justify="right")
    table.add_column("fail", justify="right")
    table.add_column("failing identities")
    for subject, outcomes in results.items():
        failed = [identity for identity, failure in outcomes if failure is not None]
        table.add_row(
            Text(subject),
            str(len(outcomes) - len(failed)),
            Text(str(len(failed)), style="bold red" if failed else "green"),
            Text(", ".join(failed)),
        )
    return table


def training(data: str, found: Outcome) -> Table:
    """Return the table of `divkit gan`."""
    table = Table(title=Text(f"{found.system}, on {data}"), box=box.SIMPLE_HEAD, show_header=False)
    table.add_column("measure")
    table.add_column("value", justify="right")
    table.add_row("modes covered", f"{found.modes} of {found.of}")
    table.add_row("exact EMD to held-out data", number(found.distance))
    table.add_row("the same of real samples", number(found.floor))
    if found.as_asked is not None:
        table.add_row("samples that are as asked", f"{found.as_asked:.1%}")
    table.add_row("seconds of training", f"{found.seconds:.1f}")
    return table
