"""Where decoded images come from: an array, a map of many shapes, JPEGs, or the files; to a reader all the same."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from outfold.data.images.decode import BadImageError, scaled
from outfold.data.memory_map import allocate
from outfold.data.parallel_map import in_threads
from outfold.errors import DiskFullError
from outfold.progress import Reporter


class ImageStore(ABC):
    """Images of a shape each, read by row, from any thread.

    Attributes:
        shapes: (n, 2) height and width of each.
        channels: of all of them.
    """

    def __init__(self, shapes: NDArray[np.int64], channels: int) -> None:
        self.shapes, self.channels = shapes, channels

    def __len__(self) -> int:
        return len(self.shapes)

    @abstractmethod
    def image(self, row: int) -> NDArray[np.uint8]:
        """One image: (height, width, channels)."""


Pixels = NDArray[np.uint8] | ImageStore
"""Images by row: an array (n, height, width, channels), a memory map as a rule, or a store of them."""


class RaggedMap(ImageStore):
    """Images of many shapes, one after the other in one memory map."""

    def __init__(self, flat: NDArray[np.uint8], shapes: NDArray[np.int64], channels: int) -> None:
        super().__init__(shapes, channels)
        self._flat, self._starts = flat, starts_of(shapes, channels)

    def image(self, row: int) -> NDArray[np.uint8]:
        """A view of the map."""
        return self._flat[self._starts[row] : self._starts[row + 1]].reshape(*self.shapes[row], self.channels)


class LiveImages(ImageStore):
    """Images that ``read`` decodes from their files whenever they are asked for."""

    def __init__(self, read: Callable[[int], NDArray[np.uint8]], shapes: NDArray[np.int64], channels: int) -> None:
        super().__init__(shapes, channels)
        self._read = read

    def image(self, row: int) -> NDArray[np.uint8]:
        """Decoded now."""
        return self._read(row)


QUALITY = 95
"""Of the JPEGs, whose colours keep their full resolution."""


def encode_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """An image of one or three channels as a JPEG."""
    import cv2

    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    done, data = cv2.imencode(".jpg", pixels if pixels.shape[2] == 1 else pixels[:, :, ::-1], options)
    assert done
    return bytes(data)


class PackedJpegs(ImageStore):
    """Images as JPEGs in one file: one after the other, then the n + 1 places where each begins and the last one ends.

    The places are little-endian int64, counted from the start of the file.
    """

    def __init__(self, path: Path, shapes: NDArray[np.int64], channels: int) -> None:
        super().__init__(shapes, channels)
        self._data = np.memmap(path, np.uint8, mode="r")
        self._starts = np.array(self._data[len(self._data) - index_bytes(len(shapes)) :]).view("<i8")

    def image(self, row: int) -> NDArray[np.uint8]:
        """Decoded now."""
        import cv2

        how = cv2.IMREAD_GRAYSCALE if self.channels == 1 else cv2.IMREAD_COLOR
        pixels = cv2.imdecode(self._data[self._starts[row] : self._starts[row + 1]], how)
        assert pixels is not None
        if self.channels == 1:
            return np.asarray(pixels, np.uint8)[:, :, None]
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def index_bytes(count: int) -> int:
    """What the places of so many JPEGs take at the end of their file."""
    return 8 * (count + 1)


def starts_of(shapes: NDArray[np.int64], channels: int) -> NDArray[np.int64]:
    """Where each image of these shapes (n, 2) begins among all their bytes, and where the last one ends: (n + 1,)."""
    return np.concatenate([[0], np.cumsum(shapes.prod(axis=1) * channels)])


def batch_shape(pixels: Pixels, rows: NDArray[np.int64]) -> tuple[int, int, int]:
    """Height, width and channels of a batch of these rows: the shape that most of them have."""
    if isinstance(pixels, np.ndarray):
        _, height, width, channels = pixels.shape
        return height, width, channels
    shapes, counts = np.unique(pixels.shapes[rows], axis=0, return_counts=True)
    height, width = (int(side) for side in shapes[counts.argmax()])
    return height, width, pixels.channels


def read_batch(pixels: Pixels, rows: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Copy these rows into ``out`` (k, height, width, channels); an image of another shape is scaled to it."""
    if isinstance(pixels, np.ndarray):
        # mode="clip" copies straight into the batch; "raise" would go by way of a buffer
        np.take(pixels, rows, axis=0, out=out, mode="clip")
        return
    for place, row in enumerate(rows):
        out[place] = scaled(pixels.image(int(row)), (out.shape[1], out.shape[2]))


def flat(pixels: Pixels, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The pixels of these rows, one after the other: (pixels, channels)."""
    if isinstance(pixels, np.ndarray):
        return np.asarray(pixels[rows].reshape(-1, pixels.shape[-1]))
    return np.concatenate([pixels.image(int(row)).reshape(-1, pixels.channels) for row in rows])


def kinds_of(pixels: Pixels) -> NDArray[np.int64] | None:
    """A number (n,) for each row's shape, like shapes having neighbouring ones; None where all have the same."""
    if isinstance(pixels, np.ndarray):
        return None
    if not len(pixels) or (pixels.shapes == pixels.shapes[0]).all():
        return None
    # one number for both sides: numpy sorts rows slowly
    codes, kinds = np.unique(pixels.shapes[:, 0] << 32 | pixels.shapes[:, 1], return_inverse=True)
    by_aspect = np.argsort((codes >> 32) / (codes & 0xFFFFFFFF), kind="stable")
    return np.argsort(by_aspect, kind="stable")[kinds]


GREY = 128
"""Colour of the placeholder for an unreadable image."""
T = TypeVar("T")
_CHUNK = 32
_SAMPLE = 64
"""Number of images from which the size of all JPEGs is estimated."""
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
