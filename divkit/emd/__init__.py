"""Earth mover's distance: discrete optimal transport, as a plan and its potentials."""

from divkit.emd.all_pairs import pairwise as pairwise
from divkit.emd.answer import ConvergenceError as ConvergenceError
from divkit.emd.batch import Batch as Batch
from divkit.emd.batch import solve_batch as solve_batch
from divkit.emd.graph import solve_graph as solve_graph
from divkit.emd.grid import solve_grid as solve_grid
from divkit.emd.line import solve_line as solve_line
from divkit.emd.points import solve_points as solve_points
from divkit.emd.potential import Potential as Potential
from divkit.emd.solve import distance as distance
from divkit.emd.solve import dual as dual
from divkit.emd.solve import primal as primal
from divkit.emd.solve import solve as solve
from divkit.emd.transport import Transport as Transport
from divkit.emd.transport import c_transform as c_transform
from divkit.emd.transport import certify as certify
from divkit.emd.wasserstein_p import wasserstein as wasserstein

__all__ = [
    "Batch",
    "ConvergenceError",
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
