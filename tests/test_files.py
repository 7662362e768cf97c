"""Arrays from files: every format, and one line about what cannot be read."""

from __future__ import annotations

import numpy as np
import pytest

from divkit import files

MATRIX = np.array([[1.0, 2.5], [3.0, 4.0], [0.0, 1e-3]])


def test_binary_files_come_back_as_they_are(tmp_path):
    counts = np.arange(6).reshape(2, 3)
    np.save(tmp_path / "counts.npy", counts)
    np.savez(tmp_path / "one.npz", counts=counts)
    np.savez(tmp_path / "two.npz", p=MATRIX, q=counts)
    for given in ("counts.npy", "one.npz", "one.npz:counts", "two.npz:q"):
        found = files.read(str(tmp_path / given))
        assert found.dtype == counts.dtype
        np.testing.assert_array_equal(found, counts)
    np.testing.assert_array_equal(files.read(str(tmp_path / "two.npz:p")), MATRIX)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain.csv", "1,2.5\n3,4\n0,1e-3\n"),
        ("header.csv", "first,second\n1,2.5\n3,4\n0,1e-3\n"),
        ("spaced.CSV", "\ufeff1, 2.5\r\n3, 4\r\n\r\n0, 1e-3"),
        ("plain.txt", "1 2.5\n3\t4\n0 1e-3\n"),
        ("comments.txt", "# two columns\n1 2.5\n3 4  # the second\n\n0 1e-3\n"),
    ],
)
def test_text_is_read_as_a_matrix(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(files.read(str(tmp_path / name)), MATRIX)


def test_text_keeps_rows_and_columns_apart(tmp_path):
    (tmp_path / "row.csv").write_text("1,2,3")
    (tmp_path / "column.csv").write_text("1\n2\n3")
    assert files.read(str(tmp_path / "row.csv")).shape == (1, 3)
    assert files.read(str(tmp_path / "column.csv")).shape == (3, 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"[1]", "must end in one of .npy, .npz, .csv, .txt"),
        ("a.npy", b"", "must hold arrays of numbers"),
        ("a.npy", b"not an array at all", "must hold arrays of numbers"),
        ("a.npz", b"PK\x03\x04 and then rubbish", "must hold arrays of numbers"),
        ("a.csv", b"", "got an empty file"),
        ("a.csv", b"p,q\n", "separated by commas: could not convert string 'p'"),
        ("a.csv", b"1,2\n3,x\n", "separated by commas: could not convert string 'x'"),
        ("a.csv", b"1,2\n3\n", "number of columns changed from 2 to 1"),
        ("a.txt", b"# nothing\n", "got an empty file"),
        ("a.txt", b"1,2\n", "separated by white space"),
        ("a.txt", b"\xff\xfe\x00", "must be text in UTF-8"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        files.read(str(tmp_path / name))
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pickled_objects_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", objects=np.array([{"a": 1}]))
    for name in ("objects.npy", "objects.npz"):
        with pytest.raises(ValueError, match="must hold arrays of numbers"):
            files.read(str(tmp_path / name))


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
            files.read(str(tmp_path / given))
