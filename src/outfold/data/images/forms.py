"""The forms in which decoded images are kept, and how each is made: every image is read once, in threads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from outfold.data.images.decode import BadImageError
from outfold.data.images.store import encode_jpeg, index_bytes
from outfold.data.in_threads import in_threads
from outfold.data.memory_map import allocate
from outfold.errors import DiskFullError
from outfold.progress import Reporter

GREY = 128
"""What stands in for an image that cannot be read."""
T = TypeVar("T")
_CHUNK = 32
_SAMPLE = 64
"""Images whose JPEGs say how large those of all will be."""
_SPARE = 1.05


@dataclass(frozen=True)
class Reading:
    """Images to be read.

    Attributes:
        label: for the progress bar.
        read: decodes a row's image into its shape; raises :class:`BadImageError`.
        shapes: (n, 2) height and width of each.
        channels: of all of them.
    """

    label: str
    read: Callable[[int], NDArray[np.uint8]]
    shapes: NDArray[np.int64]
    channels: int

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def bytes(self) -> int:
        """What the decoded images take."""
        return int((self.shapes.prod(axis=1) * self.channels).sum())

    def or_grey(self, row: int) -> tuple[NDArray[np.uint8], str | None]:
        """An image, and why it is a grey one."""
        try:
            return self.read(row), None
        except BadImageError as error:
            return self.grey(row), str(error)

    def grey(self, row: int) -> NDArray[np.uint8]:
        """What stands in for an image."""
        return np.full((*self.shapes[row], self.channels), GREY, np.uint8)

    @property
    def packs(self) -> bool:
        """Whether JPEGs can hold them."""
        return self.channels in (1, 3)

    def packed_bytes(self) -> int:
        """What they would take as JPEGs, by a sample of them."""
        rows = np.unique(np.linspace(0, len(self) - 1, min(_SAMPLE, len(self))).astype(np.int64))
        mean = np.mean([len(encode_jpeg(self.or_grey(int(row))[0])) for row in rows]) if len(rows) else 0.0
        return int(mean * len(self) * _SPARE) + index_bytes(len(self))


@dataclass(frozen=True)
class _Done(Generic[T]):
    """A chunk of rows: what was kept of each, and those that could not be read."""

    kept: list[T]
    bad: dict[int, str]


def _through(reading: Reading, keep: Callable[[int, NDArray[np.uint8]], T], reporter: Reporter) -> Generator[_Done[T]]:
    """Read every image and keep of it what ``keep`` makes, chunk after chunk in the order of the rows."""
    import cv2

    cv2.setNumThreads(0)  # our threads are one an image; OpenCV's own would fight them

    def some(start: int) -> _Done[T]:
        done = _Done[T]([], {})
        for row in range(start, min(start + _CHUNK, len(reading))):
            pixels, reason = reading.or_grey(row)
            done.kept.append(keep(row, pixels))
            if reason is not None:
                done.bad[row] = reason
        return done

    bad = 0
    through = in_threads(some, range(0, len(reading), _CHUNK))
    with reporter.bar(reading.label, len(reading), "images") as bar, contextlib.closing(through) as chunks:
        for done in chunks:
            bad += len(done.bad)
            bar.advance(len(done.kept), **({"bad": bad} if bad else {}))
            yield done


def write_map(path: Path, reading: Reading, reporter: Reporter) -> dict[int, str]:
    """The decoded images as an ``.npy`` file: (n, height, width, channels), or their bytes where shapes differ.

    Returns:
        the rows that cannot be read, which are grey, each with its reason.

    Raises:
        OSError: a full disk.
    """
    even = len(np.unique(reading.shapes, axis=0)) == 1
    whole = (len(reading), *map(int, reading.shapes[0]), reading.channels) if even else (reading.bytes,)
    array = allocate(path, whole, np.uint8)
    ends = np.cumsum(reading.shapes.prod(axis=1) * reading.channels)

    def keep(row: int, pixels: NDArray[np.uint8]) -> None:
        if even:
            array[row] = pixels
        else:
            array[ends[row] - pixels.size : ends[row]] = pixels.reshape(-1)

    bad = _bad(_through(reading, keep, reporter))
    array.flush()
    return bad


def write_jpegs(path: Path, reading: Reading, most: int, reporter: Reporter) -> dict[int, str]:
    """The images as :class:`outfold.data.images.store.PackedJpegs` reads them.

    Args:
        most: bytes that the file may take.

    Returns:
        as :func:`write_map`.

    Raises:
        DiskFullError: they take more than ``most``.
        OSError: a full disk.
    """
    places = [0]
    bad: dict[int, str] = {}
    through = _through(reading, lambda row, pixels: encode_jpeg(pixels), reporter)
    with path.open("wb") as file, contextlib.closing(through) as chunks:
        for done in chunks:
            for data in done.kept:
                file.write(data)
                places.append(places[-1] + len(data))
            bad.update(done.bad)
            if places[-1] + index_bytes(len(reading)) > most:
                raise DiskFullError(f"{path}: the JPEGs take more than {most:,} bytes")
        file.write(np.array(places, "<i8").tobytes())
    return bad


def look_through(reading: Reading, reporter: Reporter) -> dict[int, str]:
    """The rows that cannot be read, each with its reason; nothing is kept."""
    return _bad(_through(reading, lambda row, pixels: None, reporter))


def _bad(chunks: Iterator[_Done[None]]) -> dict[int, str]:
    return {row: reason for done in chunks for row, reason in done.bad.items()}
