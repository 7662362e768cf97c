"""The inputs that benchmarks share."""

from __future__ import annotations

import numpy as np

rng = np.random.default_rng


def distribution(n: int, seed: int) -> np.ndarray:
    """Return n positive masses with sum 1."""
    weights = rng(seed).random(n) + 1e-3
    return weights / weights.sum()


def near(p: np.ndarray, step: float, seed: int) -> np.ndarray:
    """Return p(1 + step · noise), scaled to the sum 1; the noise is uniform in [−1, 1]."""
    q = p * (1 + step * rng(seed).uniform(-1, 1, p.size))
    return q / q.sum()


def cloud(n: int, seed: int) -> np.ndarray:
    """Return n points, uniform in the unit square."""
    return rng(seed).random((n, 2))
