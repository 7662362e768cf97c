"""The catalogue, which `divkit.fdiv` fills with its records."""

from __future__ import annotations

from divkit.fdiv._divergence import Divergence

CATALOGUE: dict[str, Divergence] = {}
