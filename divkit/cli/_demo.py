"""Demonstration on real data: handwritten digits as histograms on a grid of 8 × 8 cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from divkit import plot
from divkit.cli._compare import Comparison, compare
from divkit.cli._report import Section, picture, pictures, write


def run(directory: Path, show: Callable[[Comparison], None]) -> Path:
    """Compare digits, write a report and its pictures into `directory`, return the report.

    Parameters
    ----------
    directory : Path
        Created if it does not exist.
    show : callable
        Called with each comparison as soon as it is available.
    """
    directory.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    sections = []
    for slug, title, text, found in _comparisons(digits.images, digits.target):
        show(found)
        drawn = pictures(found)
        for each in drawn:
            (directory / f"{slug}-{each.name}.png").write_bytes(each.png)
        sections.append(Section(title, text, found, drawn))
    lines = picture(
        "parallel-lines",
        "Two uniform segments, θ apart. As soon as they part, Jensen–Shannon is log 2 and total "
        "variation 1, and neither changes again; the earth mover's distance is θ.",
        plot.parallel_lines(),
    )
    (directory / f"{lines.name}.png").write_bytes(lines.png)
    sections.append(
        Section(
            "Why the ground distance matters",
            "A divergence compares masses cell by cell and does not know which cells are near. "
            "The earth mover's distance knows nothing else.",
            None,
            [lines],
        )
    )
    report = directory / "report.html"
    write(report, "Handwritten digits, compared", sections)
    return report


def _comparisons(images: np.ndarray, labels: np.ndarray) -> list[tuple[str, str, str, Comparison]]:
    three, eight = images[labels == 3], images[labels == 8]
    return [
        (
            "means",
            "The mean 3 against the mean 8",
            f"The means of {len(three)} and {len(eight)} images, each scaled to mass 1. What makes "
            "an 8 of a 3 is ink at the left that closes the two loops.",
            compare(
                three.mean(axis=0),
                eight.mean(axis=0),
                normalize=True,
                names=("mean 3", "mean 8"),
            ),
        ),
        (
            "images",
            "One 3 against one 8",
            "The first image of each digit. Each has ink where the other has none, so every "
            "divergence that may be infinite is; the bounded ones and the distance still answer.",
            compare(three[0], eight[0], normalize=True, names=("one 3", "one 8")),
        ),
    ]
