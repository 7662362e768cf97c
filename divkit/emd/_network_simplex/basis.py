"""An initial forest for the network simplex: ship along the most promising arcs first, compiled.

Every shipment exhausts one of its two nodes, so that no cycle can close. Mass left over goes to
the cheapest partners that can still take it.
"""

from __future__ import annotations

import numpy as np

from divkit._compile import compiled

# A remainder below this share of the shipment is rounding: shipping it would only add an arc.
ROUNDING = 1e-12


@compiled
def ship(order, tail, head, excess):
    """Ship as much as possible along the arcs in the given order; return the arcs used.

    `excess` is the supply (positive) or demand (negative) of each node, and is reduced in place.
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
def ship_within(order, tail, head, part, give, take, left):
    """Ship along the arcs in the given order; return what each carries.

    The flow on an arc is limited by what its tail can `give`, by what its head can `take`, and by
    what is `left` for the part that the arc belongs to. All three are reduced in place, and
    remainders that are rounding set to 0.
    """
    carried = np.zeros(tail.size)
    for arc in order:
        i, j, k = tail[arc], head[arc], part[arc]
        moved = min(give[i], take[j], left[k])
        if moved > 0.0:
            carried[arc] = moved
            give[i] = _difference(give[i], moved)
            take[j] = _difference(take[j], moved)
            left[k] = _difference(left[k], moved)
    return carried


@compiled
def _difference(amount, moved):
    difference = amount - moved
    return difference if difference > ROUNDING * moved else 0.0


@compiled
def match(cost, potential, give, take):
    """Let every row in turn ship to its column of least cost − potential that is not yet full.

    Parameters are a tile of costs, shape (rows, columns), the columns' potentials, the supplies
    of the rows and the demands of the columns, both reduced in place. Returns the pairs used and
    their flow.
    """
    rows = np.empty(give.size + take.size, np.int64)
    columns = np.empty_like(rows)
    mass = np.empty(rows.size)
    count = 0
    open_columns = np.empty(take.size, np.int64)
    number = 0
    for column in range(take.size):
        if take[column] > 0.0:
            open_columns[number] = column
            number += 1
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
            rows[count], columns[count], mass[count] = row, column, moved
            count += 1
            if take[column] == 0.0:
                number -= 1
                open_columns[at] = open_columns[number]
    return rows[:count], columns[:count], mass[:count]
