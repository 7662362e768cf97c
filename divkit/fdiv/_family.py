"""A family of divergences, one record for every value of its parameters."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

from divkit import _check
from divkit.fdiv._record import Record

R = TypeVar("R", bound=Record)


class Family(Generic[R]):
    """A family of divergences: called with its parameters, it returns a record.

    Equal parameters give the same record. Parameters left out take the defaults of the declaration;
    the member with all defaults represents the family in the catalogue.
    """

    def __init__(self, declare: Callable[..., R]) -> None:
        functools.update_wrapper(self, declare)
        self._signature = inspect.signature(declare)
        self._members = functools.lru_cache(maxsize=256)(
            lambda *values: replace(declare(*values), recipe=(self, values))
        )

    def __call__(self, *args: float, **kwargs: float) -> R:
        """Return the member with these parameters."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments.items()
        return self._members(*(_check.real_number(name, value) for name, value in given))

    def __repr__(self) -> str:
        return f"<Family {self.__name__}{self._signature}>"  # type: ignore[attr-defined]

    def __reduce__(self) -> str:
        return str(self.__name__)  # type: ignore[attr-defined]
