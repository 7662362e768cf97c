"""The cheapest flow along the arcs of a graph, coarse to fine.

The network simplex starts from a spanning tree, and the better the tree the fewer its pivots.
Clusters of nearby nodes are contracted until few nodes are left. On the way back, the optimal tree
of a coarse graph and the arcs inside its clusters form a spanning tree of the next finer one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from divkit.emd._certificate.double_double import DoubleDouble
from divkit.emd._certificate.measure import total
from divkit.emd._flow import contraction
from divkit.emd._network_simplex.simplex import NetworkSimplex
from divkit.emd._solver_types import Indices, Mask, NoPlanError, Vector

# Up to this many nodes any initial tree is good enough.
_FEW = 32
# Arcs in a block of pricing. Arcs are sorted along the thread, so the pivots of a small block touch
# neighboring nodes, which stay in cache.
_BLOCK = 48
# How often lengths are replaced by reduced lengths, at most.
_REPRICED = 4
# A coarser graph with more than this share of the nodes is not worth solving first.
_COARSER = 0.9
_ROUNDING = np.finfo(np.float64).eps


class Network(NamedTuple):
    """A graph in CSR format: node v has the arcs from ``start[v]`` to ``start[v + 1]``."""

    start: Indices
    heads: Indices
    lengths: Vector
    opposite: Indices  # the index of the reverse arc, −1 where there is none

    @property
    def nodes(self) -> int:
        """The number of nodes."""
        return self.start.size - 1

    @property
    def tails(self) -> Indices:
        """The tail of each arc."""
        return np.repeat(np.arange(self.nodes), np.diff(self.start))

    @property
    def is_forest(self) -> bool:
        """Whether it has no cycles except of an arc and its reverse."""
        edges = self.heads.size - np.count_nonzero(self.opposite >= 0) // 2
        return bool(edges < self.nodes and edges == self.forest().size)

    def forest(self, order: Indices | None = None) -> Indices:
        """Return the arcs of a spanning forest; those that come first in `order` are preferred."""
        order = np.arange(self.heads.size) if order is None else order
        arcs: Indices = contraction.spanning(self.tails, self.heads, order, self.nodes)
        return arcs

    def only(self, kept: Mask) -> Network:
        """Return the graph with some of its arcs."""
        before = np.append(0, np.cumsum(kept))
        opposite = self.opposite[kept]
        back = (opposite >= 0) & kept[opposite]
        return Network(
            before[self.start],
            self.heads[kept],
            self.lengths[kept],
            np.where(back, before[opposite], -1),
        )


class Optimum(NamedTuple):
    """The arcs that carry the flow, and potentials of the nodes."""

    tails: Indices
    heads: Indices
    mass: Vector
    lengths: Vector
    potential: DoubleDouble
    pivots: int


def by_rows(start: Indices, heads: Indices, lengths: Vector) -> Network:
    """Return the graph from CSR arrays; the heads in each row ascend."""
    start, heads = start.astype(np.intp), heads.astype(np.intp)
    return Network(start, heads, lengths, contraction.opposites(start, heads))


def cheapest(
    supply: Vector, network: Network, mass: float, limit: int | None, *, fine: bool = False
) -> Optimum:
    """Return the cheapest flow, with out-flow − in-flow = supply at every node.

    The supplies are differences of weights of total `mass`, relative to which they are rounded;
    `limit` is the largest number of pivots of one run of the simplex method. With `fine`,
    potentials have 32 digits, as needed if mass moves along arcs much shorter than others.

    Raises
    ------
    NoPlanError
        If the arcs cannot carry the supplies.
    ConvergenceError
        If the limit is reached, or the simplex method does not end.
    """
    pivots = 0
    optimum = None
    while True:
        basic, before = _start(supply, network, limit)
        simplex = _simplex(supply, network, basic, limit)
        try:
            simplex.run()
        except NoPlanError:
            if optimum is None:
                raise
            return optimum  # what these arcs cannot carry is rounding of the mass
        arcs, flow = _carrying(simplex, network)
        lengths = network.lengths[arcs]
        if fine:
            _reprice(simplex)
            arcs, flow = _carrying(simplex, network)
            lengths = network.lengths[arcs]
        pivots += before + simplex.pivots
        # An arc carries nothing if moving just the rounding of the mass along it would cost more
        # than the whole flow. Drop it, lest potentials of its size take digits from the others.
        kept = network.lengths <= total(flow * lengths) / (_ROUNDING * mass)
        tails, heads = network.tails[arcs], network.heads[arcs]
        optimum = Optimum(tails, heads, flow, lengths, simplex.fine_potential, pivots)
        if kept.all():
            return optimum
        network = network.only(kept)


def _reprice(simplex: NetworkSimplex) -> None:
    """Go on pivoting with reduced lengths that regain the digits lost to the largest potentials."""
    for _ in range(_REPRICED):
        pivots = simplex.pivots
        simplex.reprice()
        simplex.run()
        if simplex.pivots == pivots:
            break


def cut_side(supply: Vector, network: Network) -> Mask:
    """Return a set of nodes of positive net supply that no arc leaves, if there is one.

    Such a cut proves that the arcs cannot carry the supplies.
    """
    return _simplex(supply, network, np.empty(0, np.intp), None).run_phase_one()


def _start(
    supply: Vector, network: Network, limit: int | None, *, halved: bool = False
) -> tuple[Indices, int]:
    """Return the arcs of an initial spanning forest, and how many pivots it took.

    A graph is contracted twice before it is solved, as solving one with half of the nodes takes
    more pivots than it saves. With `halved`, it has been contracted once.
    """
    if network.is_forest:
        return network.forest(), 0
    if network.nodes > _FEW:
        number, offset, joint = contraction.clusters(network.start, network.heads, network.lengths)
        if number.max() < _COARSER * network.nodes:
            *rows, origin = contraction.contract(*network, number, offset)
            coarse = Network(*rows)
            of_clusters: Vector = np.bincount(number, supply).astype(np.float64)
            if halved:
                tree, pivots = _optimal_forest(of_clusters, coarse, limit)
            else:
                tree, pivots = _start(of_clusters, coarse, limit, halved=True)
            return np.concatenate([origin[tree], joint]), pivots
    return network.forest(), 0


def _optimal_forest(supply: Vector, network: Network, limit: int | None) -> tuple[Indices, int]:
    """Return a spanning forest that carries the cheapest flow, and the number of pivots."""
    basic, before = _start(supply, network, limit)
    simplex = _simplex(supply, network, basic, limit)
    try:
        simplex.run()
    except NoPlanError:
        # If supplies cancel inside the clusters, only rounding is left, which may be infeasible.
        return basic, before
    arcs, _ = _carrying(simplex, network)
    potential = simplex.potential
    slack = network.lengths - potential[network.tails] + potential[network.heads]
    tight = np.flatnonzero(np.abs(slack) <= simplex.tolerance)
    return network.forest(np.concatenate([arcs, tight])), before + simplex.pivots


def _carrying(simplex: NetworkSimplex, network: Network) -> tuple[Indices, Vector]:
    """Return the indices of the arcs that carry flow, and their flow."""
    flow = simplex.flow()
    order = np.argsort(flow.tails, kind="stable")
    tails, heads = flow.tails[order], flow.heads[order]
    return contraction.numbers(network.start, network.heads, tails, heads), flow.mass[order]


def _simplex(supply: Vector, network: Network, basic: Indices, limit: int | None) -> NetworkSimplex:
    return NetworkSimplex(
        supply,
        network.tails,
        network.heads,
        network.lengths,
        basic,
        np.zeros(network.nodes),
        opposite=network.opposite,
        block=_BLOCK,
        limit=limit,
    )
