"""Where decoded images come from: an array, a map of many shapes, JPEGs, or the files; to a reader all the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outfold.data.images.decode import scaled


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
