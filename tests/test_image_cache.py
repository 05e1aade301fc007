"""Decode once: every kind of file read right, one memory map shared, built once."""

from __future__ import annotations

import io
import multiprocessing
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from ear import Ear
from PIL import Image

from outfold.data.images.cache import ImageSet, open_cache
from outfold.data.images.decode import decode, to_square
from outfold.errors import OutfoldError
from outfold.progress import Reporter

HEIGHT, WIDTH = 40, 60


@pytest.fixture
def scene() -> np.ndarray:
    """Smooth colours that differ in every corner, so that a turn, a swap of channels or a shift shows."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([x * 4, y * 6, 240 - x * 2 - y], axis=2).clip(0, 255).astype(np.uint8)


def _close(found: np.ndarray, wanted: np.ndarray, tolerance: float = 4.0) -> None:
    assert found.shape == wanted.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - wanted.astype(int)).mean() < tolerance


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.tiff", "wrong_suffix.jpg"])
def test_formats_are_read_whatever_the_name_says(tmp_path: Path, scene: np.ndarray, name: str) -> None:
    kind = {"jpg": "JPEG", "wrong_suffix": "PNG"}.get(name.split(".")[0]) or {"jpg": "JPEG"}.get(
        name.split(".")[1], name.split(".")[1].upper()
    )
    Image.fromarray(scene).save(tmp_path / name, format=kind)
    _close(decode(tmp_path / name), scene)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(tmp_path: Path, scene: np.ndarray, orientation: int, kind: str) -> None:
    # what a camera stores for an upright scene, by orientation
    stored = {
        1: scene,
        2: scene[:, ::-1],
        3: scene[::-1, ::-1],
        4: scene[::-1],
        5: scene.transpose(1, 0, 2),
        6: np.rot90(scene),
        7: np.rot90(scene, 2).transpose(1, 0, 2),
        8: np.rot90(scene, -1),
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a", format=kind, exif=exif)
    _close(decode(tmp_path / "a"), scene)


def test_cmyk_becomes_rgb(tmp_path: Path, scene: np.ndarray) -> None:
    Image.fromarray(scene).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    _close(decode(tmp_path / "a.jpg"), scene)


def test_a_palette_becomes_its_colours(tmp_path: Path, scene: np.ndarray) -> None:
    Image.fromarray(scene).quantize(256).save(tmp_path / "a.png")
    _close(decode(tmp_path / "a.png"), scene, tolerance=8)


def test_a_palette_with_transparency_becomes_its_colours(tmp_path: Path, scene: np.ndarray) -> None:
    Image.fromarray(scene).quantize(16).save(tmp_path / "a.png", transparency=0)
    _close(decode(tmp_path / "a.png"), np.asarray(Image.fromarray(scene).quantize(16).convert("RGB")), tolerance=1)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path, suffix: str) -> None:
    wide = np.linspace(0, 65535, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), wide)
    found = decode(tmp_path / f"a.{suffix}", channels=1)[:, :, 0]
    assert np.abs(found - wide / 257).max() <= 1
    assert (found.min(), found.max()) == (0, 255)


def test_sixteen_bit_colour_is_scaled_to_eight(tmp_path: Path, scene: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), scene[:, :, ::-1].astype(np.uint16) * 257)
    _close(decode(tmp_path / "a.png"), scene, tolerance=1)


def test_grey_is_repeated_for_three_channels_and_kept_for_one(tmp_path: Path, scene: np.ndarray) -> None:
    grey = scene[:, :, 0]
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png", channels=3), np.repeat(grey[:, :, None], 3, axis=2))
    assert np.array_equal(decode(tmp_path / "a.png", channels=1), grey[:, :, None])


def test_alpha_is_dropped(tmp_path: Path, scene: np.ndarray) -> None:
    alpha = np.full((HEIGHT, WIDTH, 1), 7, np.uint8)
    Image.fromarray(np.concatenate([scene, alpha], axis=2)).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png"), scene)


def test_colour_becomes_grey_alike_on_both_paths(tmp_path: Path, scene: np.ndarray) -> None:
    Image.fromarray(scene).save(tmp_path / "fast.png")
    Image.fromarray(scene).save(tmp_path / "slow.bmp")
    fast, slow = (decode(tmp_path / name, channels=1).astype(int) for name in ("fast.png", "slow.bmp"))
    assert np.abs(fast - slow).max() <= 1


def test_a_black_and_white_image_is_black_and_white(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[:, 30:] = True
    Image.fromarray(mask).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png", channels=1)[:, :, 0], mask * np.uint8(255))


def test_crop_keeps_the_centre_and_the_aspect_and_squash_keeps_all(scene: np.ndarray) -> None:
    cropped, squashed = to_square(scene, 20, "crop"), to_square(scene, 20, "squash")
    assert cropped.shape == squashed.shape == (20, 20, 3)
    _close(cropped, cv2.resize(scene[:, 10:50], (20, 20), interpolation=cv2.INTER_AREA), tolerance=1)
    # the left edge is cut by one and kept by the other
    assert cropped[:, 0, 0].mean() > 35 > squashed[:, 0, 0].mean()


def test_shrinking_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (128, 64))[:, :, None]
    assert np.abs(to_square(stripes, 32, "crop").astype(int) - 127).max() <= 1


def test_an_image_of_the_right_size_is_left_as_it_is(scene: np.ndarray) -> None:
    assert np.array_equal(to_square(scene[:, :HEIGHT], HEIGHT, "crop"), scene[:, :HEIGHT])


@pytest.fixture
def photos(tmp_path: Path) -> ImageSet:
    rng = np.random.default_rng(0)
    paths = []
    for i in range(70):
        path = tmp_path / "photos" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(path)
        paths.append(path)
    return ImageSet("train", paths, size=16)


def test_the_cache_holds_every_image_in_the_order_of_the_paths(tmp_path: Path, photos: ImageSet) -> None:
    cache = open_cache(tmp_path / "cache", photos, Reporter(), on_bad="error")
    assert cache.pixels.shape == (70, 16, 16, 3)
    for i in (0, 31, 32, 69):
        assert np.array_equal(cache.pixels[i], to_square(decode(photos.paths[i]), 16, "crop"))
    with pytest.raises(ValueError, match="read-only"):
        cache.pixels[0] = 0


def test_images_are_decoded_once(tmp_path: Path, photos: ImageSet) -> None:
    reporter = Ear()
    for _ in range(2):
        open_cache(tmp_path / "cache", photos, reporter, on_bad="error")
    assert len(reporter.bars) == 1


def test_a_changed_file_is_decoded_again(tmp_path: Path, photos: ImageSet) -> None:
    open_cache(tmp_path / "cache", photos, Reporter(), on_bad="error")
    Image.new("RGB", (20, 20), "white").save(photos.paths[3])
    again = open_cache(tmp_path / "cache", photos, Reporter(), on_bad="error")
    assert (again.pixels[3] == 255).all()


@pytest.mark.parametrize("change", [{"size": 8}, {"resize": "squash"}, {"channels": 1}, {"part": "test"}])
def test_another_form_is_another_cache(photos: ImageSet, change: dict) -> None:
    assert ImageSet(**{**vars(photos), **change}).name() != photos.name()


def _open(folder: Path, images: ImageSet, barrier, results) -> None:  # type: ignore[no-untyped-def]
    reporter = Ear()
    barrier.wait()
    cache = open_cache(folder, images, reporter, on_bad="error")
    results.put((len(reporter.bars), int(cache.pixels.sum())))


@pytest.mark.skipif(os.name != "posix", reason="advisory locks are POSIX's")
def test_two_processes_build_it_once(tmp_path: Path, photos: ImageSet) -> None:
    fork = multiprocessing.get_context("spawn")
    barrier, results = fork.Barrier(2), fork.Queue()
    processes = [fork.Process(target=_open, args=(tmp_path / "cache", photos, barrier, results)) for _ in range(2)]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert sorted(builds for builds, _ in found) == [0, 1]
    assert found[0][1] == found[1][1]


def test_a_build_that_fails_leaves_no_cache(tmp_path: Path, photos: ImageSet) -> None:
    photos.paths[5].write_bytes(b"")
    with pytest.raises(OutfoldError):
        open_cache(tmp_path / "cache", photos, Reporter(), on_bad="error")
    assert not list((tmp_path / "cache").glob("*.npy"))
    assert not list((tmp_path / "cache").glob(".*.tmp"))


def test_decoded_bytes_do_not_depend_on_threads(tmp_path: Path, photos: ImageSet, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    written = []
    for threads in ("1", "4"):
        monkeypatch.setenv("OUTFOLD_THREADS", threads)
        folder = tmp_path / threads
        open_cache(folder, photos, Reporter(), on_bad="error")
        written.append(next(folder.glob("*.npy")).read_bytes())
    assert written[0] == written[1]
    assert np.load(io.BytesIO(written[0])).shape == (70, 16, 16, 3)
