"""The Divergence record: a generator with all that its dual needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from divkit import _check
from divkit._check import Array

Formula = Callable[[Array, Any], Array]
INF = math.inf


@dataclass(frozen=True, kw_only=True)
class Formulas:
    """The mathematics of a divergence, as plain functions against an array namespace `xp`.

    Each holds inside its domain; limits at the ends are fields of `Divergence`. One definition
    serves NumPy, every other array library, compiled loops and symbolic algebra, so a formula
    uses arithmetic, `xp.where` and elementary functions of `xp`, and never branches on a value.

    Parameters
    ----------
    generator : (u, xp) -> f(u)
        For u > 0.
    derivative : (u, xp) -> f′(u)
        For u > 0.
    integrand : (p, q, difference, xp) -> h
        q f(p/q) − f(1) q − f′(1)(p−q) ≥ 0 for p, q > 0, in a form that does not cancel as
        p → q. `difference` is p − q, more accurate than the two numbers can give it.
    conjugate : (t, xp) -> f*(t)
        The supremum over u ≥ 0, for t below the slope.
    ratio : (t, xp) -> f*′(t)
        The density ratio that a critic's value t stands for.
    activation : (v, xp) -> g(v)
        Increasing, from all of ℝ into the domain of f*.
    penalty : (v, xp) -> f*(g(v))
        Fused, so that it is finite wherever the mathematics is.
    cone : (p, q, xp) -> h, optional
        The integrand as a convex expression, made of affine ones and of the functions of
        `divkit.cvx`: `relative_entropy`, `absolute`, `positive`, `length`, `square_over`, `power`.
    between : (laws) -> D or None, optional
        D between two members of a parametric family, from what has a closed form there: the `Laws`
        of `divkit.fdiv._exponential_family`.
    """

    generator: Formula
    derivative: Formula
    integrand: Callable[[Array, Array, Array, Any], Array]
    conjugate: Formula
    ratio: Formula
    activation: Formula
    penalty: Formula
    cone: Any = None
    between: Callable[[Any], float | None] | None = None


@dataclass(frozen=True)
class Interval:
    """The values on which a conjugate is finite: everything below `upper`, and `upper` if closed.

    Examples
    --------
    >>> from divkit import fdiv
    >>> fdiv.neyman.conjugate_domain
    Interval(upper=1.0, closed=True)
    >>> 1.0 in fdiv.neyman.conjugate_domain, 1.0 in fdiv.squared_hellinger.conjugate_domain
    (True, False)
    >>> print(fdiv.reverse_kl.conjugate_domain)
    t < 0
    """

    upper: float
    closed: bool

    def __contains__(self, t: float) -> bool:
        return t < self.upper or (self.closed and t == self.upper)

    def largest(self, *, single: bool = False) -> float:
        """Return the largest double, or single-precision number, inside."""
        narrow = np.float32 if single else np.float64
        end = narrow(self.upper)
        return float(end if float(end) in self else np.nextafter(end, narrow(-INF)))

    def __str__(self) -> str:
        if self.upper == INF:
            return "all t"
        return f"t {'≤' if self.closed else '<'} {self.upper:.6g}"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Divergence:
    """An f-divergence D(P‖Q) = Σ q f(p/q) with its Fenchel conjugate f*(t) = sup_{u≥0} ut − f(u).

    A record is a function of two distributions, ``D(p, q)``, and carries the dual side of the
    same number: D(P‖Q) = sup_T E_P T − E_Q f*(T), reached at T = f′(p/q).

    Parameters
    ----------
    name : str
        The key in the catalogue, a Python identifier; of a composite its expression.
    title : str
        The name that a textbook uses.
    formulas : Formulas
        The mathematics.
    generator_formula, conjugate_formula : str or None
        f(u) and f*(t) as text, in the notation of Python; None where only code is known.
    at_zero, slope : float
        f(0⁺) and f′(∞) = lim f(u)/u. The slope is also where the domain of f* ends.
    derivative_at_zero, conjugate_at_slope : float
        f′(0⁺), below which f* is constant, and f* at the end of its domain.
    at_one, derivative_at_one : float
        f(1) and f′(1).
    adjoint_of : callable or "derived", optional
        Returns the record of u f(1/u). Without it this one is its own: symmetric. "derived"
        has it computed from this one.
    citation : str
        Where the definition comes from.
    parameters : mapping
        The parameters of a member of a family.
    recipe : (callable, arguments), optional
        What made this record, for pickling: closures cannot be stored, what made them can.

    References
    ----------
    .. [1] S. Nowozin, B. Cseke, R. Tomioka, "f-GAN: Training Generative Neural Samplers using
       Variational Divergence Minimization", NeurIPS 2016, eqs. (2)-(4) and Tables 1, 2, 5, 6.

    Examples
    --------
    >>> from divkit import fdiv
    >>> p, q = [0.5, 0.5], [0.25, 0.75]
    >>> round(float(fdiv.kl(p, q)), 12)
    0.143841036226
    >>> T = fdiv.kl.witness(p, q)
    >>> round(float(fdiv.kl.bound(p, q, T)), 12)
    0.143841036226
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
    adjoint_of: Callable[[], Divergence] | Literal["derived"] | None = None
    citation: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    recipe: tuple[Callable[..., Divergence], tuple[Any, ...]] | None = None

    def __call__(
        self, p: Array, q: Array, axis: int = -1, keepdims: bool = False, normalize: bool = False
    ) -> Array:
        """Return D(P‖Q) = Σ q f(p/q), in nats where f has a logarithm.

        Atoms with p = 0 count q·f(0⁺), those with q = 0 count p·f′(∞), and those with both 0
        nothing. The masses of p and q must be equal to rounding; they are then divided out with
        exact sums, so that the value is that of the normalised measures.

        Parameters
        ----------
        p, q : array, shape (..., n, ...)
            Masses of the atoms, along `axis`; the other axes broadcast.
        axis : int
            The axis of the atoms.
        keepdims : bool
            Keep `axis` with length 1.
        normalize : bool
            Divide p and q each by its own mass, whatever it is: for counts.

        Returns
        -------
        array, shape without `axis`
            float64, or float32 where all inputs are narrower; never nan, +inf where the
            divergence is infinite.

        Raises
        ------
        TypeError
            If an input is not a real array.
        ValueError
            If an entry is negative or not finite, shapes do not match, or masses differ.
        """
        from divkit.fdiv._evaluate import evaluate

        return evaluate(self, p, q, axis=axis, keepdims=keepdims, normalize=normalize)

    def witness(self, p: Array, q: Array, axis: int = -1, normalize: bool = False) -> Array:
        """Return the optimal critic T = f′(p/q): f′(0⁺) where p = 0, f′(∞) where q = 0.

        Takes and refuses what ``D(p, q)`` does; the result has the broadcast shape of p and q.

        Examples
        --------
        >>> from divkit import fdiv
        >>> fdiv.total_variation.witness([0.5, 0.5, 0.0], [0.25, 0.5, 0.25])
        array([ 0.5,  0. , -0.5])
        """
        from divkit.fdiv._evaluate import witness

        return witness(self, p, q, axis=axis, normalize=normalize)

    def bound(
        self,
        p: Array,
        q: Array,
        T: Array,
        axis: int = -1,
        keepdims: bool = False,
        normalize: bool = False,
    ) -> Array:
        """Return E_P T − E_Q f*(T) ≤ D(P‖Q), with equality at the witness [1]_.

        T holds a critic's value at every atom and broadcasts against p and q; a value outside
        the domain of f* makes the bound −inf. Otherwise takes and refuses what ``D(p, q)`` does.

        References
        ----------
        .. [1] Nowozin, Cseke & Tomioka (2016), eq. (4).

        Examples
        --------
        >>> from divkit import fdiv
        >>> p, q = [0.5, 0.5], [0.25, 0.75]
        >>> bool(fdiv.kl.bound(p, q, [1.0, 1.0]) <= fdiv.kl(p, q))
        True
        """
        from divkit.fdiv._evaluate import bound

        return bound(self, p, q, T, axis=axis, keepdims=keepdims, normalize=normalize)

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
        """Where f* is finite: t below the slope, which belongs to it or not."""
        closed = self.conjugate_at_slope < INF
        return Interval(float(self.slope), closed)

    @property
    def supremum(self) -> float:
        """f(0⁺) + f′(∞), the value on disjoint supports and the largest there is."""
        return self.at_zero + self.slope

    @property
    def adjoint(self) -> Divergence:
        """The divergence with its arguments exchanged: generator u f(1/u)."""
        if self.adjoint_of == "derived":
            from divkit.fdiv._algebra import adjoint

            return adjoint(self)
        return self if self.adjoint_of is None else self.adjoint_of()

    @property
    def is_symmetric(self) -> bool:
        """Whether D(P‖Q) = D(Q‖P) for all P and Q, with one generator."""
        return self.adjoint_of is None or self.adjoint is self

    def __mul__(self, c: float) -> Divergence:
        from divkit.fdiv._algebra import scaled

        return scaled(self, c)

    __rmul__ = __mul__

    def __truediv__(self, c: float) -> Divergence:
        from divkit.fdiv._algebra import divided

        return divided(self, c)

    def __add__(self, other: Divergence) -> Divergence:
        from divkit.fdiv._algebra import added

        return added(self, other)

    def symmetrized(self) -> Divergence:
        """Return ½ (D(P‖Q) + D(Q‖P)), with generator ½ (f(u) + u f(1/u)).

        Examples
        --------
        >>> from divkit import fdiv
        >>> p, q = [0.5, 0.5], [0.25, 0.75]
        >>> round(float(2 * fdiv.kl.symmetrized()(p, q)), 12), round(float(fdiv.jeffreys(p, q)), 12)
        (0.274653072167, 0.274653072167)
        """
        from divkit.fdiv._algebra import symmetrized

        return symmetrized(self)

    def skewed(self, pi: float) -> Divergence:
        """Return D(P ‖ (1−π)P + πQ), finite also where D is not, as Q is never alone.

        With π = 1 it is D. For `kl` it is the skew divergence [1]_; its mean with its adjoint at
        π = ½ is the Jensen–Shannon divergence. The generator is m f(u/m), m = (1−π)u + π.

        Parameters
        ----------
        pi : float
            The weight π of Q in the mixture, 0 < π ≤ 1.

        Raises
        ------
        ValueError
            If π is not in (0, 1].

        References
        ----------
        .. [1] L. Lee, "Measures of distributional similarity", ACL 1999, section 2.

        Examples
        --------
        >>> from divkit import fdiv
        >>> D, p, q = fdiv.kl.skewed(0.5), [0.5, 0.5, 0.0], [0.25, 0.0, 0.75]
        >>> m = [0.375, 0.25, 0.375]
        >>> round(float(D(p, q)), 12), round(float(fdiv.kl(p, m)), 12)
        (0.490414626506, 0.490414626506)
        """
        from divkit.fdiv._algebra import skewed

        return skewed(self, pi)

    @property
    def _inner_point(self) -> float:
        # Where f* is evaluated in place of a t at which the formula does not hold.
        return self.derivative_at_one

    def __str__(self) -> str:
        given = ", ".join(f"{value:.12g}" for value in self.parameters.values())
        return f"{self.name}({given})" if given else self.name

    def __repr__(self) -> str:
        formula = self.generator_formula
        return (
            f"<Divergence {self}>" if formula is None else f"<Divergence {self}: f(u) = {formula}>"
        )

    def __reduce__(self) -> Any:
        return super().__reduce__() if self.recipe is None else self.recipe


def _elementwise(
    name: str,
    x: Array,
    formula: Formula,
    *,
    at_least: float | None = None,
    inside: Interval | None = None,
) -> Array:
    """Apply `formula` to `x` computed wide; numbers give numbers, arrays arrays."""
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
            # A value rounded past it steps back, which keeps its derivative.
            step = float((np.float32 if single else np.float64)(inside.upper)) - largest
            value = xp.where(value > largest, value - step, value)
            value = xp.where(value > largest, largest, value)
    if isinstance(x, (int, float, np.number)):
        return float(value)
    return value
