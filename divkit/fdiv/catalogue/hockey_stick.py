"""Hockey-stick E_γ: Σ max(p − γq, 0), the δ of (log γ, δ)-differential privacy."""

import math

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import sigmoid
from divkit.fdiv._family import Family
from divkit.fdiv._formulas import Formulas


@Family
def hockey_stick(gamma: float = 2.0) -> Divergence:
    """Return the hockey-stick divergence E_γ(P‖Q) = sup_A P(A) − γ Q(A).

    E_1 is `total_variation`. A mechanism is (ε, δ)-differentially private where
    E_γ ≤ δ at γ = e^ε for the output laws of every two neighboring inputs.

    Parameters
    ----------
    gamma : float
        The threshold γ on p/q, finite and at least 1.

    Raises
    ------
    ValueError
        If γ is below 1 or not finite.

    References
    ----------
    .. [1] I. Sason, S. Verdú, "f-divergence inequalities", IEEE Trans. Inf. Theory 62 (2016),
       eqs. (60)-(64).

    Examples
    --------
    >>> from divkit import fdiv
    >>> p, q = [0.75, 0.25], [0.25, 0.75]
    >>> float(fdiv.hockey_stick(2)(p, q)), float(fdiv.hockey_stick(1)(p, q))
    (0.25, 0.5)
    """
    if not 1 <= gamma < math.inf:
        raise ValueError(
            f"`gamma` must be finite and at least 1, got {gamma!r}: below 1 use "
            "E_γ(P‖Q) = 1 − γ + γ E_{1/γ}(Q‖P)"
        )
    # At the kink any slope between 0 and 1 is a subgradient; ½ treats both sides alike.
    at_one = 0.5 if gamma == 1 else 0.0

    def generator(u, xp):
        return xp.where(u > gamma, u - gamma, 0.0)

    def derivative(u, xp):
        return 0.5 + 0.5 * xp.sign(u - gamma)

    def integrand(p, q, difference, xp):
        excess = difference - (gamma - 1) * q
        return xp.where(excess > 0, excess, 0.0) - at_one * difference

    def conjugate(t, xp):
        return xp.where(t > 0, gamma * t, 0.0)

    def ratio(t, xp):
        return xp.where(t < 0, 0.0, gamma)

    def activation(v, xp):
        return sigmoid(v, xp)

    def penalty(v, xp):
        return gamma * sigmoid(v, xp)

    def cone(p, q, xp):
        return xp.positive(p - gamma * q) - at_one * (p - q)

    return Divergence(
        name="hockey_stick",
        title="Hockey-stick",
        parameters={"gamma": gamma},
        formulas=Formulas(
            generator=generator,
            derivative=derivative,
            integrand=integrand,
            conjugate=conjugate,
            ratio=ratio,
            activation=activation,
            penalty=penalty,
            cone=cone,
        ),
        generator_formula=f"max(u - {gamma:.12g}, 0)",
        conjugate_formula=f"max({gamma:.12g}*t, 0)",
        at_zero=0.0,
        slope=1.0,
        derivative_at_zero=0.0,
        conjugate_at_slope=gamma,
        derivative_at_one=at_one,
        adjoint_of="derived",
        citation="Sason & Verdú (2016), eqs. (60)-(64)",
    )
