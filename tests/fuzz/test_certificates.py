"""`certify`: of right and of wrong plans, with potentials that help, are useless or mislead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import sparse

from divkit import emd
from tests.fuzz import manners
from tests.fuzz import strategies as fuzzed
from tests.fuzz.honesty import require_honest
from tests.fuzz.oracles import Problem


@st.composite
def claims(draw, costs=fuzzed.costs):
    a, b, M = draw(fuzzed.problems(5, costs))
    problem = Problem(a, b, M)
    best = problem.optimum
    plan, f, g = np.zeros(M.shape), np.zeros(len(a)), np.zeros(len(b))
    if best is not None:
        for arc, mass in best.plan.items():
            plan[arc] = float(mass)
        f, g = (np.clip([float(x) for x in side], -1e300, 1e300) for side in (best.f, best.g))
    plan = draw(fuzzed.wrong_plans(a, b, plan))
    f, g = draw(fuzzed.potentials(a, b, M, f, g))
    form = draw(st.sampled_from(["dense", "csr", "coo", "csc"]))
    return (
        problem,
        (a, b, M),
        plan if form == "dense" else sparse.coo_array(plan).asformat(form),
        f,
        g,
    )


def _require_honest(claim):
    problem, given, plan, f, g = claim
    t = manners.answer(emd.certify, *given, plan, f, g, method="a claim")
    try:
        require_honest(t, problem)
    except AssertionError as error:
        raise AssertionError(f"{error}, {t!r}") from error


@pytest.mark.inputs(120)
def test_certify(fuzz):
    fuzz(claims().map(Claim), lambda claim: _require_honest(claim.parts))


@pytest.mark.inputs(100)
def test_certify_with_sentinels(fuzz):
    fuzz(claims(fuzzed.sentinel_costs).map(Claim), lambda claim: _require_honest(claim.parts))


class Claim:
    """A claim that prints as the arguments of `certify`."""

    def __init__(self, parts):
        self.parts = parts

    def __repr__(self):
        return manners.text(tuple(self.parts[1]) + self.parts[2:])


@st.composite
def sparse_claims(draw):
    parts = draw(claims())
    problem, (a, b, M), *rest = parts
    form = draw(st.sampled_from(["csr", "csc", "coo"]))
    return problem, (a, b, fuzzed.as_graph(M, form)), *rest


@pytest.mark.inputs(40)
def test_certify_sparse_costs(fuzz):
    fuzz(sparse_claims().map(Claim), lambda claim: _require_honest(claim.parts))
