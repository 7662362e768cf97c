"""Transport whose costs are shortest-path distances in a graph, as a flow along its arcs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from divkit import _check
from divkit._errors import ConvergenceError
from divkit._forks import loading
from divkit.emd import _problem
from divkit.emd._backends.feasibility import listed
from divkit.emd._certificate.certify import marginal_error
from divkit.emd._certificate.exact import check_limit
from divkit.emd._costs import sparse_costs
from divkit.emd._solver_types import Indices, NoPlanError, Vector
from divkit.emd._transport import Transport

_LARGEST = 2.0**1000
# Excess mass of a component, relative to the total mass, that the rounding of sums may cause.
_ROUNDING = 1e-12


def solve_graph(a: Any, b: Any, graph: Any, *, max_iter: int | None = None) -> Transport:
    r"""Return the cheapest plan between weights on the nodes of a graph.

    .. math:: W = \min_{\pi \ge 0} \Bigl\{ \sum_{vw} d(v, w) \, \pi_{vw} :
        \pi 1 = a, \pi^T 1 = b \Bigr\}

    where d(v, w) is the length of the shortest path from v to w. The distances are never formed:
    W is the cost of the cheapest flow along the arcs that takes a to b,

    .. math:: W = \min_{x \ge 0} \Bigl\{ \sum_{vw} \ell_{vw} x_{vw} :
        \sum_w x_{vw} - x_{wv} = a_v - b_v \Bigr\}

    Parameters
    ----------
    a, b : array_like, shape (n,)
        Weights of the nodes, at least 0 and of equal mass in each component of the graph. None
        is uniform, with the mass of the other side, or mass 1 if both are None.
    graph : sparse array or matrix of SciPy, shape (n, n)
        ``graph[v, w]`` is the length of the arc from v to w, at least 0. An entry that is absent
        or +inf is no arc; a stored 0 is an arc of length 0. An undirected edge is stored twice,
        once per direction.
    max_iter : int, optional
        The largest number of pivots of one run of the simplex method. Running out of them is an
        error.

    Returns
    -------
    Transport
        ``method`` is ``"tree"`` if the graph, regarded as undirected, has no cycle, where the
        answer is a sum in closed form, or else ``"graph"``. The potentials are those of
        Kantorovich-Rubinstein duality: g = −f, where f maximizes Σ (a − b) f subject to
        f_v − f_w ≤ d(v, w). The plan is built on first access; mass that both sides share stays
        in place.

    Raises
    ------
    TypeError
        If the graph is not sparse, or an input is not an array of real numbers.
    ValueError
        If a shape does not fit, a weight or length is negative or nan, an arc is stored twice,
        the masses differ, or no flow takes a to b; the message names the component, or the nodes
        that no arc leads out of.
    ConvergenceError
        If the pivots run out, or the answer is not optimal to rounding.

    Notes
    -----
    The certificate is valid for all pairs of nodes although only arcs are checked, because their
    bounds add up along paths. `dual_residual` is a bound on what the rounding of f can add to any
    f_v − f_w, divided by the largest difference of potentials within a component, which is at most
    the largest distance.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", sections 6.1 and 6.3.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> from divkit import emd
    >>> ring = csr_array([[0, 1, 0, 4], [1, 0, 2, 0], [0, 2, 0, 3], [4, 0, 3, 0]])
    >>> t = emd.solve_graph([1, 0, 0, 0], [0, 0, 0.5, 0.5], ring)
    >>> t.value, t.gap, t.method
    (3.5, 0.0, 'graph')
    >>> t.f
    array([ 1.75,  0.75, -1.25, -2.25])
    """
    limit = None if max_iter is None else check_limit(max_iter)
    arcs = _read(graph)
    nodes = arcs.start.size - 1
    a, b = _problem.weights(a, b, (nodes, nodes), ("node of `graph`", "node of `graph`"))
    longest = nodes * float(arcs.lengths.max(initial=0.0))
    if not longest < _LARGEST:
        raise ValueError(
            f"lengths of paths must be below 2**1000 (about 1e301), got {nodes} nodes and lengths "
            f"up to {longest / nodes:g}: rescale `graph`"
        )
    _problem.require_range(a, longest)
    component = _components(arcs)
    return _solve(a, _balanced(a, b, component, _check.rounding(a, b)), arcs, component, limit)


class _Arcs(NamedTuple):
    """Arcs in CSR form, the heads in each row ascending."""

    start: Indices
    heads: Indices
    lengths: Vector


def _solve(a: Vector, b: Vector, arcs: _Arcs, component: Indices, limit: int | None) -> Transport:
    with loading:
        from divkit.emd._flow import beckmann, cheapest_flow  # compiled code

    network = cheapest_flow.by_rows(*arcs)
    method = "tree" if network.is_forest else "graph"
    try:
        return beckmann.solve(a, b, network, component, method=method, limit=limit)
    except NoPlanError:
        cut = np.flatnonzero(cheapest_flow.cut_side(a - b, network))
    of_a, of_b = float(a[cut].sum()), float(b[cut].sum())
    if of_a - of_b <= _ROUNDING * float(a.sum()):
        raise ConvergenceError(
            f"the rounding of the weights decides whether nodes {listed(cut)}, which no arc leads "
            f"out of, hold more than they need: move {of_a - of_b:g} from `a` there elsewhere"
        )
    shown = _check.distinct(of_a, of_b)
    raise ValueError(
        f"no flow along the arcs of `graph` takes `a` to `b`: nodes {listed(cut)} hold a mass of "
        f"{shown[0]} in `a` and of {shown[1]} in `b`, and no arc leads out of them: add one, or "
        "move mass"
    )


def _read(graph: Any) -> _Arcs:
    if not _problem.is_sparse(graph):
        raise TypeError(
            "`graph` must be a sparse array of SciPy that holds the lengths of arcs, got "
            f"{type(graph).__name__}: convert a dense array with `scipy.sparse.csr_array(graph)`, "
            "which makes arcs of what is not 0"
        )
    if graph.ndim != 2 or graph.shape[0] != graph.shape[1] or graph.shape[0] == 0:
        raise ValueError(
            f"`graph` must be square, with a row and a column per node, got shape {graph.shape}"
        )
    tails, heads, lengths = sparse_costs.stored("graph", graph)
    for bad in np.flatnonzero(~(lengths >= 0))[:1]:
        raise ValueError(
            "`graph` must hold lengths of at least 0, or +inf for no arc, got "
            f"graph[{tails[bad]}, {heads[bad]}] = {lengths[bad]}"
        )
    order = np.lexsort((heads, tails))
    tails, heads, lengths = tails[order], heads[order], lengths[order]
    for twice in np.flatnonzero((np.diff(tails) == 0) & (np.diff(heads) == 0))[:1]:
        raise ValueError(
            f"`graph` must hold each arc once, got graph[{tails[twice]}, {heads[twice]}] twice: "
            "keep the shorter one"
        )
    kept = (lengths < np.inf) & (tails != heads)  # self-loops never shorten a path
    number = np.bincount(tails[kept], minlength=graph.shape[0])
    return _Arcs(np.append(0, np.cumsum(number)), heads[kept], lengths[kept])


def _components(arcs: _Arcs) -> Indices:
    """Return the number of each node's weakly connected component."""
    with loading:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

    nodes = arcs.start.size - 1
    # Ones in place of the lengths, so that arcs of length 0 count.
    graph = csr_array((np.ones(arcs.heads.size), arcs.heads, arcs.start), shape=(nodes, nodes))
    component: Indices = connected_components(graph, directed=False)[1].astype(np.intp)
    return component


def _balanced(a: Vector, b: Vector, component: Indices, rounding: float) -> Vector:
    """Return `b` scaled to the mass of `a` in every component, if they differ by rounding only."""
    components = int(component.max()) + 1
    if components == 1:
        return b
    exponent = int(np.frexp(a.sum())[1])
    of_a, of_b = (
        np.ldexp(marginal_error(component, np.ldexp(x, -exponent), np.zeros(components)), exponent)
        for x in (a, b)
    )
    apart = np.abs(of_a - of_b)
    wrong = (apart > rounding**0.5 * np.maximum(of_a, of_b)) & (apart > _ROUNDING * a.sum())
    for number in np.flatnonzero(wrong)[:1]:
        shown = _check.distinct(of_a[number], of_b[number])
        raise ValueError(
            "`a` and `b` must have equal mass in every component of `graph`, got "
            f"{shown[0]} and {shown[1]} on nodes {listed(np.flatnonzero(component == number))}, "
            "which no arc joins to the others: add one, or move mass"
        )
    scale = np.divide(of_a, of_b, out=np.ones_like(of_a), where=(of_a > 0) & (of_b > 0))
    scaled: Vector = b * scale[component]
    return scaled
