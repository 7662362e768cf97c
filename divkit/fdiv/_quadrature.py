"""Adaptive Gauss quadrature over an interval or a rectangle, vectorized over all boxes of a round.

An integrand also returns the uncertainties of its values, and refinement stops when these dominate.
Each axis is cut into pieces beforehand; a piece that extends to infinity is mapped to [0, 1).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Integrand = Callable[[Vector], tuple[Vector, Vector]]
INF = math.inf

_FINE, _COARSE = np.polynomial.legendre.leggauss(20), np.polynomial.legendre.leggauss(10)
_ROUNDS = 200
_MOST_BOXES = 20_000


@dataclass(frozen=True)
class Estimate:
    """An integral, its estimated absolute error, and whether that meets the tolerance."""

    value: float
    error: float
    converged: bool


def integrate(f: Integrand, cuts: Sequence[Vector], rtol: float) -> Estimate:
    """Return ∫ f over the product of axes.

    Parameters
    ----------
    f : callable
        Takes points, shape (n, d), and returns their values and the uncertainties of these.
    cuts : sequence of arrays
        For each axis its two ends, which may be infinite, and increasing finite points between
        them where to cut it; at least one if both ends are infinite.
    rtol : float
        Refine until the error is at most rtol |∫ f| plus the integral of the uncertainty.
    """
    boxes = _Boxes.of(cuts)
    value, error, noise = boxes.apply(f)
    done = np.zeros(3)
    for _ in range(_ROUNDS):
        total = done + np.array([math.fsum(value), math.fsum(error), math.fsum(noise)])
        target = rtol * abs(total[0]) + total[2]
        if not np.all(np.isfinite(total)) or total[1] <= target or len(value) > _MOST_BOXES:
            break
        # Keep boxes whose errors are negligible even together, or below their uncertainty.
        coarse = (error > np.maximum(0.2 * target / len(error), noise)) & boxes.divisible()
        if not coarse.any():
            break
        done += [math.fsum(x[~coarse]) for x in (value, error, noise)]
        boxes = boxes.halved(coarse)
        value, error, noise = boxes.apply(f)
    return Estimate(float(total[0]), float(total[1] + total[2]), bool(total[1] <= 2 * target < INF))


@dataclass(frozen=True)
class _Boxes:
    """Boxes [low, low + width] in coordinates t, each within a piece of every axis.

    A piece is x = start + span·t, or start + span·t/(1−t) if it is infinite.
    """

    low: Vector
    width: Vector
    start: Vector
    span: Vector
    endless: NDArray[np.bool_]

    @staticmethod
    def of(cuts: Sequence[Vector]) -> _Boxes:
        chosen = np.array(list(itertools.product(*(_pieces(axis) for axis in cuts))))
        start, span, endless = chosen[..., 0], chosen[..., 1], chosen[..., 2] > 0
        return _Boxes(np.zeros(start.shape), np.ones(start.shape), start, span, endless)

    def apply(self, f: Integrand) -> tuple[Vector, Vector, Vector]:
        """Return the integral over every box, its error, and that of the uncertainty."""
        fine, noise = self._rule(f, _FINE)
        coarse, _ = self._rule(f, _COARSE)
        total = fine.sum(axis=1)
        # This estimates the error of the coarser rule, so it is conservative for the finer one.
        with np.errstate(invalid="ignore"):
            error = np.abs(total - coarse.sum(axis=1))
        return total, error, noise.sum(axis=1)

    def _rule(self, f: Integrand, rule: tuple[Vector, Vector]) -> tuple[Vector, Vector]:
        d = self.low.shape[1]
        nodes = np.array(list(itertools.product(0.5 * (1 + rule[0]), repeat=d)))
        weights = np.array([math.prod(w) for w in itertools.product(rule[1] / 2, repeat=d)])
        t = self.low[:, None] + self.width[:, None] * nodes
        start, span, endless = (x[:, None] for x in (self.start, self.span, self.endless))
        rest = np.where(endless, 1 - t, 1.0)
        x = start + span * (t / rest)
        volume = np.prod(np.abs(span) * self.width[:, None] / rest**2, axis=-1) * weights
        value, noise = (part.reshape(volume.shape) for part in f(x.reshape(-1, d)))
        # Far out in a tail the volume may overflow where the integrand is 0.
        return (
            np.where(value == 0, 0.0, volume) * value,
            np.where(noise == 0, 0.0, volume) * noise,
        )

    def divisible(self) -> NDArray[np.bool_]:
        # Not so narrow that nodes coincide, nor so near to infinity that 1 − t is inaccurate.
        x_width, x = self.width * np.abs(self.span), self.start + self.span * self.low
        fits = self.endless | (x_width > 1e-14 * np.abs(x))
        result: NDArray[np.bool_] = np.all((self.width > 1e-13) & fits, axis=1)
        return result

    def halved(self, chosen: NDArray[np.bool_]) -> _Boxes:
        """Return the chosen boxes, each cut in two along every axis."""
        d = self.low.shape[1]
        corners = np.array(list(itertools.product((0.0, 0.5), repeat=d)))
        parent = np.repeat(np.flatnonzero(chosen), len(corners))
        shift = np.tile(corners, (int(chosen.sum()), 1))
        low, width = self.low[parent], self.width[parent]
        return _Boxes(
            low + width * shift,
            width / 2,
            self.start[parent],
            self.span[parent],
            self.endless[parent],
        )


def _pieces(cuts: Vector) -> list[tuple[float, float, bool]]:
    """Return (start, span, endless) of every piece between neighboring cuts."""
    pieces = []
    for low, high in itertools.pairwise(map(float, cuts)):
        if low == -INF:
            pieces.append((high, -_scale(high, cuts), True))
        elif high == INF:
            pieces.append((low, _scale(low, cuts), True))
        else:
            pieces.append((low, high - low, False))
    return pieces


def _scale(end: float, cuts: Vector) -> float:
    """Return how far the finite cuts extend, which is used as the length scale of the tail."""
    reach = float(np.max(np.abs(end - cuts), where=np.isfinite(cuts), initial=0.0))
    return reach if reach > 0 else 1.0
