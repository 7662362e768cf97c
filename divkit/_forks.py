"""Forks wait for what other threads must finish first.

A child has only the thread that forked. What another one held at that moment, such as the lock of
a module that it was importing, would be held there for ever.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  (and logging: see below)
import os
import threading
import time
from collections.abc import Callable


class _Loading:
    """Modules are imported inside ``with loading:``, by any number of threads at once."""

    def __init__(self) -> None:
        self._fork = threading.Lock()
        self._threads: list[int] = []

    def __enter__(self) -> None:
        with self._fork:
            self._threads.append(threading.get_ident())

    def __exit__(self, *error: object) -> None:
        self._threads.remove(threading.get_ident())

    def before(self) -> None:
        """Wait until no other thread imports, and let none begin."""
        self._fork.acquire()
        while any(thread != threading.get_ident() for thread in self._threads):
            self._fork.release()
            time.sleep(1e-3)
            self._fork.acquire()

    def in_parent(self) -> None:
        """Let all go on."""
        self._fork.release()

    def in_child(self) -> None:
        """Begin anew: those who waited are not here."""
        self._fork = threading.Lock()


_Lock = tuple[Callable[[], object], Callable[[], object]]
_locks: list[_Lock] = []


def hold(acquire: Callable[[], object], release: Callable[[], object]) -> None:
    """Have a lock that a thread can take twice taken at every fork, after those given before."""
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
# What is registered first is called last before a fork. Modules take the lock of `logging` while
# they are imported; its turn must come once there is nobody left to wait for.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
