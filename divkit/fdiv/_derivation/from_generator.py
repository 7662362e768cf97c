"""A divergence from a user's generator, which is checked and from which all else is derived."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from divkit._check import Array
from divkit.fdiv._derivation import derive, symbolic, taylor
from divkit.fdiv._derivation.near_one import integrand_of
from divkit.fdiv._divergence import Divergence
from divkit.fdiv._formulas import Formula

Vector = NDArray[np.float64]

# Where a generator is checked: ratios over 16 decades, densely around 1.
_GRID = np.unique(
    np.concatenate([10.0 ** np.linspace(-8, 8, 401), 10.0 ** np.linspace(-0.3, 0.3, 121), [1.0]])
)
# Where it may overflow, but must still return an array of real numbers.
_FAR = 10.0 ** np.linspace(9, 300, 98)
_STRIDES = [
    40,
    130,
    10,
    3,
    1,
]  # half the grid steps between the ends of a chord, the most revealing first


def custom(
    generator: Formula, *, name: str = "custom", derivative: Formula | None = None
) -> Divergence:
    """Return the f-divergence of a generator of your own.

    f alone determines f′ (by running f on Taylor series, exact at kinks too), the limits, the
    conjugate, its derivative, activation and penalty, an integrand that is accurate where p ≈ q,
    and the adjoint; if SymPy is installed and succeeds, also exact limits and the formulas as text.
    The record does what a built-in one does, and passes `divkit.testing.check_divergence`.

    Parameters
    ----------
    generator : (u, xp) -> f(u)
        Convex for u > 0, elementwise, written with arithmetic and functions of the array
        namespace `xp`. f(1) need not be 0.
    name : str
        The name under which the record prints.
    derivative : (u, xp) -> f′(u), optional
        Needed only if f calls a function without a known derivative, such as a special function.

    Returns
    -------
    Divergence
        The dual side is accurate to about 1e-9, mostly to 1e-13; it loses more digits only where
        a critic's value t has itself lost them in 1 − t/f′(∞).

    Raises
    ------
    TypeError
        If `generator` is not a function of (u, xp) that maps real arrays to real arrays of the
        same shape, or its derivative cannot be found.
    ValueError
        If f(u) is not finite for some u > 0, or f is not convex, as three points show.

    Examples
    --------
    >>> from divkit import fdiv
    >>> cubic = fdiv.custom(lambda u, xp: xp.abs(u - 1) ** 3, name="cubic")
    >>> round(float(cubic([0.5, 0.5], [0.25, 0.75])), 12)
    0.277777777778
    >>> cubic.slope, cubic.at_zero, cubic.is_symmetric
    (inf, 1.0, False)
    >>> fdiv.custom(lambda u, xp: -xp.abs(u - 1))
    Traceback (most recent call last):
    ...
    ValueError: `generator` must be convex, but f(1) = -0 lies above the chord from f(0.660693) =
    -0.339307 to f(1.51356) = -0.513561, which is -0.408632 there
    """
    given = generator, name, derivative
    _callable("generator", generator)
    generator = _with_numbers(generator)
    f = _values("generator", generator)
    _convex(f)
    if derivative is None:
        f_prime = _derivative(generator, f)
    else:
        _callable("derivative", derivative)
        f_prime = _with_numbers(derivative)
        _tangent(f, _values("derivative", f_prime))

    bounded, f_prime = derive.without_overflow(generator, f_prime)
    known = symbolic.closed_forms(given[0])
    limits = symbolic.merged(derive.limits_of(bounded, f_prime), known)
    integrand = integrand_of(generator, limits)
    formulas = derive.formulas(bounded, f_prime, integrand, limits)
    return Divergence(
        name=name,
        title=name,
        formulas=formulas,
        generator_formula=known.generator,
        conjugate_formula=symbolic.conjugate_text(known, limits, formulas),
        **vars(limits),
        adjoint_of=None if _is_own_adjoint(generator) else "derived",
        citation="the user's own",
        recipe=(_again, given),
    )


def _again(generator: Formula, name: str, derivative: Formula | None) -> Divergence:
    return custom(generator, name=name, derivative=derivative)


def _callable(role: str, function: Any) -> None:
    if not callable(function):
        raise TypeError(
            f"`{role}` must be a function of (u, xp), got {function!r}: for example "
            "`lambda u, xp: u * xp.log(u)`"
        )
    try:
        inspect.signature(function).bind(_GRID, np)
    except TypeError:
        raise TypeError(
            f"`{role}` must take two arguments, (u, xp), got "
            f"{inspect.signature(function)}: use the functions of xp, as in "
            "`lambda u, xp: u * xp.log(u)`"
        ) from None
    except ValueError:  # a builtin without a signature
        pass


def _with_numbers(function: Formula) -> Formula:
    """Return the function with its NumPy constants as floats, if other libraries reject some.

    Compiled and scalar loops then leave it to the array path.
    """
    if not taylor.meets_foreign(function):
        return function
    return lambda u, xp: taylor.value(function, u, xp)


def _values(role: str, function: Formula) -> Vector:
    """Return the values of the function on the grid, which must be real and finite."""
    value = _answer(role, function, _GRID)
    bad = ~np.isfinite(value)
    if bad.any():
        k = int(np.argmax(bad))
        raise ValueError(
            f"`{role}` must be finite for every u > 0, got {value[k]} at u = {_GRID[k]:.6g}"
        )
    _answer(role, function, _FAR)
    return value.astype(np.float64)


def _answer(role: str, function: Formula, u: Vector) -> Vector:
    """Return the function of `u`, which must be elementwise and real."""
    with np.errstate(all="ignore"):
        try:
            value = function(u.copy(), np)
        except TypeError as error:
            raise TypeError(
                f"`{role}` must work on arrays: use functions of xp, such as xp.log, in place of "
                f"those of math, and xp.where in place of if ({error})"
            ) from error
    if isinstance(value, (list, tuple)):
        raise TypeError(f"`{role}` must return an array, got a {type(value).__name__}")
    value = np.asarray(value)
    if value.dtype.kind not in "fiu":
        raise TypeError(f"`{role}` must return real numbers, got dtype {value.dtype}")
    if value.shape != u.shape:
        raise ValueError(
            f"`{role}` must be elementwise, got shape {value.shape} for u of shape {u.shape}"
        )
    return value


def _convex(f: Vector) -> None:
    typical = np.abs(f[(_GRID > 0.5) & (_GRID < 2)]).max()
    for k in _STRIDES:
        a, b, c = _GRID[: -2 * k], _GRID[k:-k], _GRID[2 * k :]
        f_a, f_b, f_c = f[: -2 * k], f[k:-k], f[2 * k :]
        w = (c - b) / (c - a)
        chord = w * f_a + (1 - w) * f_c
        # Where f is small its formula may cancel, with terms as large as f is elsewhere.
        scale = np.abs(f_a) + np.abs(f_b) + np.abs(f_c) * (1 - w) + typical * (1 + b) + 1e-300
        excess = (f_b - chord) / scale
        i = int(np.argmax(excess))
        if excess[i] > 1e-12:
            raise ValueError(
                f"`generator` must be convex, but f({b[i]:.6g}) = {f_b[i]:.6g} lies above the "
                f"chord from f({a[i]:.6g}) = {f_a[i]:.6g} to f({c[i]:.6g}) = {f_c[i]:.6g}, "
                f"which is {chord[i]:.6g} there"
            )


def _tangent(f: Vector, slopes: Vector) -> None:
    """Check that tangents stay below f, which fails for a wrong derivative."""
    for here, there in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
        u, w = _GRID[here], _GRID[there]
        line = f[here] + slopes[here] * (w - u)
        scale = np.abs(f[here]) + np.abs(f[there]) + np.abs(slopes[here]) * (w + u)
        bad = line - f[there] > 1e-9 * scale + 1e-300
        if bad.any():
            k = int(np.argmax(bad))
            raise ValueError(
                f"`derivative` must be that of `generator`, but the tangent at u = {u[k]:.6g} with "
                f"slope {slopes[here][k]:.6g} passes above f({w[k]:.6g}) = {f[there][k]:.6g}"
            )


def _derivative(generator: Formula, f: Vector) -> Formula:
    """Return f′ by running f on jets; by a complex step if f calls functions unknown to jets."""

    def on_jets(u: Array, xp: Any) -> Array:
        return taylor.derivative(generator, u, xp)

    def complex_step(u: Array, xp: Any) -> Array:
        # Relative to u; the error is of the order of its square, which is below rounding.
        step = 2.0**-30
        with warnings.catch_warnings():  # from functions that drop imaginary parts
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            return xp.imag(generator(u * (1 + step * 1j), xp)) / (step * u)

    for f_prime in (on_jets, complex_step):
        try:
            with np.errstate(all="ignore"):
                _tangent(f, _values("derivative", f_prime))
        except (TypeError, ValueError, AttributeError):
            continue
        return f_prime
    raise TypeError(
        "the derivative of `generator` could not be found, as it calls what is neither "
        "arithmetic nor an elementary function: give it, `custom(f, derivative=lambda u, xp: ...)`"
    )


def _is_own_adjoint(generator: Formula) -> bool:
    """Return whether f(u) = u f(1/u)."""
    u = 10.0 ** np.linspace(-5, 5, 101)
    with np.errstate(all="ignore"):
        f, mirrored = generator(u, np), u * generator(1 / u, np)
    return bool((np.abs(f - mirrored) <= 1e-13 * (np.abs(f) + 1 + u)).all())
