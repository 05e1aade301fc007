"""The summary says what training does: shapes, groups, rates, arithmetic, memory and the schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from conftest import outfold
from image_contest import digits_contest
from ruamel.yaml import YAML
from torch import nn

from outfold.config.image import ImagePipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError
from outfold.learners.image.learner import ImageLearner
from outfold.learners.registry import revision
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.stages.summary import summary
from outfold.store.fold_dir import Shelf
from outfold.training import step as steps
from outfold.training.device import Precision
from outfold.training.layer_groups import freeze, layer_groups
from outfold.training.recipe import plan_phases
from outfold.training.schedule_curves import schedule_curves
from outfold.training.summary import activation_bytes, forward_flops, layer_rows

pytestmark = pytest.mark.usefixtures("one_thread")

FP32 = Precision("fp32", torch.device("cpu"))
PHASES: list[dict[str, Any]] = [
    {"train": "head", "epochs": 2, "lr": 1e-2},
    {"train": "all", "cycles": 2, "cycle_len": 0.5, "cycle_mult": 2, "lr": 1e-3, "lr_ratio": 3, "snapshots": True},
    {"train": 2, "epochs": 1, "lr": 1e-4, "schedule": "cosine", "momentum": 0.8, "train_bn": True},
]
TINY: dict[str, Any] = {
    "learner": "image",
    "model": "resnet10t",
    "timm_args": {"channels": [8, 16, 24, 32], "stem_width": 8},
    "weights": "none",
    "size": 16,
    "channels": 1,
    "augment": "none",
    "batch_size": 16,
    "workers": 0,
    "tta": 0,
    "phases": PHASES,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("digits")
    digits_contest(root, train=80, test=10, folds={"n": 4})
    with (root / "pipelines" / "cnn.yaml").open("w") as file:
        YAML().dump(TINY, file)
    return root


@pytest.fixture(scope="module")
def contest(root: Path) -> Contest:
    return load_contest(root)


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "mobilenetv3_small_050"])
def test_every_parameter_is_in_one_row_however_the_layers_are_shown(name: str) -> None:
    model = timm.create_model(name, num_classes=3)
    size = 224 if "vit" in name else 64
    for most in (5, 60, 10_000):
        rows = layer_rows(model, torch.zeros(1, 3, size, size), most)
        names = [parameter for row in rows for parameter in row.parameters]
        assert sorted(names) == sorted(name for name, _ in model.named_parameters())
        assert sum(row.count for row in rows) == sum(value.numel() for value in model.parameters())
        assert most != 60 or len(rows) <= 60


def test_leaves_come_in_order_with_the_shapes_that_they_put_out() -> None:
    rows = layer_rows(timm.create_model("resnet18", num_classes=3), torch.zeros(1, 3, 64, 64), most=10_000)
    shapes = {row.name: row.shape for row in rows}
    assert rows[0].name == "conv1" and rows[-1].name == "fc"
    assert shapes["conv1"] == (64, 32, 32) and shapes["layer4.1.conv2"] == (512, 2, 2) and shapes["fc"] == (3,)
    assert [row.groups for row in rows if row.name in ("layer2.1.bn2", "layer3.0.conv1", "fc")] == [(0,), (1,), (2,)]


def test_more_than_sixty_leaves_are_shown_as_blocks() -> None:
    rows = {row.name: row for row in layer_rows(timm.create_model("resnet34"), torch.zeros(1, 3, 64, 64))}
    assert rows["layer3.5"].kind == "BasicBlock" and rows["layer3.5"].shape == (256, 4, 4)
    assert "layer3.5.conv1" not in rows


def test_flops_count_a_multiplication_and_an_addition() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 16 * 16, 10))
    assert forward_flops(model, torch.zeros(1, 3, 16, 16)) == 2 * (3 * 8 * 9 * 16 * 16 + 8 * 16 * 16 * 10)


def test_activations_are_what_the_backward_pass_needs() -> None:
    """A linear layer keeps its input, a ReLU its output."""
    model = nn.Sequential(nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10))
    freezing = freeze(model, [[name for name, _ in model.named_parameters()]], "all", train_bn=False)
    assert activation_bytes(model, freezing, torch.zeros(1, 100), 64, FP32) == 64 * 4 * (100 + 50)


def test_frozen_layers_keep_nothing_for_the_backward_pass() -> None:
    model = timm.create_model("resnet10t", num_classes=3)
    kept = [
        activation_bytes(
            model, freeze(model, layer_groups(model), train, train_bn=False), torch.zeros(1, 3, 64, 64), 8, FP32
        )
        for train in ("head", 2, "all")
    ]
    assert kept[0] == 8 * 4 * 512
    assert kept[0] < kept[1] < kept[2]


def test_the_schedule_is_what_the_optimizer_is_told_step_by_step(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[list[float], float]] = []
    whole = steps.set_rates

    def listens(optimizer: torch.optim.Optimizer, *args: Any) -> None:
        whole(optimizer, *args)
        settings = optimizer.param_groups
        told.append((sorted({group["lr"] for group in settings}), settings[0]["betas"][0]))

    monkeypatch.setattr(steps, "set_rates", listens)
    config = ImagePipeline.model_validate(TINY)
    shelf = Shelf.open(tmp_path / "shelf", "key")
    learner = ImageLearner(contest, config, "cnn", Reporter())
    learner.fit(0, contest.train.index[:60], contest.train.index[60:], shelf)
    curves = schedule_curves(plan_phases(config, 60, "cnn.yaml"), 3)
    assert len(told) == len(curves.lrs)
    for step, (rates, momentum) in enumerate(told):
        assert sorted({rate for rate in curves.lrs[step] if not np.isnan(rate)}) == pytest.approx(rates)
        assert curves.momentum[step] == momentum
    assert curves.starts == [0, 8, 14]
    assert (curves.cycle_ends, curves.snapshots) == ([7, 9, 13, 17], [9, 13])
    assert (shelf.done or {})["members"] == ["snapshot-1", "snapshot-2", "final"]
    learner.summarise({0: shelf}, tmp_path)
    drawn = (tmp_path / "schedule.png").read_bytes()
    summary(Context(contest.root), "cnn")
    assert drawn == (contest.root / "artifacts" / "cnn" / "schedule.png").read_bytes(), "60 rows are 3 folds of 4"


def test_frozen_groups_have_no_rate_in_the_schedule() -> None:
    curves = schedule_curves(plan_phases(ImagePipeline.model_validate(TINY), 60, "cnn.yaml"), 3)
    assert np.isnan(curves.lrs[:8, :2]).all() and not np.isnan(curves.lrs[:, 2]).any()
    assert not np.isnan(curves.lrs[8:]).any(), "with train_bn the norms of the frozen group learn"


def test_what_the_summary_calls_learning_is_what_training_moves(contest: Contest, tmp_path: Path) -> None:
    found = summary(Context(contest.root), "cnn")
    for number, facts in enumerate(found.facts):
        config = ImagePipeline.model_validate({**TINY, "phases": [{**PHASES[number], "lr": 0.05, "lr_ratio": None}]})
        learner = ImageLearner(contest, config, "cnn", Reporter())
        shelf = Shelf.open(tmp_path / str(number), "key")
        job, model = learner.job(0, contest.train.index[:60], contest.train.index[60:], shelf)
        before = {name: value.detach().clone() for name, value in model.named_parameters()}
        steps_job(job, model)
        moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
        assert moved <= facts.learning
        # a few weights never get a gradient: those whose inputs are all zero
        assert len(moved) > 0.9 * len(facts.learning)


def steps_job(job: Any, model: nn.Module) -> None:
    from outfold.training.trainer import fit

    fit(job, model)


def test_the_command_prints_layers_phases_and_the_policy(root: Path) -> None:
    said = outfold(root, "summary", "cnn").stdout
    lines = {line.split()[0]: line.split() for line in said.splitlines() if line.strip()}
    assert lines["fc"] == ["fc", "Linear", "10", "330", "3", "0.01", "0.001", "0.0001"]
    assert lines["bn1"][-3:] == ["frozen", "0.00011", "0.0001"]
    assert lines["layer1.0.conv1"][-3:] == ["frozen", "0.00011", "frozen"]
    assert "33,868 in 3 layer groups" in said
    assert "head: fc (Linear, 330 parameters), in group 3" in said
    assert "phase 1: in frozen layers they stay in eval mode" in said
    assert "phase 3: in frozen layers they go on learning" in said


def test_a_found_rate_is_shown_as_shares_of_it(root: Path, tmp_path: Path) -> None:
    digits_contest(tmp_path, train=40, test=5)
    with (tmp_path / "pipelines" / "cnn.yaml").open("w") as file:
        YAML().dump({**TINY, "phases": [{"epochs": 1, "lr": "find", "lr_ratio": 3}]}, file)
    columns, rows = summary(Context(tmp_path), "cnn").layer_table()
    assert columns[-1] == "phase 1"
    assert {row[-1] for row in rows} == {"", "find / 9", "find / 3", "find"}


def test_a_pipeline_without_a_network_has_no_summary(root: Path) -> None:
    (root / "pipelines" / "trees.yaml").write_text("learner: gbdt\n")
    with pytest.raises(ConfigError, match="has no network, so there is no summary"):
        summary(Context(root), "trees")


@pytest.mark.parametrize(
    ("model", "args", "moves"),
    [("vgg11", {"mlp_ratio": 0.01}, 4097 * 10), ("mobilenetv3_small_050", {}, 1025 * 10)],
)
def test_a_precomputed_phase_counts_what_it_moves(root: Path, model: str, args: dict[str, Any], moves: int) -> None:
    phases = [
        {"train": "head", "precompute": True, "epochs": 1, "lr": 1e-2},
        {"train": "head", "epochs": 1, "lr": 1e-2},
    ]
    with (root / "pipelines" / "pre.yaml").open("w") as file:
        YAML().dump({**TINY, "model": model, "timm_args": args, "size": 32, "phases": phases}, file)
    try:
        found = summary(Context(root), "pre")
    finally:
        (root / "pipelines" / "pre.yaml").unlink()
    assert found.facts[0].count == moves
    _, rows = found.phase_table()
    assert f"{moves:,}" in rows[0]


def test_only_networks_that_changed_have_another_revision() -> None:
    assert revision(ImagePipeline.model_validate({**TINY, "model": "vgg16_bn"})) == 3
    for model in ("resnet34", "repvgg_a0", "mobilenetv3_small_050"):
        assert revision(ImagePipeline.model_validate({**TINY, "model": model, "timm_args": {}})) == 2
