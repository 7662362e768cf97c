"""Every public function with arguments of every type, dtype, layout and shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from divkit import emd, fdiv
from divkit.fdiv import bounds, closed_form
from tests.fuzz import manners
from tests.fuzz import strategies as fuzzed

A, B, M = np.array([0.5, 0.5]), np.array([0.25, 0.75]), np.array([[0.0, 1.0], [2.0, 0.0]])
P, Q = np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([[0.125, 0.875], [1.0, 0.0]])
X, Y = np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([[3.0, 1.0], [4.0, 0.5]])
GRAPH = fuzzed.as_graph(np.array([[np.inf, 1.0], [2.0, np.inf]]))
NUMBERS = np.array([0.25, 1.0, 4.0])

# A function, its arguments that are arrays, and those that are not.
ARRAYS = {
    "solve": (emd.solve, {"a": A, "b": B, "M": M}),
    "solve highs": (lambda a, b, M: emd.solve(a, b, M, "highs"), {"a": A, "b": B, "M": M}),
    "solve pot": (lambda a, b, M: emd.solve(a, b, M, "pot"), {"a": A, "b": B, "M": M}),
    "primal": (emd.primal, {"a": A, "b": B, "M": M}),
    "dual": (emd.dual, {"a": A, "b": B, "M": M}),
    "distance": (emd.distance, {"a": A, "b": B, "M": M}),
    "solve_batch": (emd.solve_batch, {"a": P, "b": Q, "M": np.stack([M, M])}),
    "solve_points": (emd.solve_points, {"x": X, "y": Y, "a": A, "b": B}),
    "solve_line": (emd.solve_line, {"x": A, "y": B, "a": A, "b": B}),
    "solve_grid": (emd.solve_grid, {"a": P, "b": P.T}),
    "solve_graph": (emd.solve_graph, {"a": A, "b": B, "graph": GRAPH}),
    "wasserstein": (emd.wasserstein, {"x": X, "y": Y, "a": A, "b": B}),
    "wasserstein line": (emd.wasserstein, {"x": A, "y": B, "a": A, "b": B}),
    "emd.pairwise": (emd.pairwise, {"M": M, "P": P, "Q": Q}),
    "certify": (
        lambda a, b, M, plan, f, g: emd.certify(a, b, M, plan, f, g, method="a claim"),
        {"a": A, "b": B, "M": M, "plan": np.diag(A), "f": A, "g": B},
    ),
    "c_transform": (emd.c_transform, {"M": M, "f": A}),
    "start": (lambda M, f, g: emd.solve(A, B, M, start=(f, g)), {"M": M, "f": A, "g": B}),
    "Potential": (
        lambda points, values, x: emd.Potential(points, values)(x),
        {"points": X, "values": A, "x": Y},
    ),
    "gradient": (
        lambda points, values, x: emd.Potential(points, values).gradient(x),
        {"points": X, "values": A, "x": Y},
    ),
    "kl": (fdiv.kl, {"p": P, "q": Q}),
    "total_variation": (fdiv.total_variation, {"p": A, "q": B}),
    "alpha": (fdiv.alpha(3), {"p": A, "q": B}),
    "witness": (fdiv.jensen_shannon.witness, {"p": P, "q": Q}),
    "bound": (fdiv.pearson.bound, {"p": A, "q": B, "T": A}),
    "renyi": (fdiv.renyi(2), {"p": A, "q": B}),
    "chernoff": (fdiv.chernoff, {"p": A, "q": B}),
    "renyi bound": (fdiv.renyi(2).bound, {"p": A, "q": B, "T": A}),
    "generator": (fdiv.jeffreys.generator, {"u": NUMBERS}),
    "derivative": (fdiv.jeffreys.derivative, {"u": NUMBERS}),
    "conjugate": (fdiv.neyman.conjugate, {"t": NUMBERS}),
    "ratio": (fdiv.neyman.ratio, {"t": NUMBERS}),
    "activation": (fdiv.gan.activation, {"v": NUMBERS}),
    "penalty": (fdiv.gan.penalty, {"v": NUMBERS}),
    "fdiv.pairwise": (lambda P, Q: fdiv.pairwise(fdiv.kl, P, Q), {"P": P, "Q": Q}),
    "plain": (lambda p, q, T: bounds.plain(fdiv.kl, p, q, T).value, {"p": A, "q": B, "T": A}),
    "shifted": (lambda p, q, T: bounds.shifted(fdiv.kl, p, q, T).value, {"p": A, "q": B, "T": A}),
    "shifted_and_scaled": (
        lambda p, q, T: bounds.shifted_and_scaled(fdiv.kl, p, q, T).value,
        {"p": A, "q": B, "T": A},
    ),
    "interpolated": (
        lambda p, q, M: bounds.interpolated(fdiv.kl, p, q, M).value,
        {"p": A, "q": B, "M": np.array([[0.0, 1.0], [1.0, 0.0]])},
    ),
    "gaussian": (
        lambda m, v, n, w: closed_form.gaussian(fdiv.kl, m, v, n, w),
        {"m": A, "v": np.eye(2), "n": B, "w": 2 * np.eye(2)},
    ),
    "dirichlet": (lambda p, q: closed_form.dirichlet(fdiv.kl, p, q), {"p": A, "q": B}),
    "histograms": (lambda x, y: list(fdiv.histograms(x, y)), {"x": X[:, 0], "y": Y[:, 0]}),
    "edges": (
        lambda x, y, bins: list(fdiv.histograms(x, y, bins=bins)),
        {"x": X[:, 0], "y": X[:, 1], "bins": np.array([-1.0, 0.5, 9.0])},
    ),
}
OTHERS = {
    "method": lambda x: emd.solve(A, B, M, x),
    "solver": lambda x: emd.solve(A, B, M, solver=x),
    "max_iter": lambda x: emd.solve(A, B, M, max_iter=x),
    "max_iter batch": lambda x: emd.solve_batch(A, B, M, max_iter=x),
    "max_iter points": lambda x: emd.solve_points(X, Y, max_iter=x),
    "max_iter pairwise": lambda x: emd.pairwise(P, None, M, max_iter=x),
    "start": lambda x: emd.solve(A, B, M, start=x),
    "metric": lambda x: emd.solve_points(X, Y, metric=x),
    "metric grid": lambda x: emd.solve_grid(P, P, x),
    "metric Potential": lambda x: emd.Potential(X, A, x),
    "spacing": lambda x: emd.solve_grid(P, P, spacing=x),
    "p": lambda x: emd.solve_line(A, B, p=x),
    "p wasserstein": lambda x: emd.wasserstein(A, B, p=x),
    "axis": lambda x: fdiv.kl(P, Q, axis=x),
    "axis chernoff": lambda x: fdiv.chernoff(P, Q, axis=x),
    "axis bound": lambda x: fdiv.kl.bound(P, Q, A, axis=x),
    "order": lambda x: fdiv.renyi(x),
    "alpha": lambda x: fdiv.alpha(x),
    "tsallis": lambda x: fdiv.tsallis(x),
    "cressie_read": lambda x: fdiv.cressie_read(x),
    "hockey_stick": lambda x: fdiv.hockey_stick(x),
    "weighted": lambda x: fdiv.weighted_jensen_shannon(x),
    "skewed": lambda x: fdiv.kl.skewed(x),
    "times": lambda x: fdiv.kl * x if isinstance(x, (int, float)) else None,
    "over": lambda x: fdiv.kl / x if isinstance(x, (int, float)) else None,
    "generator": lambda x: fdiv.custom(x),
    "derivative": lambda x: fdiv.custom(lambda u, xp: (u - 1) ** 2, derivative=x),
    "D": lambda x: fdiv.pairwise(x, P),
    "bins": lambda x: list(fdiv.histograms(A, B, bins=x)),
    "zeros": lambda x: list(fdiv.histograms(A, B, zeros=x)),
    "weights": lambda x: list(fdiv.histograms(A, B, weights=(x, None))),
    "implied": lambda x: bounds.implied(tv=x),
    "lipschitz": lambda x: bounds.interpolated(fdiv.kl, A, B, M + M.T, x).value,
    "exponential": lambda x: closed_form.exponential(fdiv.kl, x, 1.0),
    "poisson": lambda x: closed_form.poisson(fdiv.kl, x, 1.0),
    "geometric": lambda x: closed_form.geometric(fdiv.kl, x, 0.5),
    "bernoulli": lambda x: closed_form.bernoulli(fdiv.kl, x, 0.5),
    "laplace": lambda x: closed_form.laplace(fdiv.kl, x, 1.0, 0.0, x),
    "gamma": lambda x: closed_form.gamma(fdiv.kl, 1.0, x, x, 1.0),
    "support": lambda x: float(fdiv.from_densities(fdiv.kl, _log, _log, x)),
    "points": lambda x: float(
        fdiv.from_densities(fdiv.kl, _log, _log, (-1, 1), points=x, normalize=True)
    ),
    "rtol": lambda x: float(
        fdiv.from_densities(fdiv.kl, _log, _log, (-1, 1), rtol=x, normalize=True)
    ),
}


def _log(x):
    return -(x**2)


@pytest.mark.inputs(8)
@pytest.mark.parametrize("name", ARRAYS)
def test_anything(fuzz, name):
    """One argument or two are anything: an answer, or an error that names what is wrong."""
    function, given = ARRAYS[name]

    def check(drawn):
        manners.ask(function, **{**given, **drawn})

    names = st.lists(st.sampled_from(sorted(given)), min_size=1, max_size=2, unique=True)
    wrong = names.flatmap(
        lambda chosen: st.fixed_dictionaries({key: fuzzed.anything() for key in chosen})
    )
    fuzz(wrong, check)


@pytest.mark.inputs(3)
@pytest.mark.parametrize("name", ARRAYS)
def test_layouts(fuzz, name):
    """The same numbers in another dtype, order or memory have the same answer, bit for bit."""
    function, given = ARRAYS[name]
    reference = [np.array(x) for x in manners.numbers(function(**given))]

    def check(drawn):
        answer = manners.answer(function, **drawn)
        found = [np.array(x) for x in manners.numbers(answer)]
        for x, y in zip(found, reference, strict=True):
            near = 1e-6 if x.dtype == np.float32 else 1e-15
            assert x.shape == y.shape
            with np.errstate(all="ignore"):
                same = (x == y) | (np.abs(x - y) <= near * (np.abs(y) + 1))
            assert same.all(), f"{x} is not {y}"

    @st.composite
    def same_numbers(draw):
        made = {}
        for key, x in given.items():
            if x is GRAPH:
                made[key] = x
                continue
            kinds = ["f8", "f8", "f4", "f2", ">f8"] + ["i8"] * bool((x == np.rint(x)).all())
            made[key] = draw(fuzzed.layouts(x.astype(draw(st.sampled_from(kinds)))))
        return made

    # Counts are refused where they are no probabilities, and none of these is.
    fuzz(same_numbers(), check)


SCALARS = st.one_of(
    fuzzed.anything(),
    st.sampled_from(
        [0, 1, -1, 2, 0.5, 10**30, -(10**30), 1e308, -1e308, 5e-324, float("nan"), float("inf"),
         -float("inf"), np.float32(0.5), np.int8(3), np.bool_(True), 1 + 0j, "x", "", b"", (),
         (0, 3), [1.0, 2.0], {"a": 1}, lambda *_: None, Ellipsis]
    ),
)  # fmt: skip


@pytest.mark.inputs(5)
@pytest.mark.parametrize("name", OTHERS)
def test_other_arguments(fuzz, name):
    fuzz(SCALARS, lambda x: manners.ask(OTHERS[name], x))
