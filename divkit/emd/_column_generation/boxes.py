"""Compiled passes over all pairs of two clouds of points, which skip pairs that cannot matter.

Points are stored in boxes of up to `SLOTS` neighbors, coordinate by coordinate, and so are all
numbers that belong to points; unused slots have the potential −inf. A lower bound on the costs
between two boxes decides whether their points are examined.
"""

from __future__ import annotations

import numpy as np

from divkit._compile import compiled
from divkit.emd._column_generation.candidates import insert
from divkit.emd._minimum import minimum

SLOTS = 64
EPSILON = np.finfo(np.float64).eps
# Sums of squares below this have lost digits to underflow.
SMALLEST = 2.0**-960
SQEUCLIDEAN, EUCLIDEAN, CITYBLOCK, CHEBYSHEV, NORM = range(5)

# No nan arises: points are finite and potentials never +inf where costs are examined.
_vector = compiled(fastmath={"nnan", "nsz"})


@compiled
def nearest(
    x, x_low, x_high, sizes, y, y_low, y_high, g, metric, p, factor, few, start, stop, values, found
):
    """Find the k least factor·c(x_i, y_j) − g_j of every point of the boxes `start` to `stop`.

    `values` (boxes, slots, k) holds ascending numbers to beat; smaller values are inserted, and the
    slots of their y in `found`. If `few`, at most one value per box of y is inserted for a point,
    the least.
    """
    d = x.shape[1]
    k = values.shape[2]
    highest = _row_maxima(g)
    bound, inside = np.empty(len(y)), np.empty(len(y))
    of_slots, inside_slots = np.empty(SLOTS), np.empty(SLOTS)
    point, cost = np.empty(d), np.empty(SLOTS)
    for q in range(start, stop):
        _between_boxes(x_low[:, q], x_high[:, q], y_low, y_high, metric, p, bound, inside)
        first, least = 0, np.inf
        for r in range(len(y)):
            bound[r] = factor * bound[r] - highest[r]
            if bound[r] < least:
                first, least = r, bound[r]
        most = _most(values[q], sizes[q])
        # The box of least bound comes first: its values let most others be skipped.
        for step in range(-1, len(y)):
            r = first if step < 0 else step
            if step == first or bound[r] >= most:
                continue
            _to_box(x[q], y_low[:, r], y_high[:, r], metric, p, of_slots, inside_slots)
            for s in range(sizes[q]):
                limit = values[q, s, k - 1]
                if factor * of_slots[s] - highest[r] >= limit:
                    continue
                for c in range(d):
                    point[c] = x[q, c, s]
                least = _reduced(point, y[r], g[r], metric, p, factor, limit, cost)
                for t in range(SLOTS):
                    if limit <= least:
                        break
                    if cost[t] <= least if few else cost[t] < limit:
                        insert(cost[t], r * SLOTS + t, values[q, s], found[q, s])
                        limit = -np.inf if few else values[q, s, k - 1]
            most = _most(values[q], sizes[q])


@compiled
def _most(values, size):
    """Return the largest of the k-th values of the first `size` points."""
    most = -np.inf
    for s in range(size):
        most = max(most, values[s, values.shape[1] - 1])
    return most


@compiled
def between(x, y, rows, columns, metric, p, start, stop, cost):
    """Set `cost` to c(x_i, y_j) for the pairs `start` to `stop`; points are rows of x and y."""
    for pair in range(start, stop):
        cost[pair] = _cost(x[rows[pair]], y[columns[pair]], metric, p)


@_vector
def _cost(x, y, metric, p):
    total = 0.0
    if metric == NORM:
        return _norm(x, y, p)
    if metric == CITYBLOCK:
        for c in range(x.size):
            total += abs(x[c] - y[c])
    elif metric == CHEBYSHEV:
        for c in range(x.size):
            total = max(total, abs(x[c] - y[c]))
    else:
        for c in range(x.size):
            total += (x[c] - y[c]) * (x[c] - y[c])
    if metric == EUCLIDEAN:
        return np.sqrt(total) if total >= SMALLEST else _norm(x, y, 2.0)
    return total


@_vector
def _norm(x, y, p):
    most = 0.0
    for c in range(x.size):
        most = max(most, abs(x[c] - y[c]))
    if most == 0.0:
        return 0.0
    # Dividing by the largest coordinate keeps all powers within the range of float64.
    powers = 0.0
    for c in range(x.size):
        powers += (abs(x[c] - y[c]) / most) ** p
    return most * powers ** (1 / p)


@_vector
def _reduced(x, y, g, metric, p, factor, limit, cost):
    """Set `cost` to factor·c(x, y_j) − g_j for a box of y; return the least.

    If the least is not below `limit`, any number that is not below `limit` may be returned.
    """
    if metric == CITYBLOCK:
        _sum_of_sizes(x, y, cost)
    elif metric == CHEBYSHEV:
        _largest_size(x, y, cost)
    else:
        _sum_of_squares(x, y, cost)
        if metric != SQEUCLIDEAN:
            for t in range(SLOTS):
                cost[t] = np.sqrt(cost[t])
    least = np.inf
    if metric == NORM:
        # Powers are expensive: a bound from the Euclidean distance tells where they are needed.
        scale = _norm_over_euclidean(x.size, p) * factor
        for t in range(SLOTS):
            least = minimum(least, scale * cost[t] - g[t])
        if least >= limit:
            return least
        least = np.inf
        for t in range(SLOTS):
            cost[t] = np.inf if scale * cost[t] - g[t] >= limit else _norm(x, y[:, t], p)
    for t in range(SLOTS):
        cost[t] = factor * cost[t] - g[t]
        least = minimum(least, cost[t])
    return least


@_vector
def _sum_of_squares(x, y, total):
    for t in range(SLOTS):
        total[t] = 0.0
    for c in range(x.size):
        x_c, y_c = x[c], y[c]
        for t in range(SLOTS):
            total[t] += (x_c - y_c[t]) * (x_c - y_c[t])


@_vector
def _sum_of_sizes(x, y, total):
    for t in range(SLOTS):
        total[t] = 0.0
    for c in range(x.size):
        x_c, y_c = x[c], y[c]
        for t in range(SLOTS):
            total[t] += abs(x_c - y_c[t])


@_vector
def _largest_size(x, y, total):
    for t in range(SLOTS):
        total[t] = 0.0
    for c in range(x.size):
        x_c, y_c = x[c], y[c]
        for t in range(SLOTS):
            total[t] = minimum(total[t], -abs(x_c - y_c[t]))
    for t in range(SLOTS):
        total[t] = -total[t]


@_vector
def _to_box(x, low, high, metric, p, bound, inside):
    """Bound from below the costs of the points in a box of x to points between low and high."""
    bound[:] = 0.0
    for c in range(low.size):
        x_c, low_c, high_c = x[c], low[c], high[c]
        for s in range(bound.size):
            inside[s] = minimum(x_c[s] - low_c, high_c - x_c[s])
        _join(inside, bound, metric)
    _finish(bound, low.size, metric, p)


@_vector
def _between_boxes(x_low, x_high, y_low, y_high, metric, p, bound, inside):
    """Bound from below the costs of points in one box to points in each of many."""
    bound[:] = 0.0
    for c in range(x_low.size):
        low_c, high_c, low_r, high_r = x_low[c], x_high[c], y_low[c], y_high[c]
        for r in range(bound.size):
            inside[r] = minimum(high_c - low_r[r], high_r[r] - low_c)
        _join(inside, bound, metric)
    _finish(bound, x_low.size, metric, p)


@_vector
def _join(inside, bound, metric):
    """Add a coordinate to the bounds; `inside` is negative by as much as a point is outside."""
    if metric == CITYBLOCK:
        for s in range(bound.size):
            bound[s] -= minimum(inside[s], 0.0)
    elif metric == CHEBYSHEV:
        for s in range(bound.size):
            bound[s] = -minimum(-bound[s], inside[s])
    else:
        for s in range(bound.size):
            outside = minimum(inside[s], 0.0)
            bound[s] += outside * outside


@_vector
def _finish(bound, d, metric, p):
    # Shrink the bounds, so that rounding cannot make one larger than what it bounds.
    scale = 1.0 - (d + 8) * EPSILON
    if metric == NORM:
        scale *= _norm_over_euclidean(d, p)
    if metric in (EUCLIDEAN, NORM):
        for s in range(bound.size):
            bound[s] = np.sqrt(bound[s])
    for s in range(bound.size):
        bound[s] *= scale


@compiled
def _norm_over_euclidean(d, p):
    """Return the largest s with ‖z‖_p ≥ s‖z‖ for d coordinates, up to rounding."""
    return 1.0 if p <= 2.0 else (1.0 - 8 * EPSILON) * d ** (1.0 / p - 0.5)


@compiled
def _row_maxima(g):
    most = np.empty(len(g))
    for r in range(len(g)):
        most[r] = g[r].max()
    return most
