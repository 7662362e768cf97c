"""Earth mover's distance: discrete optimal transport, as a plan and its potentials."""

from divkit._errors import ConvergenceError as ConvergenceError
from divkit.emd._batch import Batch as Batch
from divkit.emd._batch import solve_batch as solve_batch
from divkit.emd._certificate.certify import c_transform as c_transform
from divkit.emd._certificate.certify import certify as certify
from divkit.emd._graph import solve_graph as solve_graph
from divkit.emd._grid import solve_grid as solve_grid
from divkit.emd._line import solve_line as solve_line
from divkit.emd._pairwise import Pairwise as Pairwise
from divkit.emd._pairwise import pairwise as pairwise
from divkit.emd._points import solve_points as solve_points
from divkit.emd._potential import Potential as Potential
from divkit.emd._solve import distance as distance
from divkit.emd._solve import dual as dual
from divkit.emd._solve import primal as primal
from divkit.emd._solve import solve as solve
from divkit.emd._transport import Transport as Transport
from divkit.emd._wasserstein import wasserstein as wasserstein

__all__ = [
    "Batch",
    "ConvergenceError",
    "Pairwise",
    "Potential",
    "Transport",
    "c_transform",
    "certify",
    "distance",
    "dual",
    "pairwise",
    "primal",
    "solve",
    "solve_batch",
    "solve_graph",
    "solve_grid",
    "solve_line",
    "solve_points",
    "wasserstein",
]
