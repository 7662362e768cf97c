"""The network simplex on all pairs of a transport problem, in plain loops.

The same functions run interpreted on lists and compiled on arrays
(`divkit.emd._small.small_compiled`), with bitwise equal results; so this module imports nothing
that compiles. Sources are the nodes 0 to n − 1, sinks the nodes n to n + m − 1, and the root comes
last. An arc leads from a source to a sink, and is identified by its ends. Artificial arcs and
tolerances are as in `divkit.emd._network_simplex.simplex`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from divkit.emd._network_simplex.pivot import NONE, Node, pivot
from divkit.emd._small import rows

OPTIMAL, STUCK, LIMIT = 0, 1, 2

# As in `divkit.emd._network_simplex.simplex`.
_TOLERANCE = 2.0**-47
_ROUNDING = 1e-12
# The best arc of at least this many rows and pairs enters, from the first row with a candidate on.
_ROWS, _PAIRS = 2, 1024
# At least this many pivots are made before the potentials are recomputed, to remove their rounding.
_FEWEST_PIVOTS = 100
# A flow up to this share of the mass of either end is rounding.
_NOTHING = 2.0**-50


class State(NamedTuple):
    """A spanning tree and what belongs to its nodes, as lists or arrays."""

    tree: Any  # nodes and the root
    potential: Any  # π, with which tree arcs have cost − π[tail] + π[head] = 0
    atoms: Any  # the other data of the nodes


class Atom:
    """A source, a sink or the root; the last four fields are entries of lists of nodes."""

    __slots__ = ("heaviest", "left", "mass", "number", "open", "order", "top")

    number: int
    mass: float  # positive
    left: float  # mass not shipped yet
    order: int  # a list of all nodes but the root, each after its subtree
    open: int  # a list of the sinks that are not full
    top: int  # the root of this node's tree in the forest that carries mass
    heaviest: int  # the heaviest node in the tree rooted at this node


def state(nodes: int) -> State:
    """Return a state for `nodes` sources and sinks together, without their masses."""
    tree = [Node() for _ in range(nodes + 1)]
    atoms = [Atom() for _ in range(nodes + 1)]
    for number, atom in enumerate(atoms):
        atom.number = number
    return State(tree, [0.0] * (nodes + 1), atoms)


def solve(s: State, cost: Any, limit: int) -> tuple[int, int]:
    """Find the cheapest flow of all mass; return (status, pivots).

    Parameters
    ----------
    s : State
        With the masses filled in.
    cost : list or array, n rows of m
        At least 0; +inf forbids a pair. The closer the least cost of every row and column is to
        0, the better is the initial tree.
    limit : int
        The largest number of pivots.
    """
    n, nodes = len(cost), len(s.tree) - 1
    total = _ship(s, cost)
    pivots = 0
    if _artificial_flow(s) > 0.0:
        status, pivots = _optimize(s, rows.phase_one_costs(cost), True, limit)
        if status == LIMIT:
            return LIMIT, pivots
        if _artificial_flow(s) > _ROUNDING * total:
            return STUCK, pivots
    for node in range(nodes):
        if s.tree[node].parent == nodes:
            s.tree[node].flow = 0.0
            s.tree[node].upward = True
    status, more = _optimize(s, cost, False, limit - pivots)
    if status == OPTIMAL:
        _settle(s, n)
    return status, pivots + more


# --- the initial tree ---


def _ship(s: State, cost: Any) -> float:
    """Ship along arcs of cost 0, then along the cheapest; return the mass of the sources.

    Every shipment exhausts a node, which becomes a child of the other. So the arcs that carry mass
    are a forest, and the subtree of a node is complete when the node itself gets a parent.
    """
    n, nodes = len(cost), len(s.tree) - 1
    for node in range(nodes):
        s.atoms[node].left = s.atoms[node].mass
        s.tree[node].parent = nodes
    total, heaviest, joined = 0.0, 0, 0
    for i in range(n):
        total += s.atoms[i].mass
        if s.atoms[i].mass > s.atoms[heaviest].mass:
            heaviest = i
        row = cost[i]
        for j in range(nodes - n):
            if row[j] == 0.0 and s.atoms[n + j].left > 0.0 and s.atoms[i].left > 0.0:
                joined = _load(s, i, n + j, joined)
    number = 0
    for node in range(n, nodes):
        if s.atoms[node].left > 0.0:
            s.atoms[number].open = node
            number += 1
    # The heaviest source comes last: it absorbs the rounding of all others with the least effect.
    for turn in range(n):
        i = heaviest if turn == n - 1 else turn if turn < heaviest else turn + 1
        joined, number = _ship_to_the_cheapest(s, cost[i], i, joined, number, n)
    for node in range(nodes):
        if s.tree[node].parent == nodes:
            s.tree[node].flow = s.atoms[node].left
            s.tree[node].upward = node < n or s.atoms[node].left == 0.0
            s.atoms[joined].order = node
            joined += 1
    _thread(s)
    return total


def _ship_to_the_cheapest(
    s: State, row: Any, i: int, joined: int, number: int, n: int
) -> tuple[int, int]:
    """Ship from source `i` to the cheapest of the `number` open sinks until it is exhausted."""
    while s.atoms[i].left > 0.0 and number > 0:
        best, place = 0, -1
        for k in range(number):
            j = s.atoms[k].open - n
            if place < 0 or row[j] < row[best]:
                best, place = j, k
        if not row[best] < float("inf"):
            break
        sink = s.atoms[place].open
        joined = _load(s, i, sink, joined)
        if s.atoms[sink].left == 0.0:
            number -= 1
            s.atoms[place].open = s.atoms[number].open
    return joined, number


def _load(s: State, source: int, sink: int, joined: int) -> int:
    """Ship all that is possible, and make the node that is exhausted a child of the other."""
    empties = s.atoms[source].left <= s.atoms[sink].left
    node, above = (source, sink) if empties else (sink, source)
    amount = s.atoms[node].left
    s.atoms[node].left = 0.0
    s.atoms[above].left -= amount
    s.tree[node].parent = above
    s.tree[node].flow = amount
    s.tree[node].upward = empties
    s.atoms[joined].order = node
    return joined + 1


def _thread(s: State) -> None:
    """Fill in the thread, last nodes and sizes, from the parents and the `order` of the atoms."""
    tree = s.tree
    for node in range(len(tree)):
        tree[node].last = node
        tree[node].size = 1
        tree[node].arc = 0
    for k in range(len(tree) - 1):
        node = s.atoms[k].order
        above = tree[node].parent
        end = tree[above].last
        tree[end].next = node
        tree[node].previous = end
        tree[above].last = tree[node].last
        tree[above].size += tree[node].size
    root = s.atoms[len(tree) - 1].number
    end = tree[root].last
    tree[end].next = root
    tree[root].previous = end
    tree[root].parent = NONE


def _artificial_flow(s: State) -> float:
    """Return the flow through the root, which the other arcs do not deliver."""
    nodes = len(s.tree) - 1
    given = taken = 0.0
    for node in range(nodes):
        if s.tree[node].parent == nodes and s.tree[node].upward:
            given += s.tree[node].flow
        elif s.tree[node].parent == nodes:
            taken += s.tree[node].flow
    return min(given, taken)


# --- pivots ---


def _optimize(s: State, cost: Any, phase_one: bool, limit: int) -> tuple[int, int]:
    """Pivot until no reduced cost is negative, or `limit` times; return (status, pivots)."""
    batch = max(_FEWEST_PIVOTS, len(s.tree) - 1)
    done = 0
    while True:
        tolerance = _set_potentials(s, cost, phase_one)
        made = _pivot(s, cost, tolerance, min(batch, limit - done))
        if made < 0:
            return LIMIT, done
        # Only freshly computed potentials, free of rounding from pivots, prove optimality.
        if made == 0:
            return OPTIMAL, done
        done += made


def _pivot(s: State, cost: Any, tolerance: float, limit: int) -> int:
    """Pivot until no reduced cost is below −tolerance, or `limit` times; return how often.

    Return −1 if an arc could enter but the limit is 0.
    """
    n, nodes = len(cost), len(s.tree) - 1
    enough = max(_ROWS, _PAIRS // (nodes - n))
    done = seen = looked = 0
    i, row = 0, -1
    best, cheapest = -tolerance, 0.0
    while seen < n:
        least = rows.cheapest(cost[i], s.potential[n:nodes])
        if least - s.potential[i] < best:
            best, cheapest, row = least - s.potential[i], least, i
        seen += 1
        i = i + 1 if i + 1 < n else 0
        if row < 0:
            continue
        looked += 1
        if looked == enough or seen == n:
            if done == limit:
                return done if limit > 0 else -1
            j = rows.index_of(cost[row], s.potential[n:nodes], cheapest)
            pivot(s.tree, s.potential, 0, s.atoms[row].number, s.atoms[n + j].number, best)
            done += 1
            seen = looked = 0
            row, best = -1, -tolerance
    return done


def _set_potentials(s: State, cost: Any, phase_one: bool) -> float:
    """Recompute the potentials; return the tolerance of reduced costs."""
    n, tree, potential = len(cost), s.tree, s.potential
    root = s.atoms[len(tree) - 1].number
    largest = 0.0
    potential[root] = 0.0
    node = tree[root].next
    while node != root:
        above = tree[node].parent
        if above == root:
            # Artificial arcs cost 1 toward the root and 0 away from it, so that the total cost is
            # the artificial flow. By strong feasibility, those without flow lead to the root.
            potential[node] = 1.0 if phase_one and tree[node].upward else 0.0
        elif node < n:
            potential[node] = potential[above] + cost[node][above - n]
        else:
            potential[node] = potential[above] - cost[above][node - n]
        largest = max(largest, abs(potential[node]))
        node = tree[node].next
    return 0.5 if phase_one else _TOLERANCE * largest


# --- the final flow ---


def _settle(s: State, n: int) -> None:
    """Recompute the flows from the masses; the rounding left over goes to the heaviest nodes."""
    tree = s.tree
    nodes = len(s.tree) - 1
    for node in range(nodes):
        s.atoms[node].left = s.atoms[node].mass if node < n else -s.atoms[node].mass
    node = tree[nodes].previous
    for _ in range(nodes):
        above, flow = tree[node].parent, s.atoms[node].left
        if node >= n:
            flow = -flow
        if above == nodes or flow <= _NOTHING * min(s.atoms[node].mass, s.atoms[above].mass):
            flow = 0.0
        else:
            s.atoms[above].left += s.atoms[node].left
            s.atoms[node].left = 0.0
        tree[node].flow = flow
        node = tree[node].previous
    for _ in range(nodes):
        node = tree[node].next
        if tree[node].flow == 0.0:
            s.atoms[node].top = s.atoms[node].heaviest = node
        else:
            top = s.atoms[tree[node].parent].top
            s.atoms[node].top = top
            if s.atoms[node].mass > s.atoms[s.atoms[top].heaviest].mass:
                s.atoms[top].heaviest = node
    for top in range(nodes):
        if tree[top].flow == 0.0 and s.atoms[top].left != 0.0:
            _pass_down(s, top, s.atoms[top].heaviest, n)


def _pass_down(s: State, top: int, heaviest: int, n: int) -> None:
    """Pass what is left at the top on to `heaviest`, if all flows on the path stay positive."""
    more = s.atoms[top].left
    node = heaviest
    while node != top:
        if s.tree[node].flow <= abs(more):
            return
        node = s.tree[node].parent
    node = heaviest
    while node != top:
        s.tree[node].flow += -more if node < n else more
        node = s.tree[node].parent
