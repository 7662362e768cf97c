"""Compilation of loops with numba; every compiled function of the package is made here.

Compiled code is cached on disk by `divkit._code_cache`.
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
    """Compile the decorated function, by default with ``nogil`` and NumPy's error model.

    Parameters
    ----------
    function : function
        A function of numbers and arrays. If omitted, a decorator is returned.
    signature : numba signature, optional
        The only signature, compiled immediately. By default signatures are compiled as called.
    keep : bool
        Whether to cache the code on disk; to be disabled for functions created at run time.
    **options : object
        Other options of `numba.njit`.
    """
    if function is None:
        return functools.partial(compiled, signature=signature, keep=keep, **options)
    loop = numba.njit(**({"nogil": True, "error_model": "numpy"} | options))(function)
    if loop is not function:  # with NUMBA_DISABLE_JIT, njit returns the function itself
        loop._cache = _Cache(function, keep)
        if signature is not None:
            loop.compile(signature)
            loop.disable_compile()
    return loop


def intrinsic(plain: Any) -> Any:
    """Return `numba.extending.intrinsic` as a decorator of functions that generate code.

    With NUMBA_DISABLE_JIT, the decorator returns `plain` instead, an equivalent Python function.
    """
    return (lambda function: plain) if numba.config.DISABLE_JIT else extending.intrinsic


def record(fields: list[tuple[str, Any]]) -> Any:
    """Return a structured dtype of records whose fields loops access as attributes."""
    found = np.dtype(fields, align=True)
    return np.dtype((_Record, found)) if numba.config.DISABLE_JIT else found


class _Record(np.void):  # type: ignore[misc]  # np.void is not final at run time
    """A record with fields as attributes, which override those of NumPy scalars, e.g. `size`."""

    def __getattribute__(self, name: str) -> Any:
        fields = np.void.__getattribute__(self, "dtype").fields
        return self[name] if name in fields else np.void.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class _Cache:
    """The cache of one function, with the methods that numba's dispatcher calls."""

    cache_path = None

    def __init__(self, function: Any, keep: bool) -> None:
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._code = function.__code__
        self._store = _store() if keep else _code_cache.Store(None, ())

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the cached result of compilation for the signature, None if there is none."""
        if not self._store.sources:
            _announce()
            return None
        context.refresh()
        found = None
        # A cache entry that cannot be used, for whatever reason, is treated as missing.
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
        """Cache the result of compilation for the signature; failures are only logged."""
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
        """Return the key of cached code: function, bytecode, signature and processor."""
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
    """Log once that the following compilation takes time."""
    _log.info("compiling loops, which takes seconds at the first call")


# Numba and LLVM each hold a global lock while compiling, which a fork must not leave locked.
with contextlib.suppress(AttributeError):
    for _lock in (compiler_lock.global_compiler_lock, ffi.lib._lock):
        _forks.hold(_lock.__enter__, functools.partial(_lock.__exit__, None, None, None))
