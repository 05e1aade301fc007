"""Images that stay on the device: the same batches as from the memory map, which is then left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_contest import digits_contest
from small_network import trained

from outfold.data.images import gpu_cache as resident_module
from outfold.data.images.augment import Augmentation
from outfold.data.images.batches import ImageSource
from outfold.data.images.gpu_cache import free_bytes, resident
from outfold.learners.image import data as image_rows

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (50, 8, 8, 3), dtype=np.uint8)


def test_images_stay_where_they_take_a_quarter_of_the_free_memory_at_most(
    pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_module, "_CHUNK_BYTES", 1000)  # in pieces of five images
    kept = resident(pixels, CPU, 4 * pixels.nbytes)
    assert kept is not None and np.array_equal(kept.numpy(), pixels)
    assert resident(pixels, CPU, 4 * pixels.nbytes - 1) is None


def test_a_cpu_keeps_nothing(pixels: np.ndarray) -> None:
    assert free_bytes(CPU) == 0
    assert resident(pixels, CPU, free_bytes(CPU)) is None


def test_batches_are_gathered_there_and_the_map_is_not_read(
    pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [np.array([40, 3, 3]), np.array([0, 49])]
    mapped = ImageSource(pixels, [0.5] * 3, [0.2] * 3, CPU)
    kept = ImageSource(pixels, [0.5] * 3, [0.2] * 3, CPU, resident=resident(pixels, CPU, 1 << 30))
    wanted = list(mapped.batches(batches))
    touch = kept.touch(Augmentation.of([{"HorizontalFlip": {"p": 1}}], 1.0, "x"), 0)
    monkeypatch.setattr(ImageSource, "fetch", None)
    for (rows, images), (same_rows, same_images) in zip(wanted, kept.batches(batches), strict=True):
        assert np.array_equal(rows, same_rows) and torch.equal(images, same_images)
    assert [len(list(images)) for _, images in kept.variants(batches, [None, None, None])] == [3, 3]
    monkeypatch.undo()
    # albumentations need the images in host memory
    assert torch.equal(next(kept.batches(batches, touch))[1], wanted[0][1].flip(3))


def _trained(tmp_path: Path) -> tuple[bytes, np.ndarray]:
    contest = digits_contest(tmp_path, train=60, test=10)
    phases = [{"epochs": 1, "size": 16, "lr": 2e-3}, {"epochs": 1, "size": 24, "lr": 2e-3}]
    return trained(contest, tmp_path / "shelf", augment="crop", phases=phases, tta=2)


def test_a_training_on_images_that_stay_is_the_same_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, predictions = _trained(tmp_path / "map")
    kept: list[tuple[int, ...]] = []

    def plenty(images: np.ndarray, device: torch.device, free: int) -> Any:
        kept.append(images.shape)
        return resident(images, device, 1 << 30)

    monkeypatch.setattr(image_rows, "resident", plenty)
    monkeypatch.setattr(ImageSource, "fetch", None)
    same_weights, same_predictions = _trained(tmp_path / "kept")
    assert kept == [(60, 18, 18, 1), (60, 28, 28, 1), (10, 28, 28, 1)], "each size is sent once"
    assert weights == same_weights and np.array_equal(predictions, same_predictions)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_keeps_what_fits(pixels: np.ndarray) -> None:
    device = torch.device("cuda", 0)
    kept = resident(pixels, device, free_bytes(device))
    assert kept is not None and kept.device == device and np.array_equal(kept.cpu().numpy(), pixels)
