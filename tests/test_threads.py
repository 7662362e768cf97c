"""Parts of a range, in threads."""

from __future__ import annotations

import threading

import pytest

from divkit import _threads


@pytest.mark.parametrize(
    ("size", "threads", "parts", "number"),
    [(0, 3, 1, 1), (1, 3, 4, 1), (10, 1, 8, 1), (10, 2, 1, 2), (10, 3, 2, 6), (5, 3, 8, 5)],
)
def test_each_number_is_in_one_part(size, threads, parts, number):
    taken = []
    _threads.run(lambda start, stop: taken.append((start, stop)), size, threads, parts)
    assert len(taken) == number
    taken.sort()
    assert taken[0][0] == 0
    assert taken[-1][1] == size
    assert all(taken[k][1] == taken[k + 1][0] for k in range(number - 1))


def test_parts_run_at_the_same_time():
    barrier = threading.Barrier(2, timeout=30)
    _threads.run(lambda start, stop: barrier.wait(), 2, 2)
    assert not barrier.broken


def test_whoever_is_ready_takes_the_next_part():
    others, done = threading.Event(), []

    def piece(start, stop):
        if start == 0:
            assert others.wait(30)
        done.append(start)
        if len(done) == 3:
            others.set()

    _threads.run(piece, 4, 2, 2)
    assert done[-1] == 0


@pytest.mark.parametrize("bad", [0, 3])
def test_what_a_part_raises_is_raised_once_all_have_ended(bad):
    ended = []

    def piece(start, stop):
        if start == bad:
            raise KeyError(start)
        ended.append(start)

    with pytest.raises(KeyError):
        _threads.run(piece, 6, 2, 3)
    assert sorted([*ended, bad]) == list(range(6))


def test_threads_of_the_pool_may_use_it_themselves(monkeypatch):
    monkeypatch.setattr(_threads, "available", lambda: 2)
    monkeypatch.setattr(_threads, "_pools", {})
    taken = []

    def piece(start, stop):
        _threads.run(lambda first, last: taken.append(last - first), 50, 3, 2)

    def whole():
        _threads.run(piece, 12, 3, 4)

    outer = [threading.Thread(target=whole, daemon=True) for _ in range(3)]
    for thread in outer:
        thread.start()
    for thread in outer:
        thread.join(30)
    assert not any(thread.is_alive() for thread in outer)
    assert sum(taken) == 3 * 12 * 50


def test_where_no_thread_can_be_had_the_calling_one_does_all(monkeypatch):
    class Pool:
        def submit(self, work):
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(_threads, "_pool", Pool)
    taken = []
    _threads.run(lambda start, stop: taken.append(stop - start), 20, 4, 2)
    assert sum(taken) == 20
