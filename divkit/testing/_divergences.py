"""Every identity that an f-divergence must satisfy, for built-in records and users' own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from divkit.fdiv import Divergence
from divkit.testing._checks import Identity, bound_checks, require_at_most, require_equal
from divkit.testing._distributions import Vector, distributions, kernels, pairs


def check_divergence(D: Divergence, examples: int = 100) -> None:
    """Check every identity of an f-divergence on random inputs.

    Parameters
    ----------
    D : Divergence
        Built-in or a user's own.
    examples : int
        How many random inputs per identity.

    Raises
    ------
    AssertionError
        At the first identity that fails: which, at which input, and by how much.

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


# Ratios u, dual values t and critic outputs v: a few plain ones first, as shrinking prefers them.
def _ratios(D: Divergence) -> st.SearchStrategy[float]:
    return st.one_of(st.sampled_from([1.0, 2.0, 0.5]), st.floats(-6, 6).map(lambda x: float(10**x)))


def _moderate_ratios(D: Divergence) -> st.SearchStrategy[float]:
    return st.floats(-2, 2).map(lambda x: float(10**x))


def _outputs(D: Divergence) -> st.SearchStrategy[float]:
    return st.one_of(st.integers(-3, 3).map(float), st.floats(-20, 20))


def _any_output(D: Divergence) -> st.SearchStrategy[float]:
    return st.one_of(st.floats(-1e3, 1e3), st.floats(allow_nan=False, allow_infinity=False))


def _duals(D: Divergence) -> st.SearchStrategy[float]:
    inside = _ratios(D).map(lambda u: float(D.derivative(u)))
    return st.one_of(inside, st.floats(-20, 20))


def _both(*strategies: Callable[[Divergence], st.SearchStrategy[Any]]) -> Any:
    return lambda D: st.tuples(*(s(D) for s in strategies))


def _pairs(D: Divergence) -> st.SearchStrategy[tuple[Vector, Vector]]:
    return pairs()


def _full_pairs(D: Divergence) -> st.SearchStrategy[tuple[Vector, Vector]]:
    return pairs(zeros=False)


# --- the generator and its conjugate, number by number ---


def _young(D: Divergence, u: float, t: float) -> tuple[float, float]:
    """Return f(u) + f*(t) − ut and the size of its terms."""
    f, conjugate = float(D.generator(u)), float(D.conjugate(t))
    product = u * t if u else 0.0
    if math.inf in (f, conjugate):
        return math.inf, math.inf
    # Evaluating at rounded u and t moves f and f* by their slopes times that rounding.
    scale = abs(f) + abs(conjugate) + abs(product) + abs(float(D.derivative(u)) * u) + 1
    return f + conjugate - product, scale


def _fenchel_young(D: Divergence, x: tuple[float, float]) -> None:
    u, t = x
    gap, scale = _young(D, u, t)
    if gap < math.inf:
        require_at_most(0.0, gap, scale, f"at u = {u!r}, t = {t!r}")


def _biconjugate(D: Divergence, u: float) -> None:
    t = float(D.derivative(u))
    gap, scale = _young(D, u, t)
    require_equal(gap, 0.0, scale, f"at u = {u!r}, t = f′(u) = {t!r}")


def _supremum_at_ratio(D: Divergence, t: float) -> None:
    u = float(D.ratio(t))
    if t < D.slope:
        # The formula itself, which penalties and compiled loops use, must have the clamp at f′(0⁺).
        with np.errstate(all="ignore"):
            formula = float(D.formulas.conjugate(np.float64(t), np))
        require_equal(formula, float(D.conjugate(t)), 1 + abs(formula), f"the formula at t = {t!r}")
    if t in D.conjugate_domain and u < 1e12:
        gap, scale = _young(D, u, t)
        # u is rounded too, and f* moves by u for each unit of t.
        require_equal(gap, 0.0, scale + u * abs(t), f"at t = {t!r}, u = f*′(t) = {u!r}")
    elif t not in D.conjugate_domain:
        conjugate = float(D.conjugate(t))
        require_equal(conjugate, math.inf, 1.0, f"f*({t!r}), outside {D.conjugate_domain}")


def _inverse(D: Divergence, u: float) -> None:
    t, above, below = (float(D.derivative(w)) for w in (u, u * (1 + 1e-3), u * (1 - 1e-3)))
    # Where f′ is flat, or so flat that rounding hides its rise, many u share a t.
    rise = min(above - t, t - below) / 1e-3
    if rise > 1e-3 * (abs(t) + 1e-3):
        scale = u * (1 + (abs(t) + 1) / rise)
        require_equal(float(D.ratio(t)), u, scale, f"f*′(f′(u)) at u = {u!r}")


def _tangent(D: Divergence, x: tuple[float, float]) -> None:
    u, w = x
    f_u, f_w, slope = float(D.generator(u)), float(D.generator(w)), float(D.derivative(u))
    scale = abs(f_u) + abs(f_w) + abs(slope) * (u + w) + 1
    require_at_most(f_u + slope * (w - u), f_w, scale, f"tangent at {u!r}, seen from {w!r}")


def _penalty(D: Divergence, v: float) -> None:
    t = float(D.activation(v))
    fused, plain = float(D.penalty(v)), float(D.conjugate(t))
    # Near the end of the domain f* magnifies the rounding of t.
    magnified = abs(t) * float(D.ratio(t)) if math.isfinite(float(D.ratio(t))) else math.inf
    spacing = np.spacing(abs(t) + abs(D.slope) if math.isfinite(D.slope) else abs(t))
    if magnified * spacing < 1e-3 * (abs(fused) + 1) and math.isfinite(plain):
        scale = abs(fused) + abs(plain) + 1 + (magnified + float(D.ratio(t))) * 1e-2
        require_equal(fused, plain, scale, f"penalty against f*(g(v)) at v = {v!r}")


def _activation(D: Divergence, x: tuple[float, float]) -> None:
    low, high = sorted(x)
    g_low, g_high = float(D.activation(low)), float(D.activation(high))
    require_at_most(g_low, g_high, 0.0, f"activation falls from v = {low!r} to v = {high!r}")
    for v, t in ((low, g_low), (high, g_high)):
        if t not in D.conjugate_domain:
            raise AssertionError(f"g({v!r}) = {t!r} lies outside the domain {D.conjugate_domain}")
    if -5 <= low < high - 1e-3 and high <= 5 and not g_low < g_high:
        raise AssertionError(f"activation is flat from v = {low!r} to v = {high!r}")


def _limits(D: Divergence, _: None) -> None:
    exponents = np.array([100.0, 200.0, 300.0])
    small, large = 10.0**-exponents, 10.0**exponents
    found = {
        "at_zero": _limit(D.generator(small)),
        "slope": _limit(D.derivative(large)),
        "derivative_at_zero": _limit(D.derivative(small)),
        "conjugate_at_slope": _limit(D.penalty(exponents)),
        "at_one": float(D.generator(1.0)),
        "derivative_at_one": float(D.derivative(1.0)),
        "slope, by the activation": _limit(D.activation(exponents)),
    }
    for name, value in found.items():
        declared = float(getattr(D, name.partition(",")[0]))
        near = 1e-6 * (1 + abs(declared)) if math.isfinite(declared) else 0.0
        if not (declared == value or abs(declared - value) <= near):
            raise AssertionError(f"`{name}` is declared as {declared!r}, the limit is {value!r}")
    lowest = _limit(D.activation(-exponents))
    require_at_most(lowest, D.derivative_at_zero, 1e6, "the activation stops short of f′(0⁺)")


def _limit(x: Vector) -> float:
    """Return the limit of a sequence with geometric error from three terms; ±∞ if it runs away."""
    a, b, c = (float(value) for value in x)
    if not math.isfinite(c) or abs(c - b) <= 1e-12 * (1 + abs(c)):
        return c
    shrink = (c - b) / (b - a)
    if shrink >= 1 - 1e-6:
        return math.copysign(math.inf, c - b)
    return c + (c - b) * shrink / (1 - shrink)


def _text(D: Divergence, u: float) -> None:
    t = float(D.derivative(u))
    for text, name, value, function in (
        (D.generator_formula, "u", u, D.generator),
        (D.conjugate_formula, "t", t, D.conjugate),
    ):
        if text is None:
            continue
        computed = float(function(value))
        read = float(eval(text, {"__builtins__": {}}, {**_NOTATION, name: value}))
        # The text is not made to avoid cancellation, hence a coarser comparison.
        require_equal(computed, read, 1e4 * (abs(computed) + 1), f"'{text}' at {name} = {value!r}")


def _lambert_w(x: float) -> float:
    from scipy.special import lambertw

    return float(lambertw(x).real)


_NOTATION: dict[str, Any] = {
    "abs": abs,
    "max": max,
    "log": math.log,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "W": _lambert_w,
}


# --- the divergence, on pairs of distributions ---


def _naive(D: Divergence, p: Vector, q: Vector) -> tuple[float, float]:
    """Return Σ q f(p/q) term by term, and the size of the terms."""
    total, scale = 0.0, 1.0
    for x, y in zip(p, q, strict=True):
        if x > 0 and y > 0:
            term = y * float(D.generator(x / y))
        elif x > 0 or y > 0:
            term = y * D.at_zero if y > 0 else x * D.slope
        else:
            continue
        total, scale = total + term, scale + abs(term)
    return total, scale


def _definition(D: Divergence, pq: tuple[Vector, Vector]) -> None:
    p, q = pq
    value, (naive, scale) = float(D(p, q)), _naive(D, p, q)
    require_equal(value, naive, scale, f"D(p, q) against Σ q f(p/q) at p = {p}, q = {q}")


def _range(D: Divergence, pq: tuple[Vector, Vector]) -> None:
    p, q = pq
    value = float(D(p, q))
    if not D.at_one <= value:
        raise AssertionError(f"D = {value!r} is below f(1) = {D.at_one!r} at p = {p}, q = {q}")
    require_at_most(value, D.supremum, 1 + abs(D.supremum), f"largest value, p = {p}, q = {q}")
    require_equal(float(D(p, p)), D.at_one, 0.0, f"D(p, p) at p = {p}")


def _disjoint(D: Divergence, pq: tuple[Vector, Vector]) -> None:
    p, q = (np.concatenate(parts) for parts in ((pq[0], 0 * pq[1]), (0 * pq[0], pq[1])))
    require_equal(float(D(p, q)), D.supremum, 10.0, f"on disjoint supports, p = {p}, q = {q}")


def _second_order(D: Divergence, x: tuple[Vector, float]) -> None:
    p, step = x
    noise = np.where(np.arange(len(p)) % 2, 1.0, -1.0)
    q = p * (1 + step * noise)
    q /= q.sum()
    h = 1e-4
    curvatures = [
        (float(D.derivative(1 + s)) - float(D.derivative(1 - s))) / (2 * s) for s in (h, h / 2)
    ]
    above = (float(D.derivative(1 + h)) - float(D.derivative(1.0))) / h
    if abs(curvatures[0] - curvatures[1]) > 1e-3 * abs(curvatures[0]) or abs(
        above - curvatures[0]
    ) > 1e-2 * abs(curvatures[0]):
        return  # f′ or f″ jumps at 1: no second order
    # χ² with the step in place of rounded masses: p − q to full relative accuracy.
    shift = float(np.sum(p * noise))
    chi2 = float(np.sum(p * (step * (noise - shift)) ** 2)) / (1 + step * shift) ** 2
    excess, expected = float(D(p, q)) - D.at_one, 0.5 * curvatures[0] * chi2
    rounding = 1e-15 * abs(D.at_one) + 1e-31
    if abs(excess - expected) > 30 * (step + 1e-6) * expected + rounding:
        raise AssertionError(
            f"{excess!r} is not ½ f″(1) χ² = {expected!r} at p = {p}, q = p (1 ± {step:g}), "
            "does the integrand cancel near p = q?"
        )


def _bound(D: Divergence, x: tuple[tuple[Vector, Vector], list[float]]) -> None:
    (p, q), outputs = x
    T = D.activation(np.array(outputs[: len(p)]))
    value, bound = float(D(p, q)), float(D.bound(p, q, T))
    scale = 1 + float(np.sum(p * np.abs(T) + q * np.abs(D.conjugate(T))))
    require_at_most(bound, value, scale, f"bound at p = {p}, q = {q}, T = {T}")


def _attained(D: Divergence, pq: tuple[Vector, Vector]) -> None:
    p, q = pq
    T = D.witness(p, q)
    value, bound = float(D(p, q)), float(D.bound(p, q, T))
    finite = np.isfinite(T)
    scale = (
        1
        + float(np.sum(p[finite] * np.abs(T[finite])))
        + 2 * (abs(value) if value < math.inf else 0)
    )
    require_equal(bound, value, scale, f"bound at the witness, p = {p}, q = {q}")
    only_p, only_q = (p > 0) & (q == 0), (p == 0) & (q > 0)
    if not (np.all(T[only_p] == D.slope) and np.all(T[only_q] == D.derivative_at_zero)):
        raise AssertionError(f"the witness {T} misses its limits at zeros, p = {p}, q = {q}")


def _adjoint(D: Divergence, x: tuple[tuple[Vector, Vector], float]) -> None:
    (p, q), u = x
    value, exchanged = float(D(p, q)), float(D.adjoint(q, p))
    scale = 1 + (abs(value) if math.isfinite(value) else 0.0)
    require_equal(exchanged, value, scale, f"adjoint(q, p) at p = {p}, q = {q}")
    mirrored, f = float(D.adjoint.generator(u)), u * float(D.generator(1 / u))
    scale = 1 + abs(f) + u + abs(float(D.derivative(1 / u)))
    require_equal(mirrored, f, scale, f"f◇(u) against u f(1/u) at u = {u!r}")
    t = float(D.derivative(u))
    conjugate = float(D.conjugate(t))
    if -conjugate in D.adjoint.conjugate_domain and math.isfinite(conjugate):
        back = float(D.adjoint.conjugate(-conjugate))
        # f◇*′(−f*(t)) = 1/u: rounding of f* comes back magnified so.
        scale = 1 + abs(t) + (abs(conjugate) + abs(u * t)) / u + float(abs(D.generator(u))) / u
        if math.isfinite(back):
            require_equal(back, -t, scale, f"f◇*(−f*(t)) against −t at t = f′({u!r}) = {t!r}")


def _convex(D: Divergence, x: tuple[tuple[Vector, Vector], tuple[Vector, Vector], float]) -> None:
    (p, q), (r, s), w = x
    mixed = float(D(w * p + (1 - w) * r, w * q + (1 - w) * s))
    parts = [weight * float(D(*pq)) for weight, pq in ((w, (p, q)), (1 - w, (r, s))) if weight]
    scale = 1 + abs(sum(parts)) if math.isfinite(sum(parts)) else 1.0
    require_at_most(mixed, sum(parts), scale, f"weight {w!r}, {p}, {q} with {r}, {s}")


def _data_processing(D: Divergence, x: tuple[Vector, Vector, Any]) -> None:
    p, q, K = x
    before, after = float(D(p, q)), float(D(p @ K, q @ K))
    scale = 1 + abs(before) if math.isfinite(before) else 1.0
    require_at_most(after, before, scale, f"through the kernel {K.tolist()}, p = {p}, q = {q}")


def _refinement(D: Divergence, x: tuple[tuple[Vector, Vector], float]) -> None:
    (p, q), w = x
    # Split every atom in the same proportion, and list the parts in another order.
    fine_p, fine_q = (np.concatenate([w * m, (1 - w) * m])[::-1] for m in (p, q))
    value, refined = float(D(p, q)), float(D(fine_p, fine_q))
    scale = 1 + abs(value) if math.isfinite(value) else 1.0
    require_equal(refined, value, scale, f"atoms split {w!r} : {1 - w!r}, p = {p}, q = {q}")


def _scale(D: Divergence, x: tuple[tuple[Vector, Vector], float, float]) -> None:
    (p, q), c, d = x
    value, scaled = float(D(p, q)), float(D(c * p, d * q, normalize=True))
    scale = 1 + abs(value) if math.isfinite(value) else 1.0
    require_equal(scaled, value, scale, f"masses {c!r} and {d!r}, normalised, p = {p}, q = {q}")


def _axis(D: Divergence, x: list[tuple[Vector, Vector]]) -> None:
    P, Q = (np.stack(rows) for rows in zip(*x, strict=True))
    expected = [float(D(p, q)) for p, q in x]
    for name, values in (("axis=-1", D(P, Q)), ("axis=0", D(P.T, Q.T, axis=0))):
        for value, alone in zip(values, expected, strict=True):
            scale = 1 + abs(alone) if math.isfinite(alone) else 1.0
            require_equal(float(value), alone, scale, f"a row of a batch, {name}")


def _three(_: Divergence) -> st.SearchStrategy[Any]:
    n = st.integers(2, 5)
    return n.flatmap(lambda k: st.tuples(distributions(k), distributions(k), kernels(k)))


def _two_pairs(_: Divergence) -> st.SearchStrategy[Any]:
    weights = st.sampled_from([0.5, 0.25, 0.9, 0.0])
    return st.integers(2, 5).flatmap(lambda k: st.tuples(pairs(k), pairs(k), weights))


def _proportions(_: Divergence) -> st.SearchStrategy[float]:
    return st.sampled_from([0.5, 0.25, 0.125])


def _masses(_: Divergence) -> st.SearchStrategy[float]:
    return st.sampled_from([1.0, 3.0, 1e9, 1e-9, 1e150])


def _nearby(_: Divergence) -> st.SearchStrategy[Any]:
    steps = st.integers(2, 9).map(lambda k: 10.0**-k)
    return st.tuples(distributions(min_size=2, zeros=False), steps)


DIVERGENCE_IDENTITIES = (
    Identity("limits", "f(0⁺), f′(0⁺), f′(∞), f*(f′(∞)), f(1)", lambda D: st.none(), _limits),
    Identity("tangent", "f(w) ≥ f(u) + f′(u)(w−u)", _both(_ratios, _ratios), _tangent),
    Identity("Fenchel–Young", "f(u) + f*(t) ≥ ut", _both(_ratios, _duals), _fenchel_young),
    Identity("biconjugate", "f(u) = u f′(u) − f*(f′(u))", _ratios, _biconjugate),
    Identity("conjugate", "f*(t) = t f*′(t) − f(f*′(t))", _duals, _supremum_at_ratio),
    Identity("inverse", "f*′(f′(u)) = u", _ratios, _inverse),
    Identity("penalty", "penalty(v) = f*(g(v))", _outputs, _penalty),
    Identity(
        "activation", "g increases inside dom f*", _both(_any_output, _any_output), _activation
    ),
    Identity("formulas as text", "as computed", _moderate_ratios, _text),
    Identity("definition", "D(P‖Q) = Σ q f(p/q)", _pairs, _definition),
    Identity("range", "f(1) = D(P‖P) ≤ D ≤ f(0⁺) + f′(∞)", _pairs, _range),
    Identity("disjoint supports", "D = f(0⁺) + f′(∞)", _pairs, _disjoint),
    Identity("second order", "D ≈ f(1) + ½ f″(1) χ²", _nearby, _second_order),
    Identity(
        "variational bound",
        "E_P T − E_Q f*(T) ≤ D(P‖Q)",
        lambda D: st.tuples(pairs(), st.lists(_outputs(D), min_size=8, max_size=8)),
        _bound,
    ),
    Identity("attainment", "E_P T − E_Q f*(T) = D(P‖Q) at T = f′(p/q)", _pairs, _attained),
    Identity("adjoint", "D_f◇(Q‖P) = D_f(P‖Q)", _both(_pairs, _ratios), _adjoint),
    Identity("joint convexity", "D(wP+w′R ‖ wQ+w′S) ≤ wD + w′D", _two_pairs, _convex),
    Identity("data processing", "D(KP‖KQ) ≤ D(P‖Q)", _three, _data_processing),
    Identity(
        "refinement", "splitting atoms changes nothing", _both(_pairs, _proportions), _refinement
    ),
    Identity("normalisation", "masses divide out", _both(_pairs, _masses, _masses), _scale),
    Identity(
        "axes",
        "rows of a batch, each alone",
        lambda D: st.integers(2, 4).flatmap(lambda k: st.lists(pairs(k), min_size=1, max_size=3)),
        _axis,
    ),
)
