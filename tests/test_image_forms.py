"""What becomes of decoded images where the disk is too small: JPEGs, then the files themselves; nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from ear import Ear
from image_contest import digits_contest
from small_network import trained

from outfold.contest import Contest
from outfold.data.images import cache as image_cache
from outfold.data.images import store as image_forms
from outfold.data.images.batches import ImageSource
from outfold.data.images.cache import ImageCache, ImageSet, amount, in_words, open_cache, room
from outfold.data.images.decode import decode, to_square
from outfold.data.images.store import LiveImages, PackedJpegs, RaggedMap, read_batch
from outfold.errors import ConfigError, DataError
from outfold.store.atomic import sweep_dead

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def photo(path: Path, number: int, height: int, width: int) -> Path:
    """A smooth picture with some detail, as a JPEG keeps it well."""
    y, x = np.mgrid[0:height, 0:width] / 40
    waves = [np.sin(x * (1 + number % 3) + number) * np.cos(y + channel) for channel in range(3)]
    cv2.imwrite(str(path), (127 + 100 * np.stack(waves, axis=2)).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    sizes = [(120, 160), (160, 120), (150, 150), (90, 300)]
    return [photo(folder / f"{number}.png", number, *sizes[number % 4]) for number in range(70)]


def opened(folder: Path, paths: Sequence[Path], budget: str = "", **keys: Any) -> tuple[ImageCache, Ear]:
    told = Ear()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OUTFOLD_CACHE_BUDGET", budget)
        cache = open_cache(folder, ImageSet("train", paths, **{"size": 64, **keys}), told, on_bad="drop")
    return cache, told


def images(cache: ImageCache) -> list[np.ndarray]:
    """Every image, as it is read."""
    pixels = cache.pixels
    return [pixels[row] if isinstance(pixels, np.ndarray) else pixels.image(row) for row in range(len(pixels))]


# 70 images of 64 x 64 x 3 bytes are 860,160; as JPEGs some 190,000
@pytest.mark.parametrize(
    ("budget", "kind", "said"),
    [
        ("900 KB", np.ndarray, "train images, 64 px: 860.2 KB decoded, kept on disk"),
        ("800 KB", PackedJpegs, r"860.2 KB decoded, and the cache has room for 800.0 KB: kept as JPEGs"),
        ("50 KB", LiveImages, "and the cache has room for 50.0 KB: decoded from their files whenever read"),
    ],
)
def test_the_form_is_the_first_that_the_budget_has_room_for(
    tmp_path: Path, photos: list[Path], budget: str, kind: type, said: str
) -> None:
    cache, told = opened(tmp_path, photos, budget)
    assert isinstance(cache.pixels, kind)
    (line,) = told.lines
    assert said in line
    wanted = [to_square(decode(path), 64, "crop") for path in photos]
    found = images(cache)
    off = [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(found, wanted, strict=True)]
    if kind is PackedJpegs:
        assert 0 < max(off) < 1.5
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 800_000
    else:
        assert max(off) == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_jpegs_are_those_of_the_image_at_its_size_in_every_order(
    tmp_path: Path, photos: list[Path], channels: int
) -> None:
    cache, _ = opened(tmp_path, photos, "180 KB" if channels == 1 else "800 KB", channels=channels)
    assert isinstance(cache.pixels, PackedJpegs)
    source = ImageSource(cache.pixels, [0.5], [0.5], CPU)
    rows = np.array([69, 3, 3, 0])
    batch = source.fetch(rows).numpy()
    assert batch.shape == (4, 64, 64, channels)
    for pixels, row in zip(batch, rows, strict=True):
        wanted = to_square(decode(photos[row], channels), 64, "crop")
        assert np.abs(pixels.astype(int) - wanted).mean() < 1.5


def test_the_same_jpegs_are_written_by_any_number_of_threads(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for threads in ("1", "4"):
        monkeypatch.setenv("OUTFOLD_THREADS", threads)
        opened(tmp_path / threads, photos, "800 KB")
        written.append(next((tmp_path / threads).glob("*.jpegs")).read_bytes())
    assert written[0] == written[1]


def test_what_was_made_stays_in_use_whatever_the_budget_becomes(tmp_path: Path, photos: list[Path]) -> None:
    opened(tmp_path / "map", photos, "900 KB")
    cache, told = opened(tmp_path / "map", photos, "1 KB")
    assert isinstance(cache.pixels, np.ndarray) and not told.bars
    packed, _ = opened(tmp_path / "jpegs", photos, "800 KB")
    again, told = opened(tmp_path / "jpegs", photos, "900 GB")
    assert isinstance(again.pixels, PackedJpegs) and not told.bars
    assert told.lines == ["train images, 64 px: from JPEGs of that size"]
    assert packed.name == again.name != cache.name  # what is computed from them must not be mixed


def test_what_the_cache_holds_already_counts(tmp_path: Path, photos: list[Path]) -> None:
    opened(tmp_path, photos, "1 MB")
    cache, _ = opened(tmp_path, photos, "1 MB", size=63)
    assert isinstance(cache.pixels, LiveImages)


def test_bands_that_no_jpeg_holds_are_decoded_live(tmp_path: Path) -> None:
    import tifffile

    paths = [tmp_path / f"{number}.tif" for number in range(3)]
    for number, path in enumerate(paths):
        tifffile.imwrite(path, np.full((40, 40, 5), number, np.uint8), photometric="minisblack", planarconfig="contig")
    cache, _ = opened(tmp_path / "cache", paths, "1 KB", channels=5, size=16)
    assert isinstance(cache.pixels, LiveImages)
    assert [int(image.max()) for image in images(cache)] == [0, 1, 2]


def test_images_that_cannot_be_read_are_known_in_every_form(tmp_path: Path, photos: list[Path]) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"<html>")
    for budget in ("900 KB", "800 KB", "50 KB"):
        cache, _ = opened(tmp_path / budget, [*photos[:60], broken, *photos[61:]], budget)
        assert cache.bad == {60: "not an image (a web page)"}
        grey = images(cache)[60].astype(int)
        assert np.abs(grey - 128).max() <= 1
        with pytest.raises(DataError, match=r"1 of 70 train images cannot be read:\n.*broken\.png: not an image"):
            open_cache(
                tmp_path / budget, ImageSet("train", [*photos[:60], broken, *photos[61:]], 64), Ear(), on_bad="error"
            )


def test_a_file_that_vanishes_while_it_is_read_live_is_named(tmp_path: Path, photos: list[Path]) -> None:
    mine = [Path(shutil.copy(path, tmp_path)) for path in photos[:4]]
    cache, _ = opened(tmp_path / "cache", mine, "1 KB")
    mine[2].unlink()
    with pytest.raises(DataError, match=r"2\.png: no such file"):
        images(cache)


def test_looking_whether_all_can_be_read_is_done_once(tmp_path: Path, photos: list[Path]) -> None:
    bars = [opened(tmp_path, photos, "50 KB")[1].bars for _ in range(2)]
    assert [len(shown) for shown in bars] == [1, 0]


def full(*args: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_while_the_map_is_written_is_told_and_the_next_form_is_taken(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_forms, "allocate", full)
    cache, told = opened(tmp_path, photos)
    assert isinstance(cache.pixels, PackedJpegs)
    assert "kept as JPEGs" in told.lines[0]
    assert not [path.name for path in tmp_path.iterdir() if path.suffix in (".npy", ".tmp")]


def test_a_disk_without_any_room_still_trains(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full)
    cache, told = opened(tmp_path, photos)
    assert isinstance(cache.pixels, LiveImages) and len(told.lines) == 1
    assert np.array_equal(images(cache)[5], to_square(decode(photos[5]), 64, "crop"))
    assert not [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")]


def test_jpegs_that_are_larger_than_their_sample_said_are_given_up(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_forms.Reading, "packed_bytes", lambda self: 10)
    cache, _ = opened(tmp_path, photos, "50 KB")
    assert isinstance(cache.pixels, LiveImages)
    assert not list(tmp_path.glob("*.jpegs"))


def test_the_budget_is_what_is_left_of_it_and_a_part_of_the_free_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10_000, 9_000, 1_000))
    monkeypatch.delenv("OUTFOLD_CACHE_BUDGET", raising=False)
    (tmp_path / "kept").write_bytes(bytes(300))
    assert room(tmp_path) == 900
    monkeypatch.setenv("OUTFOLD_CACHE_BUDGET", "0.7 KB")
    assert room(tmp_path) == 400
    monkeypatch.setenv("OUTFOLD_CACHE_BUDGET", "20 TB")
    assert room(tmp_path) == 900
    monkeypatch.setenv("OUTFOLD_CACHE_BUDGET", "100")
    assert room(tmp_path) == 0
    assert (amount("20 GB"), amount("1.5kb"), amount("7")) == (20_000_000_000, 1500, 7)
    assert (in_words(999), in_words(15_052_800_000)) == ("999 B", "15.1 GB")


@pytest.mark.parametrize("said", ["much", "20 XB", "-5 GB"])
def test_a_budget_that_is_no_amount_is_refused(tmp_path: Path, photos: list[Path], said: str) -> None:
    with pytest.raises(ConfigError, match=r"OUTFOLD_CACHE_BUDGET: .* expected bytes, or a number of KB, MB, GB or TB"):
        opened(tmp_path, photos, said)


def kept_in(budget: str, contest: Contest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, np.ndarray]:
    """A training on images that are kept as a budget allows."""
    monkeypatch.setenv("OUTFOLD_CACHE_BUDGET", budget)
    shutil.rmtree(contest.layout.cache, ignore_errors=True)
    return trained(contest, folder, size=48, phases=[{"epochs": 1, "lr": 2e-3}], tta=1)


def test_a_training_on_files_decoded_live_is_the_same_to_the_byte_and_on_jpegs_nearly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contest = digits_contest(tmp_path / "contest", train=60, test=10)
    weights, predicted = kept_in("1 GB", contest, tmp_path / "map", monkeypatch)
    live_weights, live = kept_in("1 KB", contest, tmp_path / "live", monkeypatch)
    assert weights == live_weights and np.array_equal(predicted, live)
    monkeypatch.setattr(image_cache, "room", lambda folder: 120_000)
    jpeg_weights, jpegs = kept_in("", contest, tmp_path / "jpegs", monkeypatch)
    assert jpeg_weights != weights and np.abs(jpegs - predicted).max() < 0.1


def test_images_of_many_shapes_lie_in_one_map(tmp_path: Path, photos: list[Path]) -> None:
    whole, _ = opened(tmp_path / "map", photos, resize="native")
    live, _ = opened(tmp_path / "live", photos, "1 KB", resize="native")
    assert isinstance(whole.pixels, RaggedMap) and isinstance(live.pixels, LiveImages)
    assert [image.shape for image in images(whole)[:4]] == [(48, 64, 3), (64, 48, 3), (64, 64, 3), (32, 112, 3)]
    for one, other in zip(images(whole), images(live), strict=True):
        assert np.array_equal(one, other)
    # a batch has one shape, to which an image of another is scaled
    out = np.empty((2, 64, 64, 3), np.uint8)
    read_batch(whole.pixels, np.array([2, 0]), out)
    assert np.array_equal(out[0], images(whole)[2]) and out[1].std() > 0


@pytest.mark.parametrize("side", [800, 780])
def test_a_photo_far_larger_than_needed_is_halved_by_the_decoder_and_stays_antialiased(
    tmp_path: Path, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.integers(0, 255, (side, 2 * side, 3), dtype=np.uint8), (0, 0), 1.5)
    path = tmp_path / "a.jpg"
    cv2.imwrite(str(path), cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX))  # type: ignore[call-overload]
    whole, quick = decode(path), decode(path, wanted=(200, 200))
    assert quick.shape == ((400, 800, 3) if side == 800 else whole.shape)
    wanted, found = (to_square(pixels, 200, "crop").astype(int) for pixels in (whole, quick))
    cut = whole[:, side // 2 : side // 2 + side]
    aliased = cv2.resize(cut, (200, 200), interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(found - wanted).mean() < 0.7 * np.abs(aliased - wanted).mean()
    assert decode(path, 1, wanted=(200, 200)).shape[2] == 1


BUILD = """
import sys
from pathlib import Path
from outfold.data.images.cache import ImageSet, open_cache
from outfold.progress import Reporter
folder, photos = map(Path, sys.argv[1:])
open_cache(folder, ImageSet("train", sorted(photos.iterdir()) * 100, 64), Reporter(), on_bad="drop")
"""


def temporaries(folder: Path) -> list[Path]:
    return [path for path in folder.glob(".*.tmp") if path.stat().st_size > 100_000]


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_what_a_killed_process_left_half_decoded_does_not_count_against_the_budget(
    tmp_path: Path, photos: list[Path]
) -> None:
    folder = tmp_path / "cache"
    words = [sys.executable, "-c", BUILD, str(folder), str(photos[0].parent)]
    with subprocess.Popen(words, env={**os.environ, "OUTFOLD_CACHE_BUDGET": ""}) as child:
        end = time.monotonic() + 60
        while child.poll() is None and not temporaries(folder) and time.monotonic() < end:
            time.sleep(0.005)
        # while it lives, its file is its own
        sweep_dead(folder)
        (half,) = temporaries(folder)
        child.kill()
    assert half.stat().st_size > 80_000_000
    cache, told = opened(folder, photos, "900 KB")
    assert isinstance(cache.pixels, np.ndarray) and "kept on disk" in told.lines[0]
    assert not list(folder.glob(".*.tmp"))
    whole, _ = opened(tmp_path / "other", photos, "900 KB")
    assert np.array_equal(whole.pixels, cache.pixels)
