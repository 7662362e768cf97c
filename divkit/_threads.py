"""Plain threads for compiled loops that release the GIL.

No runtime of its own is left spinning beside BLAS, and nothing breaks in a forked process.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np


def available() -> int:
    """Return how many threads there may be: ``NUMBA_NUM_THREADS``, by default one a core."""
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
    # All take from one iterator, that of a list: no step of it can be interrupted halfway.
    waiting = iter(list(itertools.pairwise(cuts)))

    def work() -> None:
        for part in waiting:
            piece(*part)

    others = [_pool().submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        for other in others:
            other.exception()
    for other in others:
        other.result()


@functools.lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(available(), thread_name_prefix="divkit")


# A forked process has none of its parent's threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
