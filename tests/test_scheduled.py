"""What a schedule says of a hyper-parameter is what each step of the training uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_contest import digits_contest
from test_training import recipe, train
from torch import nn

from outfold.contest import Contest
from outfold.data.images.augment import Augmentation
from outfold.data.images.batches import ImageSource
from outfold.learners.image.data import PhaseImages
from outfold.training.device import Precision
from outfold.training.layer_groups import Freezing
from outfold.training.losses import Loss
from outfold.training.models import HeadDropout
from outfold.training.optimizers import Rule, make_optimizer
from outfold.training.recipe import PhasePlan, plan_phases
from outfold.training.step import Step

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return digits_contest(tmp_path_factory.mktemp("digits"), train=200, test=20)


def plan_of(phase: dict[str, Any], rows: int = 160) -> PhasePlan:
    return plan_phases(recipe(phases=[phase]), rows, "cnn.yaml")[0]


def one_step(model: nn.Module, plan: PhasePlan, optimizer: torch.optim.Optimizer, number: int) -> float:
    precision = Precision("fp32", torch.device("cpu"))
    step = Step(model, Freezing(model), optimizer, precision.scaler(), precision, Loss("multiclass"), plan)
    batch = torch.eye(3), torch.arange(3)
    return float(step(number, iter([batch]), 3))


def test_weight_decay_shrinks_the_weights_as_the_ramp_says_and_never_the_biases() -> None:
    plan = plan_of({"epochs": 1, "lr": 0.1, "schedule": "constant", "weight_decay": {"from": 0.0, "to": 0.8}})
    for number, decay in ((0, 0.0), (2, 0.4), (4, 0.8)):
        model = nn.Linear(3, 3)
        nn.init.constant_(model.weight, 1.0)
        nn.init.constant_(model.bias, 1.0)
        optimizer = make_optimizer(Rule("sgd"), model, [["weight", "bias"]], [0.1], 0.0, 0.0)
        plain = make_optimizer(Rule("sgd"), twin := nn.Linear(3, 3), [["weight", "bias"]], [0.1], 0.0, 0.0)
        twin.load_state_dict(model.state_dict())
        one_step(model, plan, optimizer, number)
        one_step(twin, plan_of({"epochs": 1, "lr": 0.1, "schedule": "constant", "weight_decay": 0.0}), plain, number)
        torch.testing.assert_close(twin.weight - model.weight, torch.full((3, 3), 0.1 * decay))
        torch.testing.assert_close(twin.bias, model.bias)


def test_label_smoothing_grows_over_the_phase() -> None:
    plan = plan_of({"epochs": 1, "label_smoothing": {"from": 0.0, "to": 0.4}})
    losses = []
    for number in range(5):
        sure = nn.Linear(3, 3)
        with torch.no_grad():
            sure.weight.copy_(20 * torch.eye(3))
            sure.bias.zero_()
        losses.append(one_step(sure, plan, torch.optim.SGD([{"params": sure.parameters(), "peak_lr": 0.0}]), number))
    # a certain answer costs smoothing * 2/3 * 20
    assert losses == pytest.approx([0.4 * i / 4 * 40 / 3 for i in range(5)], abs=1e-4)


def test_each_step_has_the_dropout_of_its_moment(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    drop = HeadDropout._drop

    def watched(self: HeadDropout, layer: nn.Module, inputs: Any) -> Any:
        if layer.training:
            rates.append(self.rate)
        return drop(self, layer, inputs)

    monkeypatch.setattr(HeadDropout, "_drop", watched)
    train(contest, recipe(phases=[{"epochs": 2, "dropout": {"from": 0.9, "to": 0.0}}]), tmp_path)
    assert rates == pytest.approx(np.linspace(0.9, 0.0, 10))


def test_augmentation_grows_over_the_phase(contest: Contest) -> None:
    plan = plan_of({"epochs": 1, "augment": "basic", "strength": {"from": 0.0, "to": 2.0}})
    cpu, loss = torch.device("cpu"), Loss("multiclass")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 1), dtype=np.uint8)
    images = PhaseImages(
        source=ImageSource(pixels, [0.5], [0.5], cpu),
        targets=loss.targets(contest.y),
        truth=contest.y[:0],
        watched=np.arange(0),
        augmentation=Augmentation("basic"),
        loss=loss,
        precision=Precision("fp32", cpu),
        metric=contest.metric,
        batch_size=20,
    )
    rows = [np.arange(20)] * 3
    strengths = [plan.at("strength", step) for step in (0, 2, 4)]
    none, some, much = [inputs for inputs, _ in images.batches(rows, strengths, 1)]
    plain = images.source.normalised(next(images.source.batches(rows))[1])
    assert torch.equal(none, plain)
    assert 0 < (some - plain).square().mean() < (much - plain).square().mean()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_momentum_moves_over_the_phase(optimizer: str) -> None:
    plan = plan_of({"epochs": 1, "momentum": {"from": 0.5, "to": 0.9}})
    model = nn.Linear(3, 3)
    updates = make_optimizer(Rule(optimizer), model, [["weight", "bias"]], [0.1], 0.0, 0.0)  # type: ignore[arg-type]
    told = []
    for number in range(5):
        one_step(model, plan, updates, number)
        (group, *_) = updates.param_groups
        told.append(group["momentum"] if optimizer == "sgd" else group["betas"][0])
    assert told == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9])


def test_a_velocity_that_loses_its_momentum_stops() -> None:
    """The same gradients, at a momentum that falls to nothing: the last step is that of the gradient alone."""
    plan = plan_of(
        {"epochs": 1, "schedule": "constant", "lr": 0.1, "weight_decay": 0.0, "momentum": {"from": 0.9, "to": 0.0}}
    )
    model = nn.Linear(3, 3, bias=False)
    updates = make_optimizer(Rule("sgd"), model, [["weight"]], [0.1], 0.0, 0.0)
    for number in range(5):
        before = model.weight.detach().clone()
        loss = nn.functional.cross_entropy(model(torch.eye(3)), torch.arange(3))
        (gradient,) = torch.autograd.grad(loss, model.weight)
        one_step(model, plan, updates, number)
        moved = (before - model.weight.detach()) / 0.1
        if number in (0, 4):
            torch.testing.assert_close(moved, gradient)
        else:
            assert moved.norm() > 1.2 * gradient.norm()


@pytest.mark.parametrize("key", ["mixup", "cutmix"])
def test_mixtures_begin_and_end_with_the_ramp(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At an alpha of nothing the batch is as it is; the larger it is, the more of another image a row has."""
    seen: list[torch.Tensor] = []

    class Watched(nn.Linear):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            seen.append(inputs.detach())
            return super().forward(inputs.flatten(1))

    plan = plan_of({"epochs": 1, key: {"from": 0.0, "to": 8.0}})
    model = Watched(256, 4)
    updates = make_optimizer(Rule("sgd"), model, [["weight", "bias"]], [0.1], 0.0, 0.0)
    precision = Precision("fp32", torch.device("cpu"))
    step = Step(model, Freezing(model), updates, precision.scaler(), precision, Loss("multiclass"), plan)
    images = torch.arange(64.0)[:, None, None, None].expand(64, 1, 16, 16)
    for number in range(5):
        step(number, iter([(images, torch.arange(64) % 4)]), 64)
    changed = [float((mixed - images).abs().mean()) for mixed in seen]
    assert changed[0] == 0
    assert 0 < changed[1] < changed[4]


def test_a_clipped_gradient_has_the_norm_asked_for() -> None:
    moved = {}
    for clip in (None, 0.01):
        keys = {} if clip is None else {"clip_grad": clip}
        phase = {"epochs": 1, "schedule": "constant", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0}
        plan = plan_of(phase | keys)
        torch.manual_seed(0)
        model = nn.Linear(3, 3)
        before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
        one_step(model, plan, make_optimizer(Rule("sgd"), model, [["weight", "bias"]], [1.0], 0.0, 0.0), 0)
        moved[clip] = before - torch.cat([p.detach().flatten() for p in model.parameters()])
    assert float(moved[0.01].norm()) == pytest.approx(0.01, rel=1e-3)
    torch.testing.assert_close(moved[0.01] / 0.01, moved[None] / moved[None].norm(), rtol=1e-3, atol=1e-5)
