"""`divkit gan` and the systems behind it: what is trained, measured and drawn."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from typer.testing import CliRunner

from divkit import fdiv
from divkit.cli import _gan_demo
from divkit.cli._commands import app
from divkit.gan.examples import Ring, digits
from divkit.gan.examples.problems import PROBLEMS
from divkit.gan.examples.systems import SYSTEMS


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args):
    result = CliRunner().invoke(app, ["gan", *args])
    # Only what the command raises on purpose: anything else would be a traceback.
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_it_prints_measures_and_draws_both_pictures(folder):
    result = run("ring", "--objective", "kl", "--steps", "20", "--out", "new/pictures")
    assert result.exit_code == 0
    assert "f-GAN, kl, on ring" in result.stdout
    assert re.search(r"modes covered +[0-8] of 8", result.stdout)
    assert re.search(r"EMD to held-out data +[0-9.]+", result.stdout)
    assert "20/20" not in result.stderr  # no bar in a pipe
    for name in ("ring-samples.png", "ring-losses.png"):
        assert (folder / "new/pictures" / name).read_bytes().startswith(b"\x89PNG")
        assert f"picture: new/pictures/{name}" in result.stderr


def test_digits_with_conditions(folder):
    result = run("digits", "--conditional", "--steps", "20")
    assert result.exit_code == 0
    assert "GAN, non-saturating, matching-aware" in result.stdout
    assert re.search(r"modes covered +[0-9]+ of 10", result.stdout)
    assert re.search(r"samples that are as asked +[0-9.]+%", result.stdout)
    assert (folder / "divkit-gan/digits-samples.png").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["rings"], "`DATA` must be one of 'ring', 'digits', got 'rings'"),
        (["--seed", str(10**30)], "`--seed` must lie within 64 bits"),
        (["--objective", "nonsense"], "`--objective` must be one of 'gan', 'non_saturating'"),
        (
            ["--objective", "earth_mover", "--conditional"],
            "`--conditional` needs an objective with a critic, got exact EMD of minibatches",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(folder, args, message):
    result = run(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not any(folder.iterdir())


def test_training_that_breaks_is_one_line(folder, monkeypatch):
    def broken(*args, **options):
        raise FloatingPointError("the critic's loss must be finite, got nan at step 3")

    monkeypatch.setattr(_gan_demo, "run", broken)
    result = run()
    assert result.exit_code == 2
    assert result.stderr == "divkit: the critic's loss must be finite, got nan at step 3\n"


def test_the_outcome_is_that_of_the_seed(tmp_path):
    settings = {"steps": 10, "progress": False}
    found = [_gan_demo.run("ring", "gan", tmp_path, seed=seed, **settings) for seed in (1, 1, 2)]
    assert found[0].distance == found[1].distance != found[2].distance
    assert found[0].as_asked is None
    assert found[0].floor < 0.3 < found[0].distance


# The systems.


@pytest.mark.parametrize("conditional", [False, True], ids=["free", "conditional"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_trains(name, conditional):
    system, problem = SYSTEMS[name], PROBLEMS["ring"]()
    if conditional and not system.has_critic:
        pytest.skip("a loss of samples without their conditions")
    training = system.learn(problem, conditional=conditional, steps=2)
    assert training.step == 2
    assert np.isfinite([*training.critic_losses, *training.generator_losses]).all()


def test_every_divergence_is_a_system():
    assert set(fdiv.CATALOGUE) <= set(SYSTEMS)


# What measures them.


@pytest.mark.parametrize("name", PROBLEMS)
def test_held_out_data_are_not_trained_on(name):
    problem = PROBLEMS[name]()
    real = problem.real(1000)
    seen = {tuple(row) for row in real.tolist()}
    assert not seen & {tuple(row) for row in problem.held_out.tolist()}
    assert len(seen) > 990  # two digits may be drawn alike
    assert problem.modes_covered(real) == problem.conditions
    x, labels = problem.data(500) if callable(problem.data) else problem.data
    assert (problem.read(x) == labels).double().mean() > 0.98


def test_the_distance_is_exact():
    problem = PROBLEMS["ring"]()
    x = problem.real(len(problem.held_out))
    M = cdist(x.double().numpy(), problem.held_out.double().numpy())
    rows, columns = linear_sum_assignment(M)
    assert problem.distance(x) == pytest.approx(M[rows, columns].mean(), rel=1e-9)


def test_modes_are_counted_by_their_share():
    ring = Ring()
    x = ring.means.repeat(100, 1)  # a hundred at each
    assert ring.modes_covered(x) == 8
    assert ring.share_near(x) == 1
    x[:, 0] += 0.31  # just outside three deviations
    assert ring.modes_covered(x) == 0
    assert ring.share_near(x) == 0
    few = torch.cat([ring.means[:1].repeat(k, 1) for k in (76,)] + [ring.means[1:2].repeat(2, 1)])
    assert ring.modes_covered(few) == 1  # 2 of 78 are less than a quarter of an eighth
    assert ring.read(torch.tensor([[2.0, 0.0], [0.0, 0.0]])).tolist() == [0, -1]


def test_the_reader_of_digits_reads_what_it_has_not_seen():
    """Trained on one half as `digits` trains it, it reads 98 % of the other."""
    x, labels = digits.digits()
    reader = digits.reader(x[::2], labels[::2])
    assert (reader.predict(x[1::2].numpy()) == labels[1::2].numpy()).mean() > 0.98
