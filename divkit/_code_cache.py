"""On-disk cache of compiled machine code: location, names and integrity of its files.

Each cache folder belongs to one state of all source files and one version of the compiler, so that
its code is never out of date. It is located beside the package, else in the user's cache directory,
else in the temporary directory; `NUMBA_CACHE_DIR` takes precedence over all of them.
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
# Seconds without use after which a folder is assumed to belong to a version no longer installed.
_UNUSED = 30 * 24 * 3600.0
_log = logging.getLogger("divkit")


class Store:
    """Files in folders, found by name, each with a checksum.

    A file that cannot be read or is corrupt is treated as missing.

    Parameters
    ----------
    target : Path or None
        Folder in which files are written; None disables writing.
    sources : tuple of Path
        Folders in which files are looked up, in this order.
    """

    def __init__(self, target: Path | None, sources: tuple[Path, ...]) -> None:
        self.target, self.sources = target, sources

    def read(self, name: str) -> bytes | None:
        """Return the content stored under a name; None if it is missing or corrupt."""
        for folder in self.sources:
            try:
                content = (folder / name).read_bytes()
            except OSError:
                continue
            if hashlib.sha256(content[_DIGEST:]).digest() == content[:_DIGEST]:
                return content[_DIGEST:]
        return None

    def write(self, name: str, content: bytes) -> None:
        """Store `content` under a name; failures are only logged."""
        if self.target is None:
            return
        # Write to a temporary name first, so that other processes never see a partial file.
        part = self.target / f"{name}.{uuid.uuid4().hex[:12]}"
        try:
            self.target.mkdir(parents=True, exist_ok=True)  # another process may have removed it
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
    """Return the store for code compiled with these versions of the compiler.

    Parameters
    ----------
    versions : tuple of str
        Versions of the packages that compiled code depends on.
    given : str
        A folder chosen by the user, or an empty string.
    """
    package = Path(str(_package().__file__)).parent
    name = f"{_prefix()}-{_digest(*versions, sys.version)[:8]}-{_digest(*_sources())[:16]}"
    beside = package / "__pycache__" / name
    if given and (folder := _ready(Path(given) / "divkit" / name)):
        return Store(folder, (folder,))
    if package.is_dir() and (folder := _ready(beside, only=True)):
        return Store(folder, (folder,))
    # Code that a user with more permissions has compiled beside the package can still be read.
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
    """Yield the version, and names and contents of all source files in a fixed order."""
    yield str(_package().__version__)
    # A package frozen into an executable has no source files.
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
    """Return the folder, created if necessary; None if it is not writable.

    With `only`, this installation is the only one that uses the parent folder, so a new folder
    replaces those of earlier states of the sources.
    """
    try:
        new = not folder.is_dir()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        os.utime(folder)  # mark as used, for `_clear`
    except OSError:
        return None
    if new:
        _clear(folder, only)
    return folder


def _clear(folder: Path, only: bool) -> None:
    """Remove folders that have long been unused and, with `only`, those of earlier sources."""
    compiler = folder.name.rpartition("-")[0]
    with contextlib.suppress(OSError):
        for other in folder.parent.glob(f"{_prefix()}-*"):
            earlier = only and other.name.rpartition("-")[0] == compiler
            if other != folder and (earlier or time.time() - other.stat().st_mtime > _UNUSED):
                shutil.rmtree(other, ignore_errors=True)


def _user_cache() -> Path | None:
    """Return the user's cache directory; None if the user has no home directory."""
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
    """Return a folder in the temporary directory that only this user can write to, else None."""
    try:
        temporary = Path(tempfile.gettempdir())
        if not hasattr(os, "geteuid"):
            return temporary / "divkit"
        folder = temporary / f"divkit-{os.geteuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    # Cached code is executed, so a folder that another user owns or can write to is unsafe.
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return folder if private and not found.st_mode & 0o022 else None
