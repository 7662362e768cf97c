"""Every divergence of the catalogue, and SciPy's beside them: time, and accuracy near p = q."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import entropy

from divkit.fdiv import CATALOGUE

from .accuracy import SCIPY, nearby, worst
from .inputs import distribution

SIZES = [10, 10**4, 10**6]


class Value:
    """D(P‖Q) of two vectors."""

    params = (list(CATALOGUE), SIZES)
    param_names = ("divergence", "n")

    def setup(self, name: str, n: int) -> None:
        self.p, self.q = distribution(n, seed=1), distribution(n, seed=2)

    def time_value(self, name: str, n: int) -> None:
        CATALOGUE[name](self.p, self.q)


class Dual:
    """The optimal critic, and the bound that it attains."""

    params = (list(CATALOGUE), [10**4])
    param_names = ("divergence", "n")

    def setup(self, name: str, n: int) -> None:
        self.p, self.q = distribution(n, seed=1), distribution(n, seed=2)
        self.T = CATALOGUE[name].witness(self.p, self.q)

    def time_witness(self, name: str, n: int) -> None:
        CATALOGUE[name].witness(self.p, self.q)

    def time_bound(self, name: str, n: int) -> None:
        CATALOGUE[name].bound(self.p, self.q, self.T)


class Peers:
    """SciPy, the usual line of NumPy, and a dot product, which reads the same memory."""

    params = SIZES
    param_names = ("n",)

    def setup(self, n: int) -> None:
        self.p, self.q = distribution(n, seed=1), distribution(n, seed=2)

    def time_scipy_entropy(self, n: int) -> None:
        entropy(self.p, self.q)

    def time_scipy_jensenshannon(self, n: int) -> None:
        jensenshannon(self.p, self.q)

    def time_scipy_rel_entr(self, n: int) -> None:
        rel_entr(self.p, self.q).sum()

    def time_numpy_log(self, n: int) -> None:
        (self.p * np.log(self.p / self.q)).sum()

    def time_dot(self, n: int) -> None:
        self.p @ self.q


class Rows:
    """A batch: 1000 pairs of 100 atoms in one call."""

    params = (list(CATALOGUE),)
    param_names = ("divergence",)

    def setup(self, name: str) -> None:
        self.P, self.Q = (
            np.stack([distribution(100, seed=k + 1000 * side) for k in range(1000)])
            for side in (0, 1)
        )

    def time_rows(self, name: str) -> None:
        CATALOGUE[name](self.P, self.Q)


class Accuracy:
    """Worst relative error for q = p(1 + ε · noise), n = 2, 10, 100, against 60 digits."""

    params = (list(CATALOGUE), [1e-2, 1e-8, 1e-12])
    param_names = ("divergence", "step")
    unit = "relative error"

    def track_ours(self, name: str, step: float) -> float:
        return worst(CATALOGUE[name], CATALOGUE[name], nearby(step, [2, 10, 100]))

    def track_scipy(self, name: str, step: float) -> float:
        if name not in SCIPY:
            return float("nan")
        return worst(CATALOGUE[name], SCIPY[name][1], nearby(step, [2, 10, 100]))
