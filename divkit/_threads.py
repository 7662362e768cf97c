"""Plain threads for compiled loops that release the GIL.

No runtime of its own is left spinning beside BLAS, and nothing breaks in a forked process.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from divkit._forks import loading


@functools.cache
def available() -> int:
    """Return how many threads there may be: ``NUMBA_NUM_THREADS``, by default one a core."""
    with loading:
        import numba

    return int(numba.config.NUMBA_NUM_THREADS)


def worth(work: int, per_thread: int) -> int:
    """Return how many threads to use where `per_thread` units of work are worth one."""
    return min(available(), max(1, work // per_thread))


def run(piece: Callable[[int, int], object], size: int, threads: int, parts: int = 1) -> None:
    """Call ``piece(start, stop)`` on consecutive parts of ``range(size)``, in `threads` threads.

    There are `parts` for each thread: several where one may take longer than another. The calling
    thread works too. What a piece raises is raised here, once all have ended.
    """
    if threads <= 1 or size <= 1:
        piece(0, size)
        return
    cuts = np.linspace(0, size, min(threads * parts, size) + 1).astype(int).tolist()
    waiting = deque(itertools.pairwise(cuts))  # whose ends any thread may take from
    errors = []

    def work() -> None:
        while True:
            try:
                part = waiting.popleft()
            except IndexError:
                return
            try:
                piece(*part)
            except Exception as error:
                errors.append(error)

    others = _others(work, threads - 1)
    try:
        work()
    finally:
        waiting.clear()
        for other in others:
            # One that has not begun has nothing left to do. Where all threads of the pool are in
            # here, to wait for it would be for ever.
            if not other.cancel():
                other.exception()
    if errors:
        raise errors[0]


def _others(work: Callable[[], None], number: int) -> list[Future[None]]:
    """Have the pool do the same work; as many times as threads can be had."""
    others: list[Future[None]] = []
    try:
        while len(others) < number:
            others.append(_pool().submit(work))
    except RuntimeError:  # the interpreter is about to end, or the system has no thread left
        pass
    return others


# In a dictionary, which keeps the first one where two threads make one: without work to do, the
# other has no threads.
_pools: dict[str, ThreadPoolExecutor] = {}


def _pool() -> ThreadPoolExecutor:
    found = _pools.get("divkit")
    if found is None:
        found = ThreadPoolExecutor(available(), thread_name_prefix="divkit")
        found = _pools.setdefault("divkit", found)
    return found


# A forked process has none of its parent's threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)
