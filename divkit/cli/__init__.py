"""Entry point of the command `divkit`, with advice on what to install if an extra is missing."""

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
    """Run the command line; if an extra's package is missing, name the extra and exit with 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # If the encoding lacks ∞, print \u221e rather than fail with a UnicodeEncodeError.
            stream.reconfigure(errors="backslashreplace")
    try:
        # Imported here because without the extra `cli` the import itself fails.
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
