"""Machine code from one process to the next, or without a place to keep it."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import divkit
from divkit import _code_cache

# --- the files ---


@pytest.fixture
def store(tmp_path):
    return _code_cache.Store(tmp_path / "code", (tmp_path / "code",))


def test_what_is_written_is_read(store):
    assert store.read("name") is None
    store.write("name", b"code")
    store.write("other", b"")
    assert store.read("name") == b"code"
    assert store.read("other") == b""
    store.write("name", b"newer")
    assert store.read("name") == b"newer"
    assert sorted(file.name for file in store.target.iterdir()) == ["name", "other"]


@pytest.mark.parametrize("damage", [lambda x: x[:-1], lambda x: x[:20], lambda x: b"", bytes.upper])
def test_a_damaged_file_is_none(store, damage):
    store.write("name", b"code")
    file = store.target / "name"
    file.write_bytes(damage(file.read_bytes()))
    assert store.read("name") is None
    store.write("name", b"code")
    assert store.read("name") == b"code"


def test_a_folder_that_is_removed_comes_back(store):
    store.write("name", b"code")
    shutil.rmtree(store.target)
    assert store.read("name") is None
    store.write("name", b"code")
    assert store.read("name") == b"code"


def test_where_nothing_can_be_written_nothing_is(tmp_path):
    (tmp_path / "file").touch()
    store = _code_cache.Store(tmp_path / "file" / "code", (tmp_path / "file" / "code",))
    store.write("name", b"code")
    assert store.read("name") is None
    full = _code_cache.Store(tmp_path, (tmp_path,))
    (tmp_path / "name").mkdir()  # what cannot be replaced
    full.write("name", b"code")
    assert full.read("name") is None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "name"]
    _code_cache.Store(None, ()).write("name", b"code")


# --- the folder ---


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return the folder of a package of one file, with caches of its own."""
    package = tmp_path / "site" / "divkit"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("a = 1\n")
    monkeypatch.setattr(divkit, "__file__", str(package / "__init__.py"))
    monkeypatch.setattr(_code_cache.importlib.resources, "files", lambda _: package)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return package


def found(versions=("1",), given=""):
    return _code_cache.find(versions, given).target


def test_it_is_beside_the_package_and_belongs_to_its_sources(package):
    folder = found()
    assert folder.parent == package / "__pycache__"
    (folder / "code").touch()
    assert found() == folder
    assert (folder / "code").exists()
    (package / "more.py").write_text("b = 2\n")
    other = found()
    assert other != folder
    assert not folder.exists()  # nobody can use it any more
    (package / "more.py").rename(package / "most.py")
    assert found() not in (folder, other)


def test_other_versions_have_folders_of_their_own_as_long_as_they_are_used(package):
    first, second = found(("1",)), found(("2",))
    assert first != second
    (package / "more.py").touch()
    third = found(("1",))
    assert not first.exists()
    assert second.exists()
    long_ago = time.time() - 40 * 24 * 3600
    os.utime(second, (long_ago, long_ago))
    fourth = found(("3",))
    assert sorted((package / "__pycache__").iterdir()) == sorted([third, fourth])


def test_a_folder_that_the_user_names_comes_first(package, tmp_path):
    folder = found(given=str(tmp_path / "named"))
    assert folder.parents[1] == tmp_path / "named"
    (package / "more.py").touch()
    found(given=str(tmp_path / "named"))
    assert folder.exists()  # other installations may keep theirs there
    (tmp_path / "file").touch()
    assert found(given=str(tmp_path / "file")).parent == package / "__pycache__"


def test_the_next_best_is_the_cache_of_the_user(package, tmp_path, caplog):
    (package / "__pycache__").touch()  # where no folder can be made, even by root
    assert found().parents[1] == tmp_path / "cache"
    assert not caplog.records


def test_the_last_is_among_temporary_files_and_private(package, tmp_path, caplog):
    (package / "__pycache__").touch()
    (tmp_path / "cache").touch()
    folder = found()
    assert folder.parents[1] == tmp_path / "temporary"
    assert str(folder) in caplog.text
    if hasattr(os, "geteuid"):
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
        folder.parent.chmod(0o777)
        caplog.clear()
        assert found() is None
        assert "not kept" in caplog.text


def test_code_beside_a_package_that_cannot_be_written_is_read(package, tmp_path, monkeypatch):
    _code_cache.find(("1",)).write("name", b"code")
    monkeypatch.setattr(
        _code_cache,
        "_ready",
        lambda folder, **_: None if tmp_path / "site" in folder.parents else folder,
    )
    store = _code_cache.find(("1",))
    assert store.target.parents[1] == tmp_path / "cache"
    assert store.read("name") == b"code"


# --- whole processes ---


@pytest.fixture
def copy(tmp_path):
    """Return a copy of the package, in a folder of its own, that nothing has been compiled for."""
    ignored = shutil.ignore_patterns("__pycache__", "gan", "testing")
    shutil.copytree(Path(divkit.__file__).parent, tmp_path / "site" / "divkit", ignore=ignored)
    return tmp_path / "site" / "divkit"


def start(copy, code, **environment):
    known = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    environment = known | {"PYTHONPATH": str(copy.parent), "PYTHONWARNINGS": "error"} | environment
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        cwd=copy.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(copy, code, **environment):
    process = start(copy, code, **environment)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    return out.splitlines()


# Root may write whatever its mode is, unless it gives that up.
LIKE_A_USER = """
import ctypes, logging, os, sys
if os.geteuid() == 0:
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(header, none) == 0
try:
    open(os.path.join(sys.path[1], "divkit", "new"), "w")
except PermissionError:
    pass
else:
    sys.exit("the package can be written")
told = []
handler = logging.Handler()
handler.emit = told.append
logging.getLogger("divkit").addHandler(handler)
"""
TELL = """
print(*[record.getMessage() for record in told if record.levelno >= logging.WARNING])
"""
# A loop that calls one of another file.
ENTERED = """
import numpy as np
from divkit.emd._on_line import staircase_loops
columns, highs, lows = np.zeros(1, np.int64), np.zeros(1), np.zeros(1)
a, b = np.array([1.0, 2.0]), np.array([0.5, 2.5])
staircase_loops.entered(a, b, np.array([1]), columns, highs, lows)
print(columns[0], highs[0], lows[0], staircase_loops.entered.stats.cache_hits.total())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no mode")
@pytest.mark.skipif(
    sys.platform != "linux" and os.name == "posix" and os.geteuid() == 0, reason="root may write"
)
@pytest.mark.parametrize("temporary", [True, False])
def test_an_installation_that_cannot_be_written_answers(copy, tmp_path, temporary):
    (tmp_path / "temporary" / f"divkit-{os.geteuid()}").mkdir(parents=True)
    (tmp_path / "temporary" / f"divkit-{os.geteuid()}").chmod(0o700 if temporary else 0o777)
    for folder, _, files in os.walk(copy.parent):
        for name in files:
            Path(folder, name).chmod(0o444)
        Path(folder).chmod(0o555)
    nowhere = {"HOME": "/nonexistent", "XDG_CACHE_HOME": "", "TMPDIR": str(tmp_path / "temporary")}
    found, told = run(copy, LIKE_A_USER + ENTERED + TELL, **nowhere)
    assert found == "1 -2.0 0.0 0"
    assert ("kept in" if temporary else "not kept") in told
    assert told.count("machine code") == 1
    kept = list((tmp_path / "temporary").glob("*/*/*"))
    assert bool(kept) == temporary


def code_of(copy):
    return {file.name: file.read_bytes() for file in (copy / "__pycache__").glob("compiled-*/*")}


def test_two_processes_may_compile_at_once_and_others_load(copy):
    both = [start(copy, ENTERED) for _ in range(2)]
    for process in both:
        out, error = process.communicate(timeout=120)
        assert not process.returncode, error
        assert out.split()[:3] == ["1", "-2.0", "0.0"]
    kept = code_of(copy)
    assert len(kept) == 2  # the loop and the other one
    assert run(copy, ENTERED) == ["1 -2.0 0.0 1"]
    assert code_of(copy) == kept


def test_a_change_in_another_file_is_seen(copy):
    assert run(copy, ENTERED) == ["1 -2.0 0.0 0"]
    called = copy / "emd" / "_on_line" / "line_loops.py"
    before = called.read_text(encoding="utf-8")
    called.write_text(f"{before}\n\n@exact\ndef difference(s, t):\n    return s - t, 7.0\n")
    assert run(copy, ENTERED) == ["1 -2.0 14.0 0"]
    assert len(list((copy / "__pycache__").glob("compiled-*"))) == 1


def test_damaged_and_foreign_code_is_compiled_again(copy):
    assert run(copy, ENTERED) == ["1 -2.0 0.0 0"]
    (folder,) = (copy / "__pycache__").glob("compiled-*")
    names = sorted(file.name for file in folder.iterdir())
    (folder / names[0]).write_bytes((folder / names[0]).read_bytes()[:1000])
    # A whole file, but with something else inside.
    _code_cache.Store(folder, ()).write(names[1], b"no code at all")
    assert run(copy, ENTERED) == ["1 -2.0 0.0 0"]
    assert names == sorted(code_of(copy))


def test_a_folder_that_goes_away_meanwhile_does_not_matter(copy):
    removed = f"shutil.rmtree({str(copy / '__pycache__')!r})"
    code = f"import shutil, divkit.emd._on_line.line_loops\n{removed}\n{ENTERED}"
    assert run(copy, code) == ["1 -2.0 0.0 0"]
    assert len(code_of(copy)) == 2


def test_a_package_in_an_archive_keeps_its_code_in_the_cache_of_the_user(copy, tmp_path):
    shutil.make_archive(str(tmp_path / "archive"), "zip", copy.parent)
    shutil.rmtree(copy)
    path = {"PYTHONPATH": str(tmp_path / "archive.zip"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert run(copy, ENTERED, **path) == ["1 -2.0 0.0 0"]
    assert len(list((tmp_path / "cache" / "divkit").glob("compiled-*/*"))) == 2
