"""The network simplex on a sparse set of arcs that may grow.

min Σ c_k x_k over flows x ≥ 0 with out-flow − in-flow = supply at every node: a transport
problem where arcs lead from sources to sinks, and any other uncapacitated min-cost flow. The
dual is max Σ supply_v π_v over potentials with π_tail − π_head ≤ c_k.

There is no big M. The root is an artificial node; every tree of the forest of basic arcs is joined
to it by an artificial arc, whose cost is the potential that the caller gives and whose flow is
driven to 0 in phase one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from divkit._errors import ConvergenceError
from divkit.emd._certificate.double_double import DoubleDouble, reduced
from divkit.emd._network_simplex import tree
from divkit.emd._network_simplex.pivots import PAUSED, UNBOUNDED, pivots
from divkit.emd._solver_types import Indices, Mask, NoPlanError, Vector, limit_reached

# Reduced costs are compared with this share of the largest potential in the tree, a few roundings:
# potentials are sums of costs. Costs of nonbasic arcs do not matter, however large.
TOLERANCE = 2.0**-47
_FINE_TOLERANCE = 2.0**-98
# Share of the mass that artificial arcs may carry in a feasible flow: rounding of the supplies.
ROUNDING = 1e-12
# The tree is rebuilt if that makes the tolerance finer by this factor, and at most this often.
_FINER = 2.0**-6
_MOST_REBUILDS = 4
# Nodes are relabeled after this many pivots per node: tree neighbors have drifted apart in memory.
_PIVOTS_PER_LABELLING = 1 / 8
_SMALLEST_BLOCK = 64
# A few pivots per node are usual; a thousand per node are a sign of cycling.
_USUAL_LIMIT = 1000
_NO_OPPOSITE = np.empty(0, np.int32)


def usual_limit(nodes: int) -> int:
    """Return a number of pivots that is a sign of cycling."""
    return max(10**6, _USUAL_LIMIT * nodes)


class Flow(NamedTuple):
    """The arcs that carry mass, by their ends."""

    tails: Indices
    heads: Indices
    mass: Vector


class NetworkSimplex:
    """A min-cost flow problem with a strongly feasible spanning tree.

    Parameters
    ----------
    supply : array, shape (nodes,)
        Mass that starts (positive) or ends (negative) at each node; the sum is 0 up to rounding.
    tails, heads, costs : array, shape (arcs,)
        The arcs; costs are finite.
    basic : array of int
        Indices of the arcs of an initial forest; artificial arcs carry what it cannot.
    potential : array, shape (nodes,)
        Initial potentials; used for the nodes that artificial arcs join to the root.
    opposite : array of int, shape (arcs,), optional
        For each arc the index of its reverse, −1 where there is none. With it the forest's arcs
        may be given in either direction.
    block : int, optional
        The number of arcs in a block of pricing; by default about the square root of all.
    limit : int, optional
        The largest number of pivots.
    pivots : int, optional
        The number of pivots already made to find the forest.

    Attributes
    ----------
    nodes : int
        The number of nodes.
    pivots : int
        The number of pivots made.
    tolerance : float
        In the last pricing, reduced costs above −tolerance counted as 0.
    """

    def __init__(
        self,
        supply: Vector,
        tails: Indices,
        heads: Indices,
        costs: Vector,
        basic: Indices,
        potential: Vector,
        *,
        opposite: Indices | None = None,
        block: int | None = None,
        limit: int | None = None,
        pivots: int = 0,
    ) -> None:
        nodes = supply.size
        self.nodes = nodes
        self.pivots = pivots
        self.tolerance = 0.0
        self._rebuilds_left = _MOST_REBUILDS
        self._block = block
        self._supply = np.asarray(supply, np.float64)
        self._limit = usual_limit(nodes) if limit is None else limit
        self._tail, self._head = tails.astype(np.uint32), heads.astype(np.uint32)
        self._cost = np.array(costs, np.float64)
        self._root_potential = np.append(potential, 0.0)
        self._label = np.arange(nodes + 1)
        self._potential = np.zeros(nodes + 1)
        # Potentials that the costs are reduced by, for the nodes in the order given.
        self._base = DoubleDouble.of(np.zeros(nodes))
        self._fine = 0.0
        self._tree = np.zeros(nodes + 1, tree.NODE)
        tree.build_tree(
            self._tree,
            self._supply,
            self._tail,
            self._head,
            basic.astype(np.int32),
            _NO_OPPOSITE if opposite is None else opposite.astype(np.int32),
        )
        self._set_potentials()

    @property
    def arcs(self) -> int:
        """The number of arcs."""
        return self._tail.size

    @property
    def artificial_flow(self) -> float:
        """The flow on artificial arcs: mass that the other arcs do not deliver."""
        artificial = self._tree[:-1][self._tree["arc"][:-1] == tree.ARTIFICIAL]
        flow, upward = artificial["flow"], artificial["upward"]
        return float(max(flow.sum(where=upward), flow.sum(where=~upward)))

    @property
    def feasible(self) -> bool:
        """Whether artificial arcs carry nothing but rounding."""
        return self.artificial_flow <= ROUNDING * float(self._supply.sum(where=self._supply > 0))

    @property
    def potential(self) -> Vector:
        """The potentials π of the nodes; every tree arc is tight."""
        return self.fine_potential.high

    @property
    def fine_potential(self) -> DoubleDouble:
        """The potentials, with about 32 digits after `reprice`."""
        potential = np.empty(self.nodes + 1)
        potential[self._label] = self._potential
        return self._base.plus(potential[:-1])

    def add(self, tails: Indices, heads: Indices, costs: Vector) -> None:
        """Add arcs, which `run` or `run_phase_one` may then use."""
        number = np.empty(self.nodes + 1, np.uint32)
        number[self._label] = np.arange(self.nodes + 1)
        self._tail = np.concatenate([self._tail, number[tails]])
        self._head = np.concatenate([self._head, number[heads]])
        base = self._base
        if base.high.any():
            costs = reduced(costs, base[tails], -base[heads])
        self._cost = np.concatenate([self._cost, costs])

    def run_phase_one(self) -> Mask:
        """Minimize the flow on artificial arcs, whatever the costs of the others.

        Returns
        -------
        array of bool, shape (nodes,)
            One side of a cut: nodes from which no arc leads to the others. The flow left on
            artificial arcs is the net supply of these nodes.

        Raises
        ------
        ConvergenceError
            If the limit on the pivots is reached.
        """
        self._pivot_to_optimum(phase_one=True)
        cut_side = np.empty(self.nodes + 1, np.bool_)
        cut_side[self._label] = self._potential > 0.5
        return cut_side[:-1]

    def run(self) -> None:
        """Pivot until no reduced cost is negative.

        Raises
        ------
        NoPlanError
            If the arcs cannot carry the supplies.
        ConvergenceError
            If the limit on the pivots is reached, or the costs have a negative cycle.
        """
        if not self.feasible:
            self.run_phase_one()
            if not self.feasible:
                raise NoPlanError
        self._drop_artificial_flow()
        self._pivot_to_optimum(phase_one=False)

    def reprice(self) -> None:
        """Replace the costs by reduced costs, so that all potentials are 0; then `run` once more.

        This restores the digits that costs far below the largest potential have lost to it.
        """
        fine = DoubleDouble(*np.zeros((2, self.nodes + 1)))
        tree.set_fine_potentials(self._tree, self._cost, self._root_potential, fine.high, fine.low)
        self._cost = reduced(self._cost, fine[self._tail], -fine[self._head])
        self._cost[self._tree["arc"][self._tree["arc"] != tree.ARTIFICIAL]] = 0.0
        self._root_potential = np.zeros_like(self._root_potential)
        self._fine = max(self._fine, _FINE_TOLERANCE * float(np.abs(fine.high).max()))
        label = self._label[:-1]
        high, low = np.empty(self.nodes), np.empty(self.nodes)
        high[label], low[label] = fine.high[:-1], fine.low[:-1]
        self._base = self._base.plus(high).plus(low)
        self._set_potentials()

    def flow(self) -> Flow:
        """Return the flow, recomputed from the supplies and the tree.

        The rounding of the supplies ends up in the heaviest node of each tree of the forest.
        """
        arcs = self._carrying()
        tails, heads = self._label[self._tail[arcs]], self._label[self._head[arcs]]
        forest = np.zeros(self.nodes + 1, tree.NODE)
        tree.build_tree(
            forest,
            self._supply,
            tails.astype(np.uint32),
            heads.astype(np.uint32),
            np.arange(arcs.size, dtype=np.int32),
            _NO_OPPOSITE,
        )
        basic = forest[(forest["arc"] >= 0) & (forest["flow"] > 0)]
        return Flow(tails[basic["arc"]], heads[basic["arc"]], basic["flow"])

    def _pivot_to_optimum(self, *, phase_one: bool) -> None:
        batch = max(100, int(self.nodes * _PIVOTS_PER_LABELLING))
        while True:
            self._relabel()
            cost = self._set_potentials(phase_one=phase_one)
            status, done = pivots(
                self._tree,
                self._potential,
                self._tail,
                self._head,
                cost,
                0,
                self.arcs,
                self.tolerance,
                self._block or max(_SMALLEST_BLOCK, int(self.arcs**0.5)),
                min(batch, self._limit - self.pivots),
            )
            self.pivots += done
            if status == UNBOUNDED:
                raise ConvergenceError(
                    "the flow can be made cheaper without end: there is a cycle of negative cost"
                )
            if status == PAUSED and self.pivots == self._limit:
                raise limit_reached("the network simplex", self._limit)
            # Only freshly computed potentials, free of rounding from pivots, prove optimality.
            if done == 0 and (phase_one or not self._rebuild_tree()):
                return

    def _rebuild_tree(self) -> bool:
        """Rebuild the tree from the arcs that carry mass, if the tolerance gets much finer.

        Basic arcs without mass may cost far more than those with mass, and inflate potentials.
        """
        arcs = self._carrying()
        # Tree arcs are tight: one end of each has a potential of at least half its cost.
        least = 0.5 * TOLERANCE * float(np.abs(self._cost[arcs]).max(initial=0.0))
        if self._rebuilds_left == 0 or least >= _FINER * self.tolerance:
            return False
        old = self._tree, self._potential, self.tolerance
        self._tree, self._potential = np.zeros_like(self._tree), np.zeros_like(self._potential)
        supply = self._supply[self._label[:-1]]
        tree.build_tree(self._tree, supply, self._tail, self._head, arcs, _NO_OPPOSITE)
        self._drop_artificial_flow()
        self._set_potentials()
        if self.tolerance >= _FINER * old[2]:
            self._tree, self._potential, self.tolerance = old
            return False
        self._rebuilds_left -= 1
        return True

    def _carrying(self) -> NDArray[np.int32]:
        """Return the arcs with mass, which are a forest."""
        carrying = (self._tree["flow"] > 0) & (self._tree["arc"] != tree.ARTIFICIAL)
        arcs: NDArray[np.int32] = self._tree["arc"][carrying]
        return arcs

    def _drop_artificial_flow(self) -> None:
        """Set the flow on artificial arcs to 0, and direct them toward the root."""
        artificial = self._tree["arc"] == tree.ARTIFICIAL
        self._tree["flow"][artificial] = 0.0
        self._tree["upward"][artificial] = True

    def _set_potentials(self, *, phase_one: bool = False) -> Vector:
        """Recompute the potentials and the tolerance; return the costs that they refer to."""
        cost, root_potential = self._cost, self._root_potential
        if phase_one:
            # Artificial arcs cost 1 toward the root and 0 away from it, so that the total cost is
            # the artificial flow. By strong feasibility, those without flow lead to the root.
            cost, root_potential = np.zeros_like(cost), np.where(self._tree["upward"], 1.0, 0.0)
        tree.set_potentials(self._tree, cost, root_potential, self._potential)
        rounding = max(TOLERANCE * float(np.abs(self._potential).max()), self._fine)
        self.tolerance = 0.5 if phase_one else rounding
        return cost

    def _relabel(self) -> None:
        self._tree, self._tail, self._head, self._cost, self._root_potential, self._label = (
            tree.relabel(
                self._tree, self._tail, self._head, self._cost, self._root_potential, self._label
            )
        )
