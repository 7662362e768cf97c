"""Whether a plan can avoid the forbidden pairs, and a violated cut if none can.

Let a pair cost 1 where it is forbidden and 0 elsewhere. The value of that transport problem is
the mass that cannot be placed. If it is positive, a level set of the optimal potential f is a
violated cut: sources whose mass exceeds that of all the sinks they may reach (the theorem of Hall
and Gale).
"""

from __future__ import annotations

import numpy as np

from divkit import _check
from divkit.emd._backends.refine import refine
from divkit.emd._problem import Scaled
from divkit.emd._solver_types import Backend, Indices, Mask, Vector

# Mass on forbidden pairs up to this share of the whole is rounding in the weights.
ROUNDING = 1e-12
_LISTED = 8


def require_reachable(scaled: Scaled) -> None:
    """Raise ValueError if a source or sink with mass has forbidden pairs only."""
    allowed = np.isfinite(scaled.M)
    for name, mass, atoms, reached in (
        ("a", scaled.a, scaled.rows, allowed.any(axis=1)),
        ("b", scaled.b, scaled.columns, allowed.any(axis=0)),
    ):
        if not reached.all():
            k = int(np.argmin(reached))
            raise unreachable(name, int(atoms[k]), float(np.ldexp(mass[k], scaled.mass_exponent)))


def unreachable(name: str, atom: int, mass: float) -> ValueError:
    """Return the error for an atom of the weights `name` that has mass but no allowed pair."""
    line = f"row {atom}" if name == "a" else f"column {atom}"
    return ValueError(
        f"no plan avoids the forbidden pairs (+inf in `M`): {name}[{atom}] = {mass:.6g}, but all "
        f"of {line} is forbidden: allow a pair there, or take the mass away"
    )


def placed_marginals(
    scaled: Scaled, backend: Backend, limit: int | None, method: str
) -> tuple[Vector, Vector]:
    """Return weights close to the given ones that are the exact marginals of an allowed plan.

    Cuts that hold with equality may be violated by the rounding of the weights; this repairs them.

    Raises
    ------
    ValueError
        If more mass than rounding cannot be placed; the message names a violated cut.
    """
    a, b, allowed = scaled.a, scaled.b, np.isfinite(scaled.M)
    answer = refine(a, b, np.where(allowed, 0.0, 1.0), backend, limit, method)
    kept = allowed[answer.rows, answer.columns]
    if answer.mass.sum(where=~kept) > ROUNDING * a.sum():
        raise ValueError(_violated_cut(scaled, answer.f))
    placed_a, placed_b = np.zeros_like(a), np.zeros_like(b)
    np.add.at(placed_a, answer.rows[kept], answer.mass[kept])
    np.add.at(placed_b, answer.columns[kept], answer.mass[kept])
    return placed_a, placed_b


def _violated_cut(scaled: Scaled, f: Vector) -> str:
    allowed = np.isfinite(scaled.M)
    cuts = [f >= level for level in np.unique(f)]

    def excess(sources: Mask) -> float:
        return float(scaled.a[sources].sum() - scaled.b[allowed[sources].any(axis=0)].sum())

    sources = max(cuts, key=excess)
    sinks = allowed[sources].any(axis=0)
    supply, demand = (
        float(np.ldexp(mass.sum(), scaled.mass_exponent))
        for mass in (scaled.a[sources], scaled.b[sinks])
    )
    return violated_cut(scaled.rows[sources], supply, scaled.columns[sinks], demand)


def violated_cut(rows: Indices, supply: float, columns: Indices, demand: float) -> str:
    """Return the message that `rows` hold more mass than `columns`, all they may reach, take."""
    held, taken = _check.distinct(supply, demand)
    return (
        f"no plan avoids the forbidden pairs (+inf in `M`): rows {listed(rows)} "
        f"hold a mass of {held}, but the columns they may reach, {listed(columns)}, take {taken}: "
        "allow more pairs, or move mass"
    )


def listed(atoms: Indices) -> str:
    """Return the first few atoms, for a message."""
    shown = ", ".join(str(k) for k in atoms[:_LISTED])
    return f"[{shown}{', ...' if atoms.size > _LISTED else ''}]"
