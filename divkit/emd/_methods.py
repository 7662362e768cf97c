"""The methods that solve a problem with a cost matrix, with their requirements and options.

`emd.solve`, `emd.primal` and `emd.dual` look up here which function to call and which options a
method accepts; the documentation's table of methods is made from this one. A new method is a
function of the type `divkit.emd._solver_types.Backend` and one entry here.
"""

from __future__ import annotations

from dataclasses import dataclass

from divkit import _check
from divkit._forks import loading
from divkit.emd._backends import linear_program, pot
from divkit.emd._small import small
from divkit.emd._solver_types import Answer, Backend, Matrix, Vector


@dataclass(frozen=True)
class Method:
    """A way to solve a transport problem with a cost matrix.

    Parameters
    ----------
    about : str
        A description.
    cost : str
        Time and memory for n sources and m sinks.
    needs : str
        The optional package that must be installed for it, empty if there is none.
    solve : Backend
        For `emd.solve`.
    primal, dual : Backend, optional
        For `emd.primal` and `emd.dual`.
    sparse, start, solver : bool
        Whether it accepts a sparse `M` without making it dense, an answer to start from, and the
        name of a solver.
    """

    about: str
    cost: str
    needs: str
    solve: Backend
    primal: Backend | None = None
    dual: Backend | None = None
    sparse: bool = False
    start: bool = False
    solver: bool = False


def _simplex(a: Vector, b: Vector, M: Matrix, limit: int | None) -> Answer:
    if small.fits(M.shape):
        return small.answer(a, b, M, limit)
    with loading:
        from divkit.emd._column_generation import dense  # compiled code

    return dense.solve(a, b, M, limit)


METHODS = {
    "simplex": Method(
        about="divkit's network simplex, with column generation where there are many pairs",
        cost="about n m, and memory for n + m beside M",
        needs="",
        solve=_simplex,
        sparse=True,
        start=True,
    ),
    "highs": Method(
        about="the linear program, by HiGHS through SciPy",
        cost="grows faster than (n m)^1.5; memory for 3 n m numbers and more",
        needs="",
        solve=linear_program.highs_primal,
        primal=linear_program.highs_primal,
        dual=linear_program.highs_dual,
    ),
    "pot": Method(
        about="the network simplex of POT",
        cost="about n m (n + m)^0.5; memory for several n m numbers",
        needs="POT",
        solve=pot.solve,
    ),
    "cvxpy": Method(
        about="the linear program, by any solver that cvxpy finds",
        cost="that of its solver, and of setting up the program",
        needs="cvxpy",
        solve=linear_program.cvxpy_primal,
        primal=linear_program.cvxpy_primal,
        dual=linear_program.cvxpy_dual,
        solver=True,
    ),
}
# The method that "auto" stands for.
AUTO = "simplex"


def chosen(method: object, program: str = "solve") -> str:
    """Return the name of a method for `program`, or raise ValueError if there is none.

    The programs are ``"solve"``, ``"primal"`` and ``"dual"``; only the first accepts ``"auto"``.
    """
    names = [name for name, one in METHODS.items() if getattr(one, program) is not None]
    if program == "solve":
        names.insert(0, "auto")
    _check.one_of("method", method, names)
    return AUTO if method == "auto" else str(method)


def require(method: str, given: str, meaning: str) -> None:
    """Raise ValueError if a method does not accept an option: `sparse`, `start` or `solver`."""
    if not getattr(METHODS[method], given):
        takes = " or ".join(repr(name) for name, one in METHODS.items() if getattr(one, given))
        raise ValueError(f"{meaning}, got it with method={method!r}: use method={takes}")
