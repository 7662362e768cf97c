"""The record of a divergence: its generator and everything that its dual side needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np

from divkit import _check
from divkit._cached import cached_property
from divkit._check import Array
from divkit.fdiv._formulas import INF, Formula, Formulas, Interval


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Record:
    """The definition of a divergence: its formulas, their limits, and its names.

    Records are value objects: they compare equal, and hash alike, if they were made in the same way
    or from the same formulas and limits, even if copied or received from another process. The
    fields are documented in `Divergence`.
    """

    name: str
    title: str
    formulas: Formulas
    generator_formula: str | None
    conjugate_formula: str | None
    at_zero: float
    slope: float
    derivative_at_zero: float = -INF
    conjugate_at_slope: float = INF
    at_one: float = 0.0
    derivative_at_one: float = 0.0
    adjoint_of: Record | Callable[[], Record] | Literal["derived"] | None = None
    in_nats: bool = False
    citation: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    recipe: tuple[Callable[..., Any], tuple[Any, ...]] | None = None

    def generator(self, u: Array) -> Array:
        """Return f(u): f(0⁺) at 0, the limit at +inf, and +inf for u < 0.

        Examples
        --------
        >>> from divkit import fdiv
        >>> fdiv.pearson.generator([0.0, 1.0, 3.0])
        array([1., 0., 4.])
        """
        at_infinity = math.copysign(INF, self.slope) if self.slope else -self.conjugate_at_slope

        def f(u: Array, xp: Any) -> Array:
            inside = (u > 0) & (u < INF)
            value = self.formulas.generator(xp.where(inside, u, 1.0), xp)
            value = xp.where(u == 0, self.at_zero, value)
            value = xp.where(u == INF, at_infinity, value)
            return xp.where(u < 0, INF, value)

        return _elementwise("u", u, f)

    def derivative(self, u: Array) -> Array:
        """Return f′(u) for u ≥ 0: f′(0⁺) at 0 and the slope f′(∞) at +inf.

        Raises ValueError for u < 0, where f is +inf.

        Examples
        --------
        >>> from divkit import fdiv
        >>> fdiv.kl.derivative([0.0, 1.0])
        array([-inf,   1.])
        """

        def f_prime(u: Array, xp: Any) -> Array:
            inside = (u > 0) & (u < INF)
            value = self.formulas.derivative(xp.where(inside, u, 1.0), xp)
            value = xp.where(u == 0, self.derivative_at_zero, value)
            return xp.where(u == INF, self.slope, value)

        return _elementwise("u", u, f_prime, at_least=0.0)

    def conjugate(self, t: Array) -> Array:
        """Return f*(t) = sup_{u≥0} ut − f(u) on all of ℝ.

        It is −f(0⁺) for t ≤ f′(0⁺), and +inf past the slope, where its domain ends.

        Examples
        --------
        >>> from divkit import fdiv
        >>> fdiv.total_variation.conjugate([-3.0, 0.25, 0.75])
        array([-0.5 ,  0.25,   inf])
        """

        def f_star(t: Array, xp: Any) -> Array:
            inside = (t > self.derivative_at_zero) & (t < self.slope)
            value = self.formulas.conjugate(xp.where(inside, t, self._inner_point), xp)
            value = xp.where(t <= self.derivative_at_zero, -self.at_zero, value)
            value = xp.where(t == self.slope, self.conjugate_at_slope, value)
            return xp.where(t > self.slope, INF, value)

        return _elementwise("t", t, f_star)

    def ratio(self, t: Array) -> Array:
        """Return f*′(t), the density ratio p/q of which t is the witness; +inf past the domain.

        Examples
        --------
        >>> from divkit import fdiv
        >>> fdiv.kl.ratio(fdiv.kl.derivative([0.5, 2.0]))
        array([0.5, 2. ])
        """

        def f_star_prime(t: Array, xp: Any) -> Array:
            inside = (t >= self.derivative_at_zero) & (t > -INF) & (t < self.slope)
            if self.conjugate_at_slope < INF:
                inside = inside | (t == self.slope)
            value = self.formulas.ratio(xp.where(inside, t, self._inner_point), xp)
            value = xp.where(inside, value, INF)
            return xp.where((t < self.derivative_at_zero) | (t == -INF), 0.0, value)

        return _elementwise("t", t, f_star_prime)

    def activation(self, v: Array) -> Array:
        """Return g(v), increasing, inside the domain of f* for every real v.

        Examples
        --------
        >>> from divkit import fdiv
        >>> bool(fdiv.squared_hellinger.activation(1000.0) < 1)
        True
        """
        # Rounding must not carry g(v) out of the domain.
        return _elementwise("v", v, self.formulas.activation, inside=self.conjugate_domain)

    def penalty(self, v: Array) -> Array:
        """Return f*(g(v)), fused: accurate where g(v) itself has rounded to the domain's end.

        Examples
        --------
        >>> from divkit import fdiv
        >>> fdiv.reverse_kl.penalty(1000.0)
        999.0
        """
        return _elementwise("v", v, self.formulas.penalty)

    @property
    def conjugate_domain(self) -> Interval:
        """Where f* is finite: t below the slope, which may belong to it or not."""
        closed = self.conjugate_at_slope < INF
        return Interval(float(self.slope), closed)

    @property
    def is_symmetric(self) -> bool:
        """Whether D(P‖Q) = D(Q‖P) for all P and Q, with one generator."""
        its = self.adjoint_of
        if its is None or its is self:
            return True
        return not isinstance(its, (Record, str)) and its() is self

    @property
    def supremum(self) -> float:
        """f(0⁺) + f′(∞), the value on disjoint supports and the largest there is."""
        return self.at_zero + self.slope

    @property
    def _inner_point(self) -> float:
        # Takes the place of any t outside the range where the formula of f* holds.
        return self.derivative_at_one

    def __str__(self) -> str:
        given = ", ".join(f"{value:.12g}" for value in self.parameters.values())
        return f"{self.name}({given})" if given else self.name

    def __repr__(self) -> str:
        formula = self.generator_formula
        return (
            f"<Divergence {self}>" if formula is None else f"<Divergence {self}: f(u) = {formula}>"
        )

    @cached_property
    def _calls_foreign_code(self) -> bool:
        """Whether the integrand calls code from outside this package."""
        _, parts = self.recipe or (None, ())
        ours = getattr(self.formulas.integrand, "__module__", "").startswith("divkit.fdiv.")
        return not ours or any(
            part._calls_foreign_code if isinstance(part, Record) else callable(part)
            for part in parts
        )

    @cached_property
    def _identity(self) -> tuple[Any, ...]:
        if self.recipe is not None:
            return self.recipe
        own = (getattr(self, field.name) for field in fields(self) if field.name != "adjoint_of")
        return tuple(tuple(sorted(x.items())) if isinstance(x, Mapping) else x for x in own)

    @cached_property
    def _hash(self) -> int:
        try:
            return hash(self._identity)
        except TypeError:  # a generator of the user's own may have no hash; limits do
            return hash((self.name, self.at_zero, self.slope))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return self is other or self._identity == other._identity

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> Any:
        if self.recipe is not None:
            return self.recipe
        state = {field.name: getattr(self, field.name) for field in fields(self)}
        return _new, (type(self),), state


def if_only_p(D: Record) -> float:
    """Return the integrand where q = 0, per unit of p."""
    return D.slope - D.derivative_at_one


def if_only_q(D: Record) -> float:
    """Return the integrand where p = 0, per unit of q."""
    return D.at_zero - D.at_one + D.derivative_at_one


def _new(kind: type[Record]) -> Record:
    """Return an empty record, filled in by pickle: two records may refer to each other."""
    return object.__new__(kind)


def are_adjoint(one: Record, other: Record) -> None:
    """Declare that each of two records is the other with its arguments exchanged."""
    for record, its in ((one, other), (other, one)):
        object.__setattr__(record, "adjoint_of", its)


def _elementwise(
    name: str,
    x: Array,
    formula: Formula,
    *,
    at_least: float | None = None,
    inside: Interval | None = None,
) -> Array:
    """Apply `formula` to `x` in the widest float type; numbers give numbers, arrays give arrays."""
    if _check.is_blocked(x):
        return x.map_blocks(
            lambda block: _elementwise(name, block, formula, at_least=at_least, inside=inside),
            dtype=_check.result_dtype(np, x),
        )
    xp = _check.namespace(x)
    dtype = _check.result_dtype(xp, x)
    wide = _check.real(name, x, xp)
    _check.not_nan(name, wide, xp)
    if at_least is not None:
        _check.at_least(name, wide, at_least, xp)
    with _check.quiet(xp):
        value = formula(wide, xp)
        if xp is np or not hasattr(value, "dtype"):
            value = xp.asarray(value)
        value = xp.astype(value, dtype, copy=True)
        if inside is not None and inside.upper < INF:
            single = dtype == xp.float32
            largest = inside.largest(single=single)
            # Move values rounded past the end back by subtraction, which keeps their derivatives.
            step = float((np.float32 if single else np.float64)(inside.upper)) - largest
            value = xp.where(value > largest, value - step, value)
            value = xp.where(value > largest, largest, value)
    if isinstance(x, (int, float, np.number)):
        return float(value)
    return value
