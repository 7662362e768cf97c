"""The elementary functions of the fused loops, in a form that a compiler can vectorize.

A call to a math library prevents vectorization; shifts, one division and a polynomial do not. The
loops pass this module to formulas as `xp`. Its versions of the functions of
`divkit.fdiv._elementary` need fewer divisions, because they can use the bits of a number.
"""

from __future__ import annotations

import math

import numpy as np

from divkit.fdiv._intrinsics import FLAGS as FLAGS
from divkit.fdiv._intrinsics import bits as bits
from divkit.fdiv._intrinsics import fma as fma
from divkit.fdiv._intrinsics import from_bits as from_bits
from divkit.fdiv._intrinsics import inlined as inlined
from divkit.fdiv._intrinsics import summing as summing

HALF_LOG2_BITS = 0.34657359027997264 * 2.0**-52  # ½ log 2, for a power of 2 given by its bits
LOG2_HIGH, LOG2_LOW = 0.6931471803691238, 1.9082149292705877e-10
ONE_BITS = 1023 << 52
ROUNDER = 1.5 * 2.0**52  # added to a number, it leaves the nearest integer in the low bits


@inlined
def where(condition, a, b):
    return a if condition else b


@inlined
def abs(x):
    return math.fabs(x)


@inlined
def sqrt(x):
    return math.sqrt(x)


@inlined
def sign(x):
    return 1.0 if x > 0 else (-1.0 if x < 0 else 0.0)


# Coefficients of near-minimax polynomials (mpmath.chebyfit), and of one rational interpolant at
# Chebyshev points. Their errors, relative to the functions that use them, are at most 6e-17.
@inlined
def _atanh_tail(z):
    """Return atanh(x)/x − 1 = z/3 + z²/5 + … for z = x² ≤ 0.0401."""
    s = 0.09092305123147032 + z * (0.07641851876201573 + z * 0.07559243554362285)
    s = 0.14285714418022774 + z * (0.11111091388337241 + z * s)
    return z * (0.3333333333333347 + z * (0.19999999999667778 + z * s))


@inlined
def _short_atanh_ratio(z):
    """Return atanh(x)/x for z = x² ≤ 0.0196."""
    s = 0.11111203292386801 + z * (0.09081883281554197 + z * 0.08097363876788825)
    s = 0.2000000000071413 + z * (0.1428571386116507 + z * s)
    return 1 + z * (0.33333333333333137 + z * s)


@inlined
def _reduced(p, q, difference):
    """Return K = 2⁵²k, Q = 2ᵏq, p − Q and x = (p − Q)/(p + Q) with |x| ≤ 1/5.

    Hence log(p/q) = k log 2 + 2 atanh x. As bits are linear between powers of 2, their difference
    is 2⁵² log₂(p/q) to within 2⁵²·0.09; adding K to the bits of q gives those of Q.
    """
    K = (bits(p) - bits(q) + (1 << 51)) & -(1 << 52)
    Q = from_bits(bits(q) + K)
    rest = difference if K == 0 else p - Q
    return K, Q, rest, rest / (p + Q)


@inlined
def half_log_ratio(p, q, difference, xp):
    K, _, _, x = _reduced(p, q, difference)
    return K * HALF_LOG2_BITS + (x + x * _atanh_tail(x * x))


@inlined
def kl_term(p, q, difference, xp):
    K, _, _, x = _reduced(p, q, difference)
    tail = _atanh_tail(x * x)
    atanh = x + x * tail
    # Close together (k = 0) x is (p−q)/(p+q) itself, and (p+q)(x A + A − x) = (p−q)(A + A/x − 1).
    near = difference * (atanh + tail)
    far = 2 * p * (K * HALF_LOG2_BITS + atanh) - difference
    return near if K == 0 else far


@inlined
def weighted_js_term(p, q, difference, pi, rest, xp):
    of_p, of_q = pi * p, rest * q
    m = of_p + of_q
    K, _, _, x = _reduced(p, m, rest * difference)
    L, _, _, y = _reduced(q, m, -pi * difference)
    # Two KL terms, of p and m with weight π and of q and m with weight 1−π. In their far forms the
    # differences π(p−m) and (1−π)(q−m) cancel. If one is far from m, both take that form: the sum
    # is then far from 0.
    near = (K | L) == 0
    d = pi * rest * difference
    A, B = _kl_factor(K, x, near), _kl_factor(L, y, near)
    return fma(d if near else 2 * of_p, A, (-d if near else 2 * of_q) * B)


@inlined
def _kl_factor(K, x, near):
    """Return A = k log(2)/2 + atanh x; where `near`, and k is 0, A + A/x − 1."""
    return fma(_atanh_tail(x * x), 1 + x if near else x, K * HALF_LOG2_BITS + x)


@inlined
def js_term(p, q, difference, xp):
    # Compared as integers: these order positive doubles, and the loops compare them anyway.
    smaller, larger = from_bits(min(bits(p), bits(q))), from_bits(max(bits(p), bits(q)))
    # log(m/larger) for m = (p+q)/2, between ½ and 7/8 of it here, from the middle √(7/16).
    middle = 1.3228756555322954 * larger
    y = ((p + q) - middle) / ((p + q) + middle)
    log_m = -0.20666964329611698 + y * _short_atanh_ratio(y * y)  # half of it
    K, _, _, x = _reduced(p, q, difference)
    A = math.fabs(K * HALF_LOG2_BITS + x * _atanh_or_js(x * x, K == 0))
    # The term is |p−q| A if p and q are close, else −(p+q) ½ log(m/larger) − smaller A.
    factor = math.fabs(difference) if K == 0 else -smaller
    return fma(factor, A, 0.0 if K == 0 else -(p + q) * log_m)


@inlined
def _atanh_or_js(z, js):
    """Return atanh(x)/x for z = x² ≤ 0.0401; if `js`, (atanh(x)/x + ½ log(1−z)/z)/2 instead.

    Choosing among coefficients is cheaper than a second polynomial.
    """
    s = where(js, 0.002329314416723302, 0.07559243554362285)
    s = where(js, 0.0027333822445645634, 0.07641851876201573) + z * s
    s = where(js, 0.003788262109975251, 0.09092305123147032) + z * s
    s = where(js, 0.005555550143616698, 0.11111091388337241) + z * s
    s = where(js, 0.008928571464863462, 0.14285714418022774) + z * s
    s = where(js, 0.016666666666575555, 0.19999999999667778) + z * s
    s = where(js, 0.041666666666666706, 0.3333333333333347) + z * s
    return where(js, 0.25, 1.0) + z * s


@inlined
def _exp2m1(f):
    """Return 2ᶠ − 1 for |f| ≤ ½, by a rational tanh(f log(2)/2) = n/d, since 2ᶠ = (d+n)/(d−n)."""
    z = f * f
    n = f * (0.34657359027997264 + z * (0.004624840970298245 + z * 5.2870823838967156e-06))
    half_d = 0.5 + z * (0.026691110712673955 + z * 0.00011446678568278045)
    return n / (half_d - 0.5 * n)


@inlined
def _power_of_2(shifted):
    """Return 2ᵏ for an integer −1023 < k < 1024 that `ROUNDER` was added to; 0 or ∞ at the ends."""
    return from_bits((bits(shifted) << 52) + ONE_BITS)  # k is in the low bits


@inlined
def _exp_parts(x):
    """Return 2ᵏ and expm1(r) with x = k log 2 + r, |r| ≤ ½ log 2; 2ᵏ stays normal."""
    shifted = min(max(x, -708.0), 709.0) * 1.4426950408889634 + ROUNDER
    k = shifted - ROUNDER
    r = (x - k * LOG2_HIGH) - k * LOG2_LOW
    return _power_of_2(shifted), _exp2m1(r * 1.4426950408889634)


@inlined
def exp(x):
    scale, small = _exp_parts(x)
    value = scale + scale * small
    return math.inf if x > 709.0 else (0.0 if x < -708.0 else value)


@inlined
def expm1(x):
    scale, small = _exp_parts(x)
    value = (scale - 1) + scale * small
    return math.inf if x > 709.0 else (-1.0 if x < -708.0 else value)


@inlined
def log(x):
    return 2 * half_log_ratio(x, 1.0, x - 1.0, 0)


@inlined
def log1p(x):
    u = 1 + x
    # Restore to first order what rounding 1 + x dropped.
    return log(u) + ((x - (u - 1)) / u if x < 1 else 0.0)


@inlined
def power_increment(p, q, half_log, exponent, xp):
    return p * expm1(2 * exponent * half_log)


@inlined
def expm1_minus(x, expm1_x, xp):
    s = 2.505194670972162e-08 + x * (2.0962955815976076e-09 + x * 1.6116496514371548e-10)
    s = 2.4801587616145414e-05 + x * (2.755731943362024e-06 + x * (2.7557076636642725e-07 + x * s))
    s = 0.008333333333333360 + x * (0.001388888888870455 + x * (0.00019841269841146993 + x * s))
    series = x * x * (0.5 + x * (0.16666666666666666 + x * (0.04166666666666706 + x * s)))
    return series if math.fabs(x) < 0.5 else expm1_x - x


@inlined
def moderate_power_term(p, q, difference, a, b, xp):
    # With Q = 2ᵏq next to p, x = (p−Q)/(p+Q) and e = (2^{bk}−1)/b, the term is
    # (1+be) h(p, Q) + (e (Q + a(p−Q)) − (Q−q))/a, and the second part is 0 where k = 0.
    K, Q, rest, x = _reduced(p, q, difference)
    z = x * x
    # Gauss's fraction tanh(a atanh x) = ax/(1 + (a²−1)z/(3 + (a²−4)z/(5 + …))), with N/M for
    # 3 + (a²−4)z/(5 + …), gives ((1+x)/(1−x))^a = (N + (a²−1)zM + axN)/(N + (a²−1)zM − axN).
    n, m = _fraction(a * a)
    c = 1 + a
    N = n[0] + z * (n[1] + z * (n[2] + z * n[3]))
    if a > 5:
        M = c * m[0] + z * (c * m[1] + z * (c * m[2] + z * (c * m[3])))
    else:
        M = c * m[0] + z * (c * m[1] + z * (c * m[2]))
    near = (p + Q) * z * (N - x * M) / (N * (1 - a * x) + b * z * M)
    be = _power_of_2_less_1(b, K)
    return (1 + be) * near + (be * (1 / (a * b)) * (Q + a * rest) - (Q - q) * (1 / a))


@inlined
def _power_of_2_less_1(b, K):
    """Return 2^{bk} − 1 for K = 2⁵²k."""
    exponent = b * 2.0**-52 * K
    if math.fabs(b) > 0.75:  # otherwise 2^{bk} is a normal double
        exponent = min(max(exponent, -1023.0), 1024.0)
    shifted = exponent + ROUNDER
    scale = _power_of_2(shifted)
    return (scale - 1) + scale * _exp2m1(fma(b * 2.0**-52, np.float64(K), ROUNDER - shifted))


@inlined
def _fraction(a2):
    """Return the coefficients in z of N and M with N/M = 3 + (a²−4)z/(5 + (a²−9)z/(7 + …)).

    From 11 on (13, for orders over 5) the fraction is replaced by a line through two of its values:
    for z ≤ 1/25 and orders from ½ to 8 the resulting error is at most 1e-15 of the term.
    """
    low, high = 0.031, 0.0395
    at_low, at_high = _rest_of_fraction(a2, low), _rest_of_fraction(a2, high)
    if a2 <= 25:
        at_low, at_high = 11 + (a2 - 36) * low / at_low, 11 + (a2 - 36) * high / at_high
    slope = (at_high - at_low) / (high - low)
    m, n = (1.0, 0.0, 0.0, 0.0), (at_low - slope * low, slope, 0.0, 0.0)
    if a2 > 25:
        m, n = n, _level(11.0, a2 - 36, n, m)
    m, n = n, _level(9.0, a2 - 25, n, m)
    m, n = n, _level(7.0, a2 - 16, n, m)
    m, n = n, _level(5.0, a2 - 9, n, m)
    m, n = n, _level(3.0, a2 - 4, n, m)
    return n, m


@inlined
def _rest_of_fraction(a2, z):
    return 13 + (a2 - 49) * z / (15 + (a2 - 64) * z / 17)


@inlined
def _level(c, s, n, m):
    """Return the polynomial c n(z) + s z m(z)."""
    return c * n[0], c * n[1] + s * m[0], c * n[2] + s * m[1], c * n[3] + s * m[2]
