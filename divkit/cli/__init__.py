"""The command `divkit`: starts it, and says what to install where an extra is missing."""

from __future__ import annotations

import io
import sys

_EXTRAS = {
    "typer": "cli",
    "rich": "cli",
    "jinja2": "cli",
    "matplotlib": "plot",
    "hypothesis": "testing",
    "sklearn": "demo",
    "torch": "torch",
    "tqdm": "torch",
}


def main() -> None:
    """Run the command line; where the package of an extra is missing, name the extra and exit 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Where ∞ has no code it is written as \u221e: a table is not to end in a traceback.
            stream.reconfigure(errors="backslashreplace")
    try:
        # Here, not above: without the extra even the import fails.
        from divkit.cli._commands import run

        sys.exit(run())
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        extra = _EXTRAS.get(package)
        if extra is None:
            raise
        print(
            f"divkit: this needs {package}, which is not installed: pip install 'divkit[{extra}]'",
            file=sys.stderr,
        )
        sys.exit(2)
