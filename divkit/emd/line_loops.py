"""Compiled loops over sorted points on a line.

Each works on a stretch, from `start` to `stop`, so that several may run at once.
"""

from __future__ import annotations

import numba
import numpy as np

from divkit.emd import staircase

# Terms of one sum: so few that a plain sum keeps its digits.
BLOCK = 128
# The columns of `sums`, a row a block.
COST, SLACK, F, G, SUMS = range(5)

# Where nothing is said of fast mathematics, a function inherits it from the first caller that has
# it compiled, and the compensated sums below would come to nothing.
_exact = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=False)

north_west = _exact(staircase.north_west)
potentials = _exact(staircase.potentials)


@_exact
def pair_potentials(x, y, p, start, stop, f, g, sums):
    """Set the potentials for the costs |x − y|^p that are tight on the pairs (i, i), (i + 1, i).

    They begin with f[start] = 0; returned is f at `stop`.
    """
    # f is the sum of both: a single number would collect a rounding at every step.
    high = low = 0.0
    for first in range(start, stop, BLOCK):
        f_sum = g_sum = 0.0
        for i in range(first, min(first + BLOCK, stop)):
            across = x[i] - y[i]
            distance = abs(across)
            cost = distance if p == 1.0 else across * across if p == 2.0 else distance**p
            f[i] = high + low
            g[i] = cost - f[i]
            f_sum += f[i]
            g_sum += g[i]
            if i + 1 == x.size:
                continue
            # |x_{i+1} − y_i|^p − |x_i − y_i|^p, where possible without cancellation.
            between, further = x[i + 1] - x[i], x[i + 1] - y[i]
            if p == 1.0 and across >= 0.0:
                step = between
            elif p == 1.0 and further <= 0.0:
                step = -between
            elif p == 2.0:
                step = between * (across + further)
            else:
                step = abs(further) ** p - cost
            total = high + step
            of_step = total - high
            low += (high - (total - of_step)) + (step - of_step)
            high = total
        sums[first // BLOCK, F] = f_sum
        sums[first // BLOCK, G] = g_sum
    return high + low


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "nsz", "reassoc"})
def measure_pairs(x, y, p, f, g, start, stop, sums):
    """Measure potentials for the costs |x − y|^p on the pairs (i, i) and (i + 1, i), p = 1 or 2.

    Let f* and g* be tight on all these pairs. They are feasible (`divkit.emd.line_costs`), so
    that f_i + g_j − c_ij ≤ (f − f*)_i + (g − g*)_j. The differences follow from the slacks, which
    are computed as if without a rounding.

    Returns
    -------
    most_f, most_g : float
        The largest f − f* and g − g*, where f*[start] = f[start].
    drift : float
        f − f* at `stop`.
    loosest : float
        The largest slack in size.
    """
    # Rows of one array would keep the loops below from being vectorised.
    slack, crossing = np.empty(BLOCK), np.empty(BLOCK)
    drift, most_f, most_g, loosest = 0.0, 0.0, -np.inf, 0.0
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        size, inner = last - first, min(last, x.size - 1) - first
        x_block, y_block, f_block, g_block = x[first:], y[first:], f[first:], g[first:]
        _slacks(x_block, y_block, p, f_block, g_block, slack[:size])
        _slacks(x_block[1:], y_block, p, f_block[1:], g_block, crossing[:inner])
        crossing[inner:] = 0.0
        cost_sum = slack_sum = f_sum = g_sum = 0.0
        for i in range(size):
            distance = abs(x_block[i] - y_block[i])
            cost_sum += distance if p == 1.0 else distance * distance
            slack_sum += slack[i]
            f_sum += f_block[i]
            g_sum += g_block[i]
        for i in range(size):
            loosest = max(loosest, max(abs(slack[i]), abs(crossing[i])))
        for i in range(size):
            most_f = max(most_f, drift)
            most_g = max(most_g, -slack[i] - drift)
            drift += slack[i] - crossing[i]
        block = first // BLOCK
        sums[block, COST], sums[block, SLACK] = cost_sum, slack_sum
        sums[block, F], sums[block, G] = f_sum, g_sum
    return most_f, most_g, drift, loosest


@_exact
def power_potentials(x, y, p, down, f, g):
    """Set the potentials for the costs |x − y|^p that are tight along a staircase, f[0] = 0."""
    i, f_high, f_low = 0, 0.0, 0.0
    across = x[0] - y[0]
    j, g_high, g_low = 0, abs(across) ** p, 0.0
    f[0], g[0] = f_high, g_high
    for k in range(down.size):
        if down[k]:
            i += 1
            between = x[i] - x[i - 1]
        else:
            j += 1
            between = y[j - 1] - y[j]
        further = x[i] - y[j]
        # |further|^p − |across|^p, where possible without cancellation.
        if p == 1.0 and min(across, further) >= 0.0:
            change = between
        elif p == 1.0 and max(across, further) <= 0.0:
            change = -between
        elif p == 2.0:
            change = between * (across + further)
        else:
            change = abs(further) ** p - abs(across) ** p
        across = further
        before = f_high if down[k] else g_high
        after = before + change
        of_change = after - before
        lost = (before - (after - of_change)) + (change - of_change)
        if down[k]:
            f_high, f_low = after, f_low + lost
            f[i] = f_high + f_low
        else:
            g_high, g_low = after, g_low + lost
            g[j] = g_high + g_low


@_exact
def measure_staircase(x, y, a, b, p, down, mass, f, g, sums):
    """Measure a plan and potentials for the costs |x − y|^p along a staircase.

    Returns
    -------
    most_f, most_g, loosest : float
        As from `measure_pairs`, for p = 1 and 2.
    error : float
        The largest difference between a marginal and its weight.
    """
    i, f_drift, most_f = 0, 0.0, 0.0
    j, g_drift, most_g = 0, 0.0, -np.inf
    loosest = error = 0.0
    served, served_rest, taken, taken_rest = 0.0, 0.0, 0.0, 0.0
    for first in range(0, mass.size, BLOCK):
        cost_sum = slack_sum = 0.0
        for k in range(first, min(first + BLOCK, mass.size)):
            below = k > 0 and down[k - 1]
            if below:
                error = max(error, abs(served - a[i] + served_rest))
                served, served_rest = 0.0, 0.0
                i += 1
            elif k > 0:
                error = max(error, abs(taken - b[j] + taken_rest))
                taken, taken_rest = 0.0, 0.0
                j += 1
            cost, rest = _power(x[i], y[j], p)
            slack = _slack(cost, rest, f[i], g[j])
            if below:
                f_drift = -slack - g_drift
                most_f = max(most_f, f_drift)
            else:
                g_drift = -slack - f_drift
                most_g = max(most_g, g_drift)
            loosest = max(loosest, abs(slack))
            cost_sum += mass[k] * cost
            slack_sum += mass[k] * slack
            served, rest = _difference(served, -mass[k])
            served_rest += rest
            taken, rest = _difference(taken, -mass[k])
            taken_rest += rest
        sums[first // BLOCK, COST], sums[first // BLOCK, SLACK] = cost_sum, slack_sum
    error = max(error, max(abs(served - a[i] + served_rest), abs(taken - b[j] + taken_rest)))
    return most_f, most_g, loosest, error


@_exact
def _slacks(x, y, p, f, g, slack):
    """Set |x − y|^p − f − g, p = 1 or 2."""
    # Two loops: a compiler can vectorise either.
    if p == 1.0:
        for i in range(slack.size):
            cost, rest = _distance(x[i], y[i])
            slack[i] = _slack(cost, rest, f[i], g[i])
    else:
        for i in range(slack.size):
            cost, rest = _squared_distance(x[i], y[i])
            slack[i] = _slack(cost, rest, f[i], g[i])


@_exact
def _power(x, y, p):
    """Return |x − y|^p as a rounded number and what is missing, where p = 1 or 2."""
    if p == 1.0:
        return _distance(x, y)
    if p == 2.0:
        return _squared_distance(x, y)
    return abs(x - y) ** p, 0.0


@_exact
def _slack(cost, rest, f, g):
    """Return cost + rest − f − g; the roundings of the differences are added at the end."""
    first, first_rest = _difference(cost, f)
    second, second_rest = _difference(first, g)
    return second + (rest + first_rest + second_rest)


@_exact
def _distance(x, y):
    """Return |x − y| as a rounded number and what is missing."""
    across, rest = _difference(x, y)
    return abs(across), rest if across >= 0.0 else -rest


@_exact
def _squared_distance(x, y):
    """Return (x − y)² as a rounded number and what is missing (Dekker's product)."""
    across, rest = _difference(x, y)
    split = (2.0**27 + 1.0) * across
    high = split - (split - across)
    low = across - high
    square = across * across
    of_square = ((high * high - square) + 2.0 * high * low) + low * low
    return square, of_square + 2.0 * across * rest


@_exact
def _difference(s, t):
    """Return s − t as a rounded number and what is missing (Knuth's two-sum)."""
    difference = s - t
    of_t = difference - s
    return difference, (s - (difference - of_t)) - (t + of_t)


@_exact
def reduce(x, y, g, p, columns):
    """Keep the columns that may hold the minimum of |x_i − y_j|^p − g_j in some row.

    Returned is their number, which is at most that of the rows: the first step of SMAWK
    (Aggarwal et al. 1987, "Geometric applications of a matrix-searching algorithm").
    """
    kept = 0
    for j in range(y.size):
        while kept > 0:
            i, k = kept - 1, columns[kept - 1]
            if abs(x[i] - y[k]) ** p - g[k] <= abs(x[i] - y[j]) ** p - g[j]:
                break
            kept -= 1
        if kept < x.size:
            columns[kept] = j
            kept += 1
    return kept


@_exact
def bisect(x, y, g, p, start, stop, lower, upper, columns, minima):
    """Find the minima of |x_i − y_j|^p − g_j for rows `start` to `stop`, and their columns.

    Columns rise with the row: those of the rows in between lie in between. All of them are
    between `lower` and `upper`.
    """
    half = 1
    while 2 * half <= stop - start:
        half *= 2
    while half > 0:
        for i in range(start - 1 + half, stop, 2 * half):
            low = columns[i - half] if i - half >= start else lower
            high = columns[i + half] if i + half < stop else upper
            least, found = np.inf, low
            for j in range(low, high + 1):
                distance = abs(x[i] - y[j])
                cost = distance if p == 1.0 else distance * distance if p == 2.0 else distance**p
                if cost - g[j] < least:
                    least, found = cost - g[j], j
            columns[i], minima[i] = found, least
        half //= 2
