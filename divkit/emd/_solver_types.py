"""What every backend returns, and the errors that it may raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from divkit._errors import ConvergenceError

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]


class Answer(NamedTuple):
    """A plan by its arcs, from sources `rows` to sinks `columns`, and potentials for it."""

    rows: Indices
    columns: Indices
    mass: Vector
    f: Vector
    g: Vector
    iterations: int | None


# (a, b, M, limit on the number of iterations or None) -> Answer. Every weight is positive, the
# costs lie in [0, 1] or are +inf (a forbidden pair), and the masses are equal up to rounding.
Backend = Callable[[Vector, Vector, Matrix, int | None], Answer]


class NoPlanError(Exception):
    """A backend found no plan that avoids the forbidden pairs; for use inside `divkit.emd`."""


def limit_reached(who: str, limit: int) -> ConvergenceError:
    """Return the error of a solver that used up its iterations."""
    return ConvergenceError(
        f"{who} reached the limit of {limit} iterations before the optimum: "
        "raise `max_iter`, or leave it None"
    )
