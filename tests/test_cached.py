"""Properties that are computed once."""

import threading

from divkit._cached import cached_property


class Counted:
    """What counts how often its property is computed, and may wait in between."""

    def __init__(self, wait=int):
        self.times, self.wait = 0, wait

    @cached_property
    def value(self):
        """A list, of which each is another."""
        self.times += 1
        self.wait()
        return [self.times]


def test_it_is_computed_once():
    one, other = Counted(), Counted()
    assert one.value is one.value
    assert one.times == 1
    assert other.value is not one.value
    assert Counted.value.__doc__.startswith("A list")


def test_two_threads_get_the_same():
    barrier = threading.Barrier(2, timeout=30)
    both, found = Counted(barrier.wait), []
    threads = [threading.Thread(target=lambda: found.append(both.value)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert both.times == 2
    assert found[0] is found[1] is both.value
