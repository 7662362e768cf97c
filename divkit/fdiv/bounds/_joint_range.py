"""The range of a divergence, given the values of one or several others.

f-divergences depend on a pair (P, Q) only through the distribution of its mass over the ratios p/q.
In the weights w ≥ 0 of (p, q) = (a, b), with Σ w a = Σ w b = 1, each divergence is linear:
f(1) + Σ w h(a, b). So its extreme values, others given, solve a linear program. Few ratios carry
the optimum, as in the theorem of Harremoës and Vajda that two-point distributions determine joint
ranges [1]_.

References
----------
.. [1] P. Harremoës, I. Vajda, "On pairs of f-divergences and their joint range", IEEE Trans. Inf.
   Theory 57 (2011).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from divkit import _check
from divkit.fdiv._catalogue import CATALOGUE
from divkit.fdiv._divergence import Divergence
from divkit.fdiv.bounds._ratios import at_end, difference, end_values, excess, grid
from divkit.fdiv.bounds._revised_simplex import Program

Vector = NDArray[np.float64]
Range = tuple[float, float]
INF = math.inf

_ALIASES = {"tv": "total_variation", "js": "jensen_shannon"}
_LEAST = 1e-290  # of known values that are not 0


def implied(
    known: Mapping[Divergence, float] | None = None,
    /,
    *,
    of: Iterable[Divergence] | None = None,
    **named: float,
) -> dict[str, Range]:
    """Return the tightest range of every divergence, given the value of one or several.

    Each bound is attained by a pair of distributions, or approached by a sequence of pairs.

    Parameters
    ----------
    known : mapping of Divergence to float, optional
        Values of divergences that have parameters or are user-defined.
    of : iterable of Divergence, optional
        The divergences to bound; by default every one of the catalogue.
    **named : float
        Values by name in the catalogue, or as ``tv`` and ``js``; in nats.

    Returns
    -------
    dict
        name -> (low, high), where high may be +inf.

    Raises
    ------
    TypeError
        If a value is not a real number.
    ValueError
        If nothing is given, a name is not in the catalogue, two of `of` share one, a value is not
        finite or outside the range of its divergence, or no pair of distributions attains all.

    References
    ----------
    .. [1] P. Harremoës, I. Vajda, "On pairs of f-divergences and their joint range", IEEE Trans.
       Inf. Theory 57 (2011).

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.fdiv import bounds
    >>> ranges = bounds.implied(tv=0.1, of=[fdiv.kl, fdiv.squared_hellinger])
    >>> low, high = ranges["kl"]  # Pinsker has 0.02
    >>> round(low, 9), high
    (0.020044683, inf)
    >>> low, high = ranges["squared_hellinger"]  # 2 − 2√(1−TV²), 2 TV
    >>> round(low, 9), round(high, 9)
    (0.010025126, 0.2)
    """
    given: dict[Divergence, float] = dict(known or {})
    for name, value in named.items():
        key = _ALIASES.get(name, name)
        _check.one_of("the name of a known divergence", key, [*CATALOGUE, *_ALIASES])
        given[CATALOGUE[key]] = value
    if not given:
        raise ValueError("`implied` needs a known value, for example `implied(tv=0.1)`")
    for D, value in given.items():
        _check_value(D, value)
    apart = any(value == D.supremum for D, value in given.items())
    if apart:  # attained on disjoint supports alone
        for D, value in given.items():
            if value != D.supremum:
                _refuse(given)
    targets = list(CATALOGUE.values()) if of is None else list(of)
    return {
        name: (D.supremum, D.supremum) if apart else _range(D, given)
        for name, D in _by_name(targets).items()
    }


def _by_name(targets: list[Divergence]) -> dict[str, Divergence]:
    """Return the divergences by name, with parameters where a family occurs more than once."""
    counts = Counter(D.name for D in dict.fromkeys(targets))
    found: dict[str, Divergence] = {}
    for D in targets:
        alone = D.name in CATALOGUE and counts[D.name] == 1
        name = D.name if alone else str(D)
        if found.setdefault(name, D) is not D:
            raise ValueError(
                f"`of` must hold divergences of different names, got {name!r} for two: rename one, "
                "for example `fdiv.custom(f, name=...)`"
            )
    return found


def _check_value(D: Divergence, value: float) -> None:
    value = _check.real_number(str(D), value)
    if not math.isfinite(value):
        raise ValueError(
            f"`{D}` must be finite to imply anything here, got {value!r}: leave it out"
        )
    if 0 < value - D.at_one < _LEAST:
        raise ValueError(
            f"`{D}` must be {D.at_one:g} or at least {_LEAST:g} more for its digits to imply "
            f"anything, got {value!r}"
        )
    if not D.at_one <= value <= D.supremum:
        raise ValueError(
            f"`{D}` must lie in its range [{D.at_one:g}, {D.supremum:g}], got {value!r}"
        )


def _range(D: Divergence, given: Mapping[Divergence, float]) -> Range:
    if D in given:
        return float(given[D]), float(given[D])
    known = list(given)
    excess = np.array([float(value) - E.at_one for E, value in given.items()])
    limits = np.array([at_end([*known, D], upper) for upper in (False, True)])
    limits = np.insert(limits, 2, limits[:, 0] - limits[:, 1], axis=1)
    # A divergence known to be 0 excludes every ratio that contributes to it.
    barred = (end_values(known, False) != 0, end_values(known, True) != 0)
    limits = limits[[not np.any(bar & (excess == 0)) for bar in barred]]
    program = _Program([*known, D], excess, limits)
    low = program.least(1.0)
    free = np.all(limits[:, :-1] == 0, axis=1) & (limits[:, -1] > 0)
    high = INF if free.any() or low == INF else -program.least(-1.0)
    return D.at_one + max(low, 0.0), D.at_one + max(low, high, 0.0)


@dataclass(frozen=True)
class _Program:
    """Minimize Σ w c over w ≥ 0 with Σ w a = Σ w b = 1 and Σ w h_i = x_i, over all ratios.

    Equality of the masses is imposed as Σ w (a − b) = 0: where P and Q nearly agree, the
    difference of two sums of about 1 would be lost to rounding.

    Rows of `limits` are the columns (a, b, a − b, h_1, …, c) of the ratios 0 and ∞.
    """

    divergences: list[Divergence]  # the known ones, then the one to bound, with values c
    excess: Vector  # x_i: the known values minus f(1)
    limits: Vector

    def least(self, sign: float) -> float:
        """Return the least Σ w c, +inf if c is never finite; with `sign` −1, minus the largest."""
        factor = sign / self._typical()
        ratios = grid(self.excess)
        right = np.concatenate([[1.0, 0.0], (self.excess > 0).astype(np.float64)])
        program = Program(self._columns(ratios, self.limits, factor), right)
        if not program.feasible:
            if not Program(self._columns(ratios, self.limits, 0.0), right).feasible:
                _refuse(
                    {D: x + D.at_one for D, x in zip(self.divergences, self.excess, strict=False)}
                )
            return INF
        value, prices = program.solve()
        for _ in range(30):
            better = self._cheaper(ratios, prices, factor)
            if not len(better):
                break
            program.add(self._columns(better, self.limits[:0], factor))
            before = value
            value, prices = program.solve()
            if before - value <= 1e-14 * abs(value):
                break
            ratios = np.unique(np.concatenate([ratios, better]))
        return value / abs(factor)

    def _scaled(self, columns: Vector, factor: float) -> tuple[Vector, Vector]:
        """Return the columns with their rows rescaled, and which of them are usable.

        A value near its supremum is imposed as its distance from that: a h(1,0) + b h(0,1) − h.
        """
        known, ends = self.divergences[:-1], []
        for upper in (True, False):
            ends.append(end_values(known, upper))
        columns = columns.copy()
        h = columns[:, 3:-1]
        zero = self.excess == 0
        usable = np.all(h[:, zero] == 0, axis=1)
        for i, (upper, lower) in enumerate(zip(*ends, strict=True)):
            if self.excess[i] > 0.5 * (upper + lower):
                lack = columns[:, 0] * upper + columns[:, 1] * lower - h[:, i]
                h[:, i] = np.maximum(lack, 0.0) / (upper + lower - self.excess[i])
            elif not zero[i]:
                h[:, i] /= self.excess[i]
        if factor == 0:  # only the feasibility of the known values is tested
            columns[:, -1] = 0.0
        columns[:, -1] *= factor
        columns = np.delete(columns, 1, axis=1)
        size = np.max(np.abs(columns), axis=1, keepdims=True)
        usable &= np.isfinite(size[:, 0]) & (size[:, 0] > 0)
        return columns / np.where(usable[:, None], size, 1.0), usable

    def _columns(self, ratios: Vector, limits: Vector, factor: float) -> Vector:
        """Return columns (a, a − b, h_1/x_1, …, c·factor), each scaled to a largest entry of 1."""
        with np.errstate(all="ignore"):
            columns = np.concatenate([self._ordinary(ratios), limits])
            scaled, usable = self._scaled(columns, factor)
        chosen: Vector = scaled[usable]
        return chosen

    def _ordinary(self, ratios: Vector) -> Vector:
        a, b = np.exp(np.minimum(ratios, 0.0)), np.exp(np.minimum(-ratios, 0.0))
        return np.stack(
            [a, b, difference(ratios), *(excess(D, ratios) for D in self.divergences)], axis=-1
        )

    def _cheaper(self, ratios: Vector, prices: Vector, factor: float) -> Vector:
        """Return ratios between the given ones that would lower the optimum (column generation)."""

        def reduced(x: Vector) -> tuple[Vector, Vector]:
            """Return reduced costs, and the size of their terms."""
            scaled, usable = self._scaled(self._ordinary(x.ravel()), factor)
            rows, cost = scaled[:, :-1], scaled[:, -1]
            of_x = np.where(usable, cost - rows @ prices, INF)
            size = np.abs(cost) + np.abs(rows) @ np.abs(prices)
            of_x[np.isnan(of_x)] = INF
            return of_x.reshape(x.shape), size.reshape(x.shape)

        with np.errstate(all="ignore"):
            cost, _ = reduced(ratios)
            inner = np.flatnonzero((cost[1:-1] <= cost[:-2]) & (cost[1:-1] <= cost[2:])) + 1
            low, high = ratios[inner - 1], ratios[inner + 1]
            best = ratios[inner]
            for _ in range(9):
                x = low + (high - low) * np.linspace(0, 1, 15)[:, None]
                at = np.argmin(reduced(x)[0], axis=0)
                every = np.arange(len(at))
                best = x[at, every]
                low, high = x[np.maximum(at - 1, 0), every], x[np.minimum(at + 1, 14), every]
            cost, size = reduced(best)
        found: Vector = best[cost < -4e-15 * size]
        return found

    def _typical(self) -> float:
        """Return Σ w c for P = (s, 1−s), Q = (1−s, s) that nearly attain the first known value."""
        ratios = grid(self.excess)
        ratios = ratios[ratios > 0]
        s, rest = 1 / (1 + np.exp(-ratios)), 1 / (1 + np.exp(ratios))
        first, c = (
            s * excess(D, ratios) + s * excess(D, -ratios)
            for D in (self.divergences[0], self.divergences[-1])
        )
        usable = np.isfinite(c) & np.isfinite(first) & (c > 0) & (rest > 0)
        if not usable.any() or self.excess[0] == 0:
            return 1.0
        off = np.log(np.maximum(first[usable], 5e-324)) - math.log(self.excess[0])
        nearest = np.argmin(np.abs(off))
        return float(c[usable][nearest])


def _refuse(given: Mapping[Divergence, float]) -> None:
    values = ", ".join(f"{D} = {float(value):.9g}" for D, value in given.items())
    raise ValueError(f"some pair of distributions must have all known values, got {values}")
