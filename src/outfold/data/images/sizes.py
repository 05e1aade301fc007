"""How large each image is, from its header: what decides in which shape it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outfold.data.images.bands import read_bands
from outfold.data.parallel_map import in_threads
from outfold.errors import DiskFullError
from outfold.progress import Reporter
from outfold.store.atomic import atomic_path
from outfold.store.file_record import is_intact, seal

_ORIENTATION = 0x0112
_CHUNK = 256


def own_size(path: Path) -> tuple[int, int]:
    """Height and width of an image, upright as its EXIF orientation says; zeros where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            width, height = image.size
            # a PNG without a note of it would be decoded whole in search of one
            noted = image.format != "PNG" or "exif" in image.info
            turned = noted and image.getexif().get(_ORIENTATION, 1) >= 5
            return (width, height) if turned else (height, width)
    except Exception:  # TIFF that Pillow does not know, and whatever else its plugins stumble over
        return _size_of_bands(path)


def _size_of_bands(path: Path) -> tuple[int, int]:
    try:
        height, width = read_bands(path.read_bytes()).shape[:2]
    except Exception:  # decoding it will say why
        return 0, 0
    return height, width


def open_sizes(folder: Path, name: str, paths: Sequence[Path], reporter: Reporter) -> NDArray[np.int32]:
    """The own sizes of images, read once and kept under this name where there is room.

    Args:
        name: says which files, and in which state.

    Returns:
        (n, 2) height and width.
    """
    path = folder / f"{name}.npy"
    if is_intact(path):
        kept: NDArray[np.int32] = np.load(path)
        return kept
    sizes = _read(paths, reporter)
    try:
        with atomic_path(path) as beside:
            with beside.open("wb") as file:
                np.save(file, sizes)
            seal(path, beside)
    except DiskFullError:
        pass  # they will be read again
    return sizes


def _read(paths: Sequence[Path], reporter: Reporter) -> NDArray[np.int32]:
    sizes = np.zeros((len(paths), 2), np.int32)

    def some(start: int) -> int:
        chunk = paths[start : start + _CHUNK]
        sizes[start : start + len(chunk)] = [own_size(path) for path in chunk]
        return len(chunk)

    with reporter.bar("sizes of images", len(paths), "images") as bar:
        for count in in_threads(some, range(0, len(paths), _CHUNK)):
            bar.advance(count)
    return sizes
