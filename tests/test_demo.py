"""The demo: two tables, a report and every picture as a file."""

from __future__ import annotations

import pytest

from divkit.cli import _demo

KINDS = ("histograms", "plan", "potentials", "divergences")
PICTURES = sorted(
    [f"{slug}-{kind}.png" for slug in ("means", "images") for kind in KINDS]
    + ["parallel-lines.png"]
)


def test_the_demo_shows_two_comparisons_and_writes_all_its_files(tmp_path):
    shown = []
    report = _demo.run(tmp_path / "new" / "report", show=shown.append)
    assert [found.names for found in shown] == [("mean 3", "mean 8"), ("one 3", "one 8")]
    for found in shown:
        assert found.shape == (8, 8)
        assert found.transport.value == pytest.approx(found.transport.dual_value, rel=1e-12)
    assert report == tmp_path / "new" / "report" / "report.html"
    assert sorted(path.name for path in report.parent.glob("*.png")) == PICTURES
    for path in report.parent.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    text = report.read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == len(PICTURES)
    assert "https:" not in text
    assert "http:" not in text
