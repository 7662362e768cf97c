"""What it means that a record of transport is honest, and that a solver's answer is right.

W is the exact optimum of the problem as it was given, P the exact cost of the plan that came back.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import mpmath as mp

from tests.fuzz.oracles import Evaluated, Problem, as_mp, evaluate, own_optimum

# Relative to ⟨|M|, π⟩: a sum of a few rounded products, a few thousand roundings, and what is
# accepted of an answer.
PRODUCTS, ROUNDING, ACCEPTED = (Fraction(1, 10**k) for k in (13, 12, 11))
# Relative to the mass.
LARGEST_ERROR = Fraction(1, 10**12)
# Numbers below the smallest normal one have fewer digits.
_TINY = Fraction(2) ** -1070
# What the difference of the masses as given could be carried for.
_ULP = Fraction(1, 2**50)


def require_honest(t: Any, problem: Problem) -> Evaluated:
    """Raise AssertionError if a record claims more than is so; return what is so."""
    found = evaluate(problem, t.plan, t.f, t.g)
    value, dual, gap = t.value, t.dual_value, t.gap
    optimum = problem.optimum
    # Masses that differ by rounding are made equal, in arithmetic that rounds.
    potentials = max([abs(Fraction(float(x))) for x in (*t.f.flat, *t.g.flat)])
    unequal = 0 if not problem.unbalance else _ULP * problem.mass * potentials * 4

    if found.cost is None:
        _require(value == math.inf, f"value {value!r} of a plan on a forbidden pair")
    else:
        off = abs(Fraction(value) - found.cost)
        # The value is that of a flow, whose paths are split off the mass of a node.
        split = (
            problem.mass * problem.largest / 2**52 if t.method in ("graph", "grid", "tree") else 0
        )
        _require(
            # Masses are measured in units of the whole.
            off
            <= PRODUCTS * found.size + split + _TINY * (1 + problem.mass) * (1 + problem.largest),
            f"value {value!r} of a plan that costs {_text(found.cost)}, off by {_text(off)}",
        )
        between = abs(Fraction(value) - Fraction(dual) - Fraction(gap))
        _require(
            between <= ROUNDING * max(abs(Fraction(value)), abs(Fraction(dual))) + _TINY,
            f"value {value!r} less dual value {dual!r} is not the gap {gap!r}",
        )
    off = abs(Fraction(dual) - found.dual)
    _require(
        off <= ROUNDING * found.dual_size + _TINY * (1 + problem.mass) * (1 + problem.largest),
        f"dual value {dual!r} of potentials that earn {_text(found.dual)}",
    )
    if optimum is not None:
        over = Fraction(dual) - optimum.value
        _require(
            over <= ROUNDING * problem.optimal_size + unequal + _TINY,
            f"dual value {dual!r} above the optimum {_text(optimum.value)} by {_text(over)}",
        )
        if found.cost is not None:
            short = found.cost - optimum.value - Fraction(gap)
            tiny = _TINY * (1 + problem.mass) * (1 + problem.largest)
            _require(
                short <= ROUNDING * (found.size + abs(optimum.value)) + unequal + split + tiny,
                f"gap {gap!r} of a plan that costs {_text(found.cost)} "
                f"where {_text(optimum.value)} is possible",
            )
    rounding = 4 * _ULP * potentials + _TINY * (1 + problem.largest)
    rounding += problem.inexact * problem.largest
    _require(
        found.violation <= Fraction(t.dual_residual) * problem.largest * (1 + _ULP) + rounding,
        f"dual residual {t.dual_residual!r}, potentials exceed a cost by "
        f"{_text(found.violation)} where costs go up to {_text(problem.largest)}",
    )
    wrong = max(*map(abs, (*found.row_errors, *found.column_errors)), -found.least) / problem.mass
    claimed = Fraction(t.primal_residual)
    _require(
        wrong <= claimed * (1 + ROUNDING) + 16 * _ULP,
        f"primal residual {t.primal_residual!r} where it is {_text(wrong)}",
    )
    return found


def require_right(t: Any, problem: Problem) -> None:
    """Raise AssertionError unless the answer of a solver is honest and optimal."""
    found = require_honest(t, problem)
    errors = max(map(abs, (*found.row_errors, *found.column_errors)))
    _require(
        errors <= LARGEST_ERROR * problem.mass + _TINY,
        f"a plan whose weights are wrong by {_text(errors)} of {_text(problem.mass)}",
    )
    _require(found.least >= 0, f"a plan with the entry {_text(found.least)}")
    optimum = problem.optimum
    _require(found.cost is not None, f"{t.value!r} with mass on a forbidden pair")
    if optimum is None or found.cost - optimum.value > ACCEPTED * found.size + _TINY:
        # The plan's own marginals, wrong by a rounding, may need what those of the problem do not,
        # or do without what those need.
        own = own_optimum(problem, found).value
        best = own if optimum is None else optimum.value
        _require(
            found.cost - own <= ACCEPTED * found.size + _TINY,
            f"value {t.value!r} (gap {t.gap!r}) where the optimum is {_text(best)}",
        )


def require_value(value: float, problem: Problem) -> None:
    """Raise AssertionError unless a number is the optimum."""
    optimum = problem.optimum
    _require(optimum is not None, f"{value!r} where no plan exists")
    off = abs(Fraction(value) - optimum.value)
    unequal = 0 if not problem.unbalance else _ULP * problem.mass * problem.largest * 4
    _require(
        off <= ACCEPTED * problem.optimal_size + unequal + _TINY,
        f"value {value!r} where the optimum is {_text(optimum.value)}",
    )


def _text(x: Fraction) -> str:
    """Return a number to a double's digits, whatever its size."""
    return mp.nstr(as_mp(x), 17)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)
