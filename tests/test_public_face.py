"""The public face, name by name: a change of it is meant, and has its line in the change log.

`public_face.txt` is what `python -m tests.test_public_face` prints.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MODULES = [
    "divkit",
    "divkit.cvx",
    "divkit.emd",
    "divkit.fdiv",
    "divkit.fdiv.bounds",
    "divkit.fdiv.closed_form",
    "divkit.gan",
    "divkit.plot",
    "divkit.testing",
]
SNAPSHOT = Path(__file__).with_name("public_face.txt")


def _signature(function: Any) -> str:
    """Return names, kinds and defaults of parameters; annotations are no promise."""
    signature = inspect.signature(function)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    text = str(signature.replace(parameters=bare, return_annotation=signature.empty))
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _members(owner: type) -> Iterator[str]:
    for name, member in sorted(inspect.getmembers_static(owner)):
        if name.startswith("_") and name != "__call__":
            continue
        if isinstance(member, (staticmethod, classmethod)):
            yield f"{name}{_signature(member.__func__)}, of the class"
        elif inspect.isfunction(member):
            yield f"{name}{_signature(member)}"
        elif not name.startswith("_"):
            yield name
    fields = getattr(owner, "__dataclass_fields__", None) or getattr(owner, "_fields", ())
    for name in sorted(fields):
        if not name.startswith("_"):
            yield f"{name}, a field"


def _face() -> Iterator[str]:
    for module in map(importlib.import_module, MODULES):
        yield f"{module.__name__}: {', '.join(sorted(module.__all__))}"
        for name in sorted(module.__all__):
            value, path = getattr(module, name), f"{module.__name__}.{name}"
            if inspect.isclass(value) and issubclass(value, Exception):
                yield f"{path}({value.__bases__[0].__name__})"
            elif inspect.isclass(value):
                yield f"{path}{_signature(value)}, a class"
                if value.__module__.startswith("divkit"):
                    yield from (f"{path}.{member}" for member in sorted(set(_members(value))))
            elif inspect.isfunction(value):
                yield f"{path}{_signature(value)}"
            elif not inspect.ismodule(value):
                yield f"{path}, a {type(value).__name__}"


def test_names_signatures_and_defaults_are_those_that_were_published():
    pytest.importorskip("torch")
    pytest.importorskip("cvxpy")
    assert list(_face()) == SNAPSHOT.read_text(encoding="utf-8").splitlines(), (
        "if this is meant, write it into CHANGELOG.md and run "
        "`python -m tests.test_public_face > tests/public_face.txt`"
    )


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_there_and_no_other(module):
    module = importlib.import_module(module)
    assert len(set(module.__all__)) == len(module.__all__)
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and name not in ("ModuleType", "annotations")
    }
    if Path(module.__file__).name == "__init__.py":
        assert public <= set(module.__all__), sorted(public - set(module.__all__))
    assert set(module.__all__) <= set(dir(module))


if __name__ == "__main__":
    print("\n".join(_face()))
