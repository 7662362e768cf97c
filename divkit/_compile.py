"""How loops are compiled: every compiled function of the package goes through here.

What numba compiles for a function that has a cache is kept by `divkit._code_cache`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import pickle
from typing import Any

import llvmlite
import numba
import numpy as np
from llvmlite.binding import ffi
from numba import extending
from numba.core import compiler, compiler_lock, serialize

from divkit import _code_cache, _forks

_log = logging.getLogger("divkit")


def compiled(
    function: Any = None, *, signature: Any = None, keep: bool = True, **options: Any
) -> Any:
    """Compile the decorated function, which releases the GIL and raises no arithmetic errors.

    Parameters
    ----------
    function : function
        Of numbers and arrays. Where it is left out, the decorator is returned.
    signature : numba signature, optional
        The only one to compile, which is done at once; those of the calls if it is left out.
    keep : bool
        Whether to keep the code for other processes: of functions of a module, not of those that
        are made at run time.
    **options : object
        Other options of `numba.njit`.
    """
    if function is None:
        return functools.partial(compiled, signature=signature, keep=keep, **options)
    loop = numba.njit(**({"nogil": True, "error_model": "numpy"} | options))(function)
    if loop is not function:  # as it is where numba is told not to compile
        loop._cache = _Cache(function, keep)
        if signature is not None:
            loop.compile(signature)
            loop.disable_compile()
    return loop


def intrinsic(plain: Any) -> Any:
    """Return a decorator of functions that generate code, for loops that call their result.

    Where numba is told not to compile, loops call `plain`, which does the same.
    """
    return (lambda function: plain) if numba.config.DISABLE_JIT else extending.intrinsic


def record(fields: list[tuple[str, Any]]) -> Any:
    """Return the data type of records, the fields of which loops get and set as attributes."""
    found = np.dtype(fields, align=True)
    return np.dtype((_Record, found)) if numba.config.DISABLE_JIT else found


class _Record(np.void):  # type: ignore[misc]  # which is not final at run time
    """A record with its fields as attributes, those that other scalars have too (`size`) first."""

    def __getattribute__(self, name: str) -> Any:
        fields = np.void.__getattribute__(self, "dtype").fields
        return self[name] if name in fields else np.void.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class _Cache:
    """What numba asks for code of a function that may be there, and gives what it has compiled."""

    cache_path = None

    def __init__(self, function: Any, keep: bool) -> None:
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._code = function.__code__
        self._store = _store() if keep else _code_cache.Store(None, ())

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return what was compiled for the signature; None if there is nothing."""
        if not self._store.sources:
            _announce()
            return None
        context.refresh()
        found = None
        # A file that cannot be read, for whatever reason, is as good as none.
        try:
            key = self._key(signature, context.codegen())
            content = self._store.read(self._file(signature, key))
            if content is not None:
                of, code = pickle.loads(content)
                if of == key:
                    found = compiler.CompileResult._rebuild(context, *code)
        except Exception as error:
            _log.debug("kept machine code of %s cannot be used: %r", self._name, error)
        if found is None:
            _announce()
        return found

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep what was compiled for the signature, if that can be done."""
        if self._store.target is None:
            return
        try:
            if result.lifted or result.library.has_dynamic_globals:
                return
            key = self._key(signature, result.codegen)
            content = serialize.dumps((key, result._reduce()))
            self._store.write(self._file(signature, key), content)
        except Exception as error:
            _log.debug("machine code of %s cannot be kept: %r", self._name, error)

    def _key(self, signature: Any, codegen: Any) -> tuple[Any, ...]:
        """Return what code is kept under: what it was made from, for which processor."""
        source = hashlib.sha256(self._code.co_code).hexdigest()
        place = self._name, self._code.co_firstlineno, source
        return (*place, signature, codegen.magic_tuple())

    def _file(self, signature: Any, key: tuple[Any, ...]) -> str:
        told = repr((*key[:3], str(signature), key[-1]))
        return f"{self._name.replace('<', '').replace('>', '')}-{_short(told)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def _store() -> _code_cache.Store:
    versions = numba.__version__, llvmlite.__version__, np.__version__
    return _code_cache.find(versions, numba.config.CACHE_DIR)


@functools.cache
def _announce() -> None:
    """Say, once, that what comes takes time."""
    _log.info("compiling loops, which takes seconds at the first call")


# Numba compiles in one thread at a time, and so does LLVM inside.
with contextlib.suppress(AttributeError):
    for _lock in (compiler_lock.global_compiler_lock, ffi.lib._lock):
        _forks.hold(_lock.__enter__, functools.partial(_lock.__exit__, None, None, None))
