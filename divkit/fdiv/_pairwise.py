"""All rows of one matrix against all rows of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from divkit import _check
from divkit.fdiv._divergence import Divergence
from divkit.fdiv._double_double import exact_sum

Matrix = NDArray[np.float64]

# Up to this many terms, arrays are faster than compiling a loop; also the size of a batch.
_SMALL = 1 << 20


def pairwise(
    D: Divergence, P: _check.Array, Q: _check.Array | None = None, *, normalize: bool = False
) -> Matrix:
    """Return D(P_i‖Q_j) for all rows P_i and Q_j.

    Every entry is as accurate as ``D(P[i], Q[j])``, even where the rows nearly agree. The work is
    divided among threads. If D is symmetric and Q is omitted, only half of the matrix is computed.

    Parameters
    ----------
    D : Divergence
        Built-in or user-defined.
    P : array_like, shape (n, k)
        Rows of masses.
    Q : array_like, shape (m, k), optional
        Rows of masses; by default those of P.
    normalize : bool
        Divide every row by its own mass, as is needed for counts.

    Returns
    -------
    ndarray, shape (n, m)
        float64; +inf where the divergence is infinite.

    Raises
    ------
    TypeError
        If D is not a divergence, or an input is not a real array.
    ValueError
        If an input is not a matrix, lengths of rows differ, an entry is negative or not finite, a
        row has no mass, or masses differ.

    Examples
    --------
    >>> from divkit import fdiv
    >>> fdiv.pairwise(fdiv.total_variation, [[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]])
    array([[0.  , 0.25, 0.5 ],
           [0.25, 0.  , 0.25],
           [0.5 , 0.25, 0.  ]])

    With D = jensen_shannon, the square of a metric, as a precomputed metric of scikit-learn:
    ``KNeighborsClassifier(metric="precomputed").fit(fdiv.pairwise(D, X) ** 0.5, y)``.
    """
    if not isinstance(D, Divergence):
        raise TypeError(f"`D` must be a Divergence, got {D!r}: for example fdiv.kl")
    alone = Q is None
    tolerance = _check.rounding(P, P if alone else Q) ** 0.5
    rows = _Rows("P", P, normalize)
    columns = rows if alone else _Rows("Q", Q, normalize)
    _check.broadcastable(("P", rows.x[:1]), ("Q", columns.x[:1]))
    if not (np.isfinite(rows.mass).all() and np.isfinite(columns.mass).all()):
        return _by_arrays(D, rows.x, columns.x, normalize)
    for side, other in ((rows, columns), (columns, rows)):
        side.odd |= side.least_share * other.mass.min() < 1e-290
    if not normalize:
        _check.equal_rows(rows.mass, columns.mass, tolerance)
    half = alone and D.is_symmetric
    out = None
    if len(rows.x) * columns.x.size > _SMALL:
        from divkit._forks import loading

        with loading:
            from divkit.fdiv import _pair_loop

        out = _pair_loop.evaluate(D, rows.parts, columns.parts, half)
    if out is None:
        out = _by_arrays(D, rows.x, columns.x, True)
    else:
        for i in np.flatnonzero(rows.odd):
            out[i] = D(rows.x[i], columns.x, normalize=True)
        for j in np.flatnonzero(columns.odd):
            out[:, j] = D(rows.x, columns.x[j], normalize=True)
        # An intermediate result may have overflowed, not the value.
        for i, j in np.argwhere(np.isinf(out) & rows.full[:, None] & columns.full):
            if j >= i or not half:
                out[i, j] = D(rows.x[i], columns.x[j], normalize=True)
    if half:
        below = np.tril_indices(len(out), -1)
        out[below] = out.T[below]
    return out


class _Rows:
    """A matrix of masses with the properties of its rows that the loop needs."""

    def __init__(self, name: str, x: _check.Array, normalize: bool) -> None:
        given = x
        x = _check.real(name, x, np)
        if x.ndim != 2:
            raise ValueError(f"`{name}` must be a matrix of rows, got shape {x.shape}")
        if len(x) == 0:
            raise ValueError(f"`{name}` must have at least 1 row, got shape {x.shape}")
        x = _check.atoms_last(name, x, -1, np)
        _check.nonnegative(name, x, np)
        self.x = np.ascontiguousarray(x)
        with np.errstate(over="ignore", invalid="ignore"):
            self.mass, self.rest = exact_sum(self.x, np)
            self.mass = np.where(np.isfinite(self.mass), self.mass, np.inf)
        _check.positive_mass(name, self.mass, np)
        if _check.is_integer(given) and not normalize:
            _check.unit_mass(name, self.mass, np)
        self.full = self.x.min(axis=1) > 0
        # Rows marked `odd` are left to the array path, which rescales them.
        positive = np.where(self.x > 0, self.x, np.inf).min(axis=1, initial=np.inf)
        self.least_share = positive / self.mass
        self.odd = (positive < 1e-290) | (self.mass < 1e-100) | (self.mass > 1e100)

    @property
    def parts(self) -> tuple[Matrix, Matrix, Matrix, NDArray[np.bool_]]:
        """The arguments that the loop takes."""
        return self.x, self.mass, self.rest, self.full


def _by_arrays(D: Divergence, P: Matrix, Q: Matrix, normalize: bool) -> Matrix:
    step = max(1, _SMALL // Q.size)
    parts = [D(P[i : i + step, None], Q, normalize=normalize) for i in range(0, len(P), step)]
    return np.concatenate(parts)
