"""Fork safety: forks wait until no other thread holds a lock that the child needs.

A child process has only the thread that forked. A lock that another thread held at that moment,
such as that of a module being imported, would never be released in the child.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  (and logging: see below)
import os
import threading
import time
from collections.abc import Callable


class _Loading:
    """Context manager for lazy imports, which any number of threads may enter at once."""

    def __init__(self) -> None:
        self._fork = threading.Lock()
        self._threads: list[int] = []

    def __enter__(self) -> None:
        with self._fork:
            self._threads.append(threading.get_ident())

    def __exit__(self, *error: object) -> None:
        self._threads.remove(threading.get_ident())

    def before(self) -> None:
        """Wait until no other thread is importing, and block new imports."""
        self._fork.acquire()
        while any(thread != threading.get_ident() for thread in self._threads):
            self._fork.release()
            time.sleep(1e-3)
            self._fork.acquire()

    def in_parent(self) -> None:
        """Allow imports again."""
        self._fork.release()

    def in_child(self) -> None:
        """Replace the lock: threads that waited for it do not exist in the child."""
        self._fork = threading.Lock()


_Lock = tuple[Callable[[], object], Callable[[], object]]
_locks: list[_Lock] = []


def hold(acquire: Callable[[], object], release: Callable[[], object]) -> None:
    """Register a reentrant lock to be held during every fork, acquired after earlier ones."""
    _locks.append((acquire, release))


def _before() -> None:
    loading.before()
    for acquire, _ in _locks:
        acquire()


def _after() -> None:
    for _, release in reversed(_locks):
        release()


def _in_parent() -> None:
    _after()
    loading.in_parent()


def _in_child() -> None:
    _after()
    loading.in_child()


loading = _Loading()
# Functions run before a fork in reverse order of registration. `logging` registers the acquisition
# of its lock, which importing threads may need, so it is imported above in order to run after
# `_before`, when no thread is importing any more.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
