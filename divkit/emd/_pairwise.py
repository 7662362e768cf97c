"""Earth mover's distances between all pairs of histograms, with one cost matrix."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise as neighbors
from typing import Any

import numpy as np

from divkit import _check, _threads
from divkit._errors import ConvergenceError
from divkit._forks import loading
from divkit.emd import _problem
from divkit.emd._certificate.exact import check_limit
from divkit.emd._small import small
from divkit.emd._small.small_problem import DUAL_VALUE, NUMBERS, SOLVED, STATUS, UNUSUAL, VALUE
from divkit.emd._solve import solve
from divkit.emd._solver_types import Indices, Matrix, Vector

# Pairs of atoms that justify a thread, and that make up a task: about a second of work.
_PER_THREAD, _PER_TASK = 1 << 15, 1 << 24
# Parts of a task per thread: several, because some pairs take longer than others.
_PARTS = 8
# Weights that a task may hold in memory, per side.
_MOST_WEIGHTS = 1 << 21
# Tasks per worker: several, so that none is idle for long while the last tasks finish.
_TASKS = 8
# Bins up to which the triangle inequality is checked without compiled loops, and sums of two costs
# that justify a thread: a millisecond of work.
_FEW_BINS = 256
_SUMS_PER_THREAD = 1 << 22
_LARGEST = 2.0**1000
# Tolerance of the triangle inequality: distances and their sums carry rounding errors.
_ROUNDING = 4 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class Pairwise:
    """The earth mover's distances between all pairs, and the dual values that prove them.

    Attributes
    ----------
    values : ndarray, shape (k, l)
        The costs of the cheapest plans.
    dual_values : ndarray, shape (k, l)
        The dual values of the potentials: lower bounds on the optimum, as values are upper bounds.
    """

    values: Matrix
    dual_values: Matrix

    @property
    def gaps(self) -> Matrix:
        """``values - dual_values``, shape (k, l), which are due to rounding."""
        return self.values - self.dual_values


def pairwise(
    P: Any,
    Q: Any,
    M: Any,
    *,
    normalize: bool = False,
    progress: bool = False,
    max_iter: int | None = None,
) -> Pairwise:
    r"""Return the earth mover's distance between all histograms P_i and Q_j.

    .. math::

        W_{ij} = \min_{\pi \ge 0} \{ \langle M, \pi \rangle : \pi 1 = P_i, \pi^T 1 = Q_j \}

    Every entry is exact up to rounding, as its gap to the dual value proves, or an error is raised.
    If Q is None and M is symmetric, only half of the matrix is computed. If M is a metric, the mass
    that two histograms share is left in place, and only the rest is transported.

    Parameters
    ----------
    P : array_like, shape (k, n)
        Histograms, one per row, of equal mass.
    Q : array_like, shape (l, m), or None
        Histograms of that mass; None compares P with itself.
    M : array_like, shape (n, m)
        Costs between the bins of P and those of Q; +inf forbids a pair of bins.
    normalize : bool
        Divide every histogram by its own mass, for example if it holds counts.
    progress : bool
        Show a progress bar (needs tqdm).
    max_iter : int, optional
        The largest number of pivots for one pair.

    Returns
    -------
    Pairwise
        With `values`, `dual_values` and `gaps`, of shape (k, l).

    Raises
    ------
    TypeError
        If an input is complex, boolean, not numeric or from a library other than NumPy.
    ValueError
        If a shape does not fit, a weight is negative or not finite, a histogram has no mass,
        masses differ, a cost is nan or −inf, or no plan between two histograms avoids the
        forbidden pairs; the message names the histograms.
    ConvergenceError
        If the pivots run out for a pair, or an answer is not optimal to rounding.
    ImportError
        If `progress` is True and tqdm is not installed.

    Notes
    -----
    The work is divided into joblib tasks, each of which uses all threads of its process. Inside
    ``joblib.parallel_config(backend="loky", n_jobs=8)``, or ``"dask"`` or ``"ray"``, the tasks run
    in other processes or on other machines.

    References
    ----------
    Peyré and Cuturi (2019), "Computational Optimal Transport", sections 2.3 and 2.4.
    Pele and Werman (2009), "Fast and robust earth mover's distances", for shared mass.

    Examples
    --------
    >>> from divkit import emd
    >>> M = [[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]]
    >>> P = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    >>> emd.pairwise(P, None, M).values
    array([[0. , 0.5, 2. ],
           [0.5, 0. , 1.5],
           [2. , 1.5, 0. ]])

    As a precomputed metric of scikit-learn:
    ``KNeighborsClassifier(metric="precomputed").fit(emd.pairwise(X, None, M).values, y)``, and
    ``predict(emd.pairwise(new, X, M).values)``.
    """
    with loading:
        from joblib import Parallel, delayed, effective_n_jobs

    if max_iter is not None:
        max_iter = check_limit(max_iter)
    alone = Q is None
    M = _check.matrix("M", M).astype(np.float64, copy=False)
    largest = _check.largest_cost("M", M)
    if alone and M.shape[0] != M.shape[1]:
        raise ValueError(
            f"`M` must be square for the histograms of `P` alone, got shape {M.shape}: pass `Q`"
        )
    P, Q = _histograms(P, Q, M.shape, normalize)
    _problem.require_range(P[0], largest)
    half = alone and np.array_equal(M, M.T)
    free = alone and not M.diagonal().any() and M.min() >= 0.0
    first = np.arange(len(P)) + free if half else np.zeros(len(P), np.intp)
    # The offset of each row's first pair in the list of pairs to solve.
    starts = np.concatenate(([0], np.cumsum(len(Q) - first)))
    pairs = int(starts[-1])
    metric = M.shape[0] <= pairs and _is_metric(M)

    size = max(1, min(_PER_TASK // M.size, _MOST_WEIGHTS // max(M.shape)))
    if effective_n_jobs() > 1:
        size = max(1, min(size, pairs // (_TASKS * effective_n_jobs())))
    parts = list(neighbors([*range(0, pairs, size), pairs]))

    def places(start: int, stop: int) -> tuple[Indices, Indices]:
        number = np.arange(start, stop)
        rows = np.searchsorted(starts, number, side="right") - 1
        return rows, number - starts[rows] + first[rows]

    tasks = (delayed(_task)(M, P, Q, *places(*part), metric, max_iter) for part in parts)
    values, dual_values = np.zeros((2, len(P), len(Q)))
    with _bar(pairs) if progress else nullcontext() as bar:
        answers = (_one_by_one() if progress else Parallel())(tasks)
        for part, found in zip(parts, answers, strict=True):
            rows, columns = places(*part)
            for matrix, numbers in zip((values, dual_values), found, strict=True):
                matrix[rows, columns] = numbers
                if half:
                    matrix[columns, rows] = numbers
            if bar is not None:
                bar.update(len(rows))
    return Pairwise(values, dual_values)


def _task(
    M: Matrix,
    P: Matrix,
    Q: Matrix,
    rows: Indices,
    columns: Indices,
    metric: bool,
    limit: int | None,
) -> tuple[Vector, Vector]:
    """Return the values and the dual values of some pairs."""
    a, b = P[rows], Q[columns]
    if metric:
        a, b = _apart(a, b)
    of_a, of_b = (np.count_nonzero(x, axis=1) for x in (a, b))
    numbers = np.zeros((len(rows), NUMBERS))
    # Identical histograms need no transport: both values are 0.
    numbers[:, STATUS] = np.where((of_a > 0) & (of_b > 0), UNUSUAL, SOLVED)
    fits = [small.fits(shape) for shape in zip(of_a.tolist(), of_b.tolist(), strict=True)]
    left = np.flatnonzero(fits & (numbers[:, STATUS] == UNUSUAL))
    work = int((of_a[left] * of_b[left]).sum())
    if small.compiled_pays(work):
        with loading:
            from divkit.emd import _pairwise_loops

        def piece(start: int, stop: int) -> None:
            _pairwise_loops.solve(a, b, M, small.usual_limit(limit), left[start:stop], numbers)

        _threads.run(piece, left.size, _threads.worth(work, _PER_THREAD), _PARTS)
    for k in np.flatnonzero(numbers[:, STATUS] != SOLVED):
        i, j = int(rows[k]), int(columns[k])
        try:
            numbers[k, [VALUE, DUAL_VALUE]] = _one(a[k], b[k], M, limit)
        except (ValueError, ConvergenceError):
            # Retry on the full histograms: this may succeed, and if not, the message refers to the
            # caller's input.
            try:
                t = solve(P[i], Q[j], M, max_iter=limit)
            except (ValueError, ConvergenceError) as error:
                raise type(error)(f"histogram {i} to histogram {j}: {error}") from error
            numbers[k, [VALUE, DUAL_VALUE]] = t.value, t.dual_value
    return numbers[:, VALUE], numbers[:, DUAL_VALUE]


def _one(a: Vector, b: Vector, M: Matrix, limit: int | None) -> tuple[float, float]:
    """Return the value and the dual value of a pair."""
    sources, sinks = np.flatnonzero(a), np.flatnonzero(b)
    t = solve(a[sources], b[sinks], M[np.ix_(sources, sinks)], max_iter=limit)
    return t.value, t.dual_value


def _apart(a: Matrix, b: Matrix) -> tuple[Matrix, Matrix]:
    """Return the excess of each histogram over the other, scaled to equal mass."""
    more = a - b
    a, b = np.maximum(more, 0.0), np.maximum(-more, 0.0)
    of_a, of_b = (x.sum(axis=1, keepdims=True) for x in (a, b))
    # The masses were equal up to rounding, which weighs more, the less two histograms differ.
    b *= np.divide(of_a, of_b, where=of_b > 0.0, out=np.zeros_like(of_b))
    return a, b


def _histograms(P: Any, Q: Any, shape: tuple[int, int], normalize: bool) -> tuple[Matrix, Matrix]:
    """Return P and Q with all rows scaled to the mass of the first row of P, or to mass 1."""
    tolerance = _check.rounding(P, P if Q is None else Q) ** 0.5
    named = (("P", P, "row"),) if Q is None else (("P", P, "row"), ("Q", Q, "column"))
    sides, masses = [], []
    for (name, given, axis), bins in zip(named, shape, strict=False):
        x = _check.numpy_array(name, given)
        if x.ndim != 2 or len(x) == 0 or x.shape[1] != bins:
            raise ValueError(
                f"`{name}` must have shape (k, {bins}), k at least 1, a histogram per row with one "
                f"weight per {axis} of `M`, got {x.shape}"
            )
        _check.nonnegative(name, x, np)
        if normalize:
            # By powers of two, so that no digit is lost and no sum or quotient overflows.
            x = np.ldexp(x, -np.frexp(x.max(axis=1))[1][:, None])
        with np.errstate(over="ignore"):
            mass = x.sum(axis=1)
        _check.positive_mass(name, mass, np)
        for row in np.flatnonzero(mass > _LARGEST)[:1]:
            raise ValueError(
                f"`{name}` must hold masses below 2**1000, got {mass[row]:g} in row {row}: rescale "
                "it, or pass `normalize=True`"
            )
        sides.append(x)
        masses.append(mass)
    if not normalize:
        _check.equal_rows(masses[0], masses[-1], tolerance)
    wanted = 1.0 if normalize else masses[0][0]
    scaled = [x * (wanted / mass)[:, None] for x, mass in zip(sides, masses, strict=True)]
    return scaled[0], scaled[-1]


def _is_metric(M: Matrix) -> bool:
    """Return whether M has a zero diagonal and obeys the triangle inequality, up to rounding."""
    if M.shape[0] != M.shape[1] or M.diagonal().any() or M.min() < 0.0:
        return False
    least = M * (1.0 - _ROUNDING)
    n = len(M)
    if n <= _FEW_BINS:
        return not any((M[:, k, None] + M[k] < least).any() for k in range(n))
    from divkit.emd._costs import detours

    M = np.ascontiguousarray(M)
    found: list[bool] = []

    def piece(start: int, stop: int) -> None:
        if not any(found):
            found.append(detours.is_shorter(M, least, start, stop))

    _threads.run(piece, n, _threads.worth(n**3, _SUMS_PER_THREAD), _PARTS)
    return not any(found)


def _one_by_one() -> Any:
    """Return a Parallel that yields answers one by one if the backend can, else all at the end."""
    from joblib import Parallel

    try:
        return Parallel(return_as="generator")
    except ValueError:  # for example, the multiprocessing backend cannot
        return Parallel()


def _bar(pairs: int) -> Any:
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError("`progress` needs tqdm: pip install 'divkit[progress]'") from error
    return tqdm(total=pairs, unit="pair")
