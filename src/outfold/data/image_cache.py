"""Decode once: a part's images as one memory map that folds, epochs, pipelines, snapshots and processes share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from outfold.data.image_bands import Ranges
from outfold.data.image_decode import DECODE_VERSION, BadImageError, decode, to_square
from outfold.data.memory_map import allocate, require_space, turn
from outfold.errors import DataError
from outfold.progress import Reporter
from outfold.store.atomic import atomic_path, write_json
from outfold.threads import thread_count

MARGIN = 1.15
"""With a margin, images are kept by so much larger than the network sees them: room to crop without enlarging."""
GREY = 128
"""What stands in for an image that cannot be read."""
_CHUNK = 32
_SHOWN = 10


@dataclass(frozen=True)
class ImageSet:
    """Which images, and in which form: one cache.

    Attributes:
        part: train or test; names the file.
        paths: row i of the cache is paths[i].
        size: pixels a side, as the network sees them.
        margin: how much larger they are kept.
        ranges: stored values that become 0 and 255: none, one pair for all bands, or one a band.
    """

    part: str
    paths: Sequence[Path]
    size: int
    resize: Literal["crop", "squash"] = "crop"
    channels: int = 3
    margin: float = 1.0
    ranges: Ranges = ()

    @property
    def side(self) -> int:
        """Pixels a side, as they are kept."""
        return round(self.size * self.margin)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self.paths), self.side, self.side, self.channels)

    def name(self) -> str:
        """The cache's file name: a hash over the paths, sizes and time stamps, and over how they are read."""
        rare = [*([self.margin] if self.margin != 1 else []), *([self.ranges] if self.ranges else [])]
        form = (DECODE_VERSION, self.size, self.resize, self.channels, *rare)
        digest = hashlib.sha256(repr(form).encode())
        for path in self.paths:
            digest.update(f"{path}\0{_stamp(path)}\n".encode())
        return f"{self.part}-{self.size}px-{digest.hexdigest()[:16]}"


@dataclass(frozen=True)
class ImageCache:
    """Decoded images.

    Attributes:
        pixels: (n, size, size, channels) uint8, a read-only memory map; row i is the i-th path of the set.
        bad: rows that could not be read (they are grey), each with its reason.
    """

    pixels: NDArray[np.uint8]
    bad: dict[int, str]


def _stamp(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return "-"
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def open_cache(folder: Path, images: ImageSet, reporter: Reporter, *, on_bad: Literal["error", "drop"]) -> ImageCache:
    """The decoded images, built where they are not there yet; two processes never build the same ones.

    Raises:
        DataError: with ``on_bad: error``, all files that cannot be read, told together.
        OutfoldError: not enough disk; nothing is written.
    """
    name = images.name()
    pixels, notes = folder / f"{name}.npy", folder / f"{name}.json"
    if not pixels.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with turn(folder / f".{name}.lock"):
            # another process may have built it while this one waited
            if not pixels.exists():
                _build(pixels, notes, images, reporter, on_bad)
    bad = {int(row): str(reason) for row, reason in json.loads(notes.read_text(encoding="utf-8"))["bad"].items()}
    _refuse(images, bad, on_bad)
    return ImageCache(np.load(pixels, mmap_mode="r"), bad)


def _build(pixels: Path, notes: Path, images: ImageSet, reporter: Reporter, on_bad: Literal["error", "drop"]) -> None:
    needed = int(np.prod(images.shape, dtype=np.int64))
    remedy = "Free some space, or give the pipeline a smaller size: or channels: 1."
    require_space(pixels.parent, needed, "the decoded images", remedy)
    with atomic_path(pixels) as beside:
        array = allocate(beside, images.shape, np.uint8)
        bad = _fill(array, images, reporter)
        array.flush()
        del array
        _refuse(images, bad, on_bad)
        # the pixels come last: where they are, the notes are
        write_json(notes, {"bad": {str(row): bad[row] for row in sorted(bad)}})


def _fill(array: NDArray[np.uint8], images: ImageSet, reporter: Reporter) -> dict[int, str]:
    import cv2

    cv2.setNumThreads(0)  # our threads are one an image; OpenCV's own would fight them

    def some(start: int) -> dict[int, str]:
        bad: dict[int, str] = {}
        for row in range(start, min(start + _CHUNK, len(images.paths))):
            try:
                pixels = decode(images.paths[row], images.channels, images.ranges)
                array[row] = to_square(pixels, images.side, images.resize)
            except BadImageError as error:
                array[row] = GREY
                bad[row] = str(error)
        return bad

    bad: dict[int, str] = {}
    with (
        reporter.bar(f"decode {images.part} images, {images.side} px", len(images.paths), "images") as bar,
        ThreadPoolExecutor(thread_count()) as pool,
    ):
        starts = range(0, len(images.paths), _CHUNK)
        try:
            for start, found in zip(starts, pool.map(some, starts), strict=True):
                bad.update(found)
                bar.advance(min(_CHUNK, len(images.paths) - start), **({"bad": len(bad)} if bad else {}))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return bad


def _refuse(images: ImageSet, bad: dict[int, str], on_bad: Literal["error", "drop"]) -> None:
    if not bad or on_bad == "drop":
        return
    told = [f"{images.paths[row]}: {bad[row]}" for row in sorted(bad)[:_SHOWN]]
    more = len(bad) - len(told)
    lines = "\n".join(f"    {line}" for line in told) + (f"\n    and {more} more" if more else "")
    raise DataError(
        f"{len(bad)} of {len(images.paths)} {images.part} images cannot be read:\n{lines}",
        remedy="Mend or download them again, or set on_bad_image: drop in competition.yaml to train without them.",
    )


def describe_bad(images: ImageSet, cache: ImageCache) -> dict[str, Any]:
    """Path to reason, for the rows that could not be read."""
    return {str(images.paths[row]): reason for row, reason in sorted(cache.bad.items())}
