"""Worst relative error of every divergence, beside SciPy's, against 60 digits.

``python benchmarks/accuracy.py`` prints the table. The reference is Σ q f(p/q) of the normalized
measures, with the record's generator evaluated in mpmath: a new divergence needs nothing here. That
the generators are those of the literature is tested in `tests/fdiv`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

import mpmath as mp
import numpy as np
from scipy.spatial.distance import cityblock, jensenshannon
from scipy.stats import chisquare, entropy, power_divergence

from divkit import fdiv
from divkit.fdiv import Divergence

try:
    from .inputs import distribution, near
except ImportError:  # as a script
    from inputs import distribution, near

Pair = tuple[np.ndarray, np.ndarray]
Compute = Callable[[np.ndarray, np.ndarray], float]

STEPS = [10.0**-k for k in range(1, 13)]
SIZES = [2, 10, 100, 1000]
# Far from p = q, and zeros.
EXTREMES: list[Pair] = [
    (np.array(p), np.array(q))
    for p, q in [
        ([1e-12, 1 - 1e-12], [0.5, 0.5]),
        ([0.5, 0.5], [1e-12, 1 - 1e-12]),
        ([1e-300, 1.0], [0.3, 0.7]),
        ([0.3, 0.7], [1e-300, 1.0]),
        ([0.0, 1.0], [0.25, 0.75]),
        ([0.25, 0.75], [0.0, 1.0]),
        ([0.5, 0.5, 0.0], [0.5, 0.0, 0.5]),
        ([1.0, 0.0], [0.0, 1.0]),
    ]
]

# What SciPy has for the same number, where it has it in one call or two.
SCIPY: dict[str, tuple[str, Compute]] = {
    "total_variation": ("cityblock", lambda p, q: cityblock(p, q) / 2),
    "kl": ("entropy", entropy),
    "reverse_kl": ("entropy", lambda p, q: entropy(q, p)),
    "pearson": ("chisquare", lambda p, q: chisquare(p, q).statistic),
    "neyman": ("chisquare", lambda p, q: chisquare(q, p).statistic),
    "squared_hellinger": ("power_divergence", lambda p, q: _cressie_read(p, q, 0.5) / 2),
    "jeffreys": ("entropy", lambda p, q: entropy(p, q) + entropy(q, p)),
    "jensen_shannon": ("jensenshannon", lambda p, q: jensenshannon(p, q) ** 2),
    "alpha": (
        "power_divergence",
        lambda p, q: _cressie_read(p, q, *fdiv.CATALOGUE["alpha"].parameters.values()),
    ),
}


def _cressie_read(p: np.ndarray, q: np.ndarray, alpha: float) -> float:
    return power_divergence(p, q, lambda_=alpha - 1).statistic / 2


# The array namespace that a generator is evaluated against, on single numbers of 60 digits.
_MPMATH = SimpleNamespace(
    where=lambda condition, a, b: a if condition else b,
    abs=abs,
    **{
        name: getattr(mp, name) for name in ("log", "log1p", "exp", "expm1", "sqrt", "sign", "tanh")
    },
)


def reference(D: Divergence, p: np.ndarray, q: np.ndarray) -> mp.mpf:
    """Return Σ q f(p/q) of the normalized measures at 60 digits."""
    with mp.workdps(60):
        # A parameter such as 0.3 is rounded, and 1 − 0.3 again: f(1) is not quite what it should
        # be, which D does not depend on but for this difference.
        rest = D.formulas.generator(mp.mpf(1), _MPMATH) - mp.mpf(D.at_one)
        P, Q = [mp.mpf(float(x)) for x in p], [mp.mpf(float(x)) for x in q]
        p_mass, q_mass = mp.fsum(P), mp.fsum(Q)
        terms = []
        for x, y in zip(P, Q, strict=True):
            x, y = x / p_mass, y / q_mass
            if x and y:
                terms.append(y * (D.formulas.generator(x / y, _MPMATH) - rest))
            elif y:
                terms.append(y * mp.mpf(D.at_zero))
            elif x:
                terms.append(x * mp.mpf(D.slope))
        return mp.fsum(terms)


def relative_error(value: float, exact: mp.mpf) -> float:
    """Return |value/exact − 1|; where the exact value is 0 or infinite, 0 if value is the same."""
    if value == float(exact):
        return 0.0
    if np.isnan(value) or mp.isinf(exact) or exact == 0:
        return np.inf
    with mp.workdps(60):
        return float(abs(mp.mpf(float(value)) / exact - 1))


def worst(D: Divergence, compute: Compute, pairs: Iterable[Pair]) -> float:
    """Return the largest relative error of `compute` over `pairs`; a nan or an error is inf."""
    return max(relative_error(_value(compute, p, q), reference(D, p, q)) for p, q in pairs)


def nearby(step: float, sizes: Iterable[int] = SIZES) -> Iterator[Pair]:
    """Yield one pair q = p(1 + step · noise) of each size."""
    for n in sizes:
        p = distribution(n, seed=n)
        yield p, near(p, step, seed=n + 1)


def _value(
    compute: Callable[[np.ndarray, np.ndarray], float], p: np.ndarray, q: np.ndarray
) -> float:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return float(compute(p, q))
        except ValueError:
            return np.nan


def main() -> None:
    """Print one line per divergence and input family."""
    families = [(f"{step:.0e}", list(nearby(step))) for step in STEPS]
    families.append(("extremes", EXTREMES))
    print("Worst relative error; q = p(1 + ε · noise), n =", ", ".join(map(str, SIZES)))
    print("extremes: ratios up to 1e300, zeros, disjoint supports")
    print("inf: nan, an error, or another value where the exact one is 0 or infinite\n")
    print(f"{'':30}", *(f"{name:>8}" for name, _ in families))
    for name, D in fdiv.CATALOGUE.items():
        rows = [(str(D), D)]
        if name in SCIPY:
            rows.append((f"  scipy {SCIPY[name][0]}", SCIPY[name][1]))
        for label, compute in rows:
            errors = (worst(D, compute, pairs) for _, pairs in families)
            print(f"{label:30}", *(f"{error:8.0e}" for error in errors))


if __name__ == "__main__":
    main()
