"""The integrand h on a logarithmic scale, also for ratios p/q that overflow or underflow."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from divkit.fdiv._record import Record

Vector = NDArray[np.float64]
INF = math.inf


def log_of_unit(D: Record, ratio: Vector) -> Vector:
    """Return log h given log(p/q), with the larger of p and q scaled to 1: h is homogeneous."""
    log_h: Vector = np.log(_unit_integrand(D, ratio))
    for far in (tail(D, 1.0), tail(D, -1.0)):
        log_h = np.where(far.sign * ratio > far.start, far(np.abs(ratio)), log_h)
    return log_h


def _unit_integrand(D: Record, ratio: Vector) -> Vector:
    smaller = np.exp(-np.abs(ratio))
    p, q = np.where(ratio > 0, 1.0, smaller), np.where(ratio > 0, smaller, 1.0)
    difference = -np.sign(ratio) * np.expm1(-np.abs(ratio))
    h: Vector = D.formulas.integrand(p, q, difference, np)
    return h


@dataclass(frozen=True)
class Tail:
    """log h where p/q is extreme: h is taken to be linear or exponential in |log p/q| there."""

    sign: float
    start: float
    at_start: float
    growth: float  # of h, or log h if exponential, per unit of |log p/q|
    exponential: bool

    def __call__(self, size: Vector) -> Vector:
        """Return log h at |log p/q| = size."""
        beyond = size - self.start
        height = self.at_start + (0.0 if self.exponential else self.growth * beyond)
        log_h: Vector = np.log(height) + (self.growth * beyond if self.exponential else 0.0)
        return log_h


@functools.lru_cache(maxsize=256)
def tail(D: Record, sign: float) -> Tail:
    """Return the extrapolation of h to large p/q, or with `sign` −1 to small p/q."""
    for start in (600.0, 300.0, 150.0, 75.0, 37.5):
        places = start * np.array([0.5, 0.75, 1.0])
        a, b, c = (float(h) for h in _unit_integrand(D, sign * places))
        if 0 < c < INF:
            break
    else:
        return Tail(sign, INF, 1.0, 0.0, False)
    step = start / 4
    if abs(c - 2 * b + a) <= 1e-6 * c:
        return Tail(sign, start, c, (c - b) / step, False)
    return Tail(sign, start, c, math.log(c / b) / step, True)
