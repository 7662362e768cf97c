"""Python code run in a new process: what it takes to load, to compile and to hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def printed(code: str, cache: str | None = None) -> list[float]:
    """Run code in a new process, which may import these modules; return the numbers it prints.

    With `cache` compiled code is looked for and stored there.
    """
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    environment |= {} if cache is None else {"NUMBA_CACHE_DIR": cache}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


def in_fresh_process(code: str, cache: str | None = None) -> float:
    """Return the one number that code prints in a new process."""
    (number,) = printed(code, cache)
    return number
