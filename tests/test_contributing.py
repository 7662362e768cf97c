"""The recipe of CONTRIBUTING.md, followed to the letter with the divergence it makes up."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_one_file_and_one_line(tmp_path):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(\"\"\".*?)```", text, re.DOTALL)
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
