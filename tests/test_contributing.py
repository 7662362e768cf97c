"""The recipe of CONTRIBUTING.md, followed to the letter with the divergence it makes up."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_one_file_and_one_line(tmp_path):
    example = re.search(r"```python\n(\"\"\".*?)```", TEXT, re.DOTALL)
    assert example, "CONTRIBUTING.md shows a whole catalogue file"
    name = re.search(r'name="(\w+)"', example[1])[1]
    assert not (ROOT / "divkit/fdiv/catalogue" / f"{name}.py").exists()

    shutil.copytree(ROOT / "divkit", tmp_path / "divkit")
    package = tmp_path / "divkit" / "fdiv"
    (package / "catalogue" / f"{name}.py").write_text(example[1], encoding="utf-8")
    line = f"from divkit.fdiv.catalogue.{name} import {name} as {name}\n"
    front = package / "__init__.py"
    opening = "\n# A family stands in it"
    front.write_text(
        front.read_text(encoding="utf-8").replace(opening, line + opening), encoding="utf-8"
    )

    code = f"""
import divkit
from divkit import fdiv
from divkit.testing import check_divergence
assert divkit.__file__.startswith({str(tmp_path)!r})
assert list(fdiv.CATALOGUE)[-1] == {name!r}
check_divergence(fdiv.CATALOGUE[{name!r}], examples=20)
"""
    environment = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    table = subprocess.run(
        [sys.executable, "-m", "divkit", "table"],
        check=True,
        env={**environment, "COLUMNS": "200"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert name in table.stdout


def test_one_file_and_one_entry(tmp_path):
    """The recipe for a transport method."""
    section = TEXT[TEXT.index("## Adding a transport method") :]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    entry = re.search(r'^    "interior-point": .*?\n    \),\n', section, re.DOTALL | re.MULTILINE)[
        0
    ]
    shutil.copytree(ROOT / "divkit", tmp_path / "divkit")
    package = tmp_path / "divkit" / "emd"
    (package / "_backends" / "interior_point.py").write_text(code, encoding="utf-8")
    table = package / "_methods.py"
    text = table.read_text(encoding="utf-8")
    changed = text.replace("METHODS = {\n", "METHODS = {\n" + entry).replace(
        "_backends import linear_program", "_backends import interior_point, linear_program"
    )
    table.write_text(changed, encoding="utf-8")
    code = f"""
import numpy as np
import divkit
from divkit import emd
assert divkit.__file__.startswith({str(tmp_path)!r})
rng = np.random.default_rng(0)
problem = rng.dirichlet(np.ones(20)), rng.dirichlet(np.ones(30)), rng.random((20, 30))
t = emd.solve(*problem, method="interior-point")
assert t.method == "interior-point"
assert abs(t.value - emd.solve(*problem).value) <= 1e-13 and abs(t.gap) <= 1e-13
for call, words in (
    (lambda: emd.solve([1.0], [1.0], [[np.inf]], "interior-point"), "no plan avoids"),
    (lambda: emd.solve(*problem, "nonsense"), "interior-point"),
    (lambda: emd.solve(*problem, "interior-point", start=t), "use method='simplex'"),
):
    try:
        call()
    except ValueError as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)
"""
    environment = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
