"""Pipelines of albumentations: each row is drawn apart, whatever the threads; mistakes are told before training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_contest import digits_contest
from stopping import stopped_at_step

from outfold.config.image import ImagePipeline
from outfold.config.load import load_pipeline
from outfold.contest import Contest
from outfold.data.images.augment import Augmentation
from outfold.data.images.batches import ImageSource
from outfold.data.images.pixel_transforms import PixelTransforms
from outfold.errors import ConfigError
from outfold.learners.image.inference import Looks
from outfold.learners.image.learner import ImageLearner
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf
from outfold.training.recipe import plan_phases

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
FLIPS = [{"HorizontalFlip": {"p": 0.5}}, {"VerticalFlip": {"p": 0.5}}]


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (12, 12, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return digits_contest(tmp_path_factory.mktemp("digits"), train=80, test=12)


def recipe(**keys: Any) -> ImagePipeline:
    base = {
        "learner": "image",
        "model": "resnet10t",
        "timm_args": {"channels": [8, 16, 24, 32], "stem_width": 8},
        "weights": "none",
        "size": 16,
        "channels": 1,
        "batch_size": 16,
        "phases": [{"epochs": 1, "lr": 2e-3}],
        "augment": [{"Rotate": {"limit": 20}}, {"RandomBrightnessContrast": {"p": 0.5}}, {"GaussNoise": {"p": 0.5}}],
        "tta": 2,
    }
    return ImagePipeline.model_validate({**base, **keys})


def changed(transforms: list, image: np.ndarray, rows: np.ndarray, seed: int = 0, strength: float = 1) -> np.ndarray:
    """The same image as each of the rows."""
    images = np.repeat(image[None], len(rows), axis=0)
    out = np.empty_like(images)
    PixelTransforms(transforms, "augment")(images, rows, seed, strength, out)
    return out


def shares(images: np.ndarray, image: np.ndarray) -> list[float]:
    """How often it is as it was, mirrored, upside down, and both."""
    forms = [image, image[:, ::-1], image[::-1], image[::-1, ::-1]]
    return [float(np.mean([np.array_equal(found, form) for found in images])) for form in forms]


def test_transforms_of_one_row_are_drawn_apart_from_each_other(image: np.ndarray) -> None:
    found = shares(changed(FLIPS, image, np.arange(800)), image)
    assert found == pytest.approx([0.25] * 4, abs=0.05)


def test_what_happens_to_a_row_depends_on_the_seed_and_its_number_alone(image: np.ndarray) -> None:
    transforms = [{"Rotate": {"limit": 40}}, {"OneOf": {"transforms": ["Blur", {"GaussNoise": {"p": 0.7}}], "p": 0.8}}]
    rows = np.arange(40)
    together = changed(transforms, image, rows)
    assert np.array_equal(changed(transforms, image, rows[::-1])[::-1], together)
    assert np.array_equal(changed(transforms, image, rows[17:18])[0], together[17])
    assert not np.array_equal(changed(transforms, image, rows, seed=1), together)
    assert len({found.tobytes() for found in together}) > 30


def test_strength_scales_the_probabilities(image: np.ndarray) -> None:
    rows = np.arange(800)
    assert shares(changed(FLIPS[:1], image, rows, strength=0.2), image)[1] == pytest.approx(0.1, abs=0.03)
    assert shares(changed(FLIPS[:1], image, rows, strength=9), image)[1] == 1
    assert Augmentation.of(FLIPS, 0.0, "x").is_none


def test_an_image_that_changes_its_size_is_brought_back(image: np.ndarray) -> None:
    found = changed([{"CenterCrop": {"height": 6, "width": 6}}], image, np.arange(1))[0]
    assert np.abs(found[2:10:2, 2:10:2].astype(int).mean() - image[3:9, 3:9].mean()) < 25
    assert found.shape == image.shape


@pytest.mark.parametrize(
    ("augment", "said"),
    [
        (
            ["HorizontalFlp"],
            r"cnn\.yaml: augment\[0\]: 'HorizontalFlp' is not a transform.*did you mean HorizontalFlip",
        ),
        ([{"OneOf": {"transforms": ["Blurr"]}}], r"augment\[0\]\.OneOf\.transforms\[0\]: 'Blurr'.*did you mean .*Blur"),
        (["Blur", {"Rotate": {"limt": 30}}], r"augment\[1\]: Rotate refuses .*'limt' are not valid"),
        ([{"Blur": {}, "Rotate": {}}], r"augment\[0\]: expected one transform"),
        (["Normalize"], r"gives float32; expected uint8 images"),
        ([{"RandomCrop": {"height": 64, "width": 64}}], r"fails on an image of 16 x 16 pixels.*exceeds"),
        ([], "the list of transforms is empty"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(contest: Contest, augment: list, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ImageLearner(contest, recipe(augment=augment), "cnn", Reporter()).check()
    with pytest.raises(ConfigError, match=r"phases\[1\]: augment"):
        phases = [{"epochs": 1}, {"epochs": 1, "augment": augment}]
        ImageLearner(contest, recipe(augment="none", phases=phases), "cnn", Reporter()).check()


def test_augment_is_a_preset_a_list_or_both_in_yaml(tmp_path: Path) -> None:
    def read(text: str) -> ImagePipeline:
        path = tmp_path / "cnn.yaml"
        path.write_text(f"learner: image\n{text}\n")
        return load_pipeline(path)  # type: ignore[return-value]

    assert read("augment: top_down").augment == "top_down"
    assert read("augment: [HorizontalFlip, {Rotate: {limit: 30}}]").augment == [
        "HorizontalFlip",
        {"Rotate": {"limit": 30}},
    ]
    both = read("augment: {preset: crop, albumentations: [Blur]}")
    assert Augmentation.of(both.augment, 1.0, "x").preset == "crop" and Augmentation.of(both.augment, 1.0, "x").touches
    for wrong, said in {
        "augment: side-on": r"cnn.yaml:2: augment: 'side-on' is not one of .*did you mean .*side_on",
        "augment: {albumentation: [Blur]}": r"unknown key 'augment.albumentation'; did you mean albumentations",
    }.items():
        with pytest.raises(ConfigError, match=said):
            read(wrong)


def _results(contest: Contest, config: ImagePipeline, folder: Path) -> tuple[bytes, np.ndarray]:
    learner, shelf = ImageLearner(contest, config, "cnn", Reporter()), Shelf.open(folder, "key")
    learner.fit(0, contest.train.index[:64], contest.train.index[64:], shelf)
    frame = learner.predict("test", contest.test.index, {0: shelf})
    return shelf.path("final.safetensors").read_bytes(), frame[contest.outputs].to_numpy()


def test_the_number_of_workers_changes_neither_training_nor_tta(contest: Contest, tmp_path: Path) -> None:
    weights, predictions = _results(contest, recipe(workers=0), tmp_path / "0")
    same_weights, same_predictions = _results(contest, recipe(workers=2), tmp_path / "2")
    assert weights == same_weights
    assert np.array_equal(predictions, same_predictions)
    other, _ = _results(contest, recipe(augment="none"), tmp_path / "none")
    assert other != weights


def test_a_training_that_crops_erases_and_transforms_resumes_to_the_same_bytes(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    augment = {"albumentations": [{"Rotate": {"limit": 20}}, {"GaussNoise": {"p": 0.5}}], "preset": "crop"}
    phases = [{"epochs": 2, "lr": 2e-3, "strength": {"from": 0.2, "to": 1.0}}]
    config = recipe(augment=augment, erase=0.5, phases=phases, workers=2)
    wanted = _results(contest, config, tmp_path / "straight")
    with stopped_at_step(monkeypatch, 6):  # in the second epoch of four steps
        _results(contest, config, tmp_path / "stopped")
    weights, predictions = _results(contest, config, tmp_path / "stopped")
    assert weights == wanted[0] and np.array_equal(predictions, wanted[1])


def test_strength_may_grow_over_a_phase(contest: Contest) -> None:
    """At first no transform is applied, at last each one always: images are mirrored more and more often."""
    config = recipe(augment=[{"HorizontalFlip": {"p": 1.0}}], phases=[{"epochs": 1, "strength": {"from": 0, "to": 1}}])
    learner, rows = ImageLearner(contest, config, "cnn", Reporter()), np.arange(80)
    (plan,) = plan_phases(config, len(rows), "cnn.yaml")
    loss = learner._loss(contest.y)
    images = learner.phase_images(rows[:0], loss, [0.5], [0.5], plan)
    plain = next(images.plain([rows]))
    changed = [
        float((next(images.batches([rows], [strength], 0))[0] != plain).flatten(1).any(1).float().mean())
        for strength in (0.0, 0.5, 1.0)
    ]
    assert changed[0] == 0 and changed[1] == pytest.approx(0.5, abs=0.15) and changed[2] == 1


def test_erase_of_a_phase_takes_the_place_of_the_pipeline_s_and_is_for_training_alone(contest: Contest) -> None:
    phases = [{"epochs": 1}, {"epochs": 1, "erase": 0.0}]
    config, rows = recipe(augment="none", erase=1.0, phases=phases, tta=3), np.arange(80)
    learner = ImageLearner(contest, config, "cnn", Reporter())
    loss = learner._loss(contest.y)
    shares = []
    for plan in plan_phases(config, len(rows), "cnn.yaml"):
        images = learner.phase_images(rows[:0], loss, [0.123], [0.5], plan)
        shares.append(float((next(images.batches([rows], [1.0], 0))[0] == 0).float().mean()))
    assert 0.1 < shares[0] < 0.25 and shares[1] == 0
    assert len(Looks.of(config, "cnn.yaml").weights) == 1


def test_the_preset_follows_the_transforms(image: np.ndarray) -> None:
    source = ImageSource(np.repeat(image[None], 6, axis=0), [0.5] * 3, [0.5] * 3, CPU)
    augment = ImagePipeline.model_validate(
        {"learner": "image", "augment": {"albumentations": [{"VerticalFlip": {"p": 1}}], "preset": "side_on"}}
    ).augment
    how = Augmentation.of(augment, 1.0, "x")
    still = Augmentation("side_on", degrees=0, max_zoom=1, lighting=0)
    rows = np.arange(6)
    ((_, images),) = source.batches([rows], source.touch(how, 0))
    assert torch.equal(images[0], torch.from_numpy(image[::-1].copy()).permute(2, 0, 1) / 255)
    mirrored = np.linalg.det(still.draw(0, rows).theta[:, :, :2]) < 0
    assert mirrored.any() and not mirrored.all()
    for seen, flip in zip(source.augmented(images, rows, still, 0), mirrored, strict=True):
        wanted = image[::-1, ::-1] if flip else image[::-1]
        np.testing.assert_allclose(seen.permute(1, 2, 0).numpy(), wanted / 255, atol=1e-4)


def test_each_pass_of_tta_has_its_own_draws_and_the_original_is_left_alone(contest: Contest, tmp_path: Path) -> None:
    config = recipe(augment=[{"HorizontalFlip": {"p": 1.0}}], tta=0)
    learner, shelf = ImageLearner(contest, config, "cnn", Reporter()), Shelf.open(tmp_path, "key")
    learner.fit(0, contest.train.index[:64], contest.train.index[64:], shelf)

    def predicted(tta: Any) -> np.ndarray:
        other = ImageLearner(contest, config.model_copy(update={"tta": tta}), "cnn", Reporter())
        return other.predict("test", contest.test.index, {0: shelf})[contest.outputs].to_numpy()

    original, both = predicted(0), predicted(1)
    mirror = 2 * both - original  # the mean of the two is what TTA gives: so this is the mirrored image's prediction
    assert np.abs(mirror - original).max() > 1e-3
    # every pass mirrors: three of them weigh the mirror three times
    np.testing.assert_allclose(predicted(3), (original + 3 * mirror) / 4, atol=1e-5)
