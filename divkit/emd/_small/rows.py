"""Operations on whole rows of small problems, for lists.

Their counterparts for arrays are in `divkit.emd._small.small_compiled`. Results are bitwise equal:
none depends on the order of evaluation.
"""

from __future__ import annotations

from math import inf, nan
from operator import add, sub

Row = list[float]


def largest(row: Row) -> float:
    """Return the largest finite |row_j|, nan if an entry is nan or −inf."""
    most = 0.0
    for cost in row:
        if not cost > -inf:
            return nan
        if most < abs(cost) < inf:
            most = abs(cost)
    return most


def cheapest(row: Row, prices: Row) -> float:
    """Return min_j row_j + prices_j."""
    least: float = min(map(add, row, prices))
    return least


def index_of(row: Row, prices: Row, least: float) -> int:
    """Return the first j with row_j + prices_j = `least`."""
    return list(map(add, row, prices)).index(least)


def reduced(cost: list[Row]) -> tuple[Row, Row]:
    """Subtract the least cost of every row, then of every column, in place; return both.

    It is inf where all pairs are forbidden, and then nothing is subtracted.
    """
    of_rows = [min(row) for row in cost]
    for i, least in enumerate(map(_finite, of_rows)):
        cost[i] = [c - least for c in cost[i]]
    of_columns = [min(column) for column in zip(*cost, strict=True)]
    finite = list(map(_finite, of_columns))
    for i, row in enumerate(cost):
        cost[i] = list(map(sub, row, finite))
    return of_rows, of_columns


def phase_one_costs(cost: list[Row]) -> list[Row]:
    """Return 0 for every pair that is allowed, inf for every other."""
    return [[0.0 if c < inf else inf for c in row] for row in cost]


def with_mass(weights: Row) -> list[int]:
    """Return the atoms that have mass."""
    return [atom for atom, weight in enumerate(weights) if weight > 0.0]


def chosen(given: list[Row], sources: list[int], sinks: list[int]) -> list[Row]:
    """Return the costs between some of the atoms, as a copy."""
    if len(sinks) == len(given[0]):
        return [given[i][:] for i in sources]
    return [[given[i][j] for j in sinks] for i in sources]


def zeros(length: int) -> Row:
    """Return a row of zeros."""
    return [0.0] * length


def _finite(least: float) -> float:
    return least if least < inf else 0.0
