"""A process that is forked while other threads work, import or compile is none the worse for it."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")

# `forked(work)` runs `work` in a child and says whether it ended well, in some seconds.
HEAD = """
import os, sys, threading, time
def forked(work):
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    last = time.monotonic() + 20
    while time.monotonic() < last:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.001)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False
"""


def run(code, *path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((*map(str, path), os.getcwd()))}
    done = subprocess.run(
        # From 3.12 on Python warns of every fork of a process with threads.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", HEAD + code],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_property_may_be_computed_meanwhile():
    code = """
from divkit._cached import cached_property
class Slow:
    def __init__(self, wait):
        self.wait = wait
    @cached_property
    def value(self):
        begun.set()
        self.wait()
        return 1
begun, end = threading.Event(), threading.Event()
thread = threading.Thread(target=lambda: Slow(end.wait).value)
thread.start()
begun.wait()
print(forked(lambda: Slow(int).value))
end.set()
"""
    assert run(code) == ["True"]


def test_a_module_may_be_imported_meanwhile(tmp_path):
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(0.5)\nvalue = 1\n")
    code = """
from divkit._forks import loading
def load():
    with loading, loading:
        begun.set()
        import slow
    return slow.value
begun = threading.Event()
thread = threading.Thread(target=load)
thread.start()
begun.wait()
print(forked(load), forked(load), load())
"""
    assert run(code, tmp_path) == ["True", "True", "1"]


def test_a_loop_may_be_compiled_meanwhile():
    code = """
from numba.core.compiler_lock import global_compiler_lock
from divkit._compile import compiled
@compiled(keep=False)
def twice(x):
    return x + x
def hold():
    with global_compiler_lock:
        begun.set()
        time.sleep(0.5)
begun = threading.Event()
threading.Thread(target=hold).start()
begun.wait()
def call():
    assert twice(1.5) == 3.0
print(forked(call), twice(2.5), forked(call))
"""
    assert run(code) == ["True", "5.0", "True"]


def test_results_may_be_read_and_problems_solved_meanwhile():
    code = """
import numpy as np
from divkit import _threads, emd
random = np.random.default_rng(0)
x, y = random.random((2, 16, 1))
expected = np.abs(np.sort(x[:, 0]) - np.sort(y[:, 0])).mean()
end = threading.Event()
def work():
    t = emd.solve(None, None, np.abs(x - y.T))
    assert abs(t.value - expected) < 1e-14
    assert t.plan.sum() > 0.99 and t.f.shape == t.g.shape == (16,) and t.permutation.size == 16
    t = emd.solve_line(x[:, 0], y[:, 0])
    assert abs(t.value - expected) < 1e-14 and t.f.shape == (16,)
    taken = []
    _threads.run(lambda start, stop: taken.append(stop - start), 100, 2, 8)
    assert sum(taken) == 100
def again():
    while not end.is_set():
        work()
threads = [threading.Thread(target=again) for _ in range(2)]
for thread in threads:
    thread.start()
print(all([forked(work) for _ in range(10)]))
end.set()
for thread in threads:
    thread.join()
"""
    assert run(code) == ["True"]
