"""Pictures of both sides of a comparison: histograms, plan, potentials, divergences.

Each function draws on the given figure, or on a new one not managed by pyplot, and returns it: a
notebook displays it, ``figure.savefig("x.png")`` saves it. They need the extra `plot`:
``pip install 'divkit[plot]'``.
"""

from divkit.plot._divergences import divergences as divergences
from divkit.plot._histograms import histograms as histograms
from divkit.plot._parallel_lines import parallel_lines as parallel_lines
from divkit.plot._plan import plan as plan
from divkit.plot._potentials import potentials as potentials

__all__ = [
    "divergences",
    "histograms",
    "parallel_lines",
    "plan",
    "potentials",
]
