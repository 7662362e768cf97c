"""Arrays from files: .npy, .npz, .csv and .txt, with one clear line about what cannot be read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUFFIXES = (".npy", ".npz", ".csv", ".txt")


def read(given: str) -> NDArray[Any]:
    """Return the array that a file holds.

    Text is read as a matrix, one line of it as one row: numbers separated by commas in a .csv,
    by white space in a .txt, where ``#`` starts a comment. The first line of a .csv may be a
    header.

    Parameters
    ----------
    given : str
        A path, or ``FILE.npz:NAME`` for one array of several.

    Raises
    ------
    ValueError
        If there is no such file or it does not hold one array of numbers.
    """
    file, name = _split(given)
    suffix = Path(file).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"`{given}` must end in one of {', '.join(SUFFIXES)}")
    if not Path(file).is_file():
        raise ValueError(f"`{file}` must be a file, but there is none of that name")
    if suffix in (".csv", ".txt"):
        return _read_text(file, "," if suffix == ".csv" else None)
    try:
        with open(file, "rb") as stream:  # given a path, NumPy leaves a broken archive open
            # Pickled objects are refused: reading them would run whatever code they hold.
            loaded = np.load(stream, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else _member(loaded, file, name)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        if str(error).startswith("`"):  # ours already
            raise
        raise ValueError(
            f"`{file}` must hold arrays of numbers as numpy.save writes them"
        ) from error


def _split(given: str) -> tuple[str, str | None]:
    """Return file and array name of ``FILE.npz:NAME``; other colons belong to the path."""
    file, colon, name = given.rpartition(":")
    return (file, name) if colon and file.lower().endswith(".npz") else (given, None)


def _member(archive: Any, file: str, name: str | None) -> NDArray[Any]:
    with archive:
        names = archive.files
        if name is None and len(names) != 1:
            raise ValueError(
                f"`{file}` must hold one array, got {_listed(names)}: choose with {file}:NAME"
            )
        if name is not None and name not in names:
            raise ValueError(
                f"`{file}:{name}` must name an array of the file, got {_listed(names)}"
            )
        array: NDArray[Any] = archive[names[0] if name is None else name]
        return array


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "none"


def _read_text(file: str, delimiter: str | None) -> NDArray[Any]:
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"`{file}` must be text in UTF-8") from error
    lines = [line for line in text.splitlines() if line.partition("#")[0].strip()]
    if delimiter and len(lines) > 1 and not _is_numeric(lines[0].split(delimiter)):
        lines = lines[1:]
    if not lines:
        raise ValueError(f"`{file}` must hold numbers, got an empty file")
    try:
        return np.loadtxt(lines, delimiter=delimiter, ndmin=2)
    except ValueError as error:
        separator = "commas" if delimiter else "white space"
        reason = str(error).split(";")[0].rstrip(".")  # NumPy goes on to advise its own callers
        raise ValueError(
            f"`{file}` must hold numbers separated by {separator}: {reason}"
        ) from error


def _is_numeric(fields: list[str]) -> bool:
    try:
        [float(field) for field in fields]
    except ValueError:
        return False
    return True
