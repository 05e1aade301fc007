"""Crops and erasing: what is drawn, that it is each row's own, and what the network sees of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from outfold.data.images.augment import Augmentation, apply
from outfold.data.images.batches import ImageSource
from outfold.data.images.erasing import draw_boxes, erase

ROWS = np.arange(4000)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (12, 24, 24, 3), dtype=np.uint8)


def crops(strength: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Width, height and centre of each row's crop, in units of the frame."""
    theta = Augmentation("crop", strength).draw(5, ROWS).theta
    return np.abs(theta[:, 0, 0]), theta[:, 1, 1], theta[:, :, 2]


def test_crops_have_the_areas_and_aspects_of_the_preset_and_lie_within_the_picture() -> None:
    width, height, centre = crops()
    area, aspect = width * height, width / height
    assert area.min() >= 0.35 and 0.99 < area.max() <= 1 + 1e-12
    # evenly drawn: torchvision's fallback would heap areas up at 1
    assert np.histogram(area, bins=5, range=(0.35, 1))[0] == pytest.approx(800, abs=100)
    assert 3 / 4 - 1e-9 <= aspect.min() < 0.76 and 1.32 < aspect.max() <= 4 / 3 + 1e-9
    assert (np.stack([width, height], 1) + np.abs(centre)).max() <= 1 + 1e-12
    # anywhere: the left and the right edge of the picture are both reached
    reach = (1 - width)[width < 0.9], centre[width < 0.9, 0]
    assert (np.abs(reach[1]) / reach[0]).mean() == pytest.approx(0.5, abs=0.03)


def test_half_of_the_crops_are_mirrored_and_strength_narrows_what_they_take() -> None:
    mirrored = Augmentation("crop").draw(5, ROWS).theta[:, 0, 0] < 0
    assert mirrored.mean() == pytest.approx(0.5, abs=0.03)
    width, height, _ = crops(0.2)
    assert (width * height).min() >= 0.86
    assert Augmentation("crop", 0.0).is_none


def test_a_crop_shows_that_part_of_the_picture_at_the_size_asked_for() -> None:
    ramp = torch.arange(46.0).div(46).expand(1, 1, 46, 46)  # brightness grows from left to right
    draw = Augmentation("crop").draw(5, np.array([7]))
    seen = apply(ramp, draw, (40, 40))
    assert seen.shape == (1, 1, 40, 40)
    width, left = draw.theta[0, 0, 0], draw.theta[0, 0, 2]
    at = (np.linspace(-1, 1, 41)[:-1] + 1 / 40) * width + left  # where the 40 columns look, in [-1, 1]
    wanted = ((at + 1) / 2 * 46 - 0.5) / 46
    np.testing.assert_allclose(seen[0, 0, 20, 2:-2], wanted[2:-2], atol=0.02)


def test_erasing_takes_a_rectangle_of_so_many_rows_of_a_size_that_was_drawn() -> None:
    boxes = draw_boxes(1, ROWS, 0.25, (64, 64))
    height, width = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]
    share = height * width / 64**2
    assert (share > 0).mean() == pytest.approx(0.25, abs=0.03)
    assert share[share > 0].min() < 0.05 and 0.3 < share.max() < 0.36
    assert share[share > 0].mean() == pytest.approx((0.02 + 1 / 3) / 2, abs=0.01)
    assert boxes.min() >= 0 and boxes.max() <= 64
    images = torch.rand(4, 2, 64, 64)
    some = np.array([[0, 0, 0, 0], [3, 9, 10, 64], [0, 64, 0, 64], [63, 64, 0, 1]])
    erased = erase(images, some, [0.25, 0.75])
    assert torch.equal(erased[0], images[0])
    assert (erased[1, 0, 3:9, 10:] == 0.25).all() and (erased[1, 1, 3:9, 10:] == 0.75).all()
    assert (erased != images).sum(dim=(1, 2, 3)).tolist() == [0, 6 * 54 * 2, 64 * 64 * 2, 2]


@pytest.mark.parametrize("how", [Augmentation("crop"), Augmentation("none", erase=0.5), Augmentation("crop", erase=1)])
def test_what_happens_to_a_row_does_not_depend_on_its_batch(pixels: np.ndarray, how: Augmentation) -> None:
    source = ImageSource(pixels, [0.5] * 3, [0.2] * 3, CPU)

    def seen(*batches: np.ndarray) -> np.ndarray:
        found = np.zeros((12, 3, 24, 24), np.float32)
        for rows, images in source.batches(batches):
            found[rows] = source.augmented(images, rows, how, seed=3).numpy()
        return found

    together, apart = seen(np.arange(12)), seen(np.array([11, 3, 5]), np.array([0, 1, 2, 4, 6, 7, 8, 9, 10]))
    np.testing.assert_allclose(together, apart, atol=1e-6)
    plain = pixels.transpose(0, 3, 1, 2) / np.float32(255)
    changed = np.abs(together - plain).max(axis=(1, 2, 3)) > 0.01
    assert changed.all() if how.erase != 0.5 else 0 < changed.sum() < 12


def test_what_is_erased_is_zero_to_the_network(pixels: np.ndarray) -> None:
    source = ImageSource(pixels, [0.4, 0.5, 0.6], [0.2, 0.3, 0.4], CPU)
    rows, images = next(source.batches([np.arange(12)]))
    erased = source.normalised(source.augmented(images, rows, Augmentation("none", erase=1.0), seed=0))
    empty = (erased.abs() < 1e-6).all(dim=1).float().mean(dim=(1, 2))
    assert (empty > 0.01).all() and empty.max() < 0.37
