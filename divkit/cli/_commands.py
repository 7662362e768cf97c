"""The commands of `divkit`: arguments, output and error handling."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from divkit import __version__, emd, fdiv
from divkit.cli import _files, _tables
from divkit.cli._compare import Comparison, Metric, compare, compare_samples

app = typer.Typer(
    help="f-divergences and the earth mover's distance, each with its dual and the gap.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Errors that a user can fix: a wrong file, a wrong option, a problem that is too large.
_MENDABLE = ValueError, TypeError, OSError, ArithmeticError, MemoryError
out = Console()
err = Console(stderr=True)


def run() -> int:
    """Run the command line on the process's arguments and return its exit status."""
    try:
        return int(app(prog_name="divkit", standalone_mode=False) or 0)
    except typer.Abort:
        return 130  # as a shell reports an interrupt
    except OSError as error:
        # Commands handle errors of the files they use, so this one is from writing the output.
        err.print(Text(f"divkit: the output cannot be written: {error.strerror}"), soft_wrap=True)
        return 2
    except Exception as error:
        # Duck-typed, as not all supported releases of typer expose the base class of usage errors.
        if not hasattr(error, "format_message"):
            raise
        message = " ".join(str(error.format_message()).split()).rstrip(".")
        if message:  # empty if there were no arguments: then the help was printed
            err.print(Text(f"divkit: {message}; see `divkit --help`"), soft_wrap=True)
        return 2


def _version(wanted: bool) -> None:
    if wanted:
        print(f"divkit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hold the options of `divkit` itself."""


@app.command("compare")
def compare_files(
    a: Annotated[str, typer.Argument(metavar="A", help="P: .npy, .npz, .csv or .txt.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Q: likewise.")],
    samples: Annotated[
        bool, typer.Option("--samples", help="A row is a point, not a row of a histogram.")
    ] = False,
    metric: Annotated[
        Metric, typer.Option(help="Ground cost of the EMD between cells or points.")
    ] = Metric.EUCLIDEAN,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Divide each histogram by its mass: for counts.")
    ] = False,
    bins: Annotated[
        int | None,
        typer.Option(min=1, help="With --samples: bins along each coordinate for the divergences."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; infinities are the strings inf and -inf.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write an HTML page with pictures, complete in one file.")
    ] = None,
) -> None:
    """Compare two distributions: every divergence and the EMD, with dual value and gap.

    A vector is a histogram over equidistant cells, a matrix a histogram over a grid of cells.
    FILE.npz:NAME chooses one array of several.
    """
    with _one_line({"p": a, "q": b, "x": a, "y": b}):
        found = _compared(a, b, samples, metric.value, normalize, bins)
    if as_json:
        print(json.dumps(_record(found), indent=2, allow_nan=False))
    else:
        out.print(_tables.comparison(found))
    if report is not None:
        # Imported here because only the report needs jinja2 and matplotlib.
        from divkit.cli._report import Section, pictures, write

        title = f"{a} against {b}"
        with _one_line({}):
            write(report, title, [Section(title, "", found, pictures(found))])
        err.print(Text(f"report: {report}"), soft_wrap=True)


@app.command()
def table() -> None:
    """Print the catalogue: generators, conjugates, their domains and limits."""
    out.print(_tables.catalogue(fdiv.CATALOGUE.values()))


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAMES]...", help="What to check, e.g. kl or emd.solve; all."),
    ] = None,
    examples: Annotated[int, typer.Option(min=1, help="Random inputs per identity.")] = 25,
) -> None:
    """Check every identity of the divergences and of the EMD on random inputs."""
    with _one_line({}):
        subjects = _subjects(names or [])
    results: dict[str, list[tuple[str, str | None]]] = {}
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    shown = err.is_terminal  # no progress bar in a pipe or a file
    with Progress(*columns, console=err, transient=True, disable=not shown) as progress:
        task = progress.add_task("", total=sum(map(len, subjects.values())))
        for subject, identities in subjects.items():
            results[subject] = []
            for identity, run in identities:
                progress.update(task, description=f"{subject}: {identity}")
                results[subject].append((identity, _failure(run, examples)))
                progress.advance(task)
    out.print(_tables.verification(results))
    failures = [text for outcomes in results.values() for _, text in outcomes if text is not None]
    for text in failures:
        err.print(Text(text, style="red"), soft_wrap=True)
    if failures:
        raise typer.Exit(1)


@app.command()
def demo(
    directory: Annotated[
        Path, typer.Option("--out", help="Where the report and the pictures go.")
    ] = Path("divkit-report"),
) -> None:
    """Compare handwritten digits: print both tables, write a report and its pictures."""
    from divkit.cli import _demo  # needs scikit-learn, a separate extra

    with _one_line({}):
        report = _demo.run(directory, show=lambda found: out.print(_tables.comparison(found), ""))
    out.print(Text(f"The report is {report}"), soft_wrap=True)


@app.command("gan")
def train_gan(
    data: Annotated[str, typer.Argument(metavar="DATA", help="ring or digits.")] = "ring",
    objective: Annotated[
        str, typer.Option(help="A divergence, non_saturating, wgan_gp, f_gamma, earth_mover, …")
    ] = "non_saturating",
    conditional: Annotated[
        bool, typer.Option("--conditional", help="Ask for a mode, or a digit, each time.")
    ] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of the generator; by default what suits.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, noise and minibatches.")] = 0,
    directory: Annotated[Path, typer.Option("--out", help="Where the pictures go.")] = Path(
        "divkit-gan"
    ),
) -> None:
    """Train a small GAN by any objective: modes covered, exact EMD to held-out data, pictures."""
    from divkit.cli import _gan_demo  # needs torch, a separate extra

    options = {name: f"--{name}" for name in ("objective", "conditional", "seed")}
    with _one_line({"data": "DATA", **options}):
        found = _gan_demo.run(
            data,
            objective,
            directory,
            conditional=conditional,
            steps=steps,
            seed=seed,
            progress=err.is_terminal,
        )
    out.print(_tables.training(data, found))
    for picture in found.pictures:
        err.print(Text(f"picture: {picture}"), soft_wrap=True)


@contextmanager
def _one_line(renamed: dict[str, str]) -> Iterator[None]:
    """Report errors that a user can fix in one line, with command-line names, and exit with 2."""
    try:
        yield
    except _MENDABLE as error:
        message = str(error) or type(error).__name__
        if isinstance(error, OSError) and error.filename is not None:
            message = f"`{error.filename}` cannot be used: {error.strerror}"
        message = message.replace("`normalize=True`", "`--normalize`")
        for argument, file in renamed.items():
            message = message.replace(f"got {argument}[", "got entry [")
            message = message.replace(f"`{argument}`", f"`{file}`")
        err.print(Text(f"divkit: {' '.join(message.split())}"), soft_wrap=True)
        raise typer.Exit(2) from None


def _compared(
    a: str, b: str, samples: bool, metric: str, normalize: bool, bins: int | None
) -> Comparison:
    if samples and normalize:
        raise ValueError(
            "`--normalize` is for histograms: samples have their own mass, leave it out"
        )
    if bins is not None and not samples:
        raise ValueError("`--bins` is for samples: add `--samples`, or leave it out")
    first, second = _files.read(a), _files.read(b)
    if samples:
        return compare_samples(first, second, metric=metric, bins=bins, names=(a, b))
    return compare(first, second, metric=metric, normalize=normalize, names=(a, b))


def _record(found: Comparison) -> dict[str, Any]:
    """Return the comparison as a dict that strict JSON can represent."""
    t = found.transport
    return {
        "a": found.names[0],
        "b": found.names[1],
        "divergences": [
            {
                "name": line.divergence.name,
                "parameters": dict(line.divergence.parameters),
                "value": _plain(line.value),
                "dual_value": _plain(line.dual_value),
                "gap": _plain(line.gap),
                "supremum": _plain(line.divergence.supremum),
            }
            for line in found.lines
        ],
        "transport": {
            "metric": found.metric,
            "value": _plain(t.value),
            "dual_value": _plain(t.dual_value),
            "gap": _plain(t.gap),
            "largest_cost": _plain(found.largest_cost),
            "primal_residual": _plain(t.primal_residual),
            "dual_residual": _plain(t.dual_residual),
            "method": t.method,
            "iterations": t.iterations,
        },
        "notes": list(found.notes),
    }


def _plain(x: float) -> float | str:
    return float(x) if math.isfinite(x) else str(float(x))


def _subjects(names: list[str]) -> dict[str, list[tuple[str, Callable[[int], None]]]]:
    """Return the identities of all subjects that are checked, or of those selected by `names`."""
    from divkit import testing  # needs hypothesis, a separate extra

    members = [
        *fdiv.CATALOGUE.values(),
        fdiv.weighted_jensen_shannon(0.7),
        *(fdiv.alpha(order) for order in (-0.5, 0.5, 3.0)),
    ]
    known = {str(D): testing.divergence_checks(D) for D in members}
    known["emd.solve"] = testing.transport_checks(emd.solve)
    for name in names:
        if not any(_chosen(subject, name) for subject in known):
            raise ValueError(f"NAMES must be among {', '.join(known)}, got {name}")
    return {
        subject: identities
        for subject, identities in known.items()
        if not names or any(_chosen(subject, name) for name in names)
    }


def _chosen(subject: str, name: str) -> bool:
    """Return whether `name` selects `subject`; a family's name selects all its members."""
    return name in (subject, subject.partition("(")[0], subject.partition(".")[0])


def _failure(run: Callable[[int], None], examples: int) -> str | None:
    try:
        run(examples)
    except AssertionError as error:
        return str(error)
    return None
