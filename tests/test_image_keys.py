"""Every key of a pipeline of images changes its network, its batches or what it predicts; an unlisted one fails."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import pytest
import timm
import torch
from image_contest import digits_contest
from trained_fold import differ

from outfold.config.image import ImagePipeline, Tta
from outfold.contest import Contest

pytestmark = pytest.mark.usefixtures("one_thread")

ONE_EPOCH = {"epochs": 1, "schedule": "constant", "lr": 0.01}
NET: dict[str, Any] = {
    "learner": "image",
    "model": "resnet10t",
    "timm_args": {"channels": [8, 8, 8, 16], "stem_width": 8},
    "weights": "none",
    "channels": 1,
    "size": 32,
    "augment": "none",
    "precision": "fp32",
    "batch_size": 20,
    "tta": 0,
    "phases": [ONE_EPOCH],
}
TURNED = {**NET, "augment": "basic"}
SGD = {**NET, "optimizer": "sgd"}
OURS = {**NET, "head": "concat_pool"}
Change = tuple[str, dict[str, Any], Any]
IMAGE: dict[str, Change] = {
    "seed": ("classes", NET, 1),
    "optimizer": ("classes", NET, "sgd"),
    "momentum": ("classes", SGD, 0.1),
    "beta2": ("classes", NET, 0.5),
    "weight_decay": ("classes", NET, 0.9),
    "batch_size": ("classes", NET, 30),
    "accumulate": ("classes", NET, 2),
    "clip_grad": ("classes", SGD, 0.001),
    "label_smoothing": ("classes", NET, 0.3),
    "loss": ("classes", NET, "focal"),
    "gamma": ("classes", {**NET, "loss": "focal"}, 5),
    "target_range": ("numbers", NET, [[900, 2000], [-10, 100]]),
    "loss_weights": ("several", NET, {"ink": 5}),
    "class_weight": ("classes", NET, "balanced"),
    "sampling": ("classes", NET, "balanced"),
    "ema": ("classes", NET, 0.9),
    "train_bn": ("classes", {**NET, "phases": [{**ONE_EPOCH, "train": "head"}]}, True),
    "phases": ("classes", NET, [{**ONE_EPOCH, "lr": 0.1}]),
    "pseudo": ("classes", NET, {"pipelines": "other"}),
    "target_transform": ("numbers", NET, "log1p"),
    "model": ("classes", NET, "resnet14t"),
    "weights": ("classes", NET, "weights.pth"),
    "head": ("classes", NET, "concat_pool"),
    "ps": ("classes", OURS, 0.1),
    "timm_args": ("classes", NET, {**NET["timm_args"], "stem_width": 16}),
    "mean": ("classes", NET, [0.9]),
    "std": ("classes", NET, [0.9]),
    "size": ("classes", NET, 24),
    "resize": ("wide", NET, "squash"),
    "channels": ("classes", NET, 3),
    "value_range": ("classes", NET, [0, 100]),
    "augment": ("classes", NET, "basic"),
    "strength": ("classes", TURNED, 3),
    "mixup": ("classes", NET, 0.4),
    "cutmix": ("classes", NET, 1.0),
    "erase": ("classes", NET, 1.0),
    "dropout": ("classes", NET, 0.5),
    "drop_path": ("classes", NET, 0.9),
    "tta": ("classes", TURNED, 2),
}
VIEWS = {**NET, "tta": {"views": "crops"}}
TTA: dict[str, Change] = {
    "n": ("classes", {**TURNED, "tta": {"n": 1}}, {"n": 3}),
    "views": ("classes", VIEWS, {"views": "dihedral"}),
    "scales": ("classes", {**NET, "tta": {"views": "scales"}}, {"views": "scales", "scales": [1.0, 1.5]}),
    "beta": ("classes", VIEWS, {"views": "crops", "beta": 0.9}),
    "average": ("classes", VIEWS, {"views": "crops", "average": "logits"}),
}
MIRROR = [{"HorizontalFlip": {"p": 1.0}}]
ALBUMENTATIONS: dict[str, Any] = {
    "albumentations": {"albumentations": [{"VerticalFlip": {"p": 1.0}}]},
    "preset": {"albumentations": MIRROR, "preset": "basic"},
}
BY_MODEL: dict[type, set[str]] = {ImagePipeline: {*IMAGE}, Tta: {*TTA}}


@pytest.fixture(scope="module")
def contests(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Contests by name, each written where it is first asked for."""

    @cache
    def contest(name: str) -> Contest:
        root: Path = tmp_path_factory.mktemp(name)
        if name == "classes":
            model = timm.create_model(NET["model"], num_classes=1, in_chans=1, **NET["timm_args"])
            torch.save(model.state_dict(), root / "weights.pth")
        task = {"numbers": "regression", "several": "multitask"}.get(name, "binary")
        made = digits_contest(root, train=83, test=20, task=task, **_more(name))
        for path in root.glob("inputs/t*/*.png") if name == "wide" else ():
            cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (64, 32)))
        return made

    return contest


def _more(name: str) -> dict[str, Any]:
    return {"targets": {"number": {"metric": "rmse"}, "ink": {"metric": "rmse"}}} if name == "several" else {}


OF_ENGINE = (
    "optimizer",
    "momentum",
    "beta2",
    "weight_decay",
    "accumulate",
    "clip_grad",
    "loss",
    "gamma",
    "ema",
    "seed",
)
"""Keys that the same code takes for a network of tables: slow here, and not in every run."""


@pytest.mark.parametrize(
    "key", [pytest.param(key, marks=pytest.mark.slow if key in OF_ENGINE else ()) for key in IMAGE]
)
def test_every_key_of_an_image_pipeline_changes_what_it_predicts(contests: Any, key: str) -> None:
    name, keys, value = IMAGE[key]
    assert differ(contests(name), keys, {**keys, key: value})


@pytest.mark.parametrize("key", TTA)
def test_every_key_of_tta_changes_what_is_predicted(contests: Any, key: str) -> None:
    name, keys, value = TTA[key]
    assert differ(contests(name), keys, {**keys, "tta": value})


@pytest.mark.parametrize("key", ALBUMENTATIONS)
def test_every_key_of_albumentations_changes_what_is_predicted(contests: Any, key: str) -> None:
    keys = {**NET, "augment": {"albumentations": MIRROR}}
    assert differ(contests("classes"), keys, {**keys, "augment": ALBUMENTATIONS[key]})
