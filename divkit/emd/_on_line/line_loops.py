"""Compiled loops over sorted points on a line.

Each works on a stretch, from `start` to `stop`, so that several may run at once.
"""

from __future__ import annotations

import math

import numpy as np

from divkit._compile import compiled
from divkit.emd._minimum import minimum

# Terms of one plain sum, in any order: so few that compensation is not needed.
BLOCK = 512
# Points whose potentials are measured together, while they are in cache.
CHUNK = 8 * BLOCK
# The columns of `sums`, which has a row for each CHUNK of points.
COST, SLACK, SUMS = range(3)

# A function without a `fastmath` option inherits that of the first caller that has it compiled,
# which could optimize the errors of the compensated sums below away.
exact = compiled(fastmath=False)


@exact
def pair_potentials(x, y, p, start, stop, high, low, f, g):
    """Set the potentials for the costs |x − y|^p that are tight on the pairs (i, i), (i + 1, i).

    They begin with f_start = high + low, two numbers because one would accumulate a rounding at
    every step; f_stop is returned likewise. The arrays `f` and `g` begin at `start`.
    """
    cost, cost_rest = np.empty(BLOCK), np.empty(BLOCK)
    step, step_rest = np.empty(BLOCK), np.empty(BLOCK)
    for first in range(start, stop, BLOCK):
        size = min(BLOCK, stop - first)
        f_block, g_block = f[first - start :], g[first - start :]
        _steps(x[first:], y[first:], p, size, cost, cost_rest, step, step_rest)
        for i in range(size):
            f_block[i], g_block[i] = high, low
            high, rest = difference(high, -step[i])
            low += rest + step_rest[i]
        high, low = difference(high, -low)
        for i in range(size):
            f_high, f_low = f_block[i], g_block[i]
            f_block[i] = f_high + f_low
            g_block[i] = slack_of(cost[i], cost_rest[i], f_high, f_low)
    return high, low


@exact
def _steps(x, y, p, size, cost, cost_rest, step, step_rest):
    """Set |x_i − y_i|^p and |x_{i+1} − y_i|^p − |x_i − y_i|^p, 0 after the last point."""
    inner = min(size, x.size - 1)
    powers(x, y, p, cost[:size], cost_rest[:size])
    powers(x[1:], y, p, step[:inner], step_rest[:inner])
    step[inner:] = step_rest[inner:] = 0.0
    for i in range(inner):
        step[i], rest = difference(step[i], cost[i])
        step_rest[i] = step_rest[i] - cost_rest[i] + rest


# For sums and maxima that may be evaluated in any order.
reduction = compiled(fastmath={"nnan", "nsz", "reassoc"})


@reduction
def pair_sums(x, y, p, start, stop):
    """Return f_stop, in two parts, Σ (g_i − f_i) and Σ 1 from `start` to `stop`.

    For the potentials of `pair_potentials` with f_start = 0.
    """
    cost, cost_rest = np.empty(BLOCK), np.empty(BLOCK)
    step, step_rest = np.empty(BLOCK), np.empty(BLOCK)
    high = low = apart = apart_rest = 0.0
    for first in range(start, stop, BLOCK):
        size = min(BLOCK, stop - first)
        _steps(x[first:], y[first:], p, size, cost, cost_rest, step, step_rest)
        of_f, of_cost, gain = size * high, 0.0, 0.0
        for i in range(size):
            of_f += (size - 1 - i) * step[i]
            of_cost += cost[i]
            gain += step[i] + step_rest[i]
        apart, rest = difference(apart, 2.0 * of_f - of_cost)
        apart_rest += rest
        high, rest = difference(high, -gain)
        low += rest
    return high, low, apart + apart_rest, float(stop - start)


@reduction
def measured_pairs(x, y, p, start, stop, begin, end, sums):
    """Do what `measure_pairs` does, for the potentials of `pair_potentials`, without storing them.

    f_start and f_stop are `begin` and `end`, in two parts each.
    """
    f, g = np.empty(CHUNK + 1), np.empty(CHUNK)
    (high, low), drift, most_f, most_g, loosest = begin, 0.0, -np.inf, -np.inf, 0.0
    for first in range(start, stop, CHUNK):
        last = min(first + CHUNK, stop)
        high, low = pair_potentials(x, y, p, first, last, high, low, f, g)
        f[last - first] = end[0] + end[1] if last == stop else high + low
        of_f, of_g, further, loose = measure_pairs(
            x[first:], y[first:], p, f, g, last - first, sums[(first - start) // CHUNK]
        )
        most_f, most_g = max(most_f, drift + of_f), max(most_g, of_g - drift)
        drift, loosest = drift + further, max(loosest, loose)
    return most_f, most_g, drift, loosest


@reduction
def measure_pairs(x, y, p, f, g, n, sums):
    """Measure potentials for the costs |x − y|^p on the first n pairs (i, i) and (i + 1, i).

    The sums of costs and slacks are added to `sums`.

    Let f* and g* be tight on all these pairs. They are feasible (`divkit.emd._on_line.line_costs`),
    so that f_i + g_j − c_ij ≤ (f − f*)_i + (g − g*)_j. The differences follow from the slacks,
    which are computed in extended precision; 2p must be an integer.

    Returns
    -------
    most_f, most_g : float
        The largest f − f* and g − g*, where f*_0 = f_0.
    drift : float
        f − f* after the last pair.
    loosest : float
        The largest |slack|.
    """
    cost, slack, crossing = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    rest = np.empty(BLOCK)
    drift, least_f, least_g, tightest = 0.0, 0.0, np.inf, 0.0
    for first in range(0, n, BLOCK):
        last = min(first + BLOCK, n)
        size, inner = last - first, min(last, x.size - 1) - first
        f_block, g_block = f[first:], g[first:]
        powers(x[first + 1 :], y[first:], p, cost[:inner], rest[:inner])
        _slacks(cost[:inner], rest, f_block[1:], g_block, crossing)
        crossing[inner:] = 0.0
        powers(x[first:], y[first:], p, cost[:size], rest[:size])
        _slacks(cost[:size], rest, f_block, g_block, slack)
        of_cost = of_slack = 0.0
        for i in range(size):
            of_cost += cost[i]
            of_slack += slack[i]
        sums[COST] += of_cost
        sums[SLACK] += of_slack
        # Maxima as minima of the negated numbers, for speed: see `minimum`.
        slack_block, crossing_block = slack[:size], crossing[:size]
        for i in range(size):
            least = minimum(-abs(slack_block[i]), -abs(crossing_block[i]))
            tightest = minimum(tightest, least)
        for i in range(size):
            least_f = minimum(least_f, -drift)
            least_g = minimum(least_g, slack_block[i] + drift)
            drift += slack_block[i] - crossing_block[i]
    return -least_f, -least_g, drift, -tightest


@exact
def powers(x, y, p, cost, rest):
    """Set |x − y|^p as a rounded number, `cost`, and its error, `rest`.

    Their sum has about 100 bits if `has_exact_powers(p)`; otherwise `rest` is 0.
    """
    if not has_exact_powers(p):
        for i in range(cost.size):
            cost[i], rest[i] = abs(x[i] - y[i]) ** p, 0.0
        return
    # A loop for each factor: a compiler can vectorize them all.
    if p % 1.0 == 0.0:
        for i in range(cost.size):
            cost[i], rest[i] = _distance(x[i], y[i])
    else:
        for i in range(cost.size):
            across, across_rest = _distance(x[i], y[i])
            cost[i], rest[i] = _root(across, across_rest)
    for _ in range(int(p - 0.5)):
        for i in range(cost.size):
            across, across_rest = _distance(x[i], y[i])
            cost[i], rest[i] = _product(cost[i], rest[i], across, across_rest)


@exact
def _slacks(cost, rest, f, g, slack):
    """Set cost + rest − f − g."""
    for i in range(cost.size):
        slack[i] = slack_of(cost[i], rest[i], f[i], g[i])


@exact
def has_exact_powers(p):
    """Return whether `powers` computes |x − y|^p to more digits than float64 has."""
    return 2.0 * p % 1.0 == 0.0 and p <= 16.0


@exact
def slack_of(cost, rest, f, g):
    """Return cost + rest − f − g; the roundings of the differences are added at the end."""
    first, first_rest = difference(cost, f)
    second, second_rest = difference(first, g)
    return second + (rest + first_rest + second_rest)


@exact
def _distance(x, y):
    """Return |x − y| as a rounded number and its error."""
    across, rest = difference(x, y)
    return abs(across), rest if across >= 0.0 else -rest


@exact
def _root(s, s_rest):
    """Return the square root of s + s_rest as a rounded number and its error."""
    root = math.sqrt(s)
    square, rest = _product(root, 0.0, root, 0.0)
    return root, (s - square - rest + s_rest) / (2.0 * root if root > 0.0 else 1.0)


@exact
def _product(s, s_rest, t, t_rest):
    """Return (s + s_rest)(t + t_rest) as a rounded number and its error (Dekker)."""
    s_high, t_high = _upper_half(s), _upper_half(t)
    s_low, t_low = s - s_high, t - t_high
    product = s * t
    rest = ((s_high * t_high - product) + s_high * t_low + s_low * t_high) + s_low * t_low
    return product, rest + (s * t_rest + s_rest * t)


@exact
def _upper_half(s):
    """Return the leading half of the digits of s (Veltkamp's splitting)."""
    multiple = (2.0**27 + 1.0) * s
    return multiple - (multiple - s)


@exact
def difference(s, t):
    """Return s − t as a rounded number and its error (Knuth's two-sum)."""
    difference = s - t
    of_t = difference - s
    return difference, (s - (difference - of_t)) - (t + of_t)


@exact
def reduce(x, y, g, p, columns):
    """Keep the columns that may hold the minimum of |x_i − y_j|^p − g_j in some row.

    Returns their number, which is at most that of the rows: the reduction step of SMAWK
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


@exact
def bisect(x, y, g, p, start, stop, lower, upper, columns, minima):
    """Find the minima of |x_i − y_j|^p − g_j for rows `start` to `stop`, and their columns.

    The columns ascend with the row, so those of two rows bound those of all rows in between. All
    of them are between `lower` and `upper`.
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
