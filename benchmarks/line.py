"""`divkit.emd.solve_line` on a million points a side, beside SciPy and POT.

The peers return a number; here that number comes with its certificate. ``python
benchmarks/line.py`` prints the ratios and the certificates; asv tracks them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import ot
from scipy.stats import wasserstein_distance

from divkit import emd

try:
    from .inputs import distribution
    from .ratios import ratio
except ImportError:  # as a script
    from inputs import distribution
    from ratios import ratio

SIZE = 10**6
Samples = tuple[np.ndarray, ...]


def uniform(n: int = SIZE) -> Samples:
    """Return two samples."""
    rng = np.random.default_rng(0)
    return rng.normal(size=n), rng.normal(size=n) + 0.1


def weighted(n: int = SIZE) -> Samples:
    """Return two weighted samples."""
    return *uniform(n), distribution(n, seed=1), distribution(n, seed=2)


SAMPLES: dict[str, Callable[[], Samples]] = {f.__name__: f for f in (uniform, weighted)}
# The powers, and what POT calls them.
METRICS = {1: "cityblock", 2: "sqeuclidean", 1.5: "minkowski"}
POWERS = list(METRICS)
# Where a peer has the cost.
PEERS: dict[str, tuple[list[float], Callable[[Samples, float], object]]] = {
    "scipy.stats.wasserstein_distance": ([1], lambda given, p: wasserstein_distance(*given)),
    "ot.wasserstein_1d": (POWERS, lambda given, p: ot.wasserstein_1d(*given, p=p)),
    "ot.emd2_1d": (
        POWERS,
        lambda given, p: ot.emd2_1d(*given, metric=METRICS[p], p=p),
    ),
}


class Line:
    """How many times as fast as a peer."""

    params = (list(SAMPLES), POWERS, list(PEERS))
    param_names = ("samples", "p", "peer")
    timeout = 300
    unit = "times as fast"

    def setup(self, samples: str, p: float, peer: str) -> None:
        if p not in PEERS[peer][0]:
            raise NotImplementedError("the peer has no such cost")
        self.given = SAMPLES[samples]()

    def track_over_peer(self, samples: str, p: float, peer: str) -> float:
        return over_peer(self.given, p, peer)


class Certificate:
    """What is left between the plan and the potentials."""

    params = (list(SAMPLES), POWERS)
    param_names = ("samples", "p")
    timeout = 300

    def setup(self, samples: str, p: float) -> None:
        self.t = emd.solve_line(*SAMPLES[samples](), p=p)

    def track_gap(self, samples: str, p: float) -> float:
        return abs(self.t.gap) / self.t.value

    track_gap.unit = "|gap| / value"

    def track_residual(self, samples: str, p: float) -> float:
        return max(self.t.primal_residual, self.t.dual_residual)

    track_residual.unit = "of the mass, of the largest cost"


def over_peer(given: Samples, p: float, peer: str) -> float:
    """Return how many times as fast `emd.solve_line` is, its certificate included."""
    call = PEERS[peer][1]
    return ratio(lambda: call(given, p), lambda: emd.solve_line(*given, p=p))


def main() -> None:
    """Print every ratio and every certificate."""
    for name, samples in SAMPLES.items():
        given = samples()
        for p in POWERS:
            for peer, (powers, _) in PEERS.items():
                if p in powers:
                    print(
                        f"{name:9s} p = {p}: {over_peer(given, p, peer):5.1f} × as fast as {peer}"
                    )
            t = emd.solve_line(*given, p=p)
            print(
                f"{name:9s} p = {p}: |gap| / value {abs(t.gap) / t.value:.0e}, "
                f"marginals {t.primal_residual:.0e}, violation {t.dual_residual:.0e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
