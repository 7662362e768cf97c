"""Divergence: the record that users call."""

from __future__ import annotations

import math

from divkit import _check
from divkit._check import Array
from divkit.fdiv import _algebra, _evaluate
from divkit.fdiv._record import Record


class Divergence(Record):
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
    adjoint_of : Record, callable or "derived", optional
        The record of u f(1/u), or what returns it. Without it this one is its own: symmetric.
        "derived" has it computed from this one. See also `are_adjoint`.
    in_nats : bool
        Whether f is made of logarithms, so that values have the unit nat.
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

    def __call__(
        self,
        p: Array,
        q: Array,
        *,
        axis: int = -1,
        keepdims: bool = False,
        normalize: bool = False,
        base: float | None = None,
    ) -> Array:
        """Return D(P‖Q) = Σ q f(p/q), in nats where f has a logarithm.

        Atoms with p = 0 count q·f(0⁺), those with q = 0 count p·f′(∞), and those with both 0
        nothing. The masses of p and q must be equal to rounding; they are then divided out with
        exact sums, so that the value is that of the normalized measures.

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
        base : float, optional
            The base of the logarithm, above 1: 2 for bits. Only where D is `in_nats`. ``D / log 2``
            is the record of the same, with its dual side.

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
            If an entry is negative or not finite, shapes do not match, masses differ, or `base` is
            not above 1, or D has no logarithm.

        Examples
        --------
        >>> from divkit import fdiv
        >>> round(float(fdiv.jensen_shannon([1.0, 0.0], [0.0, 1.0], base=2)), 12)
        1.0
        """
        unit = 1.0 if base is None else self._unit(base)
        value = _evaluate.evaluate(self, p, q, axis=axis, keepdims=keepdims, normalize=normalize)
        return value if base is None else value / unit

    def _unit(self, base: float) -> float:
        base = _check.real_number("base", base)
        if not self.in_nats:
            raise ValueError(f"`base` is that of a logarithm, and {self} has none: leave it out")
        if not 1 < base < math.inf:
            raise ValueError(f"`base` must be above 1 and finite, got {base!r}")
        return math.log(base)

    def witness(self, p: Array, q: Array, *, axis: int = -1, normalize: bool = False) -> Array:
        """Return the optimal critic T = f′(p/q): f′(0⁺) where p = 0, f′(∞) where q = 0.

        Takes and refuses what ``D(p, q)`` does; the result has the broadcast shape of p and q.

        Examples
        --------
        >>> from divkit import fdiv
        >>> fdiv.total_variation.witness([0.5, 0.5, 0.0], [0.25, 0.5, 0.25])
        array([ 0.5,  0. , -0.5])
        """
        return _evaluate.witness(self, p, q, axis=axis, normalize=normalize)

    def bound(
        self,
        p: Array,
        q: Array,
        T: Array,
        *,
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
        return _evaluate.bound(self, p, q, T, axis=axis, keepdims=keepdims, normalize=normalize)

    @property
    def adjoint(self) -> Divergence:
        """The divergence with its arguments exchanged: generator u f(1/u)."""
        return _algebra.exchanged(self)

    def __mul__(self, c: float) -> Divergence:
        return _algebra.scaled(self, c)

    __rmul__ = __mul__

    def __truediv__(self, c: float) -> Divergence:
        return _algebra.divided(self, c)

    def __add__(self, other: Record) -> Divergence:
        return _algebra.added(self, other)

    def symmetrized(self) -> Divergence:
        """Return ½ (D(P‖Q) + D(Q‖P)), with generator ½ (f(u) + u f(1/u)).

        Examples
        --------
        >>> from divkit import fdiv
        >>> p, q = [0.5, 0.5], [0.25, 0.75]
        >>> round(float(2 * fdiv.kl.symmetrized()(p, q)), 12), round(float(fdiv.jeffreys(p, q)), 12)
        (0.274653072167, 0.274653072167)
        """
        return _algebra.symmetrized(self)

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
        return _algebra.skewed(self, pi)
