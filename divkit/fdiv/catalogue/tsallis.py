"""Tsallis: Σ p ((p/q)^(α−1) − 1)/(α−1), the relative entropy with a deformed logarithm."""

import math

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._elementary import alpha_term, log_softplus, raised, softplus
from divkit.fdiv._family import Family
from divkit.fdiv._formulas import Formulas


@Family
def tsallis(order: float = 1.5) -> Divergence:
    """Return the Tsallis relative entropy, α times the α-divergence, with its own generator.

    Towards order 1 it tends to `kl`, and its conjugate to e^(t−1).

    Parameters
    ----------
    order : float
        The order α, positive, finite and not 1.

    Raises
    ------
    ValueError
        If α is 1, not positive or not finite.

    References
    ----------
    .. [1] C. Tsallis, "Generalized entropy-based criterion for consistent testing", Phys. Rev. E
       58 (1998), eq. (6).

    Examples
    --------
    >>> from divkit import fdiv
    >>> p, q = [0.5, 0.5], [0.25, 0.75]
    >>> round(float(fdiv.tsallis(2)(p, q)), 12)  # Pearson χ²
    0.333333333333
    """
    if not 0 < order < math.inf or order == 1:
        raise ValueError(
            f"`order` must be positive, finite and not 1, got {order!r}: the limit at 1 is fdiv.kl"
        )
    a, b = order, order - 1

    def generator(u, xp):
        return u * (xp.expm1(b * xp.log(u)) / b)

    def derivative(u, xp):
        return 1 + a * (xp.expm1(b * xp.log(u)) / b)

    def integrand(p, q, difference, xp):
        return a * alpha_term(p, q, difference, a, b, xp)

    def log_power(t, xp):
        # u^(α−1) = (1 + (α−1)t)/α
        return xp.log1p(raised((b / a) * (t - 1), -1.0, xp))

    def conjugate(t, xp):
        return xp.exp((a / b) * log_power(t, xp))

    def ratio(t, xp):
        return xp.exp(log_power(t, xp) / b)

    if a < 1:

        def activation(v, xp):
            return -1 / b - softplus(-v, xp)

        def penalty(v, xp):
            # (1 + (α−1) g(v))/α = (1−α) softplus(−v)/α
            return xp.exp((a / b) * (math.log(-b / a) + log_softplus(-v, xp)))

    else:

        def activation(v, xp):
            return v

        penalty = conjugate

    def cone(p, q, xp):
        return (xp.power(p, q, a) - a * p + b * q) / b

    def between(laws):
        return a * laws.power(a)

    return Divergence(
        name="tsallis",
        title="Tsallis",
        parameters={"order": order},
        formulas=Formulas(
            generator=generator,
            derivative=derivative,
            integrand=integrand,
            conjugate=conjugate,
            ratio=ratio,
            activation=activation,
            penalty=penalty,
            cone=cone,
            between=between,
        ),
        generator_formula=f"u*(u**{b:.12g} - 1)/{b:.12g}",
        conjugate_formula=f"(max(1 + {b:.12g}*t, 0)/{a:.12g})**({a:.12g}/{b:.12g})",
        at_zero=0.0,
        slope=-1 / b if a < 1 else math.inf,
        derivative_at_zero=-1 / b if a > 1 else -math.inf,
        derivative_at_one=1.0,
        adjoint_of="derived",
        citation="Tsallis (1998), eq. (6)",
    )
