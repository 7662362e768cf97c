"""The gallery: the quick scripts run and bear their claims out; all of them are in its index."""

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
SCRIPTS = sorted((DOCS / "gallery").glob("plot_*.py"))

# `make gallery` runs these too: they train networks for more than a moment.
SLOW = {
    "plot_2_optimal_critic",
    "plot_6_clipping",
    "plot_7_mode_collapse",
    "plot_8_only_nines",
}
QUICK = [path for path in SCRIPTS if path.stem not in SLOW]


@pytest.fixture
def _alone(monkeypatch, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)  # where pictures go
    threads = torch.get_num_threads()
    with plt.rc_context({"backend": "agg"}), torch.random.fork_rng():
        yield
    plt.close("all")
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.stem)
def test_the_claim_holds(path, tmp_path, capsys):
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out
    (picture,) = tmp_path.glob("*.png")
    assert picture.stem == path.stem.removeprefix("plot_")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_index_has_every_script():
    assert {path.stem for path in SCRIPTS} > SLOW
    index = (DOCS / "gallery" / "GALLERY_HEADER.rst").read_text(encoding="utf-8")
    assert re.findall(r":doc:`(\w+)`", index) == [path.stem for path in SCRIPTS]
    assert "_gallery/index" in (DOCS / "index.rst").read_text(encoding="utf-8")


def test_every_script_checks_its_claim_and_saves_its_picture():
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        assert re.search(r"^ *(assert|np\.testing\.assert_allclose)\b", text, re.MULTILINE), path
        assert f'savefig("{path.stem.removeprefix("plot_")}.png")' in text
