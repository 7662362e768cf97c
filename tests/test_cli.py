"""The command line: what it prints is what the library says, and what is wrong is one line."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import divkit
from divkit import cli, emd, fdiv, testing
from divkit.cli._commands import app
from divkit.cli._compare import compare

P = np.array([0.1, 0.4, 0.2, 0.3])
Q = np.array([0.3, 0.2, 0.25, 0.25])
INDEX = np.arange(4.0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a directory of inputs, which is also where commands run."""
    monkeypatch.chdir(tmp_path)
    np.save("p.npy", P)
    np.save("q.npy", Q)
    np.save("disjoint.npy", [0.0, 0.0, 0.0, 1.0])
    np.save("start.npy", [1.0, 0.0, 0.0, 0.0])
    np.save("counts.npy", [1, 4, 2, 3])
    np.save("more.npy", 2.5 * Q)
    np.save("negative.npy", [0.5, 0.6, -0.1, 0.0])
    np.save("nan.npy", [0.5, 0.5, np.nan, 0.0])
    np.save("complex.npy", P + 1j)
    np.save("cube.npy", np.ones((2, 2, 2)))
    np.save("grid.npy", P.reshape(2, 2))
    np.savez("pair.npz", p=P, q=Q)
    np.savetxt("p.csv", P[None], delimiter=",")
    np.savetxt("q.txt", Q)
    np.save("far.npy", [-1.7e308, 1.7e308])
    Path("gap.csv").write_text("0.4,,0.1\n0.5,0,0\n")
    Path("cut.npy").write_bytes(Path("p.npy").read_bytes()[:-8])
    generator = np.random.default_rng(5)
    np.save("x.npy", generator.normal(size=(30, 2)))
    np.save("y.npy", generator.normal(1, size=(20, 2)))
    return tmp_path


def run(*args):
    result = CliRunner().invoke(app, list(args))
    # Only what the commands raise on purpose: anything else would be a traceback.
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def strict(text):
    """Parse JSON as the standard has it, without NaN and Infinity."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    ("a", "b"), [("p.npy", "q.npy"), ("pair.npz:p", "pair.npz:q"), ("p.csv", "q.txt")]
)
def test_json_is_what_the_library_says(folder, a, b):
    result = run("compare", a, b, "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    found = strict(result.stdout)
    assert (found["a"], found["b"]) == (a, b)
    for entry, D in zip(found["divergences"], fdiv.CATALOGUE.values(), strict=True):
        assert entry["name"] == D.name
        assert entry["value"] == D(P, Q)
        assert entry["dual_value"] == D.bound(P, Q, D.witness(P, Q))
        assert entry["gap"] == entry["value"] - entry["dual_value"]
        assert entry["supremum"] == (D.supremum if math.isfinite(D.supremum) else "inf")
    t = emd.solve(P, Q, np.abs(INDEX[:, None] - INDEX))
    transport = found["transport"]
    assert transport["method"] == t.method
    assert transport["value"] == pytest.approx(t.value, rel=1e-14)
    assert transport["dual_value"] == pytest.approx(t.dual_value, rel=1e-14)
    for small in ("gap", "primal_residual", "dual_residual"):
        assert abs(transport[small]) <= 1e-15
    assert transport["largest_cost"] == 3


def test_json_has_infinities_as_strings(folder):
    entries = strict(run("compare", "start.npy", "disjoint.npy", "--json").stdout)["divergences"]
    kl = next(entry for entry in entries if entry["name"] == "kl")
    assert (kl["value"], kl["dual_value"], kl["gap"]) == ("inf", "inf", 0)


def test_the_table_has_every_divergence_and_the_distance(folder):
    result = run("compare", "p.npy", "q.npy")
    assert result.exit_code == 0
    for D in fdiv.CATALOGUE.values():
        assert D.title in result.stdout
    assert f"{fdiv.kl(P, Q):.7g}" in result.stdout
    assert "Earth mover's distance" in result.stdout
    assert "residuals: primal" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_table_has_infinities_and_no_nan(folder):
    result = run("compare", "start.npy", "disjoint.npy")
    assert "∞" in result.stdout
    assert "nan" not in result.stdout
    assert "no mass at all somewhere" in result.stdout


def test_file_names_are_printed_as_they_stand(folder):
    np.save("[bold]p[0].npy", P)
    assert "P = [bold]p[0].npy" in run("compare", "[bold]p[0].npy", "q.npy").stdout
    assert "`[bold].npy`" in run("compare", "[bold].npy", "q.npy").stderr


def test_the_metric_is_the_ground_cost(folder):
    found = strict(run("compare", "p.npy", "q.npy", "--metric", "sqeuclidean", "--json").stdout)
    t = emd.solve(P, Q, (INDEX[:, None] - INDEX) ** 2)
    assert found["transport"]["value"] == pytest.approx(t.value, rel=1e-14)
    assert found["transport"]["metric"] == "sqeuclidean"


def test_normalize_takes_counts(folder):
    found = strict(run("compare", "counts.npy", "more.npy", "--normalize", "--json").stdout)
    counts, more = np.array([1, 4, 2, 3]), 2.5 * Q
    assert [entry["value"] for entry in found["divergences"]] == [
        D(counts, more, normalize=True) for D in fdiv.CATALOGUE.values()
    ]


def test_samples_say_what_was_done(folder):
    result = run("compare", "--samples", "x.npy", "y.npy", "--bins", "4")
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    assert "histograms on 4 × 4 bins shared by both" in words
    assert "the points themselves, 30 and 20" in words


def test_a_report_is_written_beside_the_table(folder):
    result = run("compare", "p.npy", "q.npy", "--report", "out.html", "--json")
    assert result.exit_code == 0
    strict(result.stdout)
    assert "out.html" in result.stderr
    assert "data:image/png;base64," in (folder / "out.html").read_text(encoding="utf-8")


BAD_COMPARISONS = [
    (["absent.npy", "q.npy"], "`absent.npy` must be a file"),
    ([".", "q.npy"], "`.` must end in one of"),
    (["pair.npz", "q.npy"], "choose with pair.npz:NAME"),
    (["pair.npz:r", "q.npy"], "must name an array of the file, got p, q"),
    (["p.npy", "grid.npy"], "`p.npy` and `grid.npy` must have the same shape"),
    (["cube.npy", "cube.npy"], "must be a vector or a matrix"),
    (["counts.npy", "q.npy"], "pass `--normalize` to divide"),
    (["p.npy", "more.npy"], "`p.npy` and `more.npy` must have equal mass, got 1 and 2.5"),
    (["negative.npy", "q.npy"], "`negative.npy` must be finite and at least 0"),
    (["p.npy", "nan.npy"], "`nan.npy` must be finite and at least 0"),
    (["complex.npy", "q.npy"], "`complex.npy` must be an array of real numbers"),
    (["p.npy", "q.npy", "--bins", "4"], "`--bins` is for samples"),
    (["x.npy", "y.npy", "--samples", "--normalize"], "`--normalize` is for histograms"),
    (["x.npy", "p.npy", "--samples"], "same dimension, got 2 and 1"),
    (["nan.npy", "p.npy", "--samples"], "`nan.npy` must be finite"),
    (["p.npy", "nan.npy"], "got entry [2] = nan"),
    (["far.npy", "far.npy", "--samples"], "the cost between two points must stay below 1e+300"),
    (["gap.csv", "gap.csv"], "`gap.csv` must hold numbers separated by commas, got none in line 1"),
    (["cut.npy", "q.npy"], "`cut.npy` must hold the 32 bytes that its header promises"),
    (["p.npy", "q.npy", "--report", "no/such/out.html"], "`no/such/out.html` cannot be used"),
]


@pytest.mark.parametrize(("args", "message"), BAD_COMPARISONS)
def test_what_cannot_be_compared_is_one_line(folder, args, message):
    result = run("compare", *args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("divkit: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        ["compare"],
        ["compare", "p.npy"],
        ["compare", "p.npy", "q.npy", "--metric", "l2"],
        ["compare", "p.npy", "q.npy", "--no-such-option"],
        ["compare", "x.npy", "y.npy", "--samples", "--bins", "0"],
        ["verify", "--examples", "0"],
        ["no-such-command"],
    ],
)
def test_wrong_usage_exits_2(folder, args):
    result = run(*args)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_the_catalogue_fits_a_terminal():
    result = run("table")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "…" not in result.stdout


def test_the_catalogue_is_printed_with_its_formulas(monkeypatch):
    monkeypatch.setattr(
        "divkit.cli._commands.out", Console(width=200)
    )  # no formula is broken there
    result = run("table")
    assert result.exit_code == 0
    words = "".join(result.stdout.split())
    for D in fdiv.CATALOGUE.values():
        for part in (D.title, D.name, D.generator_formula, D.conjugate_formula):
            assert "".join(part.split()) in words
        assert "".join(str(D.conjugate_domain).split()) in words


def test_verify_passes_and_counts_what_it_checked():
    result = run("verify", "--examples", "1", "kl", "alpha")
    assert result.exit_code == 0
    listed = [line.split()[0] for line in result.stdout.splitlines() if "alpha" in line]
    assert listed == ["alpha(1.5)", "alpha(-0.5)", "alpha(0.5)", "alpha(3)"]
    (kl,) = (line.split() for line in result.stdout.splitlines() if line.strip().startswith("kl"))
    assert kl[1:] == [str(len(testing.divergence_checks(fdiv.kl))), "0"]


def test_verify_takes_every_divergence_and_the_distance(monkeypatch):
    asked = []

    def pretend(subject):
        return [("an identity", lambda examples: asked.append((str(subject), examples)))]

    monkeypatch.setattr(testing, "divergence_checks", pretend)
    monkeypatch.setattr(testing, "transport_checks", lambda solver: pretend("emd.solve"))
    assert run("verify", "--examples", "3").exit_code == 0
    assert {str(D) for D in fdiv.CATALOGUE.values()} < {subject for subject, _ in asked}
    assert asked[-1] == ("emd.solve", 3)
    asked.clear()
    assert run("verify", "emd").exit_code == 0
    assert [subject for subject, _ in asked] == ["emd.solve"]


def test_verify_fails_with_the_message_of_a_failing_identity(monkeypatch):
    def broken(examples):
        raise AssertionError("kl breaks 'bound': 2.0 exceeds 1.0 by 1, at p = [1.0]")

    monkeypatch.setattr(
        testing, "divergence_checks", lambda D: [("bound", broken), ("zero", lambda n: None)]
    )
    result = run("verify", "kl")
    assert result.exit_code == 1
    assert "kl breaks 'bound': 2.0 exceeds 1.0 by 1, at p = [1.0]" in result.stderr
    (kl,) = (line.split() for line in result.stdout.splitlines() if line.strip().startswith("kl"))
    assert kl[1:] == ["1", "1", "bound"]


def test_verify_names_what_it_knows():
    result = run("verify", "no_such")
    assert result.exit_code == 2
    assert result.stderr.startswith("divkit: NAMES must be among total_variation, kl, ")
    assert result.stderr.count("\n") == 1


def test_the_demo_ends_with_where_the_report_is(monkeypatch):
    def without_pictures(directory, show):  # with them it runs in test_demo.py
        show(compare(P, Q))
        show(compare(Q, P))
        return directory / "report.html"

    monkeypatch.setattr("divkit.cli._demo.run", without_pictures)
    result = run("demo", "--out", "shown")
    assert result.exit_code == 0
    assert result.stdout.count("Earth mover's distance") == 2
    assert result.stdout.splitlines()[-1] == f"The report is {Path('shown', 'report.html')}"


def test_the_demo_needs_a_directory(folder):
    result = run("demo", "--out", "p.npy")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_version_and_help():
    assert run("--version").stdout == f"divkit {divkit.__version__}\n"
    shown = run("--help").stdout
    for command in ("compare", "table", "verify", "demo"):
        assert command in shown


def test_a_module_runs_like_the_command():
    result = subprocess.run(
        [sys.executable, "-m", "divkit", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout == f"divkit {divkit.__version__}\n"


def test_output_without_unicode_is_no_traceback(folder):
    result = subprocess.run(
        [sys.executable, "-m", "divkit", "table"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert r"\u221e" in result.stdout


@pytest.mark.parametrize(
    ("absent", "args", "extra"),
    [
        ("typer", ["table"], "cli"),
        ("rich", ["table"], "cli"),
        ("jinja2", ["compare", "p.npy", "q.npy", "--report", "out.html"], "cli"),
        ("matplotlib", ["compare", "p.npy", "q.npy", "--report", "out.html"], "plot"),
        ("hypothesis", ["verify"], "testing"),
        ("sklearn", ["demo"], "demo"),
    ],
)
def test_a_missing_extra_is_named(folder, absent, args, extra):
    # In a process of its own: here everything is long since imported.
    hide = f"import sys; sys.modules[{absent!r}] = None; sys.argv[0] = 'divkit'"
    result = subprocess.run(
        [sys.executable, "-c", f"{hide}; from divkit.cli import main; main()", *args],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr == (
        f"divkit: this needs {absent}, which is not installed: pip install 'divkit[{extra}]'\n"
    )


def test_another_missing_module_is_not_hidden(monkeypatch):
    monkeypatch.setitem(sys.modules, "divkit.cli._commands", None)
    with pytest.raises(ModuleNotFoundError):
        cli.main()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["compare", "a.csv"], "'B'"),
        (["compare", "a.csv", "b.csv", "--metric", "miles"], "'--metric'"),
        (["compare", "a.csv", "b.csv", "--nonsense"], "--nonsense"),
        (["nonsense"], "nonsense"),
        (["verify", "--examples", "many"], "'--examples'"),
    ],
)
def test_a_wrong_use_is_one_line(monkeypatch, capsys, arguments, word):
    monkeypatch.setattr(sys, "argv", ["divkit", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert printed.out == ""
    assert printed.err.startswith("divkit: ")
    assert printed.err.count("\n") == 1
    assert word in printed.err


def test_the_bare_command_prints_its_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["divkit"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert printed.err == ""
    assert "Usage: divkit" in printed.out


def test_a_bar_is_for_a_terminal(monkeypatch):
    monkeypatch.setattr(testing, "divergence_checks", lambda D: [("zero", lambda n: None)])
    assert run("verify", "kl").stderr == ""
    asked = []
    monkeypatch.setattr("divkit.cli._gan_demo.run", lambda *args, **options: asked.append(options))
    monkeypatch.setattr("divkit.cli._tables.training", lambda data, found: "")
    CliRunner().invoke(app, ["gan"])
    assert asked[0]["progress"] is False


def test_an_output_that_cannot_be_written_is_one_line(monkeypatch, capsys):
    def full(**given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("divkit.cli._commands.app", full)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    expected = "divkit: the output cannot be written: No space left on device\n"
    assert capsys.readouterr().err == expected
