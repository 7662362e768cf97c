"""Cressie–Read power divergence: Σ p ((p/q)^λ − 1) / (λ(λ+1))."""

import math

from divkit.fdiv._divergence import Divergence
from divkit.fdiv._family import Family
from divkit.fdiv._power_formulas import power_formulas, power_limits


@Family
def cressie_read(lam: float = 2 / 3) -> Divergence:
    """Return the power divergence of Cressie and Read, with its own generator.

    For observed proportions P of n counts and expected proportions Q, 2n times the value is their
    test statistic: λ = 1 is half of Pearson's χ², λ = −½ Freeman–Tukey, λ = −2 half of Neyman's; as
    λ → 0 and λ → −1 it tends to `kl` (the G-statistic) and `reverse_kl`. It equals alpha(λ+1).

    Parameters
    ----------
    lam : float
        The power λ, finite and neither 0 nor −1; the authors recommend 2/3.

    Raises
    ------
    ValueError
        If λ is 0, −1 or not finite.

    References
    ----------
    .. [1] N. Cressie, T. R. C. Read, "Multinomial goodness-of-fit tests", J. R. Statist. Soc. B 46
       (1984), eq. (2.1).

    Examples
    --------
    >>> from divkit import fdiv
    >>> p, q = [0.5, 0.5], [0.25, 0.75]
    >>> round(float(fdiv.cressie_read(1)(p, q)), 12), round(float(fdiv.pearson(p, q)) / 2, 12)
    (0.166666666667, 0.166666666667)
    """
    if not math.isfinite(lam) or lam in (0, -1):
        raise ValueError(
            f"`lam` must be finite and neither 0 nor -1, got {lam!r}: the limits at 0 and -1 are "
            "fdiv.kl and fdiv.reverse_kl"
        )
    a, b = lam + 1, lam
    return Divergence(
        name="cressie_read",
        title="Cressie–Read",
        parameters={"lam": lam},
        formulas=power_formulas(a, b, 1 / a, 1.0),
        generator_formula=f"u*(u**{b:.12g} - 1)/({a:.12g}*{b:.12g})",
        conjugate_formula=f"max(1 + {b:.12g}*(t - 1/{a:.12g}), 0)**({a:.12g}/{b:.12g})/{a:.12g}",
        **power_limits(a, b, 1 / a),
        adjoint_of="derived",
        citation="Cressie & Read (1984), eq. (2.1)",
    )
