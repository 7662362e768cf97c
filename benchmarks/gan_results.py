"""Every GAN system on the ring of eight Gaussians: what was covered, how near, at what price.

``python benchmarks/gan_results.py`` trains each from three seeds, prints a line for each, and
writes docs/gan_results.csv, which the documentation shows; it takes about half an hour on one core.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from divkit import fdiv, gan
from divkit.gan.examples import perceptron
from divkit.gan.examples.problems import ring_problem
from divkit.gan.examples.systems import SYSTEMS, System

FILE = Path(__file__).parent.parent / "docs" / "gan_results.csv"
SEEDS = (0, 1, 2)
# Of the estimate: samples of each, and the most steps of its critic.
SAMPLES, MOST = 20_000, 2000
CONDITIONAL = ("non_saturating", "kl", "wgan_gp")
W1 = gan.WGAN(lipschitz=gan.GradientPenalty(10.0))
HEADINGS = (
    "objective",
    "modes covered",
    "EMD to held-out data",
    "of",
    "bound ± s.e.",
    "of Jensen–Shannon ± s.e.",
    "CPU seconds",
    "settings of its own",
)


@dataclass(frozen=True)
class Result:
    """What one generator came to."""

    modes: int
    distance: float
    bound: tuple[float, float]
    jensen_shannon: tuple[float, float]
    seconds: float


def own_bound(system: System) -> tuple[str, gan.FGAN | gan.WGAN]:
    """Return what the system's critic bounds, without what only training needs, and its name."""
    if not isinstance(system.objective, gan.FGAN):
        return "W₁", W1
    D, lipschitz = system.objective.D, system.objective.lipschitz
    return f"({D}, Γ)" if lipschitz else str(D), gan.FGAN(D, lipschitz=lipschitz)


def results(system: System, conditional: bool) -> Iterator[Result]:
    """Yield one for each seed."""
    for seed in SEEDS:
        problem = ring_problem()
        start = time.process_time()
        training = system.learn(problem, conditional=conditional, seed=seed)
        seconds = time.process_time() - start
        few, _ = problem.generated(training.generator, len(problem.held_out), seed=1)
        x, y = problem.real(SAMPLES, seed=2), problem.generated(training.generator, SAMPLES)[0]
        bounds = []
        for objective in (own_bound(system)[1], gan.FGAN(fdiv.jensen_shannon)):
            torch.manual_seed(seed)
            critic = perceptron(2, problem.hidden, problem.hidden, 1)
            found = gan.estimate(critic, objective, x, y, steps=MOST, seed=seed)
            bounds.append((found.bound, found.standard_error))
        yield Result(problem.modes_covered(few), problem.distance(few), *bounds, seconds)


def row(system: System, conditional: bool) -> list[str]:
    """Return the means of all seeds, and how many modes each covers."""
    found = list(results(system, conditional))
    distances = [each.distance for each in found]
    return [
        system.title + (", matching-aware" if conditional else ""),
        " ".join(str(each.modes) for each in found),
        f"{np.mean(distances):.2f} ({min(distances):.2f}–{max(distances):.2f})",
        own_bound(system)[0],
        *(
            "{:.3g} ± {:.1g}".format(*np.mean(bounds, axis=0))
            for bounds in ([each.bound for each in found], [each.jensen_shannon for each in found])
        ),
        f"{np.mean([each.seconds for each in found]):.0f}",
        system.note,
    ]


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which systems; all, and into the file, if none")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [(name, False) for name in arguments.names or SYSTEMS]
    if not arguments.names:
        chosen += [(name, True) for name in CONDITIONAL]
    problem = ring_problem()
    floor = [problem.distance(problem.real(len(problem.held_out), seed=seed)) for seed in SEEDS]
    rows = [["the data themselves", "8 8 8", f"{np.mean(floor):.2f}", "", "", "", "", ""]]
    print("; ".join(rows[0]))
    for name, conditional in chosen:
        rows.append(row(SYSTEMS[name], conditional))
        print("; ".join(rows[-1]), flush=True)
    if not arguments.names:
        with FILE.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([HEADINGS, *rows])


if __name__ == "__main__":
    main()
