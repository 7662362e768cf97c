"""Checks and random inputs for divergences and transport solvers, built-in or user-defined.

They need the extra `testing`: ``pip install 'divkit[testing]'``.
"""

from divkit.testing._distributions import distributions as distributions
from divkit.testing._distributions import pairs as pairs
from divkit.testing._divergences import check_divergence as check_divergence
from divkit.testing._divergences import divergence_checks as divergence_checks
from divkit.testing._problems import costs as costs
from divkit.testing._problems import point_clouds as point_clouds
from divkit.testing._problems import transport_problems as transport_problems
from divkit.testing._transports import TRANSPORT_IDENTITIES as TRANSPORT_IDENTITIES
from divkit.testing._transports import check_transport as check_transport
from divkit.testing._transports import transport_checks as transport_checks

__all__ = [
    "TRANSPORT_IDENTITIES",
    "check_divergence",
    "check_transport",
    "costs",
    "distributions",
    "divergence_checks",
    "pairs",
    "point_clouds",
    "transport_checks",
    "transport_problems",
]
