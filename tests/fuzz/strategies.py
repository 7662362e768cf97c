"""Random inputs: costs of every size, masses that are exactly equal, arrays of every layout.

They shrink to few atoms, whole numbers and plain arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import sparse

Draw = st.DrawFn

# Of numbers with a full mantissa, which shrink to small ones.
FRACTIONS = st.integers(-499, 499).map(lambda k: k / 499)
WHOLE = st.integers(0, 9).map(float)
# Stand-ins for a forbidden pair, as people write them.
SENTINELS = [1e12, 1e15, 1e17, 1e20, 1e30, 1e50, 1e100, 1e150, 1e200, 1e250, 1e300]
SCALES = [1e-3, 7.0, 1e-150, 1e150, 1e-300, 1e300, 2.0**-1000, 5e-324]


def matrices(n: int, m: int, entries: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    """Return a strategy for float64 matrices of shape (n, m)."""
    flat = st.lists(entries, min_size=n * m, max_size=n * m)
    return flat.map(lambda x: np.array(x, np.float64).reshape(n, m))


@st.composite
def costs(draw: Draw, n: int, m: int) -> Any:
    """Return a strategy for costs up to 1e300 and down to 5e-324, +inf sometimes."""
    kind = draw(
        st.sampled_from(["whole", "fractions", "sentinel", "forbidden", "wide", "scaled", "rows"])
    )
    if kind == "sentinel":
        return draw(sentinel_costs(n, m))
    if kind == "wide":
        return draw(matrices(n, m, st.one_of(WHOLE, wide())))
    M = draw(matrices(n, m, draw(st.sampled_from([WHOLE, FRACTIONS]))))
    if kind == "forbidden":
        M[draw(_pattern(n, m))] = np.inf
    elif kind == "scaled":
        scale = draw(st.sampled_from(SCALES))
        # 9e300 is still below the documented limit.
        M = M * scale if scale != 5e-324 else np.rint(M * 500) * scale
    elif kind == "rows":
        M = M + draw(matrices(n, 1, st.sampled_from([0.0, 1.0, -1e3, 1e6, 1e9])))
        M = M + draw(matrices(1, m, st.sampled_from([0.0, 2.0, -1e5, 1e9])))
    return M


@st.composite
def sentinel_costs(draw: Draw, n: int, m: int) -> Any:
    """Return a strategy for ordinary costs with a huge one in a pattern, as it is or jittered."""
    M = draw(matrices(n, m, draw(st.sampled_from([WHOLE, FRACTIONS]))))
    where = draw(_pattern(n, m))
    big = draw(st.sampled_from(SENTINELS))
    jitter = draw(st.sampled_from(["none", "whole", "fine", "signed"]))
    if jitter == "none":
        M[where] = big
    elif jitter == "whole":
        M[where] = big * (1 + M[where] / 10)
    elif jitter == "fine":
        M[where] = big + M[where]
    else:
        M[where] = big * np.where(M[where] > 1, -1, 1)
    return M


def wide() -> st.SearchStrategy[float]:
    """Return a strategy for numbers of either sign over six hundred decades."""
    sizes = st.integers(-300, 300).map(lambda k: 10.0**k)
    return st.tuples(sizes, st.sampled_from([1.0, 1.5, -1.0, 1 / 3])).map(math.prod)


@st.composite
def _pattern(draw: Draw, n: int, m: int) -> Any:
    """Return a strategy for masks: between blocks, a row, an entry, an arrow, anything."""
    kind = draw(st.sampled_from(["block", "row", "column", "single", "arrow", "any"]))
    i, j = draw(st.integers(0, n - 1)), draw(st.integers(0, m - 1))
    where = np.zeros((n, m), np.bool_)
    if kind == "block":
        groups = [draw(st.lists(st.integers(0, 2), min_size=k, max_size=k)) for k in (n, m)]
        return np.array(groups[0])[:, None] != np.array(groups[1])
    if kind == "any":
        flat = draw(st.lists(st.booleans(), min_size=n * m, max_size=n * m))
        return np.array(flat).reshape(n, m)
    if kind in ("row", "arrow"):
        where[i] = True
    if kind in ("column", "arrow"):
        where[:, j] = True
    if kind == "arrow":
        np.fill_diagonal(where, draw(st.booleans()))
    if kind == "single":
        where[i, j] = True
    if draw(st.booleans()):
        where[i, j] = kind == "single"
    return where


@st.composite
def masses(draw: Draw, n: int, m: int, *, whole: bool = False) -> tuple[Any, Any]:
    """Return a strategy for two lists of masses, whose sums are equal in rational arithmetic.

    Whole numbers times a power of two; some of them 0; and masses of very different sizes, each
    split among the sinks or moved to one. Sums are equal but need not be float64 numbers.
    """
    kind = "whole" if whole else draw(st.sampled_from(["whole", "uniform", "scaled", "split"]))
    if kind == "uniform" and n == m:
        mass = draw(st.sampled_from([1.0, 1 / n, 0.1, 1e-9, 1e9]))
        return np.full(n, mass), np.full(m, mass)
    if kind == "split" and n > 1 and m > 1:
        return draw(_split(n, m))
    a = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n).filter(any))
    b = draw(st.lists(st.integers(0, 8), min_size=m, max_size=m).filter(any))
    unit = 1.0 if whole else 2.0 ** draw(st.sampled_from([-7, 0, 30, -30]))
    if kind == "scaled":
        unit = 2.0 ** draw(st.sampled_from([-300, 300, -900, 900]))
    return np.array(a) * float(sum(b)) * unit, np.array(b) * float(sum(a)) * unit


@st.composite
def _split(draw: Draw, n: int, m: int) -> tuple[Any, Any]:
    sizes = st.sampled_from([1.0, 0.5, 3.0, 2.0**-20, 2.0**-52, 2.0**-60, 1e-17, 1e-30, 1e-300])
    a = [draw(sizes) for _ in range(n)]
    # Each source is one sink, and what is left over of either goes in halves to the last ones.
    b = a[:m] + [0.0] * (m - n)
    if n > m:
        a[m:] = [0.0] * (n - m)
    for j in range(n, m):
        b[j] = b[j - 1] = b[j - 1] / 2
    order = draw(st.permutations(range(m)))
    return np.array(a), np.array(b)[list(order)]


@st.composite
def problems(
    draw: Draw, max_size: int = 5, costs: Callable[[int, int], Any] = costs
) -> tuple[Any, Any, Any]:
    """Return a strategy for (a, b, M) in float64, within the range that is documented."""
    n, m = draw(st.integers(1, max_size)), draw(st.integers(1, max_size))
    M = draw(costs(n, m))
    largest = np.abs(M[np.isfinite(M)]).max(initial=0.0)
    a, b = draw(masses(n, m))
    if not in_range(a.sum(), largest):
        a, b = draw(masses(n, m, whole=True))
    if not in_range(a.sum(), largest):
        M = M * 2.0**-20
    return a, b, M


def in_range(mass: float, largest: float) -> bool:
    """Return whether costs, and mass times costs, are below 2**1000, and above 2**-1000 or 0."""
    if mass > 2.0**1000 or largest > 2.0**1000:
        return False
    return largest == 0 or abs(math.frexp(mass)[1] + math.frexp(largest)[1]) < 990


@st.composite
def plain_problems(draw: Draw, max_size: int = 7) -> tuple[Any, Any, Any]:
    """Return a strategy for problems whose costs are of one size, with forbidden pairs or not."""
    n, m = draw(st.integers(1, max_size)), draw(st.integers(1, max_size))
    M = draw(matrices(n, m, draw(st.sampled_from([WHOLE, FRACTIONS]))))
    if draw(st.booleans()):
        M[draw(_pattern(n, m))] = np.inf
    return *draw(masses(n, m, whole=True)), M


@st.composite
def potentials(draw: Draw, a: Any, b: Any, M: Any, f: Any, g: Any) -> tuple[Any, Any]:
    """Return a strategy for potentials: optimal ones (f, g), useless and misleading ones."""
    n, m = M.shape
    kind = draw(st.sampled_from(["optimal", "near", "zero", "whole", "wide", "huge", "one side"]))
    if kind == "zero":
        return np.zeros(n), np.zeros(m)
    if kind in ("optimal", "near", "one side"):
        f, g = np.array(f), np.array(g)
        if kind == "near":
            unit = max(np.abs(f).max(), np.abs(g).max()) * draw(st.sampled_from([1e-16, 1e-8, 1.0]))
            f = f + unit * draw(matrices(1, n, FRACTIONS))[0]
            g = g + unit * draw(matrices(1, m, FRACTIONS))[0]
        if kind == "one side":
            other = draw(st.sampled_from([-1e300, 1e17, 0.0]))
            f, g = (f, np.full(m, other)) if draw(st.booleans()) else (np.full(n, other), g)
        return f, g
    entries = {
        "whole": WHOLE,
        "wide": st.one_of(WHOLE, wide()),
        "huge": st.sampled_from([0.0, 1e17, -1e17, 1e300, -1e300, 1.7e308, 1.0]),
    }[kind]
    return draw(matrices(1, n, entries))[0], draw(matrices(1, m, entries))[0]


@st.composite
def wrong_plans(draw: Draw, a: Any, b: Any, best: Any) -> Any:
    """Return a strategy for plans: right, of the right marginals, with wrong ones, or nonsense."""
    n, m = best.shape
    kind = draw(st.sampled_from(["best", "corner", "product", "near", "any", "empty", "negative"]))
    if kind == "best":
        return best
    if kind == "corner":
        return corner_plan(a, b, draw(st.permutations(range(n))), draw(st.permutations(range(m))))
    if kind == "product":
        return a[:, None] / a.sum() * b
    if kind == "near":
        return best * (1 + draw(matrices(n, m, FRACTIONS)) * draw(st.sampled_from([1e-15, 0.1])))
    if kind == "empty":
        return np.zeros((n, m))
    plan = draw(matrices(n, m, st.sampled_from([0.0, 0.5, 1.0, 1e-17, 5e-324])))
    if kind == "negative":
        plan[draw(st.integers(0, n - 1)), draw(st.integers(0, m - 1))] = -0.25
    return plan * float(a.sum())


def corner_plan(a: Any, b: Any, rows: Any, columns: Any) -> Any:
    """Return the plan that serves the columns in the order given, in floating point."""
    plan = np.zeros((len(a), len(b)))
    a, b = a.tolist(), b.tolist()
    rows, columns = list(rows), list(columns)
    while rows and columns:
        i, j = rows[0], columns[0]
        mass = min(a[i], b[j])
        plan[i, j] += mass
        a[i] -= mass
        b[j] -= mass
        if a[i] <= 0:
            rows.pop(0)
        else:
            columns.pop(0)
    return plan


# --- points, graphs, grids ---


@st.composite
def point_sets(draw: Draw, dim: int | None = None, max_size: int = 5) -> tuple[Any, Any]:
    """Return a strategy for two sets of points: ties, duplicates, outliers, 1e±150, 1e±300."""
    d = draw(st.integers(1, 3)) if dim is None else dim
    n, m = draw(st.integers(1, max_size)), draw(st.integers(1, max_size))
    entries = draw(st.sampled_from([WHOLE, FRACTIONS]))
    x, y = draw(matrices(n, d, entries)), draw(matrices(m, d, entries))
    change = draw(st.sampled_from(["none", "scale", "outlier", "far"]))
    if change == "scale":
        scale = draw(st.sampled_from([1e-3, 1e6, 1e-100, 1e100, 1e-145, 1e145]))
        x, y = x * scale, y * scale
    elif change == "outlier":
        x[0] = draw(st.sampled_from([1e6, -1e12, 1e17, 1e30, 1e100]))
    elif change == "far":
        x, y = x + 2.0**20, y + 2.0**20
    return x, y


@st.composite
def graphs(draw: Draw, max_nodes: int = 6) -> Any:
    """Return a strategy for lengths of arcs, dense with +inf for no arc: trees, rings, any."""
    n = draw(st.integers(1, max_nodes))
    kind = draw(st.sampled_from(["tree", "ring", "any", "directed"]))
    lengths = np.full((n, n), np.inf)
    entries = draw(
        st.sampled_from(
            [WHOLE, st.sampled_from([0.0, 1.0, 1e-9, 1e9, 1e17, 1e100]), WHOLE.map(lambda k: k / 7)]
        )
    )
    if kind in ("tree", "ring"):
        for v in range(1, n):
            w = draw(st.integers(0, v - 1)) if kind == "tree" else v - 1
            lengths[v, w] = lengths[w, v] = draw(entries)
        if kind == "ring" and n > 2:
            lengths[0, n - 1] = lengths[n - 1, 0] = draw(entries)
    else:
        for v in range(n):
            for w in range(n):
                if v != w and draw(st.integers(0, 2)):
                    lengths[v, w] = draw(entries)
        if kind == "any":
            lengths = np.minimum(lengths, lengths.T)
    return lengths


def as_graph(lengths: Any, form: str = "csr") -> Any:
    """Return a sparse array that holds the finite entries, zeros included."""
    rows, columns = np.nonzero(np.isfinite(lengths))
    array = sparse.coo_array((lengths[rows, columns], (rows, columns)), lengths.shape)
    return array.asformat(form)


@st.composite
def sparse_costs(draw: Draw, n: int, m: int) -> tuple[Any, Any]:
    """Return a strategy for (sparse costs, the same dense with +inf), of all formats but two.

    DIA stores what lies on its diagonals and BSR what lies in its blocks, whatever it is.
    """
    M = draw(costs(n, m))
    form = draw(st.sampled_from(["csr", "csc", "coo", "lil", "dok"]))
    made = as_graph(M, form)
    return (made if draw(st.booleans()) else type_of_matrix(made)), M


def type_of_matrix(x: Any) -> Any:
    """Return a sparse array as the older sparse matrix."""
    return getattr(sparse, f"{x.format}_matrix")(x)


# --- divergences ---


@st.composite
def distributions(draw: Draw, n: int | None = None) -> tuple[Any, Any]:
    """Return a strategy for pairs (p, q) to be normalized: zeros, tiny and huge ratios, near."""
    n = draw(st.integers(1, 6)) if n is None else n
    sizes = st.one_of(
        st.integers(0, 9).map(float),
        st.integers(-300, 0).map(lambda k: 10.0**k),
        st.sampled_from([5e-324, 2.3e-308, 1e-308]),
        st.floats(1e-9, 1.0),
    )
    lists = st.lists(sizes, min_size=n, max_size=n).filter(any)
    p, q = np.array(draw(lists)), np.array(draw(lists))
    if draw(st.booleans()):
        step = 10.0 ** -draw(st.integers(1, 16))
        q = p * (1 + step * np.array(draw(st.lists(FRACTIONS, min_size=n, max_size=n))))
    return p, q


# --- arrays as users have them ---

DTYPES = ["f8", "f4", "f2", "i8", "i4", "u1", ">f8", "longdouble"]
WRONG_DTYPES = ["?", "c16", "O", "U4", "M8[s]"]


@st.composite
def layouts(draw: Draw, x: Any) -> Any:
    """Return a strategy for arrays equal to `x`: C, Fortran, strided, reversed, read-only."""
    kind = draw(st.sampled_from(["C", "F", "strided", "reversed", "read-only", "list", "offset"]))
    if kind == "list":
        return x.tolist()
    if kind == "F":
        return np.asfortranarray(x)
    if kind == "strided":
        wider = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype) if x.ndim else x
        if x.ndim:
            wider[..., ::2] = x
            return wider[..., ::2]
    if kind == "reversed" and x.ndim:
        return np.ascontiguousarray(x[::-1])[::-1]
    if kind == "read-only":
        x = np.array(x)
        x.flags.writeable = False
    if kind == "offset" and x.size:
        # Not aligned to the size of an entry.
        raw = np.zeros(x.nbytes + 1, np.uint8)
        raw[1:] = np.frombuffer(x.tobytes(), np.uint8)
        return raw[1:].view(x.dtype).reshape(x.shape)
    return x


@st.composite
def anything(draw: Draw) -> Any:
    """Return a strategy for what somebody may pass for an array: of any type, shape and entry."""
    kind = draw(st.sampled_from(["float", "wrong dtype", "object", "scalar", "sparse", "array"]))
    if kind == "scalar":
        return draw(st.sampled_from([None, 1, 1.0, True, "kl", 1j, math.nan, math.inf, b"x", ...]))
    if kind == "object":
        return draw(
            st.sampled_from(
                [[], [[]], [1, [2]], [None], ["a"], {}, {"a": 1}, set(), (1, 2), [1, None], [1j],
                 [True, False], [10**400], [-(10**30)], range(3), [[1, 2], [3]]]
            )
        )  # fmt: skip
    shape = draw(
        st.sampled_from([(), (0,), (1,), (2,), (3,), (2, 2), (2, 3), (0, 2), (2, 0), (1, 2, 2)])
    )
    size = int(np.prod(shape))
    entries = st.one_of(
        WHOLE,
        st.sampled_from([math.nan, math.inf, -math.inf, -1.0, -0.0, 5e-324, 1e308, 1e-308, 0.5]),
    )
    x = np.array(draw(st.lists(entries, min_size=size, max_size=size))).reshape(shape)
    if kind == "sparse" and x.ndim == 2:
        form = draw(st.sampled_from(["csr", "csc", "coo", "dia", "bsr", "lil", "dok"]))
        return sparse.coo_array(x).asformat(form) if x.size else sparse.csr_array(x)
    if kind == "wrong dtype":
        wrong = draw(st.sampled_from(WRONG_DTYPES))
        with np.errstate(all="ignore"):
            return np.nan_to_num(x).astype(wrong)
    if kind == "array":
        dtype = draw(st.sampled_from(DTYPES))
        with np.errstate(all="ignore"):
            narrow = x if np.dtype(dtype).kind == "f" else np.nan_to_num(np.clip(x, 0, 9))
            return draw(layouts(narrow.astype(dtype)))
    return x
