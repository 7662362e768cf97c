"""Every identity that an f-divergence must satisfy, for built-in and user-defined ones."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from divkit.fdiv import Divergence
from divkit.testing._checks import Identity, bound_checks
from divkit.testing._distributions import pairs
from divkit.testing._divergence_inputs import (
    any_output,
    any_pairs,
    both,
    duals,
    masses,
    moderate_ratios,
    nearby,
    outputs,
    proportions,
    ratios,
    three,
    two_pairs,
)
from divkit.testing._generator_identities import (
    activation,
    biconjugate,
    fenchel_young,
    inverse,
    limits,
    penalty,
    supremum_at_ratio,
    tangent,
    text,
)
from divkit.testing._pair_identities import (
    adjoint,
    attained,
    axis,
    bound,
    convex,
    data_processing,
    definition,
    disjoint,
    refinement,
    scale,
    second_order,
    within_range,
)


def check_divergence(D: Divergence, examples: int = 100) -> None:
    """Check every identity of an f-divergence on random inputs.

    Parameters
    ----------
    D : Divergence
        Built-in or user-defined.
    examples : int
        Number of random inputs per identity.

    Raises
    ------
    AssertionError
        If an identity fails, with its name, the input and the discrepancy.

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit.testing import check_divergence
    >>> check_divergence(fdiv.kl, examples=5)
    """
    for _, run in divergence_checks(D):
        run(examples)


def divergence_checks(D: Divergence) -> list[tuple[str, Callable[[int], None]]]:
    """Return (name, run) for every identity; run(examples) raises AssertionError if it fails."""
    return bound_checks(DIVERGENCE_IDENTITIES, D)


DIVERGENCE_IDENTITIES = (
    Identity("limits", "f(0⁺), f′(0⁺), f′(∞), f*(f′(∞)), f(1)", lambda D: st.none(), limits),
    Identity("tangent", "f(w) ≥ f(u) + f′(u)(w−u)", both(ratios, ratios), tangent),
    Identity("Fenchel–Young", "f(u) + f*(t) ≥ ut", both(ratios, duals), fenchel_young),
    Identity("biconjugate", "f(u) = u f′(u) − f*(f′(u))", ratios, biconjugate),
    Identity("conjugate", "f*(t) = t f*′(t) − f(f*′(t))", duals, supremum_at_ratio),
    Identity("inverse", "f*′(f′(u)) = u", ratios, inverse),
    Identity("penalty", "penalty(v) = f*(g(v))", outputs, penalty),
    Identity("activation", "g increases inside dom f*", both(any_output, any_output), activation),
    Identity("formulas as text", "as computed", moderate_ratios, text),
    Identity("definition", "D(P‖Q) = Σ q f(p/q)", any_pairs, definition),
    Identity("range", "f(1) = D(P‖P) ≤ D ≤ f(0⁺) + f′(∞)", any_pairs, within_range),
    Identity("disjoint supports", "D = f(0⁺) + f′(∞)", any_pairs, disjoint),
    Identity("second order", "D ≈ f(1) + ½ f″(1) χ²", nearby, second_order),
    Identity(
        "variational bound",
        "E_P T − E_Q f*(T) ≤ D(P‖Q)",
        lambda D: st.tuples(pairs(), st.lists(outputs(D), min_size=8, max_size=8)),
        bound,
    ),
    Identity("attainment", "E_P T − E_Q f*(T) = D(P‖Q) at T = f′(p/q)", any_pairs, attained),
    Identity("adjoint", "D_f◇(Q‖P) = D_f(P‖Q)", both(any_pairs, ratios), adjoint),
    Identity("joint convexity", "D(wP+w′R ‖ wQ+w′S) ≤ wD + w′D", two_pairs, convex),
    Identity("data processing", "D(KP‖KQ) ≤ D(P‖Q)", three, data_processing),
    Identity(
        "refinement", "splitting atoms changes nothing", both(any_pairs, proportions), refinement
    ),
    Identity("normalization", "masses divide out", both(any_pairs, masses, masses), scale),
    Identity(
        "axes",
        "rows of a batch, each alone",
        lambda D: st.integers(2, 4).flatmap(lambda k: st.lists(pairs(k), min_size=1, max_size=3)),
        axis,
    ),
)
