"""Decode once: a part's images as one memory map that folds, epochs, pipelines, snapshots and processes share.

Where the disk has no room for it, they are kept as JPEGs of their size; where it has none for these, they are decoded
from their files whenever they are read. What was once made stays in use.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from outfold.data.images.bands import Ranges
from outfold.data.images.buckets import buckets, kept_shapes
from outfold.data.images.decode import DECODE_VERSION, decode, to_shape
from outfold.data.images.sizes import open_sizes
from outfold.data.images.store import (
    LiveImages,
    PackedJpegs,
    Pixels,
    RaggedMap,
    Reading,
    batch_shape,
    flat,
    look_through,
    write_jpegs,
    write_map,
)
from outfold.data.memory_map import turn
from outfold.errors import ConfigError, DataError, DiskFullError, quoted
from outfold.progress import Reporter
from outfold.store.atomic import atomic_path, sweep_dead, write_json
from outfold.store.file_record import is_intact, seal

VARIABLE = "OUTFOLD_CACHE_BUDGET"
SHARE = 0.9
"""Of what is free, the cache takes so much at most."""
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def room(folder: Path) -> int:
    """Bytes that may still be written into the cache: what is left of the budget, and :data:`SHARE` of the free disk.

    What a killed process left half-written is removed first.

    Raises:
        ConfigError: the budget is no amount of bytes.
    """
    sweep_dead(folder)
    free = int(shutil.disk_usage(folder).free * SHARE)
    said = os.environ.get(VARIABLE, "").strip()
    return max(0, min(free, amount(said) - _used(folder)) if said else free)


def amount(text: str) -> int:
    """Bytes, of a number or of one with its unit: ``20 GB`` are 20e9.

    Raises:
        ConfigError: it is neither.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text)
    if found is None or found[2].upper() not in _UNITS:
        raise ConfigError(f"{VARIABLE}: {quoted(text)}: expected bytes, or a number of KB, MB, GB or TB, such as 20 GB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def in_words(count: int) -> str:
    """Bytes as a person says them: ``15.1 GB``."""
    unit = next((unit for unit in ("TB", "GB", "MB", "KB") if count >= _UNITS[unit]), "B")
    return f"{count:,} B" if unit == "B" else f"{count / _UNITS[unit]:,.1f} {unit}"


def _used(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        # another process may just have renamed what it wrote
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


MARGIN = 1.15
"""With a margin, images are kept by so much larger than the network sees them: room to crop without enlarging."""
Form = Literal["map", "jpegs", "live"]
_SHOWN = 10


@dataclass(frozen=True)
class ImageSet:
    """Which images, and in which form: one cache.

    Attributes:
        part: train or test; names the file.
        paths: row i of the cache is paths[i].
        size: pixels a side, as the network sees them; with native, of the square of as many pixels.
        resize: crop and squash make them square; native keeps their aspect: see :mod:`outfold.data.images.buckets`.
        margin: how much larger they are kept.
        ranges: stored values that become 0 and 255: none, one pair for all bands, or one a band.
    """

    part: str
    paths: Sequence[Path]
    size: int
    resize: Literal["crop", "squash", "native"] = "crop"
    channels: int = 3
    margin: float = 1.0
    ranges: Ranges = ()

    @property
    def side(self) -> int:
        """Pixels a side of a square one, as they are kept."""
        return round(self.size * self.margin)

    def name(self) -> str:
        """The cache's file name: a hash over the paths, sizes and time stamps, and over how they are read."""
        rare = [*([self.margin] if self.margin != 1 else []), *([self.ranges] if self.ranges else [])]
        return self._named(f"{self.size}px", (DECODE_VERSION, self.size, self.resize, self.channels, *rare))

    def _named(self, what: str, form: tuple) -> str:
        digest = hashlib.sha256(repr(form).encode())
        for path in self.paths:
            digest.update(f"{path}\0{_stamp(path)}\n".encode())
        return f"{self.part}-{what}-{digest.hexdigest()[:16]}"

    def shapes(self, folder: Path, reporter: Reporter) -> NDArray[np.int64]:
        """Height and width (n, 2) of each image as it is kept; for native ones all files' headers are read.

        Args:
            folder: of the cache.
        """
        if self.resize != "native":
            return np.full((len(self.paths), 2), self.side, np.int64)
        own = open_sizes(folder, self._named("sizes", (DECODE_VERSION,)), self.paths, reporter)
        return kept_shapes(buckets(own, self.size), self.margin)

    def reading(self, shapes: NDArray[np.int64], *, check_damage: bool = True) -> Reading:
        """How each image is read into its shape; without a look for damage where all were looked at before."""
        resize: Literal["crop", "squash"] = "squash" if self.resize == "squash" else "crop"

        def read(row: int) -> NDArray[np.uint8]:
            height, width = map(int, shapes[row])
            pixels = decode(self.paths[row], self.channels, self.ranges, (height, width), check_damage=check_damage)
            return to_shape(pixels, (height, width), resize)

        return Reading(f"decode {self.part} images, {self.side} px", read, shapes, self.channels)


@dataclass(frozen=True)
class ImageCache:
    """Decoded images.

    Attributes:
        pixels: image i is that of the i-th path of the set: (n, height, width, channels) uint8, a read-only memory map,
            where all have one shape and the disk has room; else a store.
        bad: rows that could not be read (they are grey), each with its reason.
        name: says which images they are, in which form, down to the last bit.
    """

    pixels: Pixels
    bad: dict[int, str]
    name: str


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
        ConfigError: a budget that is no amount of bytes.
    """
    return _Cache(folder, images, reporter, on_bad).open()


class _Cache:
    def __init__(self, folder: Path, images: ImageSet, reporter: Reporter, on_bad: Literal["error", "drop"]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.images, self.reporter, self.on_bad = images, reporter, on_bad
        self.name, self.told = images.name(), f"{images.part} images, {images.side} px"
        self.reading = images.reading(images.shapes(folder, reporter))
        self.notes = folder / f"{self.name}.json"
        self.files: dict[Form, Path] = {"map": folder / f"{self.name}.npy", "jpegs": folder / f"{self.name}.jpegs"}
        self.lock = folder / f".{self.name}.lock"

    def open(self) -> ImageCache:
        form = self._made()
        if form is None:
            with turn(self.lock):
                # another process may have built it while this one waited
                form = self._made()
                if form is None:
                    return self._opened(*self._build())
        if form == "jpegs":
            self.reporter.note(f"{self.told}: from JPEGs of that size")
        return self._opened(form, self._noted())

    def _opened(self, form: Form, bad: dict[int, str]) -> ImageCache:
        return ImageCache(self._pixels(form, bad), bad, self.name + ("-jpegs" if form == "jpegs" else ""))

    def _made(self) -> Form | None:
        return next((form for form, path in self.files.items() if is_intact(path) and is_intact(self.notes)), None)

    def _pixels(self, form: Form, bad: dict[int, str]) -> Pixels:
        shapes, channels = self.reading.shapes, self.images.channels
        if form == "live":
            return LiveImages(self._live(bad), shapes, channels)
        if form == "jpegs":
            return PackedJpegs(self.files[form], shapes, channels)
        found: NDArray[np.uint8] = np.load(self.files[form], mmap_mode="r")
        return found if found.ndim == 4 else RaggedMap(found, shapes, channels)

    def _live(self, bad: dict[int, str]) -> Callable[[int], NDArray[np.uint8]]:
        reading = self.images.reading(self.reading.shapes, check_damage=False)

        def read(row: int) -> NDArray[np.uint8]:
            if row in bad:
                return reading.grey(row)
            pixels, reason = reading.or_grey(row)
            if reason is not None:
                path = self.images.paths[row]
                raise DataError(f"{path}: {reason}", remedy="It could be read before: run the same command again.")
            return pixels

        return read

    def _build(self) -> tuple[Form, dict[int, str]]:
        """The first of the three forms that the disk has room for, and the rows that cannot be read."""
        needed, free = self.reading.bytes, room(self.notes.parent)
        whole = f"{in_words(needed)} decoded"
        if needed <= free:
            try:
                bad = self._write("map", lambda path: write_map(path, self.reading, self.reporter))
                self.reporter.note(f"{self.told}: {whole}, kept on disk")
                return "map", bad
            except DiskFullError:
                free = room(self.notes.parent)
        over = f"{self.told}: {whole}, and the cache has room for {in_words(free)}"
        if self.reading.packs and (packed := self.reading.packed_bytes()) <= free:
            try:
                bad = self._write("jpegs", lambda path: write_jpegs(path, self.reading, free, self.reporter))
                self.reporter.warn(f"{over}: kept as JPEGs of that size ({in_words(packed)}), decoded whenever read")
                return "jpegs", bad
            except DiskFullError:
                pass
        self.reporter.warn(f"{over}: decoded from their files whenever read")
        return "live", self._look_through()

    def _write(self, form: Form, write: Callable[[Path], dict[int, str]]) -> dict[int, str]:
        with atomic_path(self.files[form]) as beside:
            bad = write(beside)
            self._refuse(bad)
            # the pixels come last: where they are, the notes are
            self._note(bad)
            seal(self.files[form], beside)
        return bad

    def _look_through(self) -> dict[int, str]:
        """The rows that cannot be read; known already where somebody has looked."""
        if is_intact(self.notes):
            return self._noted()
        bad = look_through(self.reading, self.reporter)
        self._refuse(bad)
        with contextlib.suppress(DiskFullError):
            self._note(bad)
        return bad

    def _noted(self) -> dict[int, str]:
        kept = json.loads(self.notes.read_text(encoding="utf-8"))["bad"]
        bad = {int(row): str(reason) for row, reason in kept.items()}
        self._refuse(bad)
        return bad

    def _note(self, bad: dict[int, str]) -> None:
        with atomic_path(self.notes) as beside:
            write_json(beside, {"bad": {str(row): bad[row] for row in sorted(bad)}})
            seal(self.notes, beside)

    def _refuse(self, bad: dict[int, str]) -> None:
        images = self.images
        refuse_bad(images.part, images.paths, bad, on_bad=self.on_bad)


def refuse_bad(part: str, paths: Sequence[Path], bad: Mapping[int, str], *, on_bad: Literal["error", "drop"]) -> None:
    """Raises DataError for images that cannot be read: with ``drop`` only where no training image is left.

    Args:
        bad: the reason by row.
    """
    whole = part == "train" and len(bad) == len(paths)
    if not bad or (on_bad == "drop" and not whole):
        return
    told = [f"{paths[row]}: {bad[row]}" for row in sorted(bad)[:_SHOWN]]
    more = len(bad) - len(told)
    lines = "\n".join(f"    {line}" for line in told) + (f"\n    and {more} more" if more else "")
    drop = "" if whole else ", or set on_bad_image: drop in competition.yaml to train without them"
    raise DataError(
        f"{len(bad)} of {len(paths)} {part} images cannot be read:\n{lines}",
        remedy=f"Mend or download them again{drop}.",
    )


_CHUNK = 256


def channel_statistics(pixels: Pixels, rows: NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over these rows, for pixels in [0, 1].

    Returns:
        Two lists of ``channels`` numbers; a channel that never changes has a deviation of one step, 1 / 255.
    """
    channels = batch_shape(pixels, rows)[2]
    # whole numbers, so that the sums are exact whatever their order
    total, squares = np.zeros(channels, np.int64), np.zeros(channels, np.int64)
    count = 0
    for start in range(0, len(rows), _CHUNK):
        part = flat(pixels, rows[start : start + _CHUNK]).astype(np.int64)
        count += len(part)
        total += part.sum(axis=0)
        squares += np.square(part).sum(axis=0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return (mean / 255).tolist(), (np.maximum(deviation, 1) / 255).tolist()
