"""Variational lower bounds of D(P‖Q), and the ranges that known divergences imply for others."""

from divkit.fdiv.bounds._inequalities import INEQUALITIES as INEQUALITIES
from divkit.fdiv.bounds._inequalities import Inequality as Inequality
from divkit.fdiv.bounds._joint_range import implied as implied
from divkit.fdiv.bounds._lipschitz import Interpolation as Interpolation
from divkit.fdiv.bounds._lipschitz import interpolated as interpolated
from divkit.fdiv.bounds._variational import Bound as Bound
from divkit.fdiv.bounds._variational import plain as plain
from divkit.fdiv.bounds._variational import shifted as shifted
from divkit.fdiv.bounds._variational import shifted_and_scaled as shifted_and_scaled

__all__ = [
    "INEQUALITIES",
    "Bound",
    "Inequality",
    "Interpolation",
    "implied",
    "interpolated",
    "plain",
    "shifted",
    "shifted_and_scaled",
]
