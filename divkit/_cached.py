"""A `cached_property` without a lock.

Up to Python 3.11, `functools.cached_property` has a lock that all instances of a class share: they
wait while one value is computed, and in a process forked meanwhile they deadlock.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functools import cached_property as cached_property
else:

    class cached_property(functools.cached_property):  # noqa: N801
        """A property computed on first access; threads that race may each compute it.

        All of them get the value that was stored first.
        """

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            """Return the value, or the property itself where there is no instance."""
            if instance is None:
                return self
            return instance.__dict__.setdefault(self.attrname, self.func(instance))
