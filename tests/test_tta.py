"""Augmentation belongs to a row; votes are weighted by name and read each image once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from image_contest import digits_contest
from torch import nn

from outfold.config.image import ImagePipeline
from outfold.data.images.augment import Augmentation, apply
from outfold.data.images.batches import ImageSource, ahead
from outfold.learners.image.learner import ImageLearner
from outfold.progress import Reporter
from outfold.randomness import derive_seed, row_uniforms
from outfold.store.fold_dir import Shelf
from outfold.training.losses import Loss
from outfold.training.tta import tta_weights, vote

ROWS = np.arange(5000)


def test_row_numbers_are_uniform_and_unrelated() -> None:
    u = row_uniforms(7, np.arange(20000), 6)
    assert u.min() >= 0 and u.max() < 1
    counts = np.histogram(u, bins=20, range=(0, 1))[0] / u.size
    assert np.abs(counts - 0.05).max() < 0.002
    between = np.corrcoef(u.T) - np.eye(6)
    along = np.corrcoef(u[:-1, 0], u[1:, 0])[0, 1]
    assert max(np.abs(between).max(), abs(along)) < 0.03


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=20), st.integers(0, 2**62))
def test_a_row_s_numbers_do_not_depend_on_the_rows_beside_it(rows: list[int], seed: int) -> None:
    together = row_uniforms(seed, np.array(rows), 4)
    alone = np.concatenate([row_uniforms(seed, np.array([row]), 4) for row in rows])
    assert np.array_equal(together, alone)


def test_other_seeds_draw_other_numbers() -> None:
    first, second = (row_uniforms(derive_seed(0, 1, epoch), ROWS, 1)[:, 0] for epoch in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_basic_turns_three_rows_in_four_by_ten_degrees_at_most() -> None:
    draw = Augmentation("basic").draw(1, ROWS)
    angle = np.rad2deg(np.arctan2(draw.theta[:, 1, 0], draw.theta[:, 0, 0]))
    assert 9.9 < np.abs(angle).max() <= 10
    assert (angle != 0).mean() == pytest.approx(0.75, abs=0.02)


def test_zoom_and_shift_stay_within_the_picture() -> None:
    draw = Augmentation("basic", rotate_share=0).draw(1, ROWS)
    zoom = 1 / draw.theta[:, 0, 0]
    assert zoom.min() >= 1 and 1.09 < zoom.max() <= 1.1
    # the far edge of the frame in the picture's coordinates: scale + shift
    reach = draw.theta[:, 0, 0] + np.abs(draw.theta[:, 0, 2])
    assert reach.max() <= 1 + 1e-12


def test_side_on_mirrors_half_of_the_rows_and_basic_none() -> None:
    assert (np.linalg.det(Augmentation("basic").draw(1, ROWS).theta[:, :, :2]) > 0).all()
    mirrored = np.linalg.det(Augmentation("side_on").draw(1, ROWS).theta[:, :, :2]) < 0
    assert mirrored.mean() == pytest.approx(0.5, abs=0.03)


def test_top_down_draws_all_eight_symmetries_of_the_square_exactly() -> None:
    still = Augmentation("top_down", rotate_share=0, max_zoom=1, lighting=0)
    images = torch.rand(64, 1, 6, 6)
    images[:] = images[0].clone()
    changed = apply(images, still.draw(3, np.arange(64)))
    wanted = [torch.rot90(side, turns, (1, 2)) for side in (images[0], images[0].flip(2)) for turns in range(4)]
    found = set()
    for image in changed:
        distance = [float((image - symmetry).abs().max()) for symmetry in wanted]
        assert min(distance) < 1e-5
        found.add(int(np.argmin(distance)))
    assert len(found) == 8


def test_strength_scales_magnitudes_and_zero_changes_nothing() -> None:
    weak, strong = (Augmentation("basic", strength).draw(1, ROWS) for strength in (1.0, 2.0))
    angles = [np.arctan2(draw.theta[:, 1, 0], draw.theta[:, 0, 0]) for draw in (weak, strong)]
    assert np.abs(angles[1]).max() == pytest.approx(2 * np.abs(angles[0]).max())
    assert np.abs(strong.brightness).max() == pytest.approx(2 * np.abs(weak.brightness).max())
    assert Augmentation("top_down", 0.0).is_none
    assert Augmentation("none").is_none


def test_a_turned_picture_is_turned_about_its_centre() -> None:
    images = torch.zeros(1, 1, 33, 33)
    images[0, 0, 16, 16:] = 1  # a ray from the centre to the right
    draw = Augmentation("basic", degrees=10, rotate_share=1, max_zoom=1, lighting=0).draw(0, np.array([4]))
    angle = np.arctan2(draw.theta[0, 1, 0], draw.theta[0, 0, 0])
    turned = apply(images, draw)[0, 0]
    assert turned[16, 16] > 0.5
    row, column = np.unravel_index(int(turned[:, 26:28].argmax()), (33, 2))
    # the matrix maps output to input, so the picture turns the other way; y points down
    assert np.arctan2(row - 16, column + 26 - 16) == pytest.approx(-angle, abs=0.06)


def test_images_stay_between_black_and_white() -> None:
    images = torch.rand(50, 3, 16, 16).round()
    changed = apply(images, Augmentation("top_down", 3.0).draw(0, np.arange(50)))
    assert changed.min() >= 0 and changed.max() <= 1
    assert changed.shape == images.shape


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_work_ahead_keeps_the_order_and_passes_errors_on(workers: int) -> None:
    assert list(ahead(lambda n: n * n, range(50), workers)) == [n * n for n in range(50)]
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda n: 1 // (20 - n), range(50), workers))


def test_a_source_gives_rows_normalised_with_the_model_s_own_numbers() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (9, 4, 4, 3), dtype=np.uint8)
    source = ImageSource(pixels, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), torch.device("cpu"))
    rows, images = next(source.batches([np.array([7, 2])]))
    found = source.normalised(images)
    wanted = (pixels[rows] / 255 - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.4]
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), wanted, atol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_weights_of_the_passes() -> None:
    assert tta_weights(4, None) == pytest.approx([0.2] * 5)
    assert tta_weights(4, 0.25) == pytest.approx([0.25, 0.1875, 0.1875, 0.1875, 0.1875])
    assert tta_weights(0, 0.25) == [1.0]


class _Scale(nn.Module):
    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.by


def _variants() -> Iterator[Iterator[torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    for rows in (3, 2):
        yield iter([torch.randn(rows, 4, generator=generator) for _ in range(3)])


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_every_model_votes_on_every_variant_with_its_weight(average: str) -> None:
    weights = tta_weights(2, 0.5)
    told: list[int] = []
    models, loss = [_Scale(1.0), _Scale(3.0)], Loss("multiclass")
    found = vote(models, [loss, loss], _variants(), weights, average, told.append)  # type: ignore[arg-type]
    for model, values in zip(models, found, strict=True):
        wanted = []
        for batch in _variants():
            logits = [model(variant) for variant in batch]
            if average == "logits":
                wanted.append(sum(w * out for w, out in zip(weights, logits, strict=True)).softmax(1))
            else:
                wanted.append(sum(w * out.softmax(1) for w, out in zip(weights, logits, strict=True)))
        np.testing.assert_allclose(values, torch.cat(wanted).numpy(), rtol=1e-5)
        assert values.dtype == np.float32
    assert told == [3, 2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    root = tmp_path_factory.mktemp("digits")
    contest = digits_contest(root, train=60, test=20)
    config = ImagePipeline.model_validate(
        {
            "learner": "image",
            "model": "resnet10t",
            "timm_args": {"channels": [16, 32, 64, 96], "stem_width": 8},
            "weights": "none",
            "size": 16,
            "channels": 1,
            "augment": "basic",
            "batch_size": 16,
            "phases": [{"cycles": 2, "snapshots": True}],
        }
    )
    shelf = Shelf.open(root / "shelf", "key")
    learner = ImageLearner(contest, config, "cnn", Reporter())
    learner.fit(0, contest.train.index[:40], contest.train.index[40:], shelf)
    return contest, config, shelf


def _predicted(trained: tuple, **keys: object) -> np.ndarray:
    contest, config, shelf = trained
    learner = ImageLearner(contest, config.model_copy(update=keys), "cnn", Reporter())
    return learner.predict("test", contest.test.index, {0: shelf})[contest.outputs].to_numpy()


def test_tta_changes_predictions_and_is_the_same_each_time(trained: tuple) -> None:
    without, once, again = _predicted(trained, tta=0), _predicted(trained, tta=3), _predicted(trained, tta=3)
    assert np.array_equal(once, again)
    assert np.abs(once - without).max() > 1e-4


def test_without_augmentation_there_is_nothing_to_average(trained: tuple) -> None:
    assert np.array_equal(_predicted(trained, tta=4, augment="none"), _predicted(trained, tta=0))


def test_each_image_batch_is_read_once_however_many_vote(trained: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    fetch = ImageSource.fetch

    def counting(self: ImageSource, rows: np.ndarray) -> torch.Tensor:
        read.extend(rows)
        return fetch(self, rows)

    monkeypatch.setattr(ImageSource, "fetch", counting)
    contest, config, shelf = trained
    learner = ImageLearner(contest, config, "cnn", Reporter())
    frame = learner.predict("test", contest.test.index, {0: shelf, 1: shelf, 2: shelf})
    assert len(frame) == 20 * 3 * 2
    assert sorted(read) == list(range(20))


def test_models_that_do_not_fit_together_vote_in_groups_with_the_same_result(
    trained: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = _predicted(trained, tta=1)
    monkeypatch.setattr("outfold.learners.image.members._CPU_BYTES", 1.0)
    assert np.array_equal(_predicted(trained, tta=1), together)


def test_the_cache_s_path_is_no_part_of_a_prediction(trained: tuple, tmp_path: Path) -> None:
    contest = digits_contest(tmp_path, train=60, test=20)
    _, config, shelf = trained
    elsewhere = ImageLearner(contest, config, "cnn", Reporter()).predict("test", contest.test.index, {0: shelf})
    assert np.array_equal(elsewhere[contest.outputs].to_numpy(), _predicted(trained))
