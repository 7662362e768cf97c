"""Arrays from files: every format, and one line about what cannot be read."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from divkit.cli import _files

MATRIX = np.array([[1.0, 2.5], [3.0, 4.0], [0.0, 1e-3]])


def test_binary_files_come_back_as_they_are(tmp_path):
    counts = np.arange(6).reshape(2, 3)
    np.save(tmp_path / "counts.npy", counts)
    np.savez(tmp_path / "one.npz", counts=counts)
    np.savez(tmp_path / "two.npz", p=MATRIX, q=counts)
    for given in ("counts.npy", "one.npz", "one.npz:counts", "two.npz:q"):
        found = _files.read(str(tmp_path / given))
        assert found.dtype == counts.dtype
        np.testing.assert_array_equal(found, counts)
    np.testing.assert_array_equal(_files.read(str(tmp_path / "two.npz:p")), MATRIX)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain.csv", "1,2.5\n3,4\n0,1e-3\n"),
        ("header.csv", "first,second\n1,2.5\n3,4\n0,1e-3\n"),
        ("quoted.csv", '"first","second"\n"1","2.5"\n3,"4"\n0,1e-3\n'),
        ("no-index.csv", ",second\n1,2.5\n3,4\n0,1e-3\n"),
        ("spaced.CSV", "\ufeff1, 2.5\r\n3, 4\r\n\r\n0, 1e-3"),
        ("plain.txt", "1 2.5\n3\t4\n0 1e-3\n"),
        ("comments.txt", "# two columns\n1 2.5\n3 4  # the second\n\n0 1e-3\n"),
    ],
)
def test_text_is_read_as_a_matrix(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(_files.read(str(tmp_path / name)), MATRIX)


def test_text_keeps_rows_and_columns_apart(tmp_path):
    (tmp_path / "row.csv").write_text("1,2,3")
    (tmp_path / "column.csv").write_text("1\n2\n3")
    assert _files.read(str(tmp_path / "row.csv")).shape == (1, 3)
    assert _files.read(str(tmp_path / "column.csv")).shape == (3, 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"[1]", "must end in one of .npy, .npz, .csv, .txt"),
        ("a.npy", b"", "must hold arrays of numbers"),
        ("a.npy", b"not an array at all", "must hold arrays of numbers"),
        ("a.npz", b"PK\x03\x04 and then rubbish", "must hold arrays of numbers"),
        ("a.csv", b"", "got an empty file"),
        ("a.csv", b"p,q\n", "got 'p' in line 1, column 1: only the first line"),
        ("a.csv", b"p,q\nr,s\n", "got 'r' in line 2, column 1: only the first line"),
        ("a.csv", b"1,2\n3,x\n", "separated by commas, got 'x' in line 2, column 2"),
        ("a.csv", b"0.4,,0.1\n1,2,3\n", "got none in line 1, column 2: fill the gap"),
        ("a.csv", b"0.4,O.1,0.1\n1,2,3\n", "got 'O.1' in line 1, column 2"),
        ("a.csv", b"p,q\n\n1,2\n3, \n", "got none in line 4, column 2"),
        ("a.csv", b",\n1,2\n", "got none in line 1, column 1"),
        ("a.csv", b"a title\n1,2\n", "got 'a title' in line 1, column 1"),
        ("a.csv", b'"0.5,0.3\n0.2,0.1\n', "got '0.5,0.3' in line 1"),
        ("a.csv", b"1_0,2\n3,4\n", "got '1_0' in line 1"),
        ("a.csv", b"0,5;1,5\n", "put commas for semicolons"),
        ("a.csv", b"0.5 1.5\n", r"call it \.txt"),
        ("a.csv", b"1,2\n" + b"x" * 500 + b",3", r"got 'x{40}…' in line 2"),
        ("a.csv", b"1,2\n" + b"word " * 30 + b",3", r"got '(word ){7}word…' in line 2"),
        ("a.csv", b"1,2\n3\n", "equally many in each line, got 2 in line 1 and 1 in line 2"),
        ("a.csv", b"\x00\x01,2\n", r"got '\\x00\\x01' in line 1"),
        ("a.csv", gzip.compress(b"1,2", mtime=0), "must be text in UTF-8"),
        ("a.csv", "1,2".encode("utf-16"), "must be text in UTF-8"),
        ("a.txt", b"# nothing\n", "got an empty file"),
        ("a.txt", b"1,2\n", r"separated by white space, got '1,2' .* call it \.csv"),
        ("a.txt", b"\xff\xfe\x00", "must be text in UTF-8"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        _files.read(str(tmp_path / name))
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def header(shape, dtype="<f8"):
    """Return the header of a .npy file, without what should follow."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header((10**9,)), r"at most 25,000,000 entries, got shape \(1000000000,\)"),
        (header((10**30, 2)), r"at most 25,000,000 entries"),
        (header((10**12, 0)), r"at most 25,000,000 entries"),
        (header((-5,)), "damaged or something else"),
        (header((1000,)), "the 8,000 bytes that its header promises, got 0"),
        (header((3,)) + bytes(16), "the 24 bytes that its header promises, got 16"),
        (header((3,))[:40], "damaged or something else"),
        (header((3,), [("p", "<f8")]) + bytes(24), r"got dtype \[\('p', '<f8'\)\]"),
        (b"no array", "damaged or something else"),
    ],
)
def test_headers_are_looked_at_before_arrays_are_read(tmp_path, suffix, content, message):
    path = tmp_path / f"a{suffix}"
    if suffix == ".npz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", content)
    else:
        path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ValueError, match=message) as caught:
        _files.read(str(path))
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
    assert str(path) in str(caught.value)


def altered(content, changes):
    content = bytearray(content)
    for place, byte in changes.items():
        content[place] = byte
    return bytes(content)


def test_broken_archives_are_named(tmp_path):
    np.savez(tmp_path / "good.npz", p=MATRIX)
    good = (tmp_path / "good.npz").read_bytes()
    entry = good.find(b"PK\x01\x02")  # of the directory at the end
    for content, message in (
        (altered(good, {6: good[6] | 1, entry + 8: good[entry + 8] | 1}), "must not be encrypted"),
        (altered(good, {8: 99, entry + 10: 99}), "damaged or something else"),
        (altered(good, {entry - 3: good[entry - 3] ^ 255}), "damaged or something else"),
        (good[:-30], "damaged or something else"),
        (good[: len(good) // 2], "damaged or something else"),
    ):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            _files.read(str(tmp_path / "bad.npz"))


def test_text_may_be_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "_LONGEST", 4)
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    with pytest.raises(ValueError, match="at most 0 MiB of text"):
        _files.read(str(tmp_path / "a.csv"))


def test_pickled_objects_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", objects=np.array([{"a": 1}]))
    for name in ("objects.npy", "objects.npz"):
        with pytest.raises(ValueError, match="must hold arrays of numbers"):
            _files.read(str(tmp_path / name))


def test_missing_files_and_arrays_are_named(tmp_path):
    np.savez(tmp_path / "two.npz", p=MATRIX, q=MATRIX)
    np.savez(tmp_path / "none.npz")
    for given, message in (
        ("absent.npy", "there is none"),
        ("two.npz", "got p, q: choose with"),
        ("two.npz:r", "must name an array of the file, got p, q"),
        ("none.npz", "got none"),
    ):
        with pytest.raises(ValueError, match=message):
            _files.read(str(tmp_path / given))
