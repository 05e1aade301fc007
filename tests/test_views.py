"""Views that vote at test time, and images with a margin: what is shown, how it is weighed, what is read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from image_contest import digits_contest
from torch import nn

from outfold.config.image import ImagePipeline
from outfold.config.load import load_pipeline
from outfold.contest import Contest
from outfold.data.images.batches import ImageSource
from outfold.data.images.cache import MARGIN, ImageSet
from outfold.data.images.decode import decode, to_square
from outfold.data.images.views import View, views
from outfold.errors import ConfigError
from outfold.learners.image import inference as predict_module
from outfold.learners.image import learner as learner_module
from outfold.learners.image.learner import ImageLearner
from outfold.learners.image.members import voters_of
from outfold.learners.neural.loss import voting_loss
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return digits_contest(tmp_path_factory.mktemp("digits"), train=80, test=12, side=40)


BASE: dict[str, Any] = {
    "learner": "image",
    "model": "resnet10t",
    "timm_args": {"channels": [8, 16, 24, 32], "stem_width": 8},
    "weights": "none",
    "channels": 1,
    "augment": "none",
    "batch_size": 16,
    # members of two sizes
    "phases": [{"cycles": 1, "size": 16, "snapshots": True}, {"cycles": 1, "size": 32, "snapshots": True}],
}


def recipe(**keys: Any) -> ImagePipeline:
    return ImagePipeline.model_validate({**BASE, **keys})


@pytest.fixture(scope="module")
def shelf(contest: Contest, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    torch.set_num_threads(1)
    shelf = Shelf.open(tmp_path_factory.mktemp("shelf"), "key")
    ImageLearner(contest, recipe(), "cnn", Reporter()).fit(0, contest.train.index[:64], contest.train.index[64:], shelf)
    return shelf


def predicted(contest: Contest, shelf: Shelf, tta: Any, **keys: Any) -> dict[str, np.ndarray]:
    """The test predictions of each member."""
    learner = ImageLearner(contest, recipe(tta=tta, **keys), "cnn", Reporter())
    frame = learner.predict("test", contest.test.index, {0: shelf})
    return {str(name): part[contest.outputs].to_numpy() for name, part in frame.groupby("member")}


def member(contest: Contest, shelf: Shelf, name: str, pixels: np.ndarray) -> np.ndarray:
    """What the member says of (n, s, s, 1) uint8 images, by plain torch."""
    learner = ImageLearner(contest, recipe(), "cnn", Reporter())
    voters = voters_of(0, shelf, partial(voting_loss, contest, learner.config), learner.device)
    (voter,) = [voter for voter in voters if voter.member == name]
    (model,) = learner.inference("train").models([voter])
    images = (torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).float() / 255 - voter.mean[0]) / voter.std[0]
    with torch.inference_mode():
        return model(images).softmax(1).numpy()


def decoded(contest: Contest, size: int) -> np.ndarray:
    paths = contest.images("test", contest.test.index)
    return np.stack([to_square(decode(path, 1), size, "crop") for path in paths])


SIZES = {"snapshot-1": 16, "snapshot-2": 32}


def test_members_of_different_sizes_vote_each_at_its_own(contest: Contest, shelf: Shelf) -> None:
    found = predicted(contest, shelf, 0)
    assert set(found) == set(SIZES)
    for name, size in SIZES.items():
        np.testing.assert_allclose(found[name], member(contest, shelf, name, decoded(contest, size)), atol=1e-5)
        other = member(contest, shelf, name, decoded(contest, 48 - size))
        assert np.abs(found[name] - other).max() > 1e-3


def test_flips_are_the_mean_of_the_original_and_its_mirror_image(contest: Contest, shelf: Shelf) -> None:
    equal, weighed = (predicted(contest, shelf, {"views": "flips", **more}) for more in ({}, {"beta": 0.8}))
    for name, size in SIZES.items():
        pixels = decoded(contest, size)
        original, mirror = (member(contest, shelf, name, form) for form in (pixels, pixels[:, :, ::-1]))
        np.testing.assert_allclose(equal[name], (original + mirror) / 2, atol=1e-5)
        np.testing.assert_allclose(weighed[name], 0.8 * original + 0.2 * mirror, atol=1e-5)


def test_dihedral_does_not_care_which_way_up_an_image_is(contest: Contest, shelf: Shelf) -> None:
    found = predicted(contest, shelf, {"views": "dihedral", "average": "logits"})["snapshot-1"]
    pixels = decoded(contest, 16)
    shapes = [np.rot90(side, turns, (1, 2)) for side in (pixels, pixels[:, :, ::-1]) for turns in range(4)]
    logits = np.mean([np.log(member(contest, shelf, "snapshot-1", shape)) for shape in shapes], axis=0)
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_crops_are_cut_from_larger_images_and_not_enlarged(contest: Contest, shelf: Shelf) -> None:
    found = predicted(contest, shelf, {"views": "crops"})
    for name, size in SIZES.items():
        large = decoded(contest, round(size * MARGIN))
        spare = large.shape[1] - size
        at = [(spare // 2, spare // 2), (0, 0), (0, spare), (spare, 0), (spare, spare)]
        crops = [large[:, top : top + size, left : left + size] for top, left in at]
        wanted = np.mean([member(contest, shelf, name, crop) for crop in crops], axis=0)
        np.testing.assert_allclose(found[name], wanted, atol=0.005 if spare % 2 else 1e-5)


def test_scales_show_the_whole_image_at_other_sizes(contest: Contest, shelf: Shelf) -> None:
    found = predicted(contest, shelf, {"views": "scales", "scales": [0.5, 1.0], "beta": 0.3})["snapshot-2"]
    original = member(contest, shelf, "snapshot-2", decoded(contest, 32))
    half = member(contest, shelf, "snapshot-2", decoded(contest, 16))
    # half of the size is made from the full one, so that its pixels differ a little from those made from the file
    away, off = np.abs(found - original).max(), np.abs(found - (0.3 * original + 0.7 * half)).max()
    assert away > 0.005 and off < 0.3 * away


def test_views_that_are_combined_are_all_of_them_the_original_first() -> None:
    assert len(views(["flips", "crops"], [])) == 10 and len(views(["dihedral", "scales"], [0.9, 1, 1.1])) == 24
    looks = views(["crops", "scales", "flips"], [0.9, 1.0])
    assert looks[0] == View(crop=(0.5, 0.5)) and len(set(looks)) == len(looks) == 20
    assert views(["scales"], [0.8, 1.2, 1.1])[0].scale == 1.1


def test_each_row_is_read_once_however_many_views_vote(
    contest: Contest, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    fetch = ImageSource.fetch

    def counting(self: ImageSource, rows: np.ndarray) -> torch.Tensor:
        read.extend(rows)
        return fetch(self, rows)

    monkeypatch.setattr(ImageSource, "fetch", counting)
    predicted(contest, shelf, {"views": ["flips", "crops"]})
    assert sorted(read) == sorted([*range(12)] * 2)  # once for each of the two image sizes


@pytest.mark.parametrize(
    ("tta", "said"),
    [
        (
            "{views: flip}",
            r"cnn\.yaml:2: tta\.views\[0\]: 'flip' is not one of .*did you mean flips|'flip' is not one of",
        ),
        ("{views: flips, n: 4}", "n: has no effect with views:"),
        ("{views: [flips, dihedral]}", "dihedral has the flips in it"),
        ("{views: flips, scales: [1, 2]}", "scales: goes with views: scales"),
        ("{views: []}", "views"),
    ],
)
def test_views_that_contradict_each_other_are_refused(tmp_path: Path, tta: str, said: str) -> None:
    path = tmp_path / "cnn.yaml"
    path.write_text(f"learner: image\ntta: {tta}\n")
    with pytest.raises(ConfigError, match=said):
        load_pipeline(path)


def test_predictions_made_before_there_were_views_keep_their_fingerprint() -> None:
    assert recipe(tta=3).inference_key() == {"tta": 3}
    assert recipe(tta={"n": 3}).inference_key() == {"tta": {"n": 3, "beta": None, "average": "probabilities"}}
    assert "scales" in recipe(tta={"views": "scales"}).inference_key()["tta"]


def test_a_model_of_one_size_refuses_scales_before_it_is_trained(contest: Contest) -> None:
    config = recipe(model="vit_tiny_patch16_224", timm_args={"depth": 1}, phases=[{"epochs": 1, "size": 32}], size=32)
    with pytest.raises(ConfigError, match="cannot take images of 29 pixels"):
        tta = ImagePipeline.model_validate({**BASE, "tta": {"views": "scales"}}).tta
        ImageLearner(contest, config.model_copy(update={"tta": tta}), "cnn", Reporter()).check()


def test_a_pipeline_that_crops_is_trained_on_images_with_a_margin_and_sees_its_size(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[bool, int]] = []

    def noted(*args: Any, **keys: Any) -> nn.Module:
        model = build(*args, **keys)
        model.register_forward_pre_hook(lambda module, inputs: sizes.append((module.training, inputs[0].shape[-1])))
        return model

    build = learner_module.build_model
    for module in (learner_module, predict_module):
        monkeypatch.setattr(module, "build_model", noted)
    config = recipe(augment="crop", phases=[{"epochs": 1}, {"epochs": 1, "augment": "none"}], size=32, tta=1)
    learner, shelf = ImageLearner(contest, config, "cnn", Reporter()), Shelf.open(tmp_path, "key")
    learner.fit(0, contest.train.index[:64], contest.train.index[64:], shelf)
    learner.predict("test", contest.test.index, {0: shelf})
    assert set(sizes) == {(True, 32), (False, 32)}
    assert learner.images.cache("train", 32).pixels.shape[1:] == (37, 37, 1)
    # what is watched and predicted is the whole image
    source = ImageSource(learner.images.cache("test", 32).pixels, [0], [1], torch.device("cpu"), 0, MARGIN)
    _, images = next(source.batches([np.arange(12)]))
    framed = source.normalised(images).permute(0, 2, 3, 1).numpy()
    assert np.abs(framed - decoded(contest, 32) / 255).mean() < 0.02


def test_a_crop_of_an_image_with_a_margin_is_sharper() -> None:
    """Half of the picture at 32 pixels: from 37 pixels it shows detail that 32 pixels have lost."""
    from outfold.data.images.augment import Draw, apply

    y, x = np.mgrid[0:256, 0:256]
    photo = (127 + 120 * np.sin(2 * np.pi * x / 19) * np.sin(2 * np.pi * y / 19)).astype(np.uint8)[:, :, None]
    theta = np.array([[[0.5, 0, 0], [0, 0.5, 0]]])
    truth = cv2.resize(photo[64:192, 64:192], (32, 32), interpolation=cv2.INTER_AREA) / 255
    wrong = []
    for side in (32, round(32 * MARGIN)):
        images = torch.from_numpy(to_square(photo, side, "crop")).permute(2, 0, 1)[None] / 255
        seen = apply(images, Draw(theta, np.zeros(1), np.ones(1)), (32, 32))[0, 0].numpy()
        wrong.append(np.abs(seen - truth).mean())
    assert wrong[1] < 0.9 * wrong[0]


def test_the_margin_is_part_of_the_cache_s_key(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((8, 8), np.uint8))
    plain, margin = ImageSet("train", [path], 32), ImageSet("train", [path], 32, margin=MARGIN)
    assert margin.side == 37
    assert len({plain.name(), margin.name(), ImageSet("train", [path], 37).name()}) == 3
