"""f-divergences with their Fenchel conjugates, witnesses and variational bounds.

Each divergence is a record: call it on two distributions, or ask it for its dual side.
"""

from divkit._errors import ConvergenceError as ConvergenceError
from divkit.fdiv._catalogue import CATALOGUE as CATALOGUE
from divkit.fdiv._pairwise import pairwise as pairwise
from divkit.fdiv._divergence import Divergence as Divergence
from divkit.fdiv._formulas import Formulas as Formulas
from divkit.fdiv._formulas import Interval as Interval
from divkit.fdiv._family import Family as Family
from divkit.fdiv._derivation.from_generator import custom as custom

# The catalogue: one line per divergence, in the order of the published table.
from divkit.fdiv.catalogue.total_variation import total_variation as total_variation
from divkit.fdiv.catalogue.kl import kl as kl
from divkit.fdiv.catalogue.reverse_kl import reverse_kl as reverse_kl
from divkit.fdiv.catalogue.pearson import pearson as pearson
from divkit.fdiv.catalogue.neyman import neyman as neyman
from divkit.fdiv.catalogue.squared_hellinger import squared_hellinger as squared_hellinger
from divkit.fdiv.catalogue.jeffreys import jeffreys as jeffreys
from divkit.fdiv.catalogue.jensen_shannon import jensen_shannon as jensen_shannon
from divkit.fdiv.catalogue.weighted_jensen_shannon import (
    weighted_jensen_shannon as weighted_jensen_shannon,
)
from divkit.fdiv.catalogue.gan import gan as gan
from divkit.fdiv.catalogue.alpha import alpha as alpha

# Further divergences.
from divkit.fdiv.catalogue.triangular_discrimination import (
    triangular_discrimination as triangular_discrimination,
)
from divkit.fdiv.catalogue.hockey_stick import hockey_stick as hockey_stick
from divkit.fdiv.catalogue.tsallis import tsallis as tsallis
from divkit.fdiv.catalogue.cressie_read import cressie_read as cressie_read

# Functions of f-divergences with bounds of their own.
from divkit.fdiv._transforms import Transform as Transform
from divkit.fdiv._transforms import bhattacharyya as bhattacharyya
from divkit.fdiv._transforms import chernoff as chernoff
from divkit.fdiv._transforms import renyi as renyi

# A family stands in it at its default parameters.
CATALOGUE.update(
    (name, entry() if isinstance(entry, Family) else entry)
    for name, entry in list(globals().items())
    if isinstance(entry, (Divergence, Family))
)

# Modules built on the catalogue.
from divkit.fdiv import bounds as bounds
from divkit.fdiv import closed_form as closed_form
from divkit.fdiv._densities import from_densities as from_densities
from divkit.fdiv._samples import histograms as histograms

__all__ = [
    "CATALOGUE",
    "ConvergenceError",
    "Divergence",
    "Family",
    "Formulas",
    "Interval",
    "Transform",
    "bhattacharyya",
    "bounds",
    "chernoff",
    "closed_form",
    "custom",
    "from_densities",
    "histograms",
    "pairwise",
    "renyi",
    *CATALOGUE,
]
