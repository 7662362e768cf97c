"""The report: complete in one file, and nothing in it but what it was given."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from divkit.cli._compare import compare, compare_samples
from divkit.cli._report import Section, pictures, render, write

rng = np.random.default_rng(11)
LINE = compare([0.5, 0.5, 0.0], [0.0, 0.5, 0.5])


class Page(HTMLParser):
    """The tags of a page that load something, and whether every tag is closed."""

    void = frozenset({"meta", "img", "br", "link"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page_of(found):
    return render("one", [Section("one", "", found, pictures(found))])


def test_a_report_loads_nothing():
    text = page_of(LINE)
    page = Page(text)
    assert page.open == []
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    sources = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert len(sources) == 4
    assert all(source.startswith("data:image/png;base64,iVBOR") for source in sources)
    assert not re.search(r"https?:|url\(|@import|src=\"(?!data:)|href=", text)


def test_a_report_holds_the_table():
    text = page_of(LINE)
    for cell in ("Total variation", "Kullback–Leibler", "∞", "Earth mover", "0.6931472"):
        assert cell in text
    assert all(note in text for note in LINE.notes)


def test_names_and_texts_are_escaped():
    found = compare([1.0, 0.0], [0.5, 0.5], names=("<script>alert(1)</script>", "a&b"))
    text = render("<b>", [Section("<i>", "<u>", found, []), Section("x", "", None, [])])
    assert "<script" not in text
    assert "a&amp;b" in text
    assert "&lt;u&gt;" in text
    assert Page(text).open == []


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (LINE, ["histograms", "plan", "potentials", "divergences"]),
        (
            compare(np.eye(3) / 3, np.full((3, 3), 1 / 9)),
            ["histograms", "plan", "potentials", "divergences"],
        ),
        (
            compare_samples(rng.normal(size=(9, 2)), rng.normal(size=(8, 2))),
            ["histograms", "plan", "potentials", "divergences"],
        ),
        (compare_samples(rng.normal(size=(9, 3)), rng.normal(size=(8, 3))), ["divergences"]),
        (compare_samples(rng.normal(size=(9, 4)), rng.normal(size=(8, 4))), []),
    ],
    ids=["line", "grid", "plane", "space", "beyond"],
)
def test_everything_that_can_be_drawn_is(found, names):
    drawn = pictures(found)
    assert [picture.name for picture in drawn] == names
    assert Page(render("one", [Section("one", "", found, drawn)])).open == []


def test_long_names_stay_out_of_the_pictures():
    found = compare([0.5, 0.5], [0.25, 0.75], names=("a" * 200, "b" * 200))
    assert "a" * 200 in page_of(found)


def test_write_writes_utf8(tmp_path):
    write(tmp_path / "out.html", "χ²", [Section("χ²", "", LINE, [])])
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == render(
        "χ²", [Section("χ²", "", LINE, [])]
    )
