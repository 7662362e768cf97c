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

north_west = numba.njit(cache=True, nogil=True, error_model="numpy")(staircase.north_west)


@numba.njit(cache=True, nogil=True, error_model="numpy")
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


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "nsz"})
def measure_pairs(x, y, f, g, start, stop, sums):
    """Measure potentials for the costs |x − y| on the pairs (i, i) and (i + 1, i).

    Let f* and g* be tight on all these pairs. They are feasible (`divkit.emd.line_costs`), so
    that f_i + g_j − c_ij ≤ (f − f*)_i + (g − g*)_j. The differences follow from the slacks, which
    are computed without a rounding.

    Returns
    -------
    most_f, most_g : float
        The largest f − f* and g − g*, where f*[start] = f[start].
    drift : float
        f − f* at `stop`.
    loosest : float
        The largest slack in size.
    """
    slack, crossing = np.zeros(BLOCK), np.zeros(BLOCK)
    drift, most_f, most_g, loosest = 0.0, 0.0, -np.inf, 0.0
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        size, inner = last - first, min(last, x.size - 1) - first
        x_block, y_block, f_block, g_block = x[first:], y[first:], f[first:], g[first:]
        _slacks(x_block, y_block, f_block, g_block, slack[:size])
        _slacks(x_block[1:], y_block, f_block[1:], g_block, crossing[:inner])
        crossing[inner:] = 0.0
        cost_sum = slack_sum = f_sum = g_sum = 0.0
        for i in range(size):
            cost_sum += abs(x_block[i] - y_block[i])
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _slacks(x, y, f, g, slack):
    """Set |x − y| − f − g; the roundings of the differences are added at the end."""
    for i in range(slack.size):
        distance, rest = _difference(x[i], y[i])
        rest = rest if distance >= 0.0 else -rest
        first, first_rest = _difference(abs(distance), f[i])
        second, second_rest = _difference(first, g[i])
        slack[i] = second + (rest + first_rest + second_rest)


@numba.njit(nogil=True, error_model="numpy")
def _difference(s, t):
    """Return s − t as a rounded number and what is missing (Knuth's two-sum)."""
    difference = s - t
    of_t = difference - s
    return difference, (s - (difference - of_t)) - (t + of_t)


@numba.njit(cache=True, nogil=True, error_model="numpy")
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
