"""What every call has to do, whatever it is given: answer or refuse in time, and leave no trace.

No crash, no hang, no nan in an answer, no warning, no error but the library's own, and inputs as
they were.
"""

from __future__ import annotations

import copy
import dataclasses
import dis
import faulthandler
import math
import os
import re
import resource
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import divkit
from divkit.emd import Batch, ConvergenceError, Transport

# Seconds that a call on an input of this size may take, the first one compiling what it needs;
# and after how many the process ends, if it is in compiled code and cannot be interrupted.
PATIENCE, END = 60, 300
# Bytes that it may ask for; more is a MemoryError, and not the end of the machine.
MEMORY = 4 << 30
_LINUX = sys.platform == "linux"
ERRORS = (TypeError, ValueError, ConvergenceError, ImportError)
_HOUSE = str(Path(divkit.__file__).parent)
_RAISE = dis.opmap["RAISE_VARARGS"]
# A message names an argument, or says what is the matter with the problem as a whole.
_VOICE = re.compile(
    r"`[^`]+`|`[^`]*`|\bmust\b|no plan |no flow |left a gap|found no optimum|found neither"
    r"|reached the limit|needs \w+, which is not installed|rescale|the rounding of the weights"
    r"|come from one library|equally many problems|a grid may have|a permutation needs"
    r"|method='\w+'|has no closed form|\bgot\b"
)
# What NumPy, SciPy, POT and Python say, and divkit never.
_FOREIGN = re.compile(
    r"broadcast together|setting an array element|not aligned|zero-size array|out of bounds"
    r"|has no attribute|unsupported operand|positional argument|cannot unpack|math domain"
    r"|object is not (callable|iterable|subscriptable)|truth value|ufunc|Python int too large"
    r"|cannot convert|not supported between|nan and nan"
)
_standard_error: int | None = None


class Hang(BaseException):
    """A call took longer than anybody waits; no handler of `Exception` may swallow this."""


class TheirError(Exception):
    """What a user's own callable raises: it must come through as it is."""


@dataclasses.dataclass
class Refused:
    """An error that was raised as errors are to be raised."""

    error: Exception

    def __bool__(self) -> bool:
        return False


def ask(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a call returns, or `Refused`; raise AssertionError for bad manners."""
    before = copy.deepcopy((args, kwargs))
    with warnings.catch_warnings(record=True) as leaked, deadline():
        warnings.simplefilter("always")
        try:
            answer = function(*args, **kwargs)
            answer = Refused(_other(answer)) if isinstance(answer, Exception) else answer
            parts = [] if isinstance(answer, Refused) else list(numbers(answer))
        except TheirError as error:
            answer, parts = Refused(error), []
        except Exception as error:
            require_voice(error)
            answer, parts = Refused(error), []
    assert not leaked, f"leaks {leaked[0].category.__name__}: {leaked[0].message}"
    for x in parts:
        assert not np.isnan(x).any(), f"answers with nan: {answer!r}"
    for given, kept in zip(_inputs((args, kwargs)), _inputs(before), strict=True):
        assert same(given, kept), f"changes its input from {kept!r} to {given!r}"
    return answer


def _other(answer: Any) -> Any:
    raise AssertionError(f"returns the exception {answer!r}")


def answer(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the answer to a valid input, which must not be refused."""
    found = ask(function, *args, **kwargs)
    if isinstance(found, Refused):
        name = getattr(function, "__name__", str(function))
        kind = type(found.error).__name__
        raise AssertionError(f"{name} refuses a valid input, {kind}: {found.error}")
    return found


def refusal(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Exception:
    """Return the error that an invalid input must raise."""
    found = ask(function, *args, **kwargs)
    assert isinstance(found, Refused), f"answers an invalid input with {found!r}"
    return found.error


def require_voice(error: Exception) -> None:
    """Raise AssertionError unless an error was raised by a statement of divkit, in its words."""
    what = f"{type(error).__name__}: {error}"
    if type(error) not in ERRORS:
        raise AssertionError(f"a foreign error, {what}, {_place(error)}") from error
    last = error.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    code = last.tb_frame.f_code
    own = code.co_filename.startswith(_HOUSE) and code.co_code[last.tb_lasti] == _RAISE
    message = str(error)
    # What is quoted from another library stands behind a colon.
    if not own or not _VOICE.search(message) or _FOREIGN.search(message.split(":")[0]):
        raise AssertionError(f"a foreign message, {what}, {_place(error)}") from error


def _place(error: Exception) -> str:
    """Return the innermost line of divkit that an error came through."""
    place, step = "outside divkit", error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if file.startswith(_HOUSE):
            place = f"at {file[len(_HOUSE) + 1 :]}:{step.tb_lineno}"
        step = step.tb_next
    return place


@contextmanager
def deadline(seconds: float = PATIENCE) -> Iterator[None]:
    """Raise `Hang` after so many seconds; end the process where nothing can be raised.

    Memory is limited meanwhile.
    """

    def late(*_: object) -> None:
        raise Hang(f"no answer within {seconds} s")

    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if _LINUX else 0
    most = pages * resource.getpagesize() + MEMORY if _LINUX else limits[0]
    resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
    previous = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    if _standard_error is not None:
        faulthandler.dump_traceback_later(END, exit=True, file=_standard_error)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        faulthandler.cancel_dump_traceback_later()
        resource.setrlimit(resource.RLIMIT_AS, limits)


def keep_standard_error() -> None:
    """Keep the standard error as it is now, before a test's output is captured."""
    global _standard_error
    if _standard_error is None:
        _standard_error = os.dup(sys.__stderr__.fileno())


def numbers(x: Any) -> Iterator[Any]:
    """Yield every array of numbers in an answer."""
    if isinstance(x, (bool, str, bytes, type(None), np.random.Generator)) or callable(x):
        return
    if isinstance(x, Transport):
        yield from (x.value, x.dual_value, x.gap, x.primal_residual, x.dual_residual)
        yield from (x.plan.data, x.f, x.g)
    elif isinstance(x, Batch):
        yield from (x.values, x.dual_values, x.gaps, x.primal_residuals, x.dual_residuals)
        yield from (x.f, x.g, x.plans)
    elif isinstance(x, (int, float, np.number)):
        yield np.asarray(x if isinstance(x, np.number) else float(x))
    elif isinstance(x, np.ndarray):
        if x.dtype.kind == "f":
            yield x
    elif sparse.issparse(x):
        yield x.data
    elif type(x).__module__.startswith("torch"):
        yield x.detach().double().numpy()
    elif isinstance(x, dict):
        for value in x.values():
            yield from numbers(value)
    elif isinstance(x, (list, tuple)):
        for value in x:
            yield from numbers(value)
    elif dataclasses.is_dataclass(x):
        for field in dataclasses.fields(x):
            yield from numbers(getattr(x, field.name))


def _inputs(x: Any) -> Iterator[Any]:
    if sparse.issparse(x):
        yield from (part for part in vars(x).values() if isinstance(part, np.ndarray))
    elif isinstance(x, np.ndarray):
        yield x
    elif type(x).__module__ == "torch":
        yield np.array(x.detach().tolist())
    elif isinstance(x, dict):
        for value in x.values():
            yield from _inputs(value)
    elif isinstance(x, (list, tuple)):
        for value in x:
            yield from _inputs(value)


def same(x: Any, y: Any) -> bool:
    """Return whether two arrays hold the same, nan included."""
    if x.dtype != y.dtype or x.shape != y.shape:
        return False
    if x.dtype.kind == "O":
        return repr(x.tolist()) == repr(y.tolist())
    return x.tobytes() == y.tobytes()


def text(x: Any) -> str:
    """Return an input as Python text that makes it again."""
    if isinstance(x, np.ndarray):
        kind = "" if x.dtype == np.float64 else f", {x.dtype.str!r}"
        values = re.sub(r"\b(inf|nan)\b", r"np.\1", repr(x.tolist()))
        return f"np.array({values}{kind})"
    if sparse.issparse(x):
        coordinates = x.tocoo()
        entries = ", ".join(text(part) for part in (coordinates.data, *coordinates.coords))
        return f"{x.format} {x.shape} of {entries}"
    if isinstance(x, dict):
        return "{" + ", ".join(f"{key!r}: {text(value)}" for key, value in x.items()) + "}"
    if isinstance(x, tuple):
        return "(" + ", ".join(map(text, x)) + ("," if len(x) == 1 else "") + ")"
    if isinstance(x, list):
        return "[" + ", ".join(map(text, x)) + "]"
    if isinstance(x, float) and not math.isfinite(x):
        return f"np.{x}".replace("np.-", "-np.")
    return repr(x)
