"""The exception for failed convergence, used in the whole package."""

from __future__ import annotations


class ConvergenceError(ArithmeticError, RuntimeError):
    """A computation ended before its result reached the guaranteed accuracy.

    The message names the limit that was reached, or the remaining gap or error.
    """
