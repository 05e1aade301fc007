"""A first look at image files: can they be read, how large are they, and what do they look like from afar."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outfold.data.images.damage import find_damage
from outfold.data.images.decode import BadImageError, decode_bytes
from outfold.data.images.near_duplicates import difference_hash
from outfold.data.parallel_map import in_threads
from outfold.progress import Reporter

THUMB = 16
_ENOUGH = 64
_CHUNK = 32


@dataclass(frozen=True)
class Looks:
    """What was seen of n files, row i of each being the i-th file.

    Attributes:
        problems: why a file cannot be read, or None.
        widths: in pixels; 0 where the file cannot be read. So are the next three.
        heights: in pixels.
        spreads: the greatest standard deviation of a colour, of 255.
        hashes: the difference hash (n,) uint64.
        thumbs: a small grey copy (n, 16, 16) uint8.
        contents: SHA-256 of each file; empty where there is none.
    """

    problems: list[str | None]
    widths: NDArray[np.int64]
    heights: NDArray[np.int64]
    spreads: NDArray[np.float64]
    hashes: NDArray[np.uint64]
    thumbs: NDArray[np.uint8]
    contents: list[str]

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Which files can be read (n,)."""
        return np.array([problem is None for problem in self.problems], dtype=bool)


@dataclass(frozen=True)
class _Look:
    problem: str | None
    content: str
    size: tuple[int, int] = (0, 0)
    spread: float = 0.0
    hash: int = 0
    thumb: NDArray[np.uint8] | None = None


def look_at(paths: Sequence[Path], reporter: Reporter) -> Looks:
    """Read every file once, in threads; large JPEGs are decoded at a half to an eighth of their size."""
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    looks: list[_Look] = []
    with reporter.bar("look at images", len(paths), "images") as bar:
        for done in in_threads(lambda chunk: [_look(path) for path in chunk], chunks):
            looks += done
            bar.advance(len(done))
    blank = np.zeros((THUMB, THUMB), dtype=np.uint8)
    thumbs = [blank if look.thumb is None else look.thumb for look in looks]
    return Looks(
        problems=[look.problem for look in looks],
        widths=np.array([look.size[0] for look in looks], dtype=np.int64),
        heights=np.array([look.size[1] for look in looks], dtype=np.int64),
        spreads=np.array([look.spread for look in looks], dtype=np.float64),
        hashes=np.array([look.hash for look in looks], dtype=np.uint64),
        thumbs=np.stack(thumbs) if thumbs else np.empty((0, THUMB, THUMB), dtype=np.uint8),
        contents=[look.content for look in looks],
    )


def _look(path: Path) -> _Look:
    import cv2

    try:
        data = path.read_bytes()
    except OSError as error:
        return _Look("no such file" if not os.path.lexists(path) else error.strerror or str(error), "")
    content = hashlib.sha256(data).hexdigest()
    if not data:
        return _Look("empty file", content)
    try:
        size, pixels = _size_and_pixels(data)
    except BadImageError as error:
        return _Look(str(error), content)
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    thumb = np.asarray(cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, deviations = cv2.meanStdDev(pixels)
    return _Look(None, content, size, float(deviations.max()), difference_hash(grey), thumb)


def _size_and_pixels(data: bytes) -> tuple[tuple[int, int], NDArray[np.uint8]]:
    """Width and height as the image is seen, and its pixels, perhaps at a half, a quarter or an eighth of the size.

    Raises:
        BadImageError: training could not read it either.
    """
    reduced = _reduced_jpeg(data)
    if reduced is not None:
        return reduced
    pixels = decode_bytes(data)
    return (pixels.shape[1], pixels.shape[0]), pixels


def _reduced_jpeg(data: bytes) -> tuple[tuple[int, int], NDArray[np.uint8]] | None:
    """A whole, large JPEG through the decoder's own reduction; None for all others."""
    import cv2
    from PIL import Image

    # a truncated file lacks the end mark
    if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9":
        return None
    try:
        with Image.open(io.BytesIO(data)) as image:
            size, mode = image.size, image.mode
            if image.getexif().get(0x0112, 1) >= 5:
                size = (size[1], size[0])
    except Exception:
        # whatever is wrong with it, the slow way says it in words
        return None
    flags = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
    factor = next((f for f in flags if min(size) >= f * _ENOUGH), None)
    if mode not in ("RGB", "L") or factor is None:
        return None
    reason = find_damage(data, "JPEG")
    if reason is not None:
        raise BadImageError(reason)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags[factor])
    return None if pixels is None else (size, np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8))
