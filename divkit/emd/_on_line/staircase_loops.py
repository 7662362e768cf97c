"""Compiled loops along the staircase of a plan that serves sorted points in order.

Each works on a stretch of its cells, so that several may run at once. The cell k is in the row i
and the column k − i.
"""

from __future__ import annotations

import numpy as np

from divkit.emd._on_line import staircase
from divkit.emd._on_line.line_loops import (
    BLOCK,
    CHUNK,
    COST,
    SLACK,
    difference,
    exact,
    powers,
    reduction,
    slack_of,
)

north_west = exact(staircase.north_west)
potentials = exact(staircase.potentials)


@exact
def entered(a, b, rows, columns, highs, lows):
    """Find the columns in which the staircase of `north_west` enters the given rows.

    Its arguments `high` and `low` there go to `highs` and `lows`.
    """
    high, low, j = -b[0], 0.0, 0
    k = 0
    for i in range(a.size):
        if i == rows[k]:
            while high + low > 0.0 and j < b.size - 1:
                j += 1
                high, rest = difference(high, b[j])
                low += rest
            columns[k], highs[k], lows[k] = j, high, low
            k += 1
            if k == rows.size:
                return
        high, rest = difference(high, -a[i])
        low += rest


@reduction
def sums_of(x, y, p, down, mass, start, stop, i):
    """Return f at `stop`, in two parts, and the sums of mass · (g − f) and of the mass.

    For the potentials that are tight on the cells, with f = 0 at `start`, a cell in the row i.
    """
    scratch = _scratch()
    f, g = scratch[:2]
    high = low = apart = apart_rest = whole = whole_rest = 0.0
    before = np.nan
    for first in range(start, stop, BLOCK):
        size = min(BLOCK, stop - first)
        high, low, before, i = _tight(x, y, p, down, first, size, i, high, low, before, scratch)
        of_block = mass_of_block = 0.0
        for k in range(size):
            of_block += mass[first + k] * (g[k] - f[k])
            mass_of_block += mass[first + k]
        apart, rest = difference(apart, -of_block)
        apart_rest += rest
        whole, rest = difference(whole, -mass_of_block)
        whole_rest += rest
    return high, low, apart + apart_rest, whole + whole_rest


@exact
def keep(x, y, p, down, start, stop, i, begin, f_kept, g_kept):
    """Store the potentials that are tight on the cells, with f = begin at `start`."""
    scratch = _scratch()
    f, g = scratch[:2]
    high, low = begin
    before = np.nan
    for first in range(start, stop, BLOCK):
        size, row = min(BLOCK, stop - first), i
        high, low, before, i = _tight(x, y, p, down, first, size, i, high, low, before, scratch)
        for k in range(size):
            f_kept[row], g_kept[first + k - row] = f[k], g[k]
            if first + k < down.size:
                row += down[first + k]


@exact
def measured(x, y, a, b, p, down, mass, start, stop, i, begin, end, sums):
    """Measure the plan and the potentials that are tight on its cells, without storing them.

    Returns
    -------
    most_f, most_g, drift, loosest : float
        As from `measure_slacks`.
    error, fault : float
        As from `measure_marginals`.
    first_g, last_g : float
        The potentials of the first column and of that at `stop`.
    """
    scratch = _scratch()
    f, g, cost, rest, slack, change, _, _ = scratch
    a_of, b_of = np.empty(BLOCK + 1), np.empty(BLOCK + 1)
    (high, low), before, first_g = begin, np.nan, np.nan
    drift, most_f, most_g, loosest, error, fault = 0.0, -np.inf, -np.inf, 0.0, 0.0, 0.0
    served = 0.0, 0.0
    taken = _taken_before(down, mass, start)
    for first in range(start, stop, BLOCK):
        size = min(BLOCK, stop - first)
        count = min(size + 1, mass.size - first)
        _spread(a, b, down, first, count, i, a_of, b_of)
        high, low, before, i = _tight(x, y, p, down, first, size, i, high, low, before, scratch)
        if first == start:
            first_g = g[0]
        if first + size == stop:
            f[size] = end[0] + end[1]
        of_f, of_g, further, loose = measure_slacks(
            cost[:count],
            rest,
            f,
            g,
            mass[first : first + size],
            down[first:],
            slack,
            change,
            sums[(first - start) // CHUNK],
        )
        most_f, most_g = max(most_f, drift + of_f), max(most_g, of_g - drift)
        drift, loosest = drift + further, max(loosest, loose)
        of_block, fault_of_block, served, taken = measure_marginals(
            a_of[:count], b_of, f, g, mass[first : first + size], down[first:], served, taken
        )
        error, fault = max(error, of_block), fault + fault_of_block
    return most_f, most_g, drift, loosest, error, fault, first_g, before


@reduction
def measure_slacks(cost, rest, f, g, mass, down, slack, change, sums):
    """Measure potentials on consecutive cells: those of `mass`, and the next if there is one.

    The sums of mass · cost and mass · slack are added to `sums`.

    Let f* and g* be tight on all these cells. They are feasible (`divkit.emd._on_line.line_costs`),
    so that f_i + g_j − c_ij ≤ (f − f*)_i + (g − g*)_j. The differences follow from the slacks,
    which are computed in extended precision if ``cost + rest`` is.

    Returns
    -------
    most_f, most_g : float
        The largest f − f* and g − g*, where f* = f on the first cell.
    drift : float
        f − f* on the cell after the last of `mass`.
    loosest : float
        The largest |slack|.
    """
    size, inner = mass.size, cost.size - 1
    for k in range(cost.size):
        slack[k] = slack_of(cost[k], rest[k], f[k], g[k])
    for k in range(inner):
        change[k] = slack[k] - slack[k + 1] if down[k] else 0.0
    cost_sum = slack_sum = 0.0
    for k in range(size):
        cost_sum += mass[k] * cost[k]
        slack_sum += mass[k] * slack[k]
    if inner < size:
        change[inner] = 0.0
    sums[COST] += cost_sum
    sums[SLACK] += slack_sum
    drift, most_f, most_g, loosest = 0.0, -np.inf, -np.inf, 0.0
    for k in range(size):
        loosest = max(loosest, abs(slack[k]))
    for k in range(size):
        most_f = max(most_f, drift)
        most_g = max(most_g, -slack[k] - drift)
        drift += change[k]
    return most_f, most_g, drift, loosest


@exact
def measure_marginals(a, b, f, g, mass, down, served, taken):
    """Return (error, fault, served, taken) for consecutive cells.

    `error` is the largest difference between a marginal and its weight, and `fault` the sum of the
    differences times their potentials. `served` and `taken` are the mass so far of the last row
    and of the last column, in two parts each, to go on with.
    """
    (served, served_rest), (taken, taken_rest), error, fault = served, taken, 0.0, 0.0
    for k in range(mass.size):
        served, rest = difference(served, -mass[k])
        served_rest += rest
        taken, rest = difference(taken, -mass[k])
        taken_rest += rest
        of_row, of_column = served - a[k] + served_rest, taken - b[k] + taken_rest
        if k == a.size - 1:
            fault += of_row * f[k] + of_column * g[k]
            return max(error, max(abs(of_row), abs(of_column))), fault, (0.0, 0.0), (0.0, 0.0)
        row_ends = down[k]
        error = max(error, abs(of_row if row_ends else of_column))
        fault += of_row * f[k] if row_ends else of_column * g[k]
        served, served_rest = 0.0 if row_ends else served, 0.0 if row_ends else served_rest
        taken, taken_rest = taken if row_ends else 0.0, taken_rest if row_ends else 0.0
    return error, fault, (served, served_rest), (taken, taken_rest)


@exact
def _taken_before(down, mass, k):
    """Return what the column of the cell k has taken in the rows above, in two parts."""
    high = low = 0.0
    while k > 0 and down[k - 1]:
        k -= 1
        high, rest = difference(high, -mass[k])
        low += rest
    return high, low


@exact
def _scratch():
    size = BLOCK + 1
    return (
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size),
    )


@exact
def _tight(x, y, p, down, start, size, i, high, low, before, scratch):
    """Set f, g and the costs on `size` cells from `start` on and on the next, if there is one.

    The potentials are tight; f begins with high + low in row i, and `before` is g of the current
    column, nan if not known. Returns (high, low, before, i) for the cell after the last.
    """
    f, g, cost, rest, step, step_rest, x_of, y_of = scratch
    count = min(size + 1, down.size + 1 - start)
    i = _spread(x, y, down, start, count, i, x_of, y_of)
    powers(x_of, y_of, p, cost[:count], rest[:count])
    step[count - 1] = step_rest[count - 1] = 0.0
    for k in range(count - 1):
        change, of_change = difference(cost[k + 1], cost[k])
        of_change += rest[k + 1] - rest[k]
        step[k] = change if down[start + k] else 0.0
        step_rest[k] = of_change if down[start + k] else 0.0
    for k in range(size):
        f[k], g[k] = high, low
        high, of_sum = difference(high, -step[k])
        low += of_sum + step_rest[k]
    high, low = difference(high, -low)
    f[size], g[size] = high, low
    for k in range(count):
        f_high, f_low = f[k], g[k]
        f[k] = f_high + f_low
        g[k] = slack_of(cost[k], rest[k], f_high, f_low)
    # A column has one potential: keep that of its first row.
    if before == before and down[start - 1]:
        g[0] = before
    for k in range(count - 1):
        in_this, in_next = g[k], g[k + 1]
        g[k + 1] = in_this if down[start + k] else in_next
    return high, low, g[count - 1], i


@exact
def _spread(x, y, down, start, count, i, x_of, y_of):
    """Set x and y on `count` cells from `start` on, which is in row i; return the last row."""
    for k in range(start, start + count):
        x_of[k - start], y_of[k - start] = x[i], y[k - i]
        if k < start + count - 1:
            i += down[k]
    return i
