"""A forest to start the network simplex from: ship along the most promising arcs first, compiled.

Every shipment empties one of its two nodes, so that no cycle can close. What is left goes to the
cheapest partners that are left.
"""

from __future__ import annotations

import numpy as np

from divkit.emd.tree import compiled


@compiled
def ship(order, tail, head, excess):
    """Ship along the arcs in the given order whatever their ends have left; return those used.

    `excess` is what the nodes have to give (positive) or to take, and becomes what is left.
    """
    used = np.empty(excess.size, np.int32)
    count = 0
    for arc in order:
        give, take = excess[tail[arc]], -excess[head[arc]]
        if give > 0.0 and take > 0.0:
            moved = min(give, take)
            excess[tail[arc]] = give - moved
            excess[head[arc]] = moved - take
            used[count] = arc
            count += 1
    return used[:count]


@compiled
def match(cost, potential, give, take):
    """Let every row in turn ship to its column of least cost − potential that is not yet full.

    Parameters are a tile of costs, shape (rows, columns), the columns' potentials, and what rows
    have to give and columns can take, which become what is left. Returns the pairs used.
    """
    rows = np.empty(give.size + take.size, np.int64)
    columns = np.empty_like(rows)
    count = 0
    open_columns = np.flatnonzero(take > 0.0)
    number = open_columns.size
    for row in range(give.size):
        while give[row] > 0.0 and number > 0:
            best, at = np.inf, -1
            for position in range(number):
                column = open_columns[position]
                reduced = cost[row, column] - potential[column]
                if reduced < best:
                    best, at = reduced, position
            if at < 0:
                break
            column = open_columns[at]
            moved = min(give[row], take[column])
            give[row] -= moved
            take[column] -= moved
            rows[count], columns[count] = row, column
            count += 1
            if take[column] == 0.0:
                number -= 1
                open_columns[at] = open_columns[number]
    return rows[:count], columns[:count]
