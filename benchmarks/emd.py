"""`divkit.emd` by every method, and POT's own call beside them: time and gap."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import ot
from scipy.spatial.distance import cdist

from divkit import emd

from .inputs import cloud, distribution

SIZES = [50, 200]


def plane(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a, b and Euclidean distances between two clouds in the unit square."""
    return distribution(n, 1), distribution(n, 2), cdist(cloud(n, 3), cloud(n, 4))


class Solve:
    """Plan, potentials and certificate of two weighted clouds in the plane."""

    params = (["auto", "highs", "pot", "cvxpy"], SIZES)
    param_names = ("method", "n")

    def setup(self, method: str, n: int) -> None:
        if method == "cvxpy" and find_spec("cvxpy") is None:
            raise NotImplementedError("not installed")
        self.problem = plane(n)
        # The first call imports the method's library.
        emd.solve([1.0], [1.0], [[0.0]], method=method)

    def time_solve(self, method: str, n: int) -> None:
        emd.solve(*self.problem, method=method)

    def track_gap(self, method: str, n: int) -> float:
        t = emd.solve(*self.problem, method=method)
        return abs(t.gap) / t.value

    track_gap.unit = "|gap| / value"


class Certificate:
    """What checking an answer costs, whoever computed it."""

    params = SIZES
    param_names = ("n",)

    def setup(self, n: int) -> None:
        self.problem = plane(n)
        self.answer = emd.solve(*self.problem, method="pot")

    def time_certify(self, n: int) -> None:
        t = self.answer
        emd.certify(*self.problem, t.plan, t.f, t.g, method="pot")


class Peers:
    """POT's network simplex, called directly."""

    params = SIZES
    param_names = ("n",)

    def setup(self, n: int) -> None:
        self.problem = plane(n)

    def time_pot_emd(self, n: int) -> None:
        ot.emd(*self.problem)

    def time_pot_emd2(self, n: int) -> None:
        ot.emd2(*self.problem)
