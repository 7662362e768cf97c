"""Small GANs on small data, by name: trained, measured and drawn."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divkit import _check
from divkit.gan import Training
from divkit.gan._training import check_seed
from divkit.gan.examples.problems import PROBLEMS, Problem
from divkit.gan.examples.systems import SYSTEMS
from divkit.plot import _draw
from divkit.plot._draw import INK, P_COLOR, PALE, Q_COLOR

if TYPE_CHECKING:
    from divkit.plot._draw import Canvas

# Rows of images in the picture.
_ROWS = 8


@dataclass(frozen=True)
class Outcome:
    """What a generator has learned.

    Attributes
    ----------
    system : str
        The objective, and whether it was conditional.
    modes, of : int
        How many modes are covered, and of how many.
    distance, floor : float
        Exact EMD of samples to held-out data, and of as many real samples to them.
    as_asked : float or None
        The share of samples that are what they were asked to be, with conditions.
    seconds : float
        Of training.
    pictures : tuple of Path
    """

    system: str
    modes: int
    of: int
    distance: float
    floor: float
    as_asked: float | None
    seconds: float
    pictures: tuple[Path, ...]


def run(
    data: str,
    objective: str,
    directory: Path,
    *,
    conditional: bool = False,
    steps: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Outcome:
    """Train a generator, and draw its samples and losses into `directory`.

    Parameters
    ----------
    data : {"ring", "digits"}
    objective : str
        A name in `divkit.gan.examples.systems.SYSTEMS`.
    directory : Path
        Made if there is none.
    conditional : bool
        Whether to ask for a Gaussian, or a digit, each time.
    steps : int, optional
        Of the generator, in place of the usual number.
    seed : int
        Of everything random.
    progress : bool
        Whether to show a bar.

    Raises
    ------
    ValueError
        If there are no such data, no such objective, or no such seed.
    """
    _check.one_of("data", data, tuple(PROBLEMS))
    _check.one_of("objective", objective, tuple(SYSTEMS))
    check_seed(seed)
    problem, system = PROBLEMS[data](), SYSTEMS[objective]
    start = time.perf_counter()
    training = system.learn(
        problem, conditional=conditional, steps=steps, seed=seed, progress=progress
    )
    seconds = time.perf_counter() - start
    x, asked = problem.generated(training.generator, len(problem.held_out), seed=seed)
    samples, curves = directory / f"{data}-samples.png", directory / f"{data}-losses.png"
    directory.mkdir(parents=True, exist_ok=True)
    drawn = _samples(problem, np.asarray(problem.held_out), np.asarray(x))
    for path, figure in ((samples, drawn), (curves, _losses(training))):
        figure.figure.savefig(path, dpi=150)
    return Outcome(
        system=system.title + (", matching-aware" if conditional else ""),
        modes=problem.modes_covered(x),
        of=problem.conditions,
        distance=problem.distance(x),
        floor=problem.distance(problem.real(len(x), seed=seed)),
        as_asked=(problem.read(x) == asked).double().mean().item() if conditional else None,
        seconds=seconds,
        pictures=(samples, curves),
    )


def _samples(problem: Problem, real: Any, generated: Any) -> Canvas:
    """Draw generated samples beside held-out ones: points of the plane, or square images."""
    figure = _draw.figure(None, 8, 4.2)
    both = _draw.axes(figure, widths=(1, 1))
    shown = (real, "held-out data", P_COLOR), (generated, "generated", Q_COLOR)
    for axes, (x, title, color) in zip(both, shown, strict=True):
        axes.set_title(title, color=color, fontweight="bold", fontsize=11)
        if problem.side is None:
            axes.scatter(x[:, 0], x[:, 1], s=5, color=color, alpha=0.5, linewidths=0)
            axes.set_aspect("equal", adjustable="datalim")
            axes.set(xlabel="first coordinate", ylabel="second coordinate")
        else:
            axes.imshow(_tiles(x, problem.side, problem.conditions), cmap="gray_r")
            axes.set_axis_off()
    return figure


def _tiles(x: Any, side: int, columns: int) -> Any:
    """Return the first images side by side as one, each condition that was asked for a column."""
    tiles = x[: _ROWS * columns].reshape(_ROWS, columns, side, side)
    framed = np.pad(tiles, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=tiles.min())
    return np.concatenate(np.concatenate(framed, axis=1), axis=1)


def _losses(training: Training) -> Canvas:
    figure = _draw.figure(None, 8, 3.2)
    axes = _draw.axes(figure)[0]
    steps = range(1, training.step + 1)
    for losses, name, color in (
        (training.critic_losses, "critic", P_COLOR),
        (training.generator_losses, "generator", Q_COLOR),
    ):
        if losses:
            axes.plot(steps, losses, color=color, linewidth=0.7, label=name)
    axes.axhline(0, color=PALE, linewidth=1, zorder=0)
    axes.set(xlabel="step of the generator", ylabel="loss (a minibatch)")
    axes.legend(frameon=False, labelcolor=INK)
    _draw.open_frame(axes)
    return figure
