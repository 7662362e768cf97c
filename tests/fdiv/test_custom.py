"""A user's own generator: what is derived agrees with closed forms, and bad ones fail well."""

import math
import pickle
import re

import array_api_strict as strict
import numpy as np
import pytest
import torch

from divkit import fdiv
from divkit.fdiv import _evaluate
from divkit.fdiv._derivation import taylor
from divkit.testing import check_divergence


def kl_generator(u, xp):
    return u * xp.log(u)


ROWS = {
    "total_variation": lambda u, xp: 0.5 * xp.abs(u - 1),
    "kl": kl_generator,
    "reverse_kl": lambda u, xp: -xp.log(u),
    "pearson": lambda u, xp: (u - 1) ** 2,
    "neyman": lambda u, xp: (1 - u) ** 2 / u,
    "squared_hellinger": lambda u, xp: (xp.sqrt(u) - 1) ** 2,
    "jeffreys": lambda u, xp: (u - 1) * xp.log(u),
    "jensen_shannon": lambda u, xp: (u * xp.log(u) - (1 + u) * xp.log((1 + u) / 2)) / 2,
    "weighted_jensen_shannon": lambda u, xp: (
        0.3 * u * xp.log(u) - (0.7 + 0.3 * u) * xp.log(0.7 + 0.3 * u)
    ),
    "gan": lambda u, xp: u * xp.log(u) - (1 + u) * xp.log(1 + u),
    "alpha": lambda u, xp: (u**1.5 - 1 - 1.5 * (u - 1)) / 0.75,
    "triangular_discrimination": lambda u, xp: (u - 1) ** 2 / (u + 1),
    "hockey_stick": lambda u, xp: xp.maximum(u - 2, 0 * u),
    "tsallis": lambda u, xp: (u**1.5 - u) / 0.5,
    "cressie_read": lambda u, xp: (u ** (5 / 3) - u) / (10 / 9),
}
MADE_UP = {
    "rough": lambda u, xp: xp.abs(u - 1) ** 1.5,
    "stick": lambda u, xp: xp.maximum(u - 2, 0 * u),
    "log-cosh": lambda u, xp: xp.cosh(xp.log(u)) - 1,
    "not normalized": lambda u, xp: u * u + 3,
    "flat at 1": lambda u, xp: (u - 1) ** 4,
    "arc": lambda u, xp: xp.sqrt(1 + u * u) - (1 + u) * 2**-0.5,
    "exponential": lambda u, xp: xp.exp(-u),
    "mixed": lambda u, xp: u * xp.log(u) + 0.3 * xp.abs(u - 1) + (u - 1) ** 2 / u,
    "two curvatures": lambda u, xp: xp.where(u > 1, (u - 1) ** 2, 2 * (u - 1) ** 2),
    "Huber": lambda u, xp: xp.where(abs(u - 1) < 0.5, (u - 1) ** 2, abs(u - 1) - 0.25),
    "angle": lambda u, xp: u * xp.atan(u),
    "bits": lambda u, xp: u * xp.log2(u),
    "kink beside 1": lambda u, xp: (u - 1) ** 2 + xp.maximum(u - 1.05, 0 * u),
    "NumPy's own functions": lambda u, xp: -np.log1p(u),
    "negative": lambda u, xp: -(u**0.7),
}


@pytest.mark.parametrize("name", MADE_UP)
def test_made_up_generators_pass_the_public_check(name):
    check_divergence(fdiv.custom(MADE_UP[name], name=name), examples=8)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_the_catalogue_from_its_generator(name):
    D, C = fdiv.CATALOGUE[name], fdiv.custom(ROWS[name])
    u, t = np.logspace(-6, 6, 100), D.derivative(np.logspace(-3, 3, 100))
    # The plain formulas cancel where they are read off for large u.
    assert (abs(C.generator(u) - D.generator(u)) <= 1e-14 * (20 + 20 * u + D.generator(u))).all()
    assert C.derivative(u[1:]) == pytest.approx(D.derivative(u[1:]), rel=1e-12)
    assert C.conjugate(t) == pytest.approx(D.conjugate(t), rel=1e-9, abs=1e-10)
    v = np.linspace(-8, 8, 60)
    assert C.penalty(v) == pytest.approx(D.conjugate(C.activation(v)), rel=1e-9, abs=1e-10)
    if name not in ("total_variation", "hockey_stick"):
        # Beyond, t itself has not the digits.
        t = D.derivative(np.logspace(-2, 2, 100))
        assert C.ratio(t) == pytest.approx(D.ratio(t), rel=1e-9)
    for limit in ("at_zero", "slope", "derivative_at_zero", "conjugate_at_slope", "at_one"):
        assert getattr(C, limit) == pytest.approx(getattr(D, limit), rel=1e-9, abs=1e-15)
    assert C.is_symmetric == D.is_symmetric


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("step", [1e-1, 1e-4, 1e-8, 1e-12])
def test_it_is_as_accurate_as_the_catalogue(name, step):
    D, C = fdiv.CATALOGUE[name], fdiv.custom(ROWS[name])
    rng = np.random.default_rng(0)
    for n in (2, 30):
        p = rng.random(n)
        for q in (p * (1 + step * rng.standard_normal(n)), rng.random(n)):
            value = C(p, q, normalize=True) - C.at_one
            expected = D(p, q, normalize=True) - D.at_one
            assert value == pytest.approx(expected, rel=1e-12, abs=1e-15 * abs(D.at_one))


def test_the_power_of_a_cusp_is_found():
    C, step = fdiv.custom(MADE_UP["rough"]), 2.0**-40
    q = np.array([0.5, 0.5])
    p = q + np.array([step, -step])
    assert C(p, q) == pytest.approx((2 * step) ** 1.5, rel=1e-11)


def test_other_libraries_run_it_too():
    C = fdiv.custom(MADE_UP["log-cosh"])
    p, q = strict.asarray([0.5, 0.5]), strict.asarray([0.25, 0.75])
    assert float(C(p, q)) == pytest.approx(fdiv.neyman([0.5, 0.5], [0.25, 0.75]) / 2, rel=1e-14)
    for method in (C.conjugate, C.penalty, C.activation):
        assert float(method(strict.asarray([0.3]))[0]) == method(0.3)


def test_without_sympy_it_is_the_same(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sympy", None)
    C = fdiv.custom(ROWS["neyman"])
    assert C.generator_formula is None
    assert repr(C) == "<Divergence custom>"
    assert C.slope == 1
    assert C.at_zero == np.inf
    assert C.conjugate_at_slope == pytest.approx(2, rel=1e-9)


CONSTANTS = {
    "float64": np.float64,
    "float32": np.float32,
    "array": np.asarray,
    "narrow array": lambda c: np.asarray(c, dtype=np.float32),
}
OPERATORS = {
    "*": lambda c, u, xp: c * (u * xp.log(u)),
    "+": lambda c, u, xp: c + (u - 1) ** 2,
    "-": lambda c, u, xp: c - xp.sqrt(u),
    "**": lambda c, u, xp: c ** (-u),
    "<": lambda c, u, xp: xp.where(c < u, u - 2, 0 * u),
    ">=": lambda c, u, xp: xp.where(c >= u, 0 * u, u - 2),
    "*where": lambda c, u, xp: xp.where(u > c, 2.0, 1.0) * (u - c) + u - u,
}


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("kind", CONSTANTS)
def test_constants_of_numpy_on_the_left(kind, operator):
    f = OPERATORS[operator]
    c = CONSTANTS[kind](2)
    D, expected = (fdiv.custom(lambda u, xp, c=c: f(c, u, xp)) for c in (c, 2.0))
    p = np.array([0.5, 0.3, 0.125, 0.05, 0.025])
    q = np.array([0.1, 0.3, 0.25, 0.1, 0.25])
    t = np.linspace(-3, 0.9 * min(expected.slope, 3.0), 7)
    assert D(p, q) == D(p.tolist(), q.tolist())
    for of in (
        lambda D: D(p, q),
        lambda D: D(p[None], q[None]),
        lambda D: D.witness(p, q),
        lambda D: D.conjugate(t),
        lambda D: D.adjoint(p, q),
        lambda D: [D.slope, D.at_zero, D.derivative_at_zero],
    ):
        np.testing.assert_allclose(of(D), of(expected), rtol=1e-13, atol=1e-14)
    assert D.generator_formula == expected.generator_formula
    p, q = (torch.asarray(x).requires_grad_() for x in (p, q))
    value = D(p, q)
    assert value.item() == pytest.approx(expected(p, q).item(), rel=1e-13)
    gradient, reference = (torch.autograd.grad(E(p, q), (p, q)) for E in (D, expected))
    for found, right in zip(gradient, reference, strict=True):
        assert torch.isfinite(found).all()
        torch.testing.assert_close(found, right)


@pytest.mark.parametrize("kind", CONSTANTS)
def test_constants_of_numpy_in_compiled_loops(kind, monkeypatch):
    c = CONSTANTS[kind](2)
    D = fdiv.custom(lambda u, xp: c * (u * xp.log(u)))
    p, q = np.random.default_rng(0).dirichlet(np.ones(100), (2, 3))
    expected = D(p, q)
    monkeypatch.setattr(_evaluate, "_COMPILE_AFTER", 0)
    np.testing.assert_allclose(D(p, q), expected, rtol=1e-14)
    np.testing.assert_allclose(expected, 2 * fdiv.kl(p, q), rtol=1e-14)


def test_numbers_of_numpy_overflow_in_silence():
    one = np.float64(1)
    D = fdiv.custom(lambda u, xp: (one * u - 1) ** 4)
    assert D([1.0, 1e-120], [1e-120, 1.0]) == np.inf


def test_gradients_are_those_of_the_catalogue():
    p = torch.tensor([0.25, 0.75, 0.0], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    found, right = (
        torch.autograd.grad(D(p, q), p)[0] for D in (fdiv.custom(ROWS["pearson"]), fdiv.pearson)
    )
    torch.testing.assert_close(found, right)


def test_a_derivative_of_ones_own():
    from scipy.special import lambertw

    def f(u, xp):
        return lambertw(1 / u).real

    def f_prime(u, xp):
        w = lambertw(1 / u).real
        return -w / (u * (1 + w))

    C = fdiv.custom(f, derivative=f_prime)
    assert C.derivative(2.0) == f_prime(2.0, np)
    check_divergence(C, examples=4)


def test_a_named_function_survives_pickling():
    C = pickle.loads(pickle.dumps(fdiv.custom(kl_generator, name="mine")))
    assert str(C) == "mine"
    assert C([0.5, 0.5], [0.2, 0.8]) == pytest.approx(fdiv.kl([0.5, 0.5], [0.2, 0.8]), rel=1e-14)


def test_it_joins_the_algebra():
    C = fdiv.custom(kl_generator)
    p, q = [0.5, 0.5], [0.2, 0.8]
    assert (2 * C.symmetrized())(p, q) == pytest.approx(fdiv.jeffreys(p, q), rel=1e-14)
    assert (C + fdiv.reverse_kl).conjugate(0.3) == pytest.approx(
        fdiv.jeffreys.conjugate(0.3), rel=1e-12
    )


@pytest.mark.parametrize(
    ("f", "kind", "message"),
    [
        (3, TypeError, r"must be a function of \(u, xp\), got 3"),
        (lambda u: u, TypeError, r"must take two arguments, \(u, xp\), got \(u\)"),
        (lambda u, xp: __import__("math").log(u), TypeError, "must work on arrays"),
        (lambda u, xp: u * 1j, TypeError, "must return real numbers, got dtype complex128"),
        (lambda u, xp: xp.sum(u), ValueError, r"must be elementwise, got shape \(\)"),
        (lambda u, xp: xp.log(u - 1), ValueError, "must be finite for every u > 0, got nan"),
        (lambda u, xp: 1 / (u - 1), ValueError, "must be finite for every u > 0, got inf at u = 1"),
        (lambda u, xp: xp.log(u), ValueError, r"must be convex, but f\(.*lies above the chord"),
        (lambda u, xp: xp.sin(u) + u, ValueError, "must be convex"),
        (lambda u, xp: (u - 1) ** 2 - 1e-3 * u**3, ValueError, "must be convex"),
    ],
)
def test_refused(f, kind, message):
    with pytest.raises(kind, match=message):
        fdiv.custom(f)


def test_a_wrong_derivative_is_refused():
    with pytest.raises(ValueError, match="must be that of `generator`, but the tangent at u = "):
        fdiv.custom(kl_generator, derivative=lambda u, xp: xp.log(u))


def test_the_counterexample_is_one():
    with pytest.raises(ValueError, match="must be convex") as caught:
        fdiv.custom(lambda u, xp: (u - 1) ** 2 - 0.5 * xp.abs(u - 1))
    (b, f_b), (a, f_a), (c, f_c) = (
        tuple(map(float, x)) for x in re.findall(r"f\((\S+)\) = (-?[\d.e+-]+)", str(caught.value))
    )
    assert a < b < c
    assert f_b > ((c - b) * f_a + (b - a) * f_c) / (c - a)


@pytest.mark.parametrize(
    ("f", "coefficients"),
    [
        (lambda u, xp: xp.log(u), [0, 1, -1 / 2, 1 / 3, -1 / 4]),
        (lambda u, xp: xp.exp(u - 1), [1, 1, 1 / 2, 1 / 6, 1 / 24]),
        (lambda u, xp: xp.sqrt(u), [1, 1 / 2, -1 / 8, 1 / 16, -5 / 128]),
        (lambda u, xp: 1 / u, [1, -1, 1, -1, 1]),
        (lambda u, xp: u**-2, [1, -2, 3, -4, 5]),
        (lambda u, xp: xp.tanh(u - 1), [0, 1, 0, -1 / 3, 0]),
        (lambda u, xp: xp.sin(u - 1) + xp.cos(u - 1), [1, 1, -1 / 2, -1 / 6, 1 / 24]),
        (lambda u, xp: xp.atan(u - 1), [0, 1, 0, -1 / 3, 0]),
        (lambda u, xp: xp.asinh(u - 1), [0, 1, 0, -1 / 6, 0]),
        (lambda u, xp: xp.log1p(u - 1) + xp.expm1(u - 1), [0, 2, 0, 1 / 2, -5 / 24]),
        (lambda u, xp: xp.abs(u - 1) + xp.sign(u - 1), [1, 1, 0, 0, 0]),
        (lambda u, xp: 2**u, None),
    ],
)
def test_series(f, coefficients):
    c = taylor.series(f, 1.0, 1.0, 4, np)
    if coefficients is None:
        coefficients = [2, 2 * np.log(2), np.log(2) ** 2, np.log(2) ** 3 / 3, np.log(2) ** 4 / 12]
    assert c == pytest.approx(coefficients, abs=1e-15)


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (lambda x: None, TypeError, "`generator` must return real numbers, got dtype object"),
        (lambda x: "f", TypeError, "`generator` must return real numbers, got dtype <U1"),
        (lambda x: x.tolist(), TypeError, "`generator` must return an array, got a list"),
        (lambda x: x[None], ValueError, "`generator` must be elementwise, got shape"),
        (lambda x: np.empty(0), ValueError, "`generator` must be elementwise, got shape"),
        (lambda x: 1j * x, TypeError, "`generator` must return real numbers"),
    ],
)
def test_what_goes_wrong_far_out_is_refused(spoil, kind, message):
    def generator(u, xp):
        return (u - 1) ** 2 if xp is not np or xp.max(u) < 1e12 else spoil((u - 1) ** 2)

    with pytest.raises(kind, match=message):
        fdiv.custom(generator)


TEXTS = {
    "kl": ("u*log(u)", "exp(t - 1)"),
    "reverse_kl": ("-log(u)", "-log(-t) - 1"),
    "neyman": ("(u - 1)**2/u", "2 - 2*sqrt(1 - t)"),
    "squared_hellinger": ("(sqrt(u) - 1)**2", "-1 + 1/(1 - t)"),
    "triangular_discrimination": ("(u - 1)**2/(u + 1)", "-t - 4*sqrt(1 - t) + 4 if t > -3 else -1"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_formulas_as_text(name):
    u, t = 0.75, -0.5
    generator, conjugate = TEXTS[name]
    functions = {name: getattr(math, name) for name in ("log", "exp", "sqrt")}
    C = fdiv.custom(lambda u, xp: eval(generator, {"u": u, "log": xp.log, "sqrt": xp.sqrt}))
    assert (C.generator_formula, C.conjugate_formula) == (generator, conjugate)
    assert eval(generator, functions | {"u": u}) == pytest.approx(C.generator(u), rel=1e-14)
    assert eval(conjugate, functions | {"t": t}) == pytest.approx(C.conjugate(t), rel=1e-9)


@pytest.mark.parametrize(
    ("f", "limits"),
    [
        (lambda u, xp: u * xp.log(u) - xp.log1p(u), (0.0, np.inf, -np.inf, np.inf)),
        (lambda u, xp: xp.exp(-u), (1.0, 0.0, -1.0, 0.0)),
        (lambda u, xp: -xp.log1p(xp.sqrt(u)), (0.0, 0.0, -np.inf, np.inf)),
        (lambda u, xp: 2 * (1 - xp.sqrt(u)) / 3 + u / 7, (2 / 3, 1 / 7, -np.inf, np.inf)),
    ],
)
def test_limits_are_exact(f, limits):
    C = fdiv.custom(f)
    assert (C.at_zero, C.slope, C.derivative_at_zero, C.conjugate_at_slope) == limits
