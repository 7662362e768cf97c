"""The house keeps its lines: who may import whom; a divergence is one file and one line."""

import ast
import graphlib
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import divkit
from divkit import fdiv

ROOT = Path(divkit.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# What any part may import.
SHARED = {"_cached", "_check", "_compensated", "_compile", "_errors", "_forks", "_threads"}
# What each part may import of divkit; whatever is not named sits on top and may import anything
# but its equals.
ALLOWED = {
    "_check": {"_check"},
    "_cached": set(),
    "_code_cache": set(),
    "_compensated": {"_check"},
    "_compile": {"_code_cache", "_forks"},
    "_errors": set(),
    "_forks": set(),
    "_threads": {"_forks"},
    "fdiv": {
        "_cached",
        "_check",
        "_compensated",
        "_compile",
        "_errors",
        "_forks",
        "_threads",
        "fdiv",
    },
    "plot": {"_check", "_labels", "emd", "fdiv", "plot"},
    "emd": {
        "_cached",
        "_check",
        "_compensated",
        "_compile",
        "_errors",
        "_forks",
        "_threads",
        "emd",
    },
}


def imports(path):
    """Return (module, whether at the top level of the file) of every import of divkit in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    outer = set(ast.iter_child_nodes(tree))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.split(".")[0] == "divkit":
                yield name, node in outer


def name_of(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part(path):
    return path.relative_to(ROOT).with_suffix("").parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    allowed = ALLOWED.get(part(path))
    for name, _ in imports(path):
        inner = name.split(".")[1:2]
        if allowed is not None and inner:
            assert set(inner) <= allowed, f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_torch_is_imported_in_gan_alone(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        for name in names:
            assert name.split(".")[0] != "torch" or part(path) == "gan"


def test_imports_have_no_circle():
    """Those inside functions count as well; those for type checkers alone do not."""
    modules = {name_of(path) for path in FILES}
    graph = {}
    for path in FILES:
        parents = {name_of(path).rsplit(".", k)[0] for k in range(9)}
        # A package is imported with any of its modules; that is no more than to be inside it.
        found = {name for name, _ in imports(path)} & modules
        graph[name_of(path)] = found - parents
    tuple(graphlib.TopologicalSorter(graph).static_order())


def test_from_the_question_to_the_pivot_it_is_six_files():
    graph = {name_of(path): {name for name, _ in imports(path)} for path in FILES}
    seen = here = {"divkit.emd._solve"}
    for _ in range(5):
        here = {to for name in here for to in graph.get(name, ())} - seen
        seen = seen | here
    assert "divkit.emd._network_simplex.pivot" in seen
    assert "divkit.emd._small.dense_simplex" in seen


def test_inside_fdiv_formulas_know_nothing_of_evaluation():
    catalogue = ROOT / "fdiv" / "catalogue"
    own = "_divergence", "_elementary", "_family", "_formulas", "_power_formulas", "_record"
    mathematics = {f"divkit.fdiv.{name}" for name in own}
    for path in catalogue.glob("*.py"):
        for name, _ in imports(path):
            module = ".".join(name.split(".")[:3])
            assert module in mathematics or module == "divkit.fdiv.catalogue"
    # The record stands alone; what users call is built on top of it.
    for name, _ in imports(ROOT / "fdiv" / "_record.py"):
        assert "fdiv" not in name or name.startswith("divkit.fdiv._formulas")
    assert {name for name, _ in imports(ROOT / "fdiv" / "_elementary.py")} <= {
        "divkit._check",
        "divkit._check.Array",
        "divkit.fdiv",
        "divkit.fdiv._numbers",
    }


def test_every_file_of_the_catalogue_is_in_it():
    files = {path.stem for path in (ROOT / "fdiv" / "catalogue").glob("*.py")} - {"__init__"}
    assert files == set(fdiv.CATALOGUE)


def test_every_row_is_one_import_line():
    text = (ROOT / "fdiv" / "__init__.py").read_text(encoding="utf-8")
    for name in fdiv.CATALOGUE:
        assert text.count(f"from divkit.fdiv.catalogue.{name} import") == 1


def test_modules_that_load_on_first_use_exist():
    for name in divkit._LAZY:
        assert getattr(divkit, name) is importlib.import_module(f"divkit.{name}")
        assert name in dir(divkit)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        divkit.nonsense  # noqa: B018


def test_a_first_divergence_loads_little():
    """The front door opens without the parts, and the packages, that a divergence does not need."""
    code = """
import sys, divkit
divkit.fdiv.kl([.5, .5], [.4, .6])
heavy = {"scipy", "numba", "torch", "ot", "cvxpy", "matplotlib", "hypothesis", "array_api_compat"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_emd_loads_its_backends_when_they_are_asked_for():
    code = """
import sys
from divkit import emd
print(sorted({"ot", "cvxpy", "torch", "matplotlib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_loops_are_compiled_and_properties_cached_in_one_way(path):
    """Numba's own cache does not see changes in other files; a property's lock outlives a fork."""
    code = path.read_text(encoding="utf-8")
    assert "njit" not in code or path.name == "_compile.py"
    assert "functools import cached_property" not in code or path.name == "_cached.py"
