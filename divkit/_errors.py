"""The error of what did not converge, one for the package."""

from __future__ import annotations


class ConvergenceError(ArithmeticError, RuntimeError):
    """A computation ended before its answer was as exact as promised; nothing is returned then.

    The message names the limit that was reached, or what is left of the gap or of the error.
    """
