"""Functions of a user that misbehave: what comes back is right, or an error in divkit's words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import strategies as st

from divkit import emd, fdiv
from tests.fuzz import manners, oracles
from tests.fuzz import strategies as fuzzed
from tests.fuzz.honesty import require_right
from tests.fuzz.test_points_line_grid_graph import problem_of, weights


def _raises(*_):
    raise manners.TheirError("no cost")


def _sometimes(rng=np.random.default_rng(0)):  # noqa: B008
    return lambda x: x + rng.random(np.shape(x))


# What is done to an array that a function returns.
SPOILED = {
    "nan": lambda x: x * np.nan,
    "one nan": lambda x: np.where(np.arange(x.size).reshape(x.shape) == x.size - 1, np.nan, x),
    "inf": lambda x: x + np.inf,
    "-inf": lambda x: x - np.inf,
    "one inf": lambda x: np.where(np.arange(x.size).reshape(x.shape) == x.size - 1, np.inf, x),
    "huge": lambda x: (x + 1) * 1e308,
    "scalar": lambda x: float(np.sum(x)),
    "0-d": lambda x: np.array(1.0),
    "longer": lambda x: np.append(x.ravel(), 1.0),
    "flat": lambda x: x.ravel(),
    "turned": lambda x: x.T,
    "stacked": lambda x: x[None],
    "empty": lambda x: np.empty(0),
    "complex": lambda x: x + 1j,
    "boolean": lambda x: x > 0,
    "object": lambda x: x.astype(object),
    "text": lambda x: x.astype(str),
    "list": lambda x: x.tolist(),
    "single": lambda x: x.astype(np.float32),
    "integer": lambda x: np.rint(np.clip(np.nan_to_num(x), -1e9, 1e9)).astype(int),
    "None": lambda x: None,
    "string": lambda x: "cost",
    "raises": _raises,
    "random": _sometimes(),
    "warns": lambda x: x / np.zeros_like(x),
    "read-only": lambda x: np.broadcast_to(1.0, x.shape),
    "reversed": lambda x: x[::-1],
    "as it is": lambda x: x,
}
# Functions of differences that are not convex.
BUMPY = {
    "concave": lambda d: np.sqrt(np.abs(d)),
    "bump": lambda d: np.abs(d) - 2 * (np.abs(d - 0.1) < 1e-9),
    "step": lambda d: np.abs(d) + (np.abs(d) > 1e-9),
    "sine": lambda d: np.sin(7 * d),
    "down": lambda d: -np.abs(d),
    "rounded": np.round,
    "notch": lambda d: np.where(d == 1, -3.0, np.abs(d)),
}


@st.composite
def lines(draw):
    x, y = draw(fuzzed.point_sets(1))
    small = max(abs(x).max(), abs(y).max()) < 1e100
    x, y = (x, y) if small else (np.sign(x), np.sign(y))
    return x[:, 0], y[:, 0], *draw(weights(len(x), len(y)))


@pytest.mark.inputs(60)
def test_functions_that_are_not_convex(fuzz):
    def check(drawn):
        (x, y, a, b), name = drawn
        h = BUMPY[name]
        t = manners.ask(emd.solve_line, x, y, a, b, h)
        if not isinstance(t, manners.Refused):
            require_right(t, problem_of(a, b, oracles.exact(h(x[:, None] - y))))

    fuzz(st.tuples(lines(), st.sampled_from(sorted(BUMPY))), check)


@pytest.mark.inputs(60)
def test_costs_on_a_line(fuzz):
    def check(drawn):
        (x, y, a, b), name = drawn
        spoil = SPOILED[name]
        manners.ask(emd.solve_line, x, y, a, b, lambda d: _quietly(spoil, np.abs(d)))

    fuzz(st.tuples(lines(), st.sampled_from(sorted(SPOILED))), check)


def _quietly(spoil, x):
    # A warning of the user's own function is the user's.
    with np.errstate(all="ignore"):
        return spoil(x)


@pytest.mark.inputs(80)
def test_metrics(fuzz):
    def check(drawn):
        (x, y), (a, b), name, function = drawn
        spoil = SPOILED[name]

        def metric(x, y):
            return _quietly(spoil, np.abs(x[:, None] - y).sum(axis=-1))

        if function == "solve_points":
            manners.ask(emd.solve_points, x, y, a, b, metric)
        elif function == "wasserstein":
            manners.ask(emd.wasserstein, x, y, a, b, p=2, metric=metric)
        else:
            found = manners.ask(emd.Potential, y, np.zeros(len(y)), metric, metric)
            if not isinstance(found, manners.Refused):
                f = manners.ask(found, x)
                if isinstance(f, manners.Refused):
                    return
                # Where every pair is forbidden it is nan, as is documented; and that may depend on
                # what a spoiled metric is asked with.
                x = x[np.isfinite(f)]
                if np.isfinite(found(x)).all():
                    manners.ask(found.gradient, x)

    @st.composite
    def inputs(draw):
        x, y = draw(fuzzed.point_sets())
        small = max(abs(x).max(), abs(y).max()) < 1e100
        sets = (x, y) if small else (np.sign(x), np.sign(y))
        functions = st.sampled_from(["solve_points", "wasserstein", "Potential"])
        both = draw(weights(len(x), len(y)))
        return sets, both, draw(st.sampled_from(sorted(SPOILED))), draw(functions)

    fuzz(inputs(), check)


@pytest.mark.inputs(30)
def test_generators(fuzz):
    """A generator that is spoiled, beyond a ratio or everywhere; one that is right is answered."""

    def check(drawn):
        name, from_ratio, (p, q) = drawn
        spoil = SPOILED[name]

        def generator(u, xp):
            f = (u - 1) ** 2
            return f if xp.max(u) < from_ratio or xp is not np else _quietly(spoil, f)

        D = manners.ask(fdiv.custom, generator)
        if isinstance(D, manners.Refused):
            assert name != "as it is"
            return
        found = manners.ask(D, p, q, normalize=True)
        if name == "as it is":
            reference = oracles.divergence(lambda u: (u - 1) ** 2, 1, math.inf, p, q)
            assert abs(found - reference) <= 1e-9 * reference or found == reference

    ordinary = st.lists(st.integers(1, 9), min_size=3, max_size=3).map(lambda x: np.array(x) * 1.0)
    ratios = st.sampled_from([0.0, 1.0, 1e12])
    fuzz(st.tuples(st.sampled_from(sorted(SPOILED)), ratios, st.tuples(ordinary, ordinary)), check)


@pytest.mark.inputs(15)
def test_densities(fuzz):
    def check(drawn):
        name, support, shift = drawn
        spoil = SPOILED[name]

        def logp(x):
            return _quietly(spoil, -((x - shift) ** 2) / 2)

        def logq(x):
            return -(x**2) / 2

        laws = logp, logq, support
        found = manners.ask(fdiv.from_densities, fdiv.kl, *laws, normalize=True, rtol=1e-6)
        if name == "as it is" and support == (-math.inf, math.inf):
            assert not isinstance(found, manners.Refused)
            assert abs(float(found) - shift**2 / 2) <= 1e-6

    supports = st.sampled_from([(-math.inf, math.inf), (0.0, 1.0), (0.0, math.inf), (1.0, 0.0)])
    fuzz(
        st.tuples(st.sampled_from(sorted(SPOILED)), supports, st.sampled_from([0.0, 1.0, 0.5])),
        check,
    )
