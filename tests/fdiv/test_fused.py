"""The compiled loops: the same numbers as the generic path, and as 60-digit arithmetic."""

import numpy as np
import pytest

from divkit import fdiv
from divkit.fdiv import _elementary, _evaluate, _fused, _loops, _simd
from divkit.fdiv._divergence import Divergence
from tests import naive

RECORDS = [
    *fdiv.CATALOGUE.values(),
    *map(fdiv.alpha, (-7.0, -1.0, 1e-9, 0.3, 0.5, 1.0001, 2.0, 3.0, 8.0, 9.0)),
    fdiv.weighted_jensen_shannon(0.9),
]
every_record = pytest.mark.parametrize("D", RECORDS, ids=str)
# Loops over rows differ by the integrand's form, not by a parameter.
every_form = pytest.mark.parametrize(
    "D", [*fdiv.CATALOGUE.values(), fdiv.alpha(2.0), fdiv.alpha(1.0001)], ids=str
)


def by_loop(D, p, q):
    excess, p_mass, _ = _fused.integral(D, np.atleast_2d(p), np.atleast_2d(q))
    return D.at_one + excess / p_mass


def error(D, p, q):
    exact = naive.divergence(D.name, p, q, tuple(D.parameters.values()))
    return naive.relative_error(by_loop(D, p, q)[0], exact)


@every_record
def test_accuracy(D):
    rng = np.random.default_rng(0)
    for n in (2, 100):
        p, q = rng.random(n), rng.random(n)
        assert error(D, p / p.sum(), q / q.sum()) < 2e-14
        assert error(D, p, q) < 2e-14
    p, q = np.array([1e-290, 0.5, 0.5]), np.array([0.2, 0.4, 0.4])
    assert D(p, q) > 1e200 or error(D, p, q) < 1e-13
    assert D(q, p) > 1e200 or error(D, q, p) < 1e-13


@every_record
def test_every_ratio_around_a_power_of_2(D):
    # Where the reduced ratio is largest, and where one power of 2 gives way to the next.
    q = np.full(400, 1.0)
    p = np.geomspace(0.3, 3.5, 400)
    assert error(D, p / p.sum(), q / q.sum()) < 2e-14


def test_an_overflow_is_left_to_the_generic_path():
    p, q = np.array([[0.2, 0.4, 0.4]]), np.array([[1e-290, 0.5, 0.5]])
    assert _fused.integral(fdiv.alpha(3.0), p, q) is None
    # Here (p/q)² alone overflows, and p³/q² is an ordinary number.
    p, q = np.array([1e-100, 0.6, 0.4]), np.array([1e-290, 0.5, 0.5])
    assert _fused.integral(fdiv.alpha(3.0), p[None], q[None]) is None
    exact = naive.divergence("alpha", p, q, (3.0,))
    assert naive.relative_error(fdiv.alpha(3.0)(p, q), exact) < 1e-13


@every_record
@pytest.mark.parametrize("step", [1e-1, 1e-3, 1e-6, 1e-9, 1e-12])
def test_nearly_equal(D, step):
    rng = np.random.default_rng(1)
    for n in (10, 100):
        p = rng.random(n)
        q = p * (1 + step * rng.standard_normal(n))
        assert error(D, p / p.sum(), q / q.sum()) < 5e-14
        assert error(D, p, q) < 5e-14


@every_form
@pytest.mark.parametrize("n", [10, 2500])
def test_rows_with_zeros_agree_with_the_generic_path(D, n):
    # Of short rows enough for two lots that go together, the second one not full.
    rows = 7 if n > 64 else 39
    rng = np.random.default_rng(2)
    p, q = rng.random((rows, n)), rng.random((rows, n))
    p[1, 5] = q[2, 7] = p[3, 9] = q[3, 9] = q[4, n * 24 // 25] = p[5, n * 11 // 25] = 0
    p[-1, 0] = q[-1, 0] = 0
    # In single precision other loops read the same arithmetic: a few forms tell.
    single = D.name in ("kl", "total_variation", "alpha")
    for dtype in (np.float64, np.float32) if single else (np.float64,):
        x, y = p.astype(dtype), q.astype(dtype)
        found = by_loop(D, x, y)
        # Computed without rounding the answer to the type of the input.
        expected = D(x.astype(float), y.astype(float), normalize=True)
        assert np.allclose(found, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, -np.inf, 1e-310, -0.0])
@pytest.mark.parametrize("shape", [(1, 3000), (100, 30)])
def test_what_the_loop_leaves_to_the_generic_path(shape, bad):
    for argument in (0, 1):
        pair = [np.full(shape, 1 / shape[1]) for _ in range(2)]
        pair[argument][-1, 20] = bad
        for equal in (True, False):
            found = _fused.integral(fdiv.kl, *pair, equal=equal)
            assert (found is None) == (bad != 0)


@pytest.mark.parametrize("D", [fdiv.kl, fdiv.total_variation, fdiv.alpha(3.0)], ids=str)
@pytest.mark.parametrize("shape", [(70_000, 3), (2, 5000)])
def test_masses_may_be_added_up_first(D, shape):
    rng = np.random.default_rng(4)
    p, q = rng.random(shape), rng.random(shape)
    one_pass, masses_first = (_fused.integral(D, p, q, equal=equal) for equal in (True, False))
    for found, expected in zip(masses_first, one_pass, strict=True):
        assert found.shape == shape[:1]
        # A value with a kink at p = q is as accurate as the masses, not as itself.
        assert np.allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_large_inputs_take_the_loop_and_errors_stay_the_same(monkeypatch):
    monkeypatch.setattr(_evaluate, "_COMPILE_AFTER", 0)
    rng = np.random.default_rng(3)
    p, q = rng.random((4, 50, 3)), rng.random((4, 50, 3))
    taken = []
    original = _fused.integral
    monkeypatch.setattr(
        _fused, "integral", lambda *args, **more: taken.append(1) or original(*args, **more)
    )
    for axis in (1, -2):
        value = fdiv.kl(p, q, axis=axis, normalize=True, keepdims=True)
        assert value.shape == (4, 1, 3)
        assert value[2, 0, 1] == pytest.approx(
            fdiv.kl(p[2, :, 1], q[2, :, 1], normalize=True), rel=1e-14
        )
    assert len(taken) == 2
    with pytest.raises(ValueError, match=r"must have equal mass, got .* in row 0, 0"):
        fdiv.kl(p, q, axis=1)
    p[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match=r"got p\[1, 2, 0\] = nan"):
        fdiv.kl(p, q, axis=1, normalize=True)
    flat = np.full(200, 1 / 200, dtype=np.float32)
    assert fdiv.kl(flat, flat).dtype == np.float32


def test_a_users_own_integrand_is_compiled_with_what_it_calls():
    def square(x):
        return x * x

    def integrand(p, q, difference, xp):
        return square(difference) / q

    mine = Divergence(
        **{
            **{name: getattr(fdiv.pearson, name) for name in fdiv.pearson.__dataclass_fields__},
            "formulas": fdiv.Formulas(
                **{**vars(fdiv.pearson.formulas), "integrand": integrand},
            ),
        }
    )
    rng = np.random.default_rng(4)
    p, q = rng.random(1000), rng.random(1000)
    assert by_loop(mine, p, q)[0] == pytest.approx(fdiv.pearson(p, q, normalize=True), rel=1e-14)


def test_an_integrand_beyond_the_compiler_is_left_to_the_generic_path():
    from dataclasses import replace

    def integrand(p, q, difference, xp):
        return xp.asarray(np.fft.fft([1.0])[0].real) * difference**2 / q

    odd = replace(fdiv.pearson, formulas=replace(fdiv.pearson.formulas, integrand=integrand))
    assert _fused.integral(odd, np.full((1, 4), 0.25), np.full((1, 4), 0.25)) is None


def test_threads_and_one_thread_give_the_same_number(monkeypatch):
    rng = np.random.default_rng(5)
    p, q = rng.random((1, 300_000)), rng.random((1, 300_000))
    alone = by_loop(fdiv.kl, p, q)
    monkeypatch.setattr(_fused, "PER_THREAD", 1000)
    assert by_loop(fdiv.kl, p, q) == alone


@pytest.mark.parametrize(
    ("name", "parameters", "tolerance"),
    [
        ("half_log_ratio", (), 2e-15),
        ("kl_term", (), 2e-15),
        # Where p and q lie on two sides of a power of 2 and 3:4 apart, numbers are subtracted that
        # are twenty times the result.
        ("js_term", (), 3e-14),
        ("weighted_js_term", (0.3, 0.7), 1e-14),
        ("weighted_js_term", (0.99, 0.01), 1e-14),
    ],
    ids=str,
)
def test_shared_functions_agree(name, parameters, tolerance):
    rng = np.random.default_rng(6)
    p = 10.0 ** rng.uniform(-30, 0, 3000)
    factor = np.concatenate([10.0 ** rng.uniform(-3, 3, 1500), rng.uniform(0.5, 2, 1500)])
    loop, plain = getattr(_simd, name), getattr(_elementary, name)
    q = p * factor
    expected = plain(p, q, p - q, *parameters, np)
    found = [loop(x, y, x - y, *parameters, 0) for x, y in zip(p, q, strict=True)]
    assert np.allclose(found, expected, rtol=tolerance, atol=0)


def test_exponentials_and_logarithms():
    x = np.concatenate([np.linspace(-40, 40, 4001), [-700.0, 700.0, -800.0, 1e-17, -1e-9]])
    assert np.allclose([_simd.exp(v) for v in x], np.exp(x), rtol=1e-15, atol=0)
    assert np.allclose([_simd.expm1(v) for v in x], np.expm1(x), rtol=1e-15, atol=0)
    u = 10.0 ** np.linspace(-200, 200, 4001)
    assert np.allclose([_simd.log(v) for v in u], np.log(u), rtol=1e-15, atol=1e-18)
    small = 10.0 ** np.linspace(-20, -0.001, 401)
    y = np.concatenate([small, 1 / small, -small])
    assert np.allclose([_simd.log1p(v) for v in y], np.log1p(y), rtol=2e-15, atol=0)


def test_sums_that_a_kernel_leaves_out_are_zero():
    def kernel(start, stop, out):
        out[_loops.P_MASS, start:stop] = 1.0

    for shape in ((1, 3 * _loops.BLOCK), (7, 10)):
        sums = _fused._run(kernel, shape)
        assert sums.sum() == sums[_loops.P_MASS].sum() == shape[0] * _loops.parts(shape[1])
