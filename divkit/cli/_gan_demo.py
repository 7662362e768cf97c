"""Train small GANs on small data sets, evaluate them, and plot samples and losses."""

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

# Rows of images in the figure of samples.
_ROWS = 8


@dataclass(frozen=True)
class Outcome:
    """Evaluation of a trained generator.

    Attributes
    ----------
    system : str
        The objective, and whether it was conditional.
    modes, of : int
        Number of modes covered, and number of modes.
    distance, floor : float
        Exact EMD to held-out data of the generated samples, and of equally many real samples.
    as_asked : float or None
        With conditions, the fraction of samples recognized as the requested condition.
    seconds : float
        Training time.
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
    """Train a generator, and save plots of its samples and losses in `directory`.

    Parameters
    ----------
    data : {"ring", "digits"}
    objective : str
        A name in `divkit.gan.examples.systems.SYSTEMS`.
    directory : Path
        Created if it does not exist.
    conditional : bool
        Whether the generator is conditioned on the mode or digit to generate.
    steps : int, optional
        Number of generator steps, in place of the default.
    seed : int
        Seed of all random numbers.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    ValueError
        If the name of the data or of the objective is unknown, or the seed is invalid.
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
    """Plot held-out and generated samples side by side: points in the plane, or images."""
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
    """Return the first images tiled into one, with a column per requested condition."""
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
