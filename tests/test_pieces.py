"""A batch that is too large for the memory is predicted in pieces; what cannot be cut says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ear import Ear
from image_contest import digits_contest
from torch import Tensor, nn

from outfold.config.image import ImagePipeline
from outfold.errors import OutfoldError
from outfold.learners.image import pooling as pooled
from outfold.learners.image.inference import Inference, Looks
from outfold.learners.image.learner import ImageLearner
from outfold.store.fold_dir import Shelf
from outfold.training.checkpoint import load_member
from outfold.training.oom import Pieces

pytestmark = pytest.mark.usefixtures("one_thread")


class Small(nn.Module):
    """Memory for so many rows at a time."""

    def __init__(self, room: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        super().__init__()
        self.room, self.error, self.seen = room, error, list[int]()

    def forward(self, rows: Tensor) -> Tensor:
        self.seen.append(len(rows))
        if len(rows) > self.room:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return 2 * rows


def test_batches_are_halved_until_they_fit_and_stay_so() -> None:
    said: list[str] = []
    run, model = Pieces(said.append), Small(3)
    rows = torch.arange(20.0).reshape(10, 2)
    assert torch.equal(run(model, rows), 2 * rows)
    assert model.seen == [10, 5, 3, 3, 3, 1]
    assert said == [
        "10 images at a time are too many for the memory: going on with 5",
        "5 images at a time are too many for the memory: going on with 3",
    ]
    assert torch.equal(run(model, rows[:2]), 2 * rows[:2]) and torch.equal(run(model, rows[:7]), 2 * rows[:7])
    assert model.seen[6:] == [2, 3, 3, 1] and len(said) == 2


@pytest.mark.parametrize(("room", "error"), [(0, torch.OutOfMemoryError), (0, RuntimeError)])
def test_where_not_even_one_row_fits_the_error_is_handed_on(room: int, error: type[Exception]) -> None:
    model = Small(room, error)
    with pytest.raises(error):
        Pieces(lambda said: None)(model, torch.zeros(4, 2))
    assert model.seen == [4, 2, 1]


def test_another_error_cuts_nothing() -> None:
    model = Small(0, ValueError)
    with pytest.raises(ValueError, match="Tried"):
        Pieces(lambda said: None)(model, torch.zeros(4, 2))
    assert model.seen == [4]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImageLearner, Shelf, Ear]:
    torch.set_num_threads(1)
    contest = digits_contest(tmp_path_factory.mktemp("digits"), train=40, test=25)
    config = ImagePipeline.model_validate(
        {
            "learner": "image",
            "model": "resnet10t",
            "timm_args": {"channels": [4, 8, 8, 16], "stem_width": 4},
            "weights": "none",
            "size": 16,
            "channels": 1,
            "workers": 0,
            "phases": [{"epochs": 1, "lr": 2e-3}],
            "tta": 2,
        }
    )
    ear = Ear()
    learner, shelf = ImageLearner(contest, config, "cnn", ear), Shelf.open(tmp_path_factory.mktemp("shelf"), "key")
    learner.fit(0, contest.train.index[:32], contest.train.index[32:], shelf)
    return learner, shelf, ear


def _predicted(learner: ImageLearner, shelf: Shelf) -> np.ndarray:
    contest = learner.contest
    return learner.predict("test", contest.test.index, {0: shelf})[contest.outputs].to_numpy()


def test_predictions_in_pieces_are_those_of_whole_batches(
    trained: tuple[ImageLearner, Shelf, Ear], monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, shelf, ear = trained
    whole, models = _predicted(learner, shelf), Inference.models

    def full(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if len(inputs[0]) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    def crowded(*args: Any) -> list[nn.Module]:
        made = models(*args)
        for model in made:
            model.register_forward_pre_hook(full)
        return made

    monkeypatch.setattr(Inference, "models", crowded)
    np.testing.assert_allclose(_predicted(learner, shelf), whole, rtol=1e-4, atol=1e-6)
    assert [said.partition(":")[0] for said in ear.warned] == ["cnn predict test"] * 2


def test_activations_are_computed_in_pieces_too(
    trained: tuple[ImageLearner, Shelf, Ear], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contest, phases = trained[0].contest, [{"epochs": 1, "train": "head", "precompute": True}]
    config = ImagePipeline.model_validate(
        {**trained[0].config.model_dump(exclude_unset=True), "phases": phases, "seed": 5}
    )
    whole, sizes = pooled.activations, list[int]()

    def full(model: nn.Module, images: Tensor) -> Tensor:
        sizes.append(len(images))
        if len(images) > 30:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return whole(model, images)

    heads = []
    for name, activations in (("pieces", full), ("whole", whole)):
        monkeypatch.setattr(pooled, "activations", activations)
        learner, shelf = ImageLearner(contest, config, "cnn", Ear()), Shelf.open(tmp_path / name, "key")
        learner.fit(0, contest.train.index[:32], contest.train.index[32:], shelf)
        heads.append(load_member(shelf, "final")["fc.weight"])
        for file in contest.layout.cache.glob("activations-*"):
            file.unlink()
    assert sizes == [40, 20, 20]
    torch.testing.assert_close(heads[0], heads[1], rtol=1e-4, atol=1e-6)


def test_images_that_do_not_fit_say_what_to_do_and_that_nothing_is_lost(
    trained: tuple[ImageLearner, Shelf, Ear], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Looks, "batches", full)
    with pytest.raises(OutfoldError, match=r"(?s)cnn predict test: the GPU's memory is too small.*device: cpu.*lost"):
        _predicted(trained[0], trained[1])
