"""`divkit.emd.solve_batch` beside a Python loop over POT.

``python benchmarks/batch.py`` prints ratios and certificates; asv tracks them.
"""

from __future__ import annotations

import numpy as np
import ot

from divkit import emd

try:
    from .fresh import in_fresh_process
    from .small import seconds
except ImportError:  # as a script
    from fresh import in_fresh_process
    from small import seconds

# Problems, and atoms a side.
SHAPES = [(10_000, 5), (10_000, 10), (5000, 20), (1000, 50), (200, 100)]
KINDS = ["independent", "plane", "histograms"]

Problems = tuple[np.ndarray, np.ndarray, np.ndarray]


def problems(kind: str, k: int, n: int) -> Problems:
    """Return k random problems: costs of their own, or histograms of which half is empty."""
    rng = np.random.default_rng(0)
    a, b = rng.dirichlet(np.ones(n), (2, k))
    if kind == "independent":
        return a, b, rng.random((k, n, n))
    if kind == "plane":
        return a, b, np.hypot(*(rng.random((2, k, n, 1)) - rng.random((2, k, 1, n))))
    a, b = (x * (rng.random((k, n)) < 0.5) + 1e-9 * (np.arange(n) == 0) for x in (a, b))
    a, b = (x / x.sum(axis=1, keepdims=True) for x in (a, b))
    place = np.arange(n)
    return a, b, np.broadcast_to(np.abs(place[:, None] - place), (k, n, n)).astype(float)


def beside_pot(given: Problems) -> tuple[float, float]:
    """Return what a loop over POT and `emd.solve_batch` take, certificates included in ours."""
    emd.solve_batch(*given)  # loaded, or compiled, here
    peer, ours = seconds(
        lambda: [ot.emd2(*problem) for problem in zip(*given, strict=True)],
        lambda: emd.solve_batch(*given),
    )
    return peer, ours


FIRST = """
import time, numpy as np
from divkit import emd
M = np.random.default_rng(0).random((10_000, 10, 10))
start = time.perf_counter()
emd.solve_batch(None, None, M)
print(time.perf_counter() - start)
"""


class Batch:
    """How many times as fast as a loop over ``ot.emd2``."""

    params = (KINDS, SHAPES)
    param_names = ("kind", "problems and atoms")
    timeout = 120
    unit = "times as fast"

    def track_over_pot(self, kind: str, shape: tuple[int, int]) -> float:
        peer, ours = beside_pot(problems(kind, *shape))
        return peer / ours


def main() -> None:
    """Print every ratio, and the worst certificate of each batch."""
    for k, n in SHAPES:
        for kind in KINDS:
            given = problems(kind, k, n)
            peer, ours = beside_pot(given)
            batch = emd.solve_batch(*given)
            gap = (batch.gaps / np.maximum(batch.values, 1e-300)).max()
            print(
                f"{kind:12s} {k:6d} of {n:3d} × {n:3d} {1e6 * ours / k:6.2f} µs each, "
                f"{peer / ours:5.1f} × as fast as POT; relative gap {gap:.0e}, residuals "
                f"{batch.primal_residuals.max():.0e}, {batch.dual_residuals.max():.0e}",
                flush=True,
            )
    print(f"10,000 problems in a new process: {in_fresh_process(FIRST):.2f} s")


if __name__ == "__main__":
    main()
