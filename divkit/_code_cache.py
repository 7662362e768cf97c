"""Where machine code is kept for the next process: in which folder, under which name.

A folder holds the code made from one state of all the sources, by one version of the compiler, so
that code cannot be older than what it was made from. It is beside the package, or else in the
user's cache, or else among temporary files; `NUMBA_CACHE_DIR` comes before them all.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.resources
import logging
import os
import shutil
import stat
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from types import ModuleType

_DIGEST = hashlib.sha256().digest_size
# Seconds after which a folder that no process has used is one of a version that is gone.
_UNUSED = 30 * 24 * 3600.0
_log = logging.getLogger("divkit")


class Store:
    """Files in a folder, found by name, each with a checksum.

    Whatever goes wrong with a file, it is as good as not there.

    Parameters
    ----------
    target : Path or None
        Where files are written; nowhere if None.
    sources : tuple of Path
        Where they are read, the first that has one.
    """

    def __init__(self, target: Path | None, sources: tuple[Path, ...]) -> None:
        self.target, self.sources = target, sources

    def read(self, name: str) -> bytes | None:
        """Return what was written under a name; None if there is nothing, or not all of it."""
        for folder in self.sources:
            try:
                content = (folder / name).read_bytes()
            except OSError:
                continue
            if hashlib.sha256(content[_DIGEST:]).digest() == content[:_DIGEST]:
                return content[_DIGEST:]
        return None

    def write(self, name: str, content: bytes) -> None:
        """Keep `content` under a name, if that can be done."""
        if self.target is None:
            return
        # Under a name of its own first: others see all of a file or nothing.
        part = self.target / f"{name}.{uuid.uuid4().hex[:12]}"
        try:
            self.target.mkdir(parents=True, exist_ok=True)  # it may have been removed meanwhile
            try:
                part.write_bytes(hashlib.sha256(content).digest() + content)
                part.replace(self.target / name)
            except BaseException:
                with contextlib.suppress(OSError):
                    part.unlink()
                raise
        except OSError as error:
            _log.debug("machine code is not kept: %s", error)


def find(versions: tuple[str, ...], given: str = "") -> Store:
    """Return where to keep code made by these versions of the compiler.

    Parameters
    ----------
    versions : tuple of str
        Code made by others cannot be used.
    given : str
        A folder that the user has named, or nothing.
    """
    package = Path(str(_package().__file__)).parent
    name = f"{_prefix()}-{_digest(*versions, sys.version)[:8]}-{_digest(*_sources())[:16]}"
    beside = package / "__pycache__" / name
    if given and (folder := _ready(Path(given) / "divkit" / name)):
        return Store(folder, (folder,))
    if package.is_dir() and (folder := _ready(beside, only=True)):
        return Store(folder, (folder,))
    # What somebody with more rights has compiled beside the package can be read at least.
    compiled = (beside,) if beside.is_dir() else ()
    cache = _user_cache()
    if cache and (folder := _ready(cache / "divkit" / name)):
        return Store(folder, (folder, *compiled))
    temporary = _temporary()
    folder = _ready(temporary / name) if temporary else None
    _log.warning(
        "machine code is %s, since neither %s nor %s can be written: set NUMBA_CACHE_DIR to a "
        "folder that can, or loops are compiled, for some seconds each, %s",
        f"kept in {folder}" if folder else "not kept",
        beside.parent,
        cache or "a cache of the user",
        "whenever temporary files are gone" if folder else "in every process",
    )
    return Store(folder, (folder, *compiled) if folder else compiled)


def _package() -> ModuleType:
    return sys.modules["divkit"]


def _prefix() -> str:
    return f"compiled-{sys.implementation.cache_tag}"


def _digest(*parts: str | bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return found.hexdigest()


def _sources() -> Iterator[str | bytes]:
    """Yield names and contents of all source files, in order; the version at least."""
    yield str(_package().__version__)
    # What is frozen into an executable has none.
    with contextlib.suppress(OSError, TypeError, ImportError):
        yield from _files(importlib.resources.files(_package()))


def _files(folder: Traversable) -> Iterator[str | bytes]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".py"):
            yield entry.name
            yield entry.read_bytes()
        elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
            yield entry.name
            yield from _files(entry)


def _ready(folder: Path, *, only: bool = False) -> Path | None:
    """Return the folder, which is made if it is not there; None if nothing can be written to it.

    Where this installation is the `only` one that keeps anything there, a new folder takes the
    place of those of earlier sources.
    """
    try:
        new = not folder.is_dir()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        os.utime(folder)  # used today
    except OSError:
        return None
    if new:
        _clear(folder, only)
    return folder


def _clear(folder: Path, only: bool) -> None:
    """Remove folders of other sources, and those that nobody has used for long."""
    compiler = folder.name.rpartition("-")[0]
    with contextlib.suppress(OSError):
        for other in folder.parent.glob(f"{_prefix()}-*"):
            earlier = only and other.name.rpartition("-")[0] == compiler
            if other != folder and (earlier or time.time() - other.stat().st_mtime > _UNUSED):
                shutil.rmtree(other, ignore_errors=True)


def _user_cache() -> Path | None:
    """Return the folder for what a user's programs keep; None if the user has no home."""
    given = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    if given and Path(given).is_absolute():
        return Path(given)
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if not home.is_dir():
        return None
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache")


def _temporary() -> Path | None:
    """Return a folder among temporary files that nobody else can write to."""
    try:
        temporary = Path(tempfile.gettempdir())
        if not hasattr(os, "geteuid"):
            return temporary / "divkit"
        folder = temporary / f"divkit-{os.geteuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    # Code is executed: a folder that another user has put there is no place for it.
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return folder if private and not found.st_mode & 0o022 else None
