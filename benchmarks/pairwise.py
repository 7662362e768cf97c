"""`divkit.emd.pairwise` beside a Python loop over ``ot.emd2``.

``python benchmarks/pairwise.py`` prints ratios and certificates; asv tracks the ratios.
"""

from __future__ import annotations

import numpy as np
import ot
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

from divkit import emd

try:
    from .ratios import ratio
except ImportError:  # as a script
    from ratios import ratio

POWERS = {"distance": 1, "squared distance": 2}


def digits() -> np.ndarray:
    """Return images of digits, 8 pixels a side, half of them black."""
    return load_digits().data[:100]


def full(side: int) -> np.ndarray:
    """Return histograms on a grid without an empty bin."""
    bins = side**2
    return np.random.default_rng(0).dirichlet(np.ones(bins), int(6 + 2e4 / bins**1.3))


HISTOGRAMS = {"digits": digits, **{f"{n} x {n}": lambda n=n: full(n) for n in (4, 8, 16, 28)}}


def problem(histograms: str, cost: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the costs between the bins of a square grid, and histograms of mass 1."""
    P = HISTOGRAMS[histograms]()
    side = np.arange(np.sqrt(P.shape[1]))
    pixels = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return cdist(pixels, pixels) ** POWERS[cost], P / P.sum(axis=1, keepdims=True)


def over_pot(M: np.ndarray, P: np.ndarray) -> float:
    """Return how many times as long a loop over POT takes, for each pair once."""
    pairs = list(zip(*np.triu_indices(len(P), 1), strict=True))
    return ratio(
        lambda: [ot.emd2(P[i], P[j], M) for i, j in pairs],
        lambda: emd.pairwise(P, None, M),
        repeats=3,
    )


class Pairwise:
    """How many times as fast as a loop over ``ot.emd2``."""

    params = (list(HISTOGRAMS), list(POWERS))
    param_names = ("histograms", "cost")
    timeout = 300
    unit = "times as fast"

    def track_over_pot(self, histograms: str, cost: str) -> float:
        return over_pot(*problem(histograms, cost))


def main() -> None:
    """Print every ratio, and the largest gap."""
    for histograms in HISTOGRAMS:
        for cost in POWERS:
            M, P = problem(histograms, cost)
            faster = over_pot(M, P)
            found = emd.pairwise(P, None, M)
            gap = np.abs(found.gaps).max() / found.values.max()
            print(
                f"{histograms:8s} {cost:17s} {len(P):4d} histograms: {faster:5.1f} × as fast as "
                f"POT; relative gap {gap:.0e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
