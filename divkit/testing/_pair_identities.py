"""Identities of a divergence on pairs of distributions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from divkit.fdiv import Divergence
from divkit.testing._checks import require_at_most, require_equal
from divkit.testing._distributions import Vector


def by_definition(D: Divergence, p: Vector, q: Vector) -> tuple[float, float]:
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


def definition(D: Divergence, pq: tuple[Vector, Vector]) -> None:
    p, q = pq
    value, (naive, scale) = float(D(p, q)), by_definition(D, p, q)
    require_equal(value, naive, scale, f"D(p, q) against Σ q f(p/q) at p = {p}, q = {q}")


def within_range(D: Divergence, pq: tuple[Vector, Vector]) -> None:
    p, q = pq
    value = float(D(p, q))
    if not D.at_one <= value:
        raise AssertionError(f"D = {value!r} is below f(1) = {D.at_one!r} at p = {p}, q = {q}")
    require_at_most(value, D.supremum, 1 + abs(D.supremum), f"largest value, p = {p}, q = {q}")
    require_equal(float(D(p, p)), D.at_one, 0.0, f"D(p, p) at p = {p}")


def disjoint(D: Divergence, pq: tuple[Vector, Vector]) -> None:
    p, q = (np.concatenate(parts) for parts in ((pq[0], 0 * pq[1]), (0 * pq[0], pq[1])))
    require_equal(float(D(p, q)), D.supremum, 10.0, f"on disjoint supports, p = {p}, q = {q}")


def second_order(D: Divergence, x: tuple[Vector, float]) -> None:
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
        return  # f′ or f″ jumps at 1: no second-order expansion
    # χ² from the step, not from the rounded masses: this keeps p − q to full relative accuracy.
    shift = float(np.sum(p * noise))
    chi2 = float(np.sum(p * (step * (noise - shift)) ** 2)) / (1 + step * shift) ** 2
    excess, expected = float(D(p, q)) - D.at_one, 0.5 * curvatures[0] * chi2
    rounding = 1e-15 * abs(D.at_one) + 1e-31
    if abs(excess - expected) > 30 * (step + 1e-6) * expected + rounding:
        raise AssertionError(
            f"{excess!r} is not ½ f″(1) χ² = {expected!r} at p = {p}, q = p (1 ± {step:g}), "
            "does the integrand cancel near p = q?"
        )


def bound(D: Divergence, x: tuple[tuple[Vector, Vector], list[float]]) -> None:
    (p, q), outputs = x
    T = D.activation(np.array(outputs[: len(p)]))
    value, bound = float(D(p, q)), float(D.bound(p, q, T))
    scale = 1 + float(np.sum(p * np.abs(T) + q * np.abs(D.conjugate(T))))
    require_at_most(bound, value, scale, f"bound at p = {p}, q = {q}, T = {T}")


def attained(D: Divergence, pq: tuple[Vector, Vector]) -> None:
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


def adjoint(D: Divergence, x: tuple[tuple[Vector, Vector], float]) -> None:
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
        # f◇*′(−f*(t)) = 1/u, so rounding of f* is amplified by 1/u.
        scale = 1 + abs(t) + (abs(conjugate) + abs(u * t)) / u + float(abs(D.generator(u))) / u
        if math.isfinite(back):
            require_equal(back, -t, scale, f"f◇*(−f*(t)) against −t at t = f′({u!r}) = {t!r}")


def convex(D: Divergence, x: tuple[tuple[Vector, Vector], tuple[Vector, Vector], float]) -> None:
    (p, q), (r, s), w = x
    mixed = float(D(w * p + (1 - w) * r, w * q + (1 - w) * s))
    parts = [weight * float(D(*pq)) for weight, pq in ((w, (p, q)), (1 - w, (r, s))) if weight]
    scale = 1 + abs(sum(parts)) if math.isfinite(sum(parts)) else 1.0
    require_at_most(mixed, sum(parts), scale, f"weight {w!r}, {p}, {q} with {r}, {s}")


def data_processing(D: Divergence, x: tuple[Vector, Vector, Any]) -> None:
    p, q, K = x
    before, after = float(D(p, q)), float(D(p @ K, q @ K))
    scale = 1 + abs(before) if math.isfinite(before) else 1.0
    require_at_most(after, before, scale, f"through the kernel {K.tolist()}, p = {p}, q = {q}")


def refinement(D: Divergence, x: tuple[tuple[Vector, Vector], float]) -> None:
    (p, q), w = x
    # Split every atom in the same proportion, and reverse the order of the parts.
    fine_p, fine_q = (np.concatenate([w * m, (1 - w) * m])[::-1] for m in (p, q))
    value, refined = float(D(p, q)), float(D(fine_p, fine_q))
    scale = 1 + abs(value) if math.isfinite(value) else 1.0
    require_equal(refined, value, scale, f"atoms split {w!r} : {1 - w!r}, p = {p}, q = {q}")


def scale(D: Divergence, x: tuple[tuple[Vector, Vector], float, float]) -> None:
    (p, q), c, d = x
    value, scaled = float(D(p, q)), float(D(c * p, d * q, normalize=True))
    scale = 1 + abs(value) if math.isfinite(value) else 1.0
    require_equal(scaled, value, scale, f"masses {c!r} and {d!r}, normalized, p = {p}, q = {q}")


def axis(D: Divergence, x: list[tuple[Vector, Vector]]) -> None:
    P, Q = (np.stack(rows) for rows in zip(*x, strict=True))
    expected = [float(D(p, q)) for p, q in x]
    for name, values in (("axis=-1", D(P, Q)), ("axis=0", D(P.T, Q.T, axis=0))):
        for value, alone in zip(values, expected, strict=True):
            scale = 1 + abs(alone) if math.isfinite(alone) else 1.0
            require_equal(float(value), alone, scale, f"a row of a batch, {name}")
