"""Tsallis: Σ p ((p/q)^(α−1) − 1)/(α−1), the relative entropy with a deformed logarithm."""

import math

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._family import Family
from divkit.fdiv._power_formulas import power_formulas, power_limits


@Family
def tsallis(order: float = 1.5) -> Divergence:
    """Return the Tsallis relative entropy, α times the α-divergence, with its own generator.

    As α → 1 it tends to `kl`, and its conjugate to e^(t−1).

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
    return Divergence(
        name="tsallis",
        title="Tsallis",
        parameters={"order": order},
        formulas=power_formulas(a, b, 1.0, a),
        generator_formula=f"u*(u**{b:.12g} - 1)/{b:.12g}",
        conjugate_formula=f"(max(1 + {b:.12g}*t, 0)/{a:.12g})**({a:.12g}/{b:.12g})",
        **power_limits(a, b, 1.0),
        adjoint_of="derived",
        citation="Tsallis (1998), eq. (6)",
    )
