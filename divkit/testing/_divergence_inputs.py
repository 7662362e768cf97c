"""Random inputs for the identities of a divergence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from divkit.fdiv import Divergence
from divkit.testing._distributions import Vector, distributions, kernels, pairs


# Ratios u, dual values t and critic outputs v. Simple values come first, as Hypothesis shrinks
# toward the first alternative.
def ratios(D: Divergence) -> st.SearchStrategy[float]:
    return st.one_of(st.sampled_from([1.0, 2.0, 0.5]), st.floats(-6, 6).map(lambda x: float(10**x)))


def moderate_ratios(D: Divergence) -> st.SearchStrategy[float]:
    return st.floats(-2, 2).map(lambda x: float(10**x))


def outputs(D: Divergence) -> st.SearchStrategy[float]:
    return st.one_of(st.integers(-3, 3).map(float), st.floats(-20, 20))


def any_output(D: Divergence) -> st.SearchStrategy[float]:
    return st.one_of(st.floats(-1e3, 1e3), st.floats(allow_nan=False, allow_infinity=False))


def duals(D: Divergence) -> st.SearchStrategy[float]:
    inside = ratios(D).map(lambda u: float(D.derivative(u)))
    return st.one_of(inside, st.floats(-20, 20))


def both(*strategies: Callable[[Divergence], st.SearchStrategy[Any]]) -> Any:
    return lambda D: st.tuples(*(s(D) for s in strategies))


def any_pairs(D: Divergence) -> st.SearchStrategy[tuple[Vector, Vector]]:
    return pairs()


def full_pairs(D: Divergence) -> st.SearchStrategy[tuple[Vector, Vector]]:
    return pairs(zeros=False)


def three(_: Divergence) -> st.SearchStrategy[Any]:
    n = st.integers(2, 5)
    return n.flatmap(lambda k: st.tuples(distributions(k), distributions(k), kernels(k)))


def two_pairs(_: Divergence) -> st.SearchStrategy[Any]:
    weights = st.sampled_from([0.5, 0.25, 0.9, 0.0])
    return st.integers(2, 5).flatmap(lambda k: st.tuples(pairs(k), pairs(k), weights))


def proportions(_: Divergence) -> st.SearchStrategy[float]:
    return st.sampled_from([0.5, 0.25, 0.125])


def masses(_: Divergence) -> st.SearchStrategy[float]:
    return st.sampled_from([1.0, 3.0, 1e9, 1e-9, 1e150])


def nearby(_: Divergence) -> st.SearchStrategy[Any]:
    steps = st.integers(2, 9).map(lambda k: 10.0**-k)
    return st.tuples(distributions(min_size=2, zeros=False), steps)
