"""Bad input gets one clear error; nothing is altered in silence."""

import numpy as np
import pytest

from divkit import fdiv

EVERY = pytest.mark.parametrize("D", fdiv.CATALOGUE.values(), ids=str)
P = [0.5, 0.5]

BAD = {
    "unequal masses": (P, [0.3, 0.3], ValueError, r"got 1 and 0\.6: pass `normalize=True`"),
    "negative": ([-0.5, 1.5], P, ValueError, r"`p` must be finite and at least 0, got p\[0\] = -0\.5"),
    "nan": (P, [0.5, np.nan], ValueError, r"`q` must be finite and at least 0, got q\[1\] = nan"),
    "infinity": (P, [np.inf, 0.5], ValueError, r"got q\[0\] = inf"),
    "negative in a batch": (
        [P, P],
        [P, [1.5, -0.5]],
        ValueError,
        r"got q\[1, 1\] = -0\.5",
    ),
    "mass in a batch": ([P, P], [P, [0.5, 0.6]], ValueError, r"got 1 and 1\.1 in row 1"),
    "lengths": (P, [0.2, 0.3, 0.5], ValueError, r"same number of atoms, got 2 and 3"),
    "column": (P, [[0.5], [0.5]], ValueError, r"same number of atoms, got 2 and 1"),
    "batches": ([P, P], [P, P, P], ValueError, r"broadcast, got \(2, 2\) and \(3, 2\)"),
    "no atoms": ([], [], ValueError, r"`p` must have at least 1 atom, got shape \(0,\)"),
    "a number": (1.0, P, ValueError, r"`p` must have an axis of atoms, got the number 1\.0"),
    "zero mass": ([0.0, 0.0], P, ValueError, r"`p` must have positive mass, got only zeros"),
    "zero mass in a batch": (P, [P, [0, 0]], ValueError, r"`q` must have positive mass.* row 1"),
    "complex": ([0.5j, 0.5], P, TypeError, r"`p` must be an array of real numbers, got dtype complex"),
    "object": (P, [0.5, None], TypeError, r"`q` must be .*, got dtype object"),
    "text": (P, ["0.5", "0.5"], TypeError, r"`q` must be an array of real numbers"),
    "boolean": ([True, False], P, TypeError, r"`p` must be an array of real numbers, got dtype bool"),
    "ragged": ([[0.5], [0.2, 0.3]], P, TypeError, r"`p` must be .*ragged"),
    "none": (None, P, TypeError, r"`p` must be"),
    "counts": (np.array([3, 7]), np.array([5, 5]), ValueError, r"`p` must hold probabilities, got integer counts of mass 10: pass `normalize=True`"),
    "counts against floats": (P, [3, 7], ValueError, r"`q` must hold probabilities"),
}  # fmt: skip


@EVERY
@pytest.mark.parametrize("case", BAD)
def test_refused(D, case):
    p, q, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        D(p, q)
    with pytest.raises(kind, match=message):
        D.witness(p, q)
    with pytest.raises(kind, match=message):
        D.bound(p, q, [0.0, 0.0])


@pytest.mark.parametrize("axis", [1, -2, 7])
def test_axis_out_of_range(axis):
    with pytest.raises(ValueError, match=r"`axis` must lie in \[-1, 0\] for 1-D input"):
        fdiv.kl(P, P, axis=axis)


@pytest.mark.parametrize("axis", [1.0, "0", None, True])
def test_axis_of_a_wrong_type(axis):
    with pytest.raises(TypeError, match="`axis` must be an integer"):
        fdiv.kl(P, P, axis=axis)


def test_axis_from_the_front_needs_equal_dimensions():
    with pytest.raises(ValueError, match="`axis` must count from the end"):
        fdiv.kl(P, [P, P], axis=0)


@pytest.mark.parametrize(
    ("T", "kind", "message"),
    [
        ([0.0, np.nan], ValueError, r"`T` must be free of nan, got T\[1\] = nan"),
        ([0.0], ValueError, "same number of atoms, got 2 and 1"),
        ([0.0, 1j], TypeError, "`T` must be an array of real numbers"),
    ],
)
def test_bad_critics(T, kind, message):
    with pytest.raises(kind, match=message):
        fdiv.kl.bound(P, P, T)


@pytest.mark.parametrize("method", ["generator", "derivative", "conjugate", "ratio", "activation", "penalty"])  # fmt: skip
@EVERY
def test_formulas_refuse_what_is_not_a_number(D, method):
    formula = getattr(D, method)
    with pytest.raises(ValueError, match="must be free of nan"):
        formula([1.0, np.nan])
    for bad in (1j, "1", None, [True]):
        with pytest.raises(TypeError, match="must be an array of real numbers"):
            formula(bad)


@EVERY
def test_the_generator_lives_on_the_half_line(D):
    assert D.generator(-1.0) == np.inf
    with pytest.raises(ValueError, match=r"`u` must be at least 0, got u = -1.0"):
        D.derivative(-1.0)


@EVERY
def test_inputs_are_never_modified(D):
    rng = np.random.default_rng(0)
    p, q = rng.random((3, 4)), rng.random((3, 4))
    p[0, 0] = q[1, 1] = 0
    before = p.copy(), q.copy()
    for x in (p, q):
        x.setflags(write=False)
    D(p, q, normalize=True)
    T = D.witness(p, q, normalize=True)
    D.bound(p, q, T, normalize=True)
    assert np.array_equal(p, before[0])
    assert np.array_equal(q, before[1])
    v = np.array([0.5, 1.0])
    out = D.activation(v)
    out[:] = 7
    assert v.tolist() == [0.5, 1.0]


def test_rounding_is_not_a_difference_in_mass():
    p = np.full(10, 0.1)
    assert fdiv.kl(p, p * (1 + 1e-10)) == pytest.approx(0, abs=1e-30)
    with pytest.raises(ValueError, match="equal mass"):
        fdiv.kl(p, p * (1 + 1e-6))


def test_one_hot_integers_are_probabilities():
    assert fdiv.kl([0, 1], [0.5, 0.5]) == pytest.approx(np.log(2))
    assert fdiv.total_variation([1, 0], [0, 1]) == 1
    counted = fdiv.kl([3, 7], [5, 5], normalize=True)
    assert counted == pytest.approx(fdiv.kl([0.3, 0.7], [0.5, 0.5]), rel=1e-14)
