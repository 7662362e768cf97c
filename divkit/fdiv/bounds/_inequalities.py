"""Inequalities between f-divergences from the literature, as data.

Each is a statement low(P, Q) ≤ high(P, Q); `bounds.implied` computes the best possible bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Values = Mapping[str, float]
LOG2 = math.log(2)


@dataclass(frozen=True)
class Inequality:
    """An inequality between divergences of the same pair.

    Attributes
    ----------
    name : str
        Its name, or the statement itself.
    quantities : tuple of str
        The names in the catalogue of the divergences that it relates.
    sides : callable
        Takes their values by name and returns (low, high) with low ≤ high; both 0 where the
        inequality says nothing.
    source : str
        The reference.

    Examples
    --------
    >>> from divkit.fdiv.bounds import INEQUALITIES
    >>> pinsker = INEQUALITIES[0]
    >>> pinsker.name, pinsker.quantities
    ('Pinsker: 2 TV² ≤ KL', ('total_variation', 'kl'))
    >>> pinsker.sides({"total_variation": 0.5, "kl": 1.0})
    (0.5, 1.0)
    """

    name: str
    quantities: tuple[str, ...]
    sides: Callable[[Values], tuple[float, float]]
    source: str


def _inequality(
    name: str, quantities: str, sides: Callable[..., tuple[float, float]], source: str
) -> Inequality:
    """Return the record of an inequality whose sides take the quantities in order."""
    names = tuple(quantities.split())
    return Inequality(name, names, lambda values: sides(*(float(values[n]) for n in names)), source)


def _entropy_gap(tv: float) -> float:
    """Return log 2 − h((1−TV)/2), h the binary entropy."""
    both = ((1 - tv) / 2, (1 + tv) / 2)
    return max(0.0, LOG2 + sum(x * math.log(x) for x in both if x > 0))


def _log_odds(tv: float) -> float:
    return 4 * tv * math.atanh(tv) if tv < 1 else math.inf


def _renyi_half(h2: float) -> float:
    return -2 * math.log1p(-h2 / 2) if h2 < 2 else math.inf


INEQUALITIES: tuple[Inequality, ...] = (
    _inequality(
        "Pinsker: 2 TV² ≤ KL",
        "total_variation kl",
        lambda tv, kl: (2 * tv * tv, kl),
        "Csiszár (1967); Kullback (1967)",
    ),
    _inequality(
        "Bretagnolle–Huber: TV ≤ √(1 − e^(−KL))",
        "total_variation kl",
        lambda tv, kl: (tv, math.sqrt(-math.expm1(-kl))),
        "Bretagnolle & Huber (1979)",
    ),
    _inequality(
        "TV ≤ 1 − ½ e^(−KL)",
        "total_variation kl",
        lambda tv, kl: (tv, 1 - 0.5 * math.exp(-kl)),
        "Tsybakov, Introduction to Nonparametric Estimation (2009), section 2.4",
    ),
    _inequality(
        "½ H² ≤ TV",
        "squared_hellinger total_variation",
        lambda h2, tv: (h2 / 2, tv),
        "Le Cam (1973)",
    ),
    _inequality(
        "TV ≤ √(H² (1 − H²/4))",
        "total_variation squared_hellinger",
        lambda tv, h2: (tv, math.sqrt(h2 * (1 - h2 / 4))),
        "Le Cam (1973)",
    ),
    _inequality(
        "−2 log(1 − H²/2) ≤ KL",
        "squared_hellinger kl",
        lambda h2, kl: (_renyi_half(h2), kl),
        "Rényi divergences increase with their order; van Erven & Harremoës (2014)",
    ),
    _inequality(
        "KL ≤ log(1 + χ²)",
        "kl pearson",
        lambda kl, chi2: (kl, math.log1p(chi2)),
        "Rényi divergences increase with their order; van Erven & Harremoës (2014)",
    ),
    _inequality(
        "4 TV² ≤ χ²",
        "total_variation pearson",
        lambda tv, chi2: (4 * tv * tv, chi2),
        "Cauchy–Schwarz",
    ),
    _inequality(
        "TV/(1 − TV) ≤ χ² for TV ≥ ½",
        "total_variation pearson",
        lambda tv, chi2: (0.0, 0.0) if tv < 0.5 else (tv / (1 - tv) if tv < 1 else math.inf, chi2),
        "joint range of coins; Harremoës & Vajda (2011)",
    ),
    _inequality(
        "2 TV log((1 + TV)/(1 − TV)) ≤ J",
        "total_variation jeffreys",
        lambda tv, jeffreys: (_log_odds(tv), jeffreys),
        "joint range of coins; Harremoës & Vajda (2011)",
    ),
    _inequality(
        "log 2 − h((1 − TV)/2) ≤ JSD",
        "total_variation jensen_shannon",
        lambda tv, js: (_entropy_gap(tv), js),
        "Lin (1991); joint range of coins",
    ),
    _inequality(
        "JSD ≤ TV log 2",
        "jensen_shannon total_variation",
        lambda js, tv: (js, tv * LOG2),
        "Lin (1991)",
    ),
    _inequality(
        "½ log 2 · H² ≤ JSD",
        "squared_hellinger jensen_shannon",
        lambda h2, js: (LOG2 / 2 * h2, js),
        "Topsøe (2000); joint range of coins",
    ),
    _inequality(
        "JSD ≤ ½ H²",
        "jensen_shannon squared_hellinger",
        lambda js, h2: (js, h2 / 2),
        "Topsøe (2000); joint range of coins",
    ),
    _inequality(
        "H² ≤ LC",
        "squared_hellinger triangular_discrimination",
        lambda h2, lc: (h2, lc),
        "Le Cam (1986), section 4.2; Topsøe (2000)",
    ),
    _inequality(
        "LC ≤ 2 H²",
        "triangular_discrimination squared_hellinger",
        lambda lc, h2: (lc, 2 * h2),
        "Le Cam (1986), section 4.2; Topsøe (2000)",
    ),
    _inequality(
        "¼ LC ≤ JSD",
        "triangular_discrimination jensen_shannon",
        lambda lc, js: (lc / 4, js),
        "Topsøe (2000)",
    ),
    _inequality(
        "JSD ≤ ½ log 2 · LC",
        "jensen_shannon triangular_discrimination",
        lambda js, lc: (js, LOG2 / 2 * lc),
        "Topsøe (2000)",
    ),
)  # fmt: skip
