"""A Python thread pool for compiled loops that release the GIL.

Unlike numba's parallel runtimes, its threads do not spin when idle, competing with BLAS, and it
works in forked processes.
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
    """Return the maximum number of threads: ``NUMBA_NUM_THREADS``, by default one per core."""
    with loading:
        import numba

    return int(numba.config.NUMBA_NUM_THREADS)


def worth(work: int, per_thread: int) -> int:
    """Return the number of threads for `work`, with at least `per_thread` units of it for each."""
    return min(available(), max(1, work // per_thread))


def run(piece: Callable[[int, int], object], size: int, threads: int, parts: int = 1) -> None:
    """Call ``piece(start, stop)`` on consecutive parts of ``range(size)``, in `threads` threads.

    There are `parts` parts per thread; use several for load balancing if their cost varies. The
    calling thread takes part. An exception of a piece is raised here after all have ended.
    """
    if threads <= 1 or size <= 1:
        piece(0, size)
        return
    cuts = np.linspace(0, size, min(threads * parts, size) + 1).astype(int).tolist()
    waiting = deque(itertools.pairwise(cuts))  # a deque because its popleft is thread-safe
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
            # A task that has not started has nothing left to do. Waiting for it would deadlock if
            # all threads of the pool were waiting here themselves.
            if not other.cancel():
                other.exception()
    if errors:
        raise errors[0]


def _others(work: Callable[[], None], number: int) -> list[Future[None]]:
    """Submit `work` to the pool `number` times, or fewer if no more threads can be started."""
    others: list[Future[None]] = []
    try:
        while len(others) < number:
            others.append(_pool().submit(work))
    except RuntimeError:  # at interpreter shutdown, or if the system is out of threads
        pass
    return others


# A dictionary because `setdefault` keeps the first pool if two threads create one. The other one is
# harmless, as a pool starts no threads before it gets work.
_pools: dict[str, ThreadPoolExecutor] = {}


def _pool() -> ThreadPoolExecutor:
    found = _pools.get("divkit")
    if found is None:
        found = ThreadPoolExecutor(available(), thread_name_prefix="divkit")
        found = _pools.setdefault("divkit", found)
    return found


# A forked process has none of its parent's threads, so it needs a new pool.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)
