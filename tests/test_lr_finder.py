"""The learning-rate finder: what a curve suggests, and that looking changes nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_contest import digits_contest
from ruamel.yaml import YAML

from outfold.config.image import ImagePipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError, OutfoldError
from outfold.learners.image.learner import ImageLearner
from outfold.learners.neural.curves import read_history
from outfold.progress import LineReporter
from outfold.progress import Reporter as Quiet
from outfold.runs.context import Context
from outfold.stages.lr_find import lr_find
from outfold.stages.split import split
from outfold.store.fold_dir import Shelf
from outfold.training import step as steps
from outfold.training import trainer as engine
from outfold.training.lr_finder import (
    END,
    START,
    STEPS,
    leaving_nothing,
    minimum,
    slide,
    steep,
    suggestions,
    sweep,
    sweep_rate,
    valley,
)

pytestmark = pytest.mark.usefixtures("one_thread")

LRS = np.logspace(-7, 1, 100)
TINY: dict[str, Any] = {
    "learner": "image",
    "model": "resnet10t",
    "timm_args": {"channels": [8, 16, 24, 32], "stem_width": 8},
    "weights": "none",
    "size": 16,
    "channels": 1,
    "augment": "basic",
    "batch_size": 32,
    "dropout": 0.2,
    "workers": 0,
    "tta": 0,
}
"""A small resnet at 16 pixels."""


def curve(fall: float = 1e-3, least: float = 1e-1) -> np.ndarray:
    """Flat, then down around ``fall``, then up steeply beyond ``least``."""
    x = np.log10(LRS)
    return (
        2.3 - 1.5 / (1 + np.exp(-4 * (x - math.log10(fall)))) + np.where(least < LRS, (x - math.log10(least)) ** 2, 0)
    )


def test_the_steepest_point_is_where_the_loss_falls_fastest() -> None:
    assert steep(LRS, curve(fall=1e-3)) == pytest.approx(1e-3, rel=0.3)
    assert steep(LRS, curve(fall=1e-4)) == pytest.approx(1e-4, rel=0.3)


def test_the_minimum_suggests_a_tenth_of_the_rate_of_the_least_loss() -> None:
    losses = curve(least=0.05)
    assert minimum(LRS, losses) == pytest.approx(LRS[losses.argmin()] / 10)


def test_the_valley_lies_halfway_down_the_longest_descent() -> None:
    losses = np.full(60, 5.0)
    losses[20:50] = np.linspace(4.9, 1, 30)  # thirty points of descent, after a plateau whose last point begins it
    losses[50:] = 6.0
    # the descent has 31 points and ends at point 49: counted from point 18, 10 and 5 further on
    assert valley(LRS[:60], losses) == LRS[33]
    assert valley(LRS[:60], np.where(np.arange(60) == 30, 5.5, losses)) == LRS[34], "a noisy point is left out"


def test_the_valley_takes_the_longer_of_two_descents() -> None:
    losses = np.r_[np.linspace(9, 8, 6), np.full(10, 10.0), np.linspace(9.9, 8.5, 30), np.full(14, 11.0)]
    found = valley(LRS[:60], losses)
    assert LRS[16] < found < LRS[46]


def test_slide_stays_fifteen_points_left_of_the_explosion() -> None:
    losses = np.where(np.arange(100) <= 85, 1.0, 1.0 + 0.1 * (np.arange(100) - 85) ** 2)
    # the slope is that of the plateau up to point 84
    assert slide(LRS, losses) == LRS[85 - 15]


def test_all_four_are_named() -> None:
    assert list(suggestions(LRS, curve())) == ["valley", "steep", "minimum", "slide"]


def test_the_sweep_is_exponential_from_start_to_end() -> None:
    rates = [sweep_rate(step) for step in range(STEPS)]
    assert (rates[0], rates[-1]) == pytest.approx((START, END))
    assert np.diff(np.log(rates)) == pytest.approx(math.log(END / START) / (STEPS - 1))


def test_the_sweep_stops_where_the_loss_is_not_finite_or_four_times_its_least() -> None:
    seen = sweep(lambda step: 1.0 if step < 70 else math.nan, "x")
    assert len(seen.lrs) == 70 and seen.losses == pytest.approx(np.ones(70))
    seen = sweep(lambda step: 1.0 if step < 40 else 1000.0, "x")
    assert len(seen.lrs) == 41


def test_losses_are_averaged_without_a_bias_towards_their_start() -> None:
    seen = sweep(lambda step: 2.0 + (-1) ** step, "x")
    assert seen.losses[0] == pytest.approx(3)
    assert abs(seen.losses[-1] - 2) < 0.05


def test_a_sweep_that_diverges_at_once_is_told() -> None:
    with pytest.raises(OutfoldError, match=r"cnn: phases\[0\].*diverges at step 13 of 100"):
        sweep(lambda step: 1.0 if step < 12 else math.inf, "cnn: phases[0]")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("digits")
    digits_contest(root, train=120, test=10, folds={"n": 2})
    return root


@pytest.fixture(scope="module")
def contest(root: Path) -> Contest:
    return load_contest(root)


def phases(first: Any, second: Any) -> list[dict[str, Any]]:
    """A head phase, and all layers at differential rates; at these rates, or at those found."""
    return [
        {"train": "head", "epochs": 2, "lr": first},
        {"train": "all", "cycles": 2, "cycle_len": 1, "lr": second, "lr_ratio": 3, "snapshots": True},
    ]


def train(contest: Contest, folder: Path, first: Any, second: Any) -> tuple[Shelf, list[bytes]]:
    """The shelf, and all weights kept on it, as bytes."""
    learner = ImageLearner(
        contest, ImagePipeline.model_validate(TINY | {"phases": phases(first, second)}), "cnn", Quiet()
    )
    shelf = Shelf.open(folder, "key")
    learner.fit(0, contest.train.index[:90], contest.train.index[90:], shelf)
    return shelf, [path.read_bytes() for path in sorted(folder.glob("*.safetensors"))]


@pytest.fixture(scope="module")
def found(contest: Contest, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[float], list[bytes]]:
    """The rates that a training with ``lr: find`` found, and what it ended with."""
    torch.set_num_threads(1)
    shelf, weights = train(contest, tmp_path_factory.mktemp("found"), "find", "find")
    rates = {entry["phase"]: entry["found_lr"] for entry in read_history(shelf)}
    assert len(weights) == 2
    return [rates[1], rates[2]], weights


def test_a_training_after_a_sweep_is_the_training_without_it(
    contest: Contest, found: tuple[list[float], list[bytes]], tmp_path: Path
) -> None:
    """Weights, BatchNorm statistics, optimizer, random numbers and the order of rows: the bytes are the same."""
    rates, weights = found
    assert rates[0] != rates[1]
    assert train(contest, tmp_path, *rates)[1] == weights


def test_the_rate_found_is_the_head_s_and_the_groups_below_have_their_shares(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks: list[list[float]] = []
    made = steps.make_optimizer
    monkeypatch.setattr(steps, "make_optimizer", lambda *args: peaks.append(args[3]) or made(*args))
    shelf, _ = train(contest, tmp_path, 1e-3, "find")
    rate = read_history(shelf)[-1]["found_lr"]
    assert peaks[-1] == pytest.approx([rate / 9, rate / 3, rate])
    assert peaks[-2] == pytest.approx([1 / 9, 1 / 3, 1]), "the sweep raises them together"


def test_a_run_that_goes_on_sweeps_no_second_time(
    contest: Contest, found: tuple[list[float], list[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    sweeps: list[int] = []
    looked, epoch = engine._Loop.sweep, engine._Loop._epoch
    calls = iter(range(100))

    def looks(self: Any, plan: Any, data: Any) -> Any:
        sweeps.append(plan.number)
        return looked(self, plan, data)

    def stops(self: Any, *args: Any) -> None:
        # before the first epoch of the run, before that of the second phase, and after it
        if next(calls) in (0, 3, 5):
            raise Stopped
        epoch(self, *args)

    monkeypatch.setattr(engine._Loop, "sweep", looks)
    monkeypatch.setattr(engine._Loop, "_epoch", stops)
    for _ in range(3):
        with pytest.raises(Stopped):
            train(contest, tmp_path, "find", "find")
    shelf, weights = train(contest, tmp_path, "find", "find")
    assert sweeps == [1, 2]
    assert weights == found[1]
    assert [entry["found_lr"] for entry in read_history(shelf)] == [found[0][0]] * 2 + [found[0][1]] * 2


def test_the_command_finds_what_the_training_finds_and_draws_it(
    root: Path, contest: Contest, capsys: pytest.CaptureFixture[str]
) -> None:
    text = {**TINY, "phases": phases("find", "find")}
    with (root / "pipelines" / "cnn.yaml").open("w") as file:
        YAML().dump(text, file)
    split(Context(root))
    context = Context(root, LineReporter())
    told = [lr_find(context, "cnn", phase=number, fold=1) for number in (1, 2)]
    learner = ImageLearner(contest, context.model_config("cnn"), "cnn", Quiet())  # type: ignore[arg-type]
    shelf = Shelf.open(root / "shelf", "key")
    learner.fit(1, context.folds.train(1), context.folds.valid(1), shelf)
    rates = {entry["phase"]: entry["found_lr"] for entry in read_history(shelf)}
    assert [found["valley"] for found in told] == [rates[1], rates[2]]
    picture = root / "artifacts" / "cnn" / "lr_find.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in picture.parent.iterdir()} <= {"lr_find.png", ".lock"}
    said = capsys.readouterr().out
    assert all(f"{rule} " in said and f"{lr:.2e}" in said for rule, lr in told[1].items())


def test_a_phase_or_fold_that_is_not_there_is_told(root: Path) -> None:
    write = root / "pipelines"
    with (write / "cnn.yaml").open("w") as file:
        YAML().dump({**TINY, "phases": phases(1e-3, 1e-3)}, file)
    (write / "trees.yaml").write_text("learner: gbdt\n")
    split(Context(root))
    for keys, told in (({"phase": 3}, "the phases 1 to 2"), ({"fold": 2}, "the folds 0 to 1")):
        with pytest.raises(ConfigError, match=told):
            lr_find(Context(root), "cnn", **keys)
    with pytest.raises(ConfigError, match=r"trees\.yaml:1: learner: gbdt has no network"):
        lr_find(Context(root), "trees")


def test_whatever_trains_leaves_weights_statistics_modes_and_random_numbers_alone() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Dropout(0.5))
    model[0].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes, state = [layer.training for layer in model.modules()], torch.get_rng_state()
    with leaving_nothing(model):
        model.train()
        model(torch.randn(4, 1, 8, 8)).square().sum().backward()
        torch.optim.SGD(model.parameters(), lr=0.1).step()
        assert not torch.equal(model.state_dict()["1.running_mean"], before["1.running_mean"])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [layer.training for layer in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())
