"""The contact sheet shows what training will see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import outfold
from image_contest import digits_contest
from ruamel.yaml import YAML

from outfold.config.image import ImagePipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError
from outfold.learners.image.contact_sheet import contact_sheet
from outfold.learners.image.data import PhaseImages
from outfold.learners.image.learner import ImageLearner
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.stages.show import show
from outfold.stages.split import split
from outfold.store.fold_dir import Shelf
from outfold.training.step import Step

TINY: dict[str, Any] = {
    "learner": "image",
    "model": "resnet10t",
    "timm_args": {"channels": [8, 16, 24, 32], "stem_width": 8},
    "weights": "none",
    "size": 16,
    "channels": 1,
    "augment": "basic",
    "batch_size": 16,
    "workers": 0,
    "tta": 0,
    "phases": [
        {"epochs": 1, "augment": "none", "train": "head"},
        {"epochs": 3, "strength": {"from": 0.0, "to": 4.0}},
    ],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("digits")
    digits_contest(root, train=60, test=10, folds={"n": 2})
    with (root / "pipelines" / "cnn.yaml").open("w") as file:
        YAML().dump(TINY, file)
    split(Context(root))
    return root


@pytest.fixture(scope="module")
def contest(root: Path) -> Contest:
    return load_contest(root)


def learner(root: Path, **keys: Any) -> ImageLearner:
    context = Context(root)
    config = ImagePipeline.model_validate({**TINY, **keys})
    return ImageLearner(context.contest, config, "cnn", Reporter())


def heard(monkeypatch: pytest.MonkeyPatch) -> list[dict[int, np.ndarray]]:
    """What the network is given in training, by row: one entry an epoch."""
    seen: list[dict[int, np.ndarray]] = []
    now: list[Any] = []
    batches, step = PhaseImages.batches, Step.__call__

    def read(self: PhaseImages, order: Any, strengths: Any, seed: int) -> Any:
        seen.append({})
        for rows, batch in zip(order, batches(self, order, strengths, seed), strict=True):
            now[:] = [self.source, rows]
            yield batch

    def listens(model: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        source, rows = now
        pixels = inputs[0].permute(0, 2, 3, 1).numpy() * source.std + np.array(source.mean)
        for row, image in zip(rows.tolist(), np.rint(pixels * 255), strict=True):
            seen[-1].setdefault(row, image)

    def takes(self: Step, *args: Any) -> torch.Tensor:
        handle = self.model.register_forward_pre_hook(listens)
        try:
            return step(self, *args)
        finally:
            handle.remove()

    monkeypatch.setattr(PhaseImages, "batches", read)
    monkeypatch.setattr(Step, "__call__", takes)
    return seen


MIXED = {"mixup": {"from": 0.2, "to": 2.0}, "cutmix": 1.0, "erase": 0.5, "accumulate": 2, "data": 0.9}


@pytest.mark.parametrize("more", [{}, MIXED], ids=["augmented", "mixed"])
def test_the_draws_are_what_the_network_gets_in_the_epochs_of_the_phase(
    root: Path, contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    phases = [TINY["phases"][0], TINY["phases"][1] | more]
    folds = Context(root).folds
    with monkeypatch.context() as patched:
        seen = heard(patched)
        learner(root, phases=phases).fit(0, folds.train(0), folds.valid(0), Shelf.open(tmp_path, "key"))
    sheet = contact_sheet(learner(root, phases=phases), folds.train(0), fold=0, phase=2, rows=12, draws=3)
    places = contest.train.index.get_indexer(sheet.ids)
    assert set(sheet.ids) <= set(folds.train(0))
    for images, place in zip(sheet.images, places, strict=True):
        for epoch in range(3):
            # seen[0] is the first phase
            assert np.abs(images[1 + epoch].astype(float) - seen[1 + epoch][place]).max() <= 1
        file = cv2.imread(str(contest.images("train", contest.train.index[[place]])[0]), cv2.IMREAD_GRAYSCALE)
        assert (
            np.abs(images[0, :, :, 0].astype(float) - cv2.resize(file, (16, 16), interpolation=cv2.INTER_AREA)).max()
            <= 2
        )


def test_a_stronger_augmentation_moves_the_picture_further_and_none_leaves_it(root: Path) -> None:
    train = Context(root).folds.train(0)
    first = contact_sheet(learner(root), train, fold=0, phase=1, rows=5, draws=2).images.astype(float)
    assert (first[:, 1:] == first[:, :1]).all()
    ramp = contact_sheet(learner(root), train, fold=0, phase=2, rows=5, draws=3).images.astype(float)
    moved = np.abs(ramp[:, 1:] - ramp[:, :1]).mean(axis=(0, 2, 3, 4))
    assert moved[0] < moved[1] < moved[2]


def test_mixed_images_are_mixed_in_the_picture_too_and_in_epochs_that_the_phase_does_not_have(root: Path) -> None:
    train, asked = Context(root).folds.train(0), {"fold": 0, "phase": 1, "rows": 6, "draws": 4}
    plain, mixed = (
        contact_sheet(learner(root, augment="none", phases=[{"epochs": 2, "mixup": alpha}]), train, **asked).images
        for alpha in (0.0, 8.0)
    )
    assert (plain == plain[:, :1]).all() and (mixed[:, 0] == plain[:, 0]).all()
    for draw in range(1, 5):
        assert all((image[draw] != image[0]).mean() > 0.2 for image in mixed), "each has some of another image"


def test_each_class_has_its_turn_and_the_labels_are_theirs(root: Path, contest: Contest) -> None:
    sheet = contact_sheet(learner(root), Context(root).folds.train(0), fold=0, phase=2, rows=10, draws=1)
    assert sorted(sheet.labels) == [str(digit) for digit in range(10)]
    assert sheet.labels == [str(label) for label in contest.train.loc[sheet.ids, "label"]]


def test_the_command_writes_the_same_picture_each_time(root: Path, tmp_path: Path) -> None:
    picture = root / "artifacts" / "cnn" / "augmented.png"
    said = outfold(root, "show", "cnn", "--rows", "3", "--draws", "2").stdout
    assert str(picture) in said
    height, width = cv2.imread(str(picture)).shape[:2]
    assert height > 300 and width > 300
    show(Context(root), "cnn", tmp_path / "again.png", rows=3, draws=2)
    assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()
    show(Context(root), "cnn", tmp_path / "other.png", rows=3, draws=2, phase=1)
    assert (tmp_path / "other.png").read_bytes() != picture.read_bytes()


def test_a_phase_that_is_not_there_is_told(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--phase 4: the pipeline has the phases 1 to 2"):
        show(Context(root), "cnn", tmp_path / "x.png", phase=4)


def test_tags_and_numbers_are_labels_too(tmp_path: Path) -> None:
    for task, known in (("multilabel", {"", "odd", "large", "odd large"}), ("regression", None)):
        folder = tmp_path / task
        contest = digits_contest(folder, train=30, test=4, task=task)
        with (folder / "pipelines" / "cnn.yaml").open("w") as file:
            YAML().dump(TINY, file)
        sheet = contact_sheet(learner(folder), contest.train.index, fold=0, phase=2, rows=6, draws=1)
        if known is not None:
            assert set(sheet.labels) <= known
        else:
            number, _ = sheet.labels[0].split(", ")
            assert float(number) == contest.train.loc[sheet.ids[0], "number"]


def test_an_image_that_cannot_be_read_is_not_shown(tmp_path: Path) -> None:
    contest = digits_contest(tmp_path, train=12, test=4, on_bad_image="drop")
    broken = contest.train.index[3]
    contest.images("train", pd.Index([broken]))[0].write_bytes(b"no picture")
    with (tmp_path / "pipelines" / "cnn.yaml").open("w") as file:
        YAML().dump(TINY, file)
    sheet = contact_sheet(learner(tmp_path), contest.train.index, fold=0, phase=2, rows=12, draws=1)
    assert sorted(sheet.ids) == sorted(set(contest.train.index) - {broken})
