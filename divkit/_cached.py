"""Properties that are computed once, without a lock.

Up to Python 3.11 that of the standard library has one, for all instances of a class: while one is
computed the others wait, and in a process forked meanwhile they wait for ever.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functools import cached_property as cached_property
else:

    class cached_property(functools.cached_property):  # noqa: N801
        """A property that is computed once; twice if two threads ask at the same time.

        Both get what was computed first.
        """

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            """Return the value, or the property itself where there is no instance."""
            if instance is None:
                return self
            return instance.__dict__.setdefault(self.attrname, self.func(instance))
