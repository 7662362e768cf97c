"""Property-based checks: run an identity on random inputs and report failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@dataclass(frozen=True)
class Identity:
    """A mathematical identity: its statement, its random inputs, and the check of one input.

    Parameters
    ----------
    name : str
        As printed in a summary.
    claim : str
        The statement as a formula.
    inputs : callable
        subject -> strategy of inputs.
    check : callable
        (subject, input) -> None; raises AssertionError.
    """

    name: str
    claim: str
    inputs: Callable[[Any], st.SearchStrategy[Any]]
    check: Callable[[Any, Any], None]

    def run(self, subject: Any, examples: int) -> None:
        """Check `examples` random inputs; a failing input is shrunk before it is reported."""

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(self.inputs(subject))
        def hold(x: Any) -> None:
            self.check(subject, x)

        try:
            hold()
        except AssertionError as error:
            raise AssertionError(
                f"{subject} breaks '{self.name}' ({self.claim}): {error}"
            ) from error
        except Exception as error:
            raise AssertionError(
                f"{subject} raises in '{self.name}' ({self.claim}): {type(error).__name__}: {error}"
            ) from error


def bound_checks(
    identities: Sequence[Identity], subject: Any
) -> list[tuple[str, Callable[[int], None]]]:
    """Return (name, run) for each identity, run(examples) checking it for `subject`."""

    def bind(identity: Identity) -> Callable[[int], None]:
        return lambda examples: identity.run(subject, examples)

    return [(identity.name, bind(identity)) for identity in identities]


def require_equal(left: float, right: float, scale: float, what: str) -> None:
    """Raise AssertionError with the difference unless |left − right| ≤ 1e-12 · scale.

    `scale` is the size of the summed terms, so the tolerance is a few thousand roundings.
    """
    if left == right:  # covers equal infinities
        return
    if not abs(left - right) <= 1e-12 * scale:
        raise AssertionError(f"{left!r} is not {right!r}, off by {abs(left - right):.3g}, {what}")


def require_at_most(left: float, right: float, scale: float, what: str) -> None:
    """Raise AssertionError unless left ≤ right + 1e-12 · scale."""
    if left == right:
        return
    if not left <= right + 1e-12 * scale:
        raise AssertionError(f"{left!r} exceeds {right!r} by {left - right:.3g}, {what}")
