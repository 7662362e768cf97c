"""Input validation: the requirements on arguments, and all messages about invalid ones.

Each message states what is required, what was given and how to fix it. Arrays are returned as float
arrays of the caller's own library, and inputs are never modified.
"""

from __future__ import annotations

from divkit._check.costs import cost_matrix as cost_matrix
from divkit._check.costs import largest_cost as largest_cost
from divkit._check.costs import matrix as matrix
from divkit._check.hidden import complete as complete
from divkit._check.libraries import Array as Array
from divkit._check.libraries import float_bits as float_bits
from divkit._check.libraries import holds as holds
from divkit._check.libraries import is_blocked as is_blocked
from divkit._check.libraries import is_integer as is_integer
from divkit._check.libraries import namespace as namespace
from divkit._check.libraries import quiet as quiet
from divkit._check.libraries import result_dtype as result_dtype
from divkit._check.libraries import rounding as rounding
from divkit._check.libraries import widest as widest
from divkit._check.masses import balanced as balanced
from divkit._check.masses import equal_mass as equal_mass
from divkit._check.masses import equal_rows as equal_rows
from divkit._check.masses import positive_mass as positive_mass
from divkit._check.masses import unit_mass as unit_mass
from divkit._check.masses import weights as weights
from divkit._check.numbers import as_float as as_float
from divkit._check.numbers import at_least as at_least
from divkit._check.numbers import atoms_last as atoms_last
from divkit._check.numbers import axis_index as axis_index
from divkit._check.numbers import broadcastable as broadcastable
from divkit._check.numbers import distinct as distinct
from divkit._check.numbers import finite as finite
from divkit._check.numbers import nonnegative as nonnegative
from divkit._check.numbers import not_nan as not_nan
from divkit._check.numbers import numpy_array as numpy_array
from divkit._check.numbers import one_of as one_of
from divkit._check.numbers import real as real
from divkit._check.numbers import real_number as real_number
