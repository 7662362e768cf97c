"""Exact transport between points, started from the solution of a coarser problem."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import numpy as np

from divkit.emd._column_generation import column_generation
from divkit.emd._column_generation.boxed import BoxedPairs
from divkit.emd._column_generation.cloud import Cloud
from divkit.emd._column_generation.initial_basis import Groups
from divkit.emd._column_generation.sinkhorn_start import refine
from divkit.emd._column_generation.tiled import TiledPairs
from divkit.emd._costs.metrics import Metric
from divkit.emd._solver_types import Answer, Matrix, NoPlanError, Vector

Pairs = BoxedPairs | TiledPairs

# Up to this many points per side, the costs alone give a good start.
_SMALL = 400
# Points per group, which one point represents.
_GROUP = 4


def pairs(x: Matrix, y: Matrix, metric: Metric, p: float | None) -> Pairs:
    """Return the costs between points.

    Parameters
    ----------
    x, y : array, shapes (n, d) and (m, d)
        Finite points.
    metric : Metric
        The cost.
    p : float or None
        The exponent of the p-norm, None for a user's function; other metrics ignore it.
    """
    clouds = Cloud(x), Cloud(y)
    return TiledPairs(*clouds, metric) if p is None else BoxedPairs(*clouds, metric, p)


def solve(a: Vector, b: Vector, pairs: Pairs, limit: int | None = None) -> Answer:
    """Return an optimal plan with its potentials; those of points without weight are 0.

    Parameters
    ----------
    a, b : array, shapes (n,) and (m,)
        Weights of equal mass, in the order of the clouds.
    pairs : BoxedPairs or TiledPairs
        The costs.
    limit : int, optional
        The largest number of pivots.

    Raises
    ------
    NoPlanError
        If no plan avoids the forbidden pairs; see `column_generation.solve`.
    ConvergenceError
        If the limit is reached.
    """
    if a.all() and b.all():
        return _solve(a, b, pairs, limit)
    sources, sinks = np.flatnonzero(a), np.flatnonzero(b)
    some = pairs.between(Cloud(pairs.x.points[sources]), Cloud(pairs.y.points[sinks]))
    sources, sinks = sources[some.x.order], sinks[some.y.order]
    try:
        answer = _solve(a[sources], b[sinks], some, limit)
    except NoPlanError as error:
        raise NoPlanError(sources[error.args[0]], sinks[error.args[1]]) from None
    f, g = np.zeros(a.size), np.zeros(b.size)
    f[sources], g[sinks] = answer.f, answer.g
    return answer._replace(rows=sources[answer.rows], columns=sinks[answer.columns], f=f, g=g)


def _solve(a: Vector, b: Vector, pairs: Pairs, limit: int | None = None) -> Answer:
    g, groups = _start(a, b, pairs)
    g = np.where(np.isfinite(g), g, 0.0)
    return column_generation.solve(
        a, b, pairs, g, limit, refine=partial(refine, a, b), groups=groups
    )


def _start(a: Vector, b: Vector, pairs: Pairs) -> tuple[Vector, Groups | None]:
    """Return initial potentials of the sinks, and a plan between groups of points.

    The potentials are +inf where all pairs are forbidden.
    """
    n, m = pairs.shape
    if max(n, m) > _SMALL:
        rows, cols = pairs.x.groups(_groups(n)), pairs.y.groups(_groups(m))
        fewer, mass_a, mass_b = pairs.coarser(a, b, rows, cols)
        with suppress(NoPlanError):
            answer = _solve(mass_a, mass_b, fewer)
            g = pairs.between(fewer.x, pairs.y).column_minima(answer.f)
            sources, sinks = fewer.x.order[answer.rows], fewer.y.order[answer.columns]
            if not pairs.x.narrow:
                return g, None
            ranks = (pairs.x if n >= m else pairs.y).ranks
            return g, Groups(rows, cols, sources, sinks, answer.mass, ranks)
    return pairs.column_minima(np.zeros(n)), None


def _groups(size: int) -> int:
    return -(-size // _GROUP) if size > _SMALL // 2 else size
