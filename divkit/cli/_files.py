"""Reading arrays from .npy, .npz, .csv and .txt files, with one-line error messages."""

from __future__ import annotations

import csv
import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

SUFFIXES = (".npy", ".npz", ".csv", ".txt")

_LARGEST = 25_000_000  # entries of an array (200 MB), checked in its header before reading
_LONGEST = 1 << 29  # bytes of text
_SHOWN = 40  # characters of an invalid cell to show in a message


def read(given: str) -> NDArray[Any]:
    """Return the array that a file holds.

    Text is read as a matrix, one line of it as one row: numbers separated by commas in a .csv,
    by white space in a .txt, where ``#`` starts a comment. The first line of a .csv may be a
    header, which has no number in it.

    Parameters
    ----------
    given : str
        A path, or ``FILE.npz:NAME`` for one array of several.

    Raises
    ------
    ValueError
        If there is no such file, it does not hold a single array of numbers, or it exceeds
        25,000,000 entries or, as text, 512 MiB.
    """
    file, name = _split(given)
    suffix = Path(file).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"`{given}` must end in one of {', '.join(SUFFIXES)}: convert it, for example with "
            "`numpy.save`"
        )
    if not Path(file).is_file():
        raise ValueError(f"`{file}` must be a file, but there is none of that name")
    if suffix in (".csv", ".txt"):
        return _read_text(file, "," if suffix == ".csv" else None)
    try:
        with open(file, "rb") as stream:
            if zipfile.is_zipfile(stream):
                return _from_archive(stream, file, name)
            stream.seek(0)
            return _from_stream(stream, file, Path(file).stat().st_size)
    except _RefusalError as refusal:
        raise ValueError(str(refusal)) from None
    except OSError as error:
        if error.filename is not None:  # opening failed: not an error in the content
            raise
        raise ValueError(_damaged(file)) from error
    except Exception as error:
        # On corrupt data the readers of NumPy and zipfile can raise any exception.
        raise ValueError(_damaged(file)) from error


class _RefusalError(Exception):
    """A file is rejected; the message is the reason given to the user."""


def _damaged(file: str) -> str:
    return (
        f"`{file}` must hold arrays of numbers as numpy.save writes them, but it is damaged or "
        "something else: write it again"
    )


def _split(given: str) -> tuple[str, str | None]:
    """Return file and array name of ``FILE.npz:NAME``; other colons belong to the path."""
    file, colon, name = given.rpartition(":")
    return (file, name) if colon and file.lower().endswith(".npz") else (given, None)


def _from_archive(stream: IO[bytes], file: str, name: str | None) -> NDArray[Any]:
    with zipfile.ZipFile(stream) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        listed = ", ".join(members) or "none"
        if name is None and len(members) != 1:
            raise _RefusalError(
                f"`{file}` must hold one array, got {listed}: choose with {file}:NAME"
            )
        if name is not None and name not in members:
            raise _RefusalError(f"`{file}:{name}` must name an array of the file, got {listed}")
        member = members[next(iter(members)) if name is None else name]
        if member.flag_bits & 1:
            raise _RefusalError(
                f"`{file}` must not be encrypted: unpack it with its password, and give the .npy"
            )
        with archive.open(member) as data:
            return _from_stream(data, file, member.file_size)


def _from_stream(stream: IO[bytes], file: str, size: int) -> NDArray[Any]:
    """Return the array, after validating dtype, size and length from its header."""
    version = np.lib.format.read_magic(stream)
    header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if header is None:  # version 3.0 is only used for structured dtypes
        raise _RefusalError(_not_numbers(file, "fields with names"))
    shape, _, dtype = header(stream)
    # Object arrays are rejected: unpickling them can execute arbitrary code.
    if dtype.hasobject or dtype.names is not None:
        raise _RefusalError(_not_numbers(file, f"dtype {dtype}"))
    entries = math.prod(shape)
    if max(entries, *shape, 0) > _LARGEST:
        raise _RefusalError(
            f"`{file}` must hold at most {_LARGEST:,} entries, got shape {shape}: use coarser bins "
            "or fewer points"
        )
    promised, held = entries * dtype.itemsize, size - stream.tell()
    if held < promised:
        raise _RefusalError(
            f"`{file}` must hold the {promised:,} bytes that its header promises, got {held:,}: it "
            "was cut off, write it again"
        )
    stream.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _not_numbers(file: str, given: str) -> str:
    return (
        f"`{file}` must hold arrays of numbers as numpy.save writes them, got {given}: save each "
        "as an array of floats"
    )


def _read_text(file: str, delimiter: str | None) -> NDArray[Any]:
    size = Path(file).stat().st_size
    if size > _LONGEST:
        raise ValueError(
            f"`{file}` must hold at most {_LONGEST >> 20} MiB of text, got {size >> 20} MiB: use "
            "coarser bins or fewer points"
        )
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"`{file}` must be text in UTF-8: save it as such, or if it is no text, with its own "
            "ending"
        ) from error
    lines = {
        number: line
        for number, line in enumerate(text.splitlines(), start=1)
        if line.partition("#")[0].strip()
    }
    if not lines:
        raise ValueError(f"`{file}` must hold numbers, got an empty file")
    if delimiter and _has_header([_cells(line, delimiter) for line in list(lines.values())[:2]]):
        del lines[next(iter(lines))]
    try:
        return np.loadtxt(list(lines.values()), delimiter=delimiter, ndmin=2, quotechar='"')
    except ValueError as error:
        separator, wrong = "commas" if delimiter else "white space", _wrong(lines, delimiter, error)
        raise ValueError(f"`{file}` must hold numbers separated by {separator}, {wrong}") from error


def _beginning(cell: str) -> str:
    """Return the first words of a long cell, or the first characters of a long word."""
    start = cell[:_SHOWN]
    return f"{start.rpartition(' ')[0] or start}…"


def _has_header(first: list[list[str]]) -> bool:
    """Return whether the first of two lines is a header: as many cells as the second, no number."""
    return (
        len(first) == 2
        and len(first[0]) == len(first[1])
        and any(first[0])
        and not any(map(_is_number, first[0]))
    )


def _wrong(lines: dict[int, str], delimiter: str | None, error: ValueError) -> str:
    """Describe and locate the first cell that is no number, or the first line of other length."""
    before: tuple[int, int] | None = None
    for number, line in lines.items():
        cells = _cells(line, delimiter)
        for column, cell in enumerate(cells, start=1):
            if _is_number(cell):
                continue
            where = f"in line {number}, column {column}"
            if not cell:
                return f"got none {where}: fill the gap, or leave out the line"
            shown = repr(cell if len(cell) <= _SHOWN else _beginning(cell))
            return f"got {shown} {where}: {_remedy(cell, delimiter)}"
        if before is not None and len(cells) != before[1]:
            return (
                f"equally many in each line, got {before[1]} in line {before[0]} and {len(cells)} "
                f"in line {number}"
            )
        before = number, len(cells)
    return f"got what NumPy cannot read: {str(error).split(';')[0].rstrip('.')}"


def _remedy(cell: str, delimiter: str | None) -> str:
    if delimiter and ";" in cell:
        return "put commas for semicolons, and points for decimal commas"
    if delimiter and len(cell.split()) > 1 and all(map(_is_number, cell.split())):
        return "call it .txt if white space is between the numbers"
    if not delimiter and "," in cell:
        return "call it .csv if commas are between the numbers"
    return "only the first line of a .csv may be without numbers, names of as many columns"


def _cells(line: str, delimiter: str | None) -> list[str]:
    line = line.partition("#")[0]
    if delimiter is None:
        return line.split()
    (cells,) = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
    return [cell.strip() for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python accepts underscores in numbers, NumPy does not
