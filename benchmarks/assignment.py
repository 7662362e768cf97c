"""`divkit.emd.solve` on assignment problems beside POT and `scipy.optimize.linear_sum_assignment`.

``python benchmarks/assignment.py`` prints it all; asv tracks it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import ot
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from divkit import emd

try:
    from . import dense
except ImportError:  # as a script
    import dense

SIZES = [500, 2000, 4000]


def whole(n: int) -> np.ndarray:
    """Return whole numbers without any structure, few of them different."""
    return np.random.default_rng(0).integers(1, 100, (n, n)).astype(float)


def grid(n: int) -> np.ndarray:
    """Return distances between points that share the places of a grid: many equal optima."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 20, (2, n, 2)).astype(float)
    return cdist(x, y, "cityblock")


COSTS: dict[str, Callable[[int], np.ndarray]] = {
    **{
        name: lambda n, problem=dense.COSTS[name]: problem(n)[2]
        for name in ("plane", "gaussians", "high_dimension", "independent")
    },
    "whole": whole,
    "grid": grid,
}


def beside_peers(M: np.ndarray, repeats: int) -> tuple[float, float, float]:
    """Return what POT, SciPy and divkit take, the best of several repeats.

    POT returns plan and potentials, SciPy the permutation alone, divkit all three and the
    certificate.
    """
    calls = (
        lambda: ot.emd([], [], M, numItermax=10**9, log=True),
        lambda: linear_sum_assignment(M),
        lambda: emd.solve(None, None, M).permutation,
    )
    calls[-1]()  # compiled here, where that is needed
    best = [np.inf] * len(calls)
    for _ in range(repeats):
        for k, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[k] = min(best[k], time.perf_counter() - start)
    return best[0], best[1], best[2]


def gap_of_value(M: np.ndarray) -> float:
    """Return the gap of the certificate, of the value; that of another plan is nan."""
    t = emd.solve(None, None, M)
    permuted = t.plan.nnz == len(M) and t.primal_residual == 0
    return t.gap / t.value if permuted else np.nan


class Assignment:
    """How many times as fast as the peers, and how exact."""

    params = (list(COSTS), SIZES)
    param_names = ("costs", "n")
    timeout = 900

    def setup(self, costs: str, n: int) -> None:
        self.M = COSTS[costs](n)
        self.repeats = 3 if n < 4000 else 1

    def track_over_pot(self, costs: str, n: int) -> float:
        pot, _, ours = beside_peers(self.M, self.repeats)
        return pot / ours

    def track_over_scipy(self, costs: str, n: int) -> float:
        _, scipy, ours = beside_peers(self.M, self.repeats)
        return scipy / ours

    def track_gap(self, costs: str, n: int) -> float:
        return gap_of_value(self.M)

    track_over_pot.unit = track_over_scipy.unit = "times as fast"
    track_gap.unit = "of the value"


def main() -> None:
    """Print every ratio and gap."""
    for n in SIZES:
        for name, costs in COSTS.items():
            M = costs(n)
            pot, scipy, ours = beside_peers(M, 3 if n < 4000 else 1)
            print(
                f"{name:15s} n = {n:4d} {1e3 * ours:8.1f} ms {pot / ours:6.1f} × as fast as POT, "
                f"{scipy / ours:6.1f} × as fast as linear_sum_assignment, "
                f"gap {gap_of_value(M):.0e} of the value",
                flush=True,
            )


if __name__ == "__main__":
    main()
