"""All images of a part as one table of plain numbers, computed once and kept as Parquet."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.image_features import ImageFeatures
from outfold.data.images.cache import refuse_bad
from outfold.data.images.decode import DECODE_VERSION, BadImageError, decode, to_square
from outfold.data.parallel_map import in_threads
from outfold.progress import Reporter
from outfold.store.atomic import atomic_path
from outfold.store.file_record import is_intact, seal
from outfold.store.fingerprint import fingerprint

EXIF = ("orientation", "camera", "date", "place")
_ORIENTATION, _MAKE, _MODEL, _DATE, _PLACE = 0x0112, 0x010F, 0x0110, 0x0132, 0x8825


def exif_of(data: bytes) -> dict[str, float]:
    """The orientation (1 to 8; 0 where it says none), and 0 or 1 for a camera, a date and a place (GPS).

    A file that is no image, or without EXIF, has zeros.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            said = image.getexif()
            values = (
                float(int(said.get(_ORIENTATION, 0))),
                float(_MAKE in said or _MODEL in said),
                float(_DATE in said),
                float(_PLACE in said),
            )
    except Exception:
        # a damaged EXIF says nothing, whatever Pillow stumbled over
        values = (0.0,) * 4
    return dict(zip(EXIF, values, strict=True))


DESCRIPTOR_REVISION = 1
"""Raised when the same image would give other numbers."""

_SIDE = 64
"""Larger images are brought to this side first: gradients of a photo in full size are grain."""
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_PROFILE = 8
_GRID, _DIRECTIONS = 4, 8


def describe(pixels: NDArray[np.uint8], *, size: int, statistics: bool, gradients: bool) -> dict[str, float]:
    """Features by name; the same names for every image.

    ``pixel_r_c`` is a grey copy of ``size`` x ``size``. Of grey and of each colour: mean, std, skew, quantiles.
    ``row_r`` and ``column_c`` are means along lines; ``hu_k`` the seven moments of Hu (1962), which know no place,
    scale or rotation, as signed logarithms; ``edges`` the mean and spread of the Sobel gradient; ``sharpness`` the
    logarithm of the Laplacian's variance; ``gradient_r_c_d`` histograms of oriented gradients (Dalal & Triggs, 2005).

    Args:
        pixels: (height, width, 3) uint8, RGB.
    """
    import cv2

    height, width = pixels.shape[:2]
    if max(height, width) > _SIDE:
        pixels = to_square(pixels, _SIDE, "squash")
    grey = np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    found: dict[str, float] = _table("pixel", to_square(grey[:, :, None], size, "squash")[:, :, 0])
    if statistics:
        found |= {"width": width, "height": height, "aspect": width / height}
        found |= _distribution("grey", grey.astype(np.float32))
        for name, colour in zip(("red", "green", "blue"), np.moveaxis(pixels, 2, 0), strict=True):
            # as the difference from grey: in a grey image these are all 0, and cost trees nothing
            found |= _distribution(name, colour.astype(np.float32) - grey)
        found |= _shape(grey)
    if gradients:
        found |= _table("gradient", _oriented(grey))
    return found


def _table(name: str, values: NDArray) -> dict[str, float]:
    return {"_".join([name, *map(str, place)]): float(value) for place, value in np.ndenumerate(values)}


def _distribution(name: str, values: NDArray[np.float32]) -> dict[str, float]:
    mean, std = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    skew = float((((values - mean) / std) ** 3).mean()) if std > 1e-6 else 0.0
    quantiles = np.quantile(values, _QUANTILES)
    return {f"{name}_mean": mean, f"{name}_std": std, f"{name}_skew": skew} | {
        f"{name}_q{round(100 * q):02d}": float(value) for q, value in zip(_QUANTILES, quantiles, strict=True)
    }


def _shape(grey: NDArray) -> dict[str, float]:
    import cv2

    across, down = _sobel(grey)
    edges = np.hypot(across, down)
    moments = cv2.HuMoments(cv2.moments(grey)).ravel()
    signed = -np.sign(moments) * np.log10(np.maximum(np.abs(moments), 1e-12))
    lines = to_square(grey[:, :, None], _PROFILE, "squash")[:, :, 0].astype(np.float32)
    return (
        {"edges_mean": float(edges.mean()), "edges_std": float(edges.std())}
        | {"sharpness": float(np.log1p(cv2.Laplacian(grey, cv2.CV_32F).var()))}
        | _table("hu", signed)
        | _table("row", lines.mean(axis=1))
        | _table("column", lines.mean(axis=0))
    )


def _sobel(grey: NDArray) -> tuple[NDArray, NDArray]:
    import cv2

    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return across, down


def _oriented(grey: NDArray) -> NDArray[np.float32]:
    """Histogram (4, 4, 8) of gradient directions in each cell of a 4 x 4 grid, scaled to unit length.

    Directions are signed, and a gradient is shared out between its two nearest directions and, by a blur, between
    neighbouring cells, so that a small turn or shift changes the numbers a little and not at a stroke.
    """
    import cv2

    across, down = _sobel(grey)
    turn = np.arctan2(down, across) % (2 * np.pi) * (_DIRECTIONS / (2 * np.pi))
    below = np.floor(turn)
    share = (turn - below).astype(np.float32)
    first = below.astype(np.intp) % _DIRECTIONS
    strength = np.hypot(across, down)
    rows, columns = np.indices(grey.shape)
    maps = np.zeros((*grey.shape, _DIRECTIONS), np.float32)
    maps[rows, columns, first] = strength * (1 - share)
    maps[rows, columns, (first + 1) % _DIRECTIONS] += strength * share
    maps = cv2.GaussianBlur(maps, (0, 0), max(grey.shape) / (3 * _GRID))
    # by halves: OpenCV shrinks more than four channels only by whole factors
    halves = np.split(maps, 2, axis=2)
    shrunk = [cv2.resize(np.ascontiguousarray(h), (_GRID, _GRID), interpolation=cv2.INTER_AREA) for h in halves]
    cells = np.concatenate(shrunk, axis=2)
    return np.asarray(cells / (np.linalg.norm(cells) + 1e-6), dtype=np.float32)


BAD = "bad"
"""The column of reasons why an image could not be read; empty for those that could."""
_CHUNK = 64


def image_features(
    part: Literal["train", "test"],
    paths: Sequence[Path],
    settings: ImageFeatures,
    cache: Path,
    reporter: Reporter,
    *,
    on_bad: Literal["error", "drop"],
) -> tuple[pd.DataFrame, pd.Series]:
    """The features of these images, row i for ``paths[i]``, from ``cache`` where nothing has changed.

    Returns:
        float32 features (those of :func:`describe`, the size of the file in bytes, and what
        its EXIF says), and for each row why it could not be read ("" if it could). An unreadable image is described as
        a plain grey one. The activations of a backbone are not among them.

    Raises:
        DataError: with ``on_bad: error``, all files that cannot be read, told together; with ``drop``, where no
            training image can be.
    """
    stamps = [_stamp(path) for path in paths]
    key = fingerprint(
        decode=DECODE_VERSION,
        describe=DESCRIPTOR_REVISION,
        settings=_wanted(settings) | ({"exif": True} if settings.exif else {}),
        files=[(str(path), *stamp) for path, stamp in zip(paths, stamps, strict=True)],
    )
    kept = cache / f"{part}-features-{key[:16]}.parquet"
    if is_intact(kept):
        table = pd.read_parquet(kept)
    else:
        table = _compute(part, paths, settings, reporter)
        if settings.statistics:
            table.insert(0, "bytes", np.array([size for size, _ in stamps], dtype=np.float32))
        with atomic_path(kept) as beside:
            table.to_parquet(beside)
            seal(kept, beside)
    bad = table.pop(BAD)
    refuse_bad(part, paths, {int(row): bad.iloc[row] for row in np.flatnonzero(bad.to_numpy() != "")}, on_bad=on_bad)
    return table, bad


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = os.stat(path)  # noqa: PTH116 - a fifth of the time of Path.stat, for a million files
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns


def _wanted(settings: ImageFeatures) -> dict[str, Any]:
    return settings.model_dump(include={"size", "statistics", "gradients"})


def _compute(part: str, paths: Sequence[Path], settings: ImageFeatures, reporter: Reporter) -> pd.DataFrame:
    import cv2

    cv2.setNumThreads(0)  # our threads are one a chunk of images; OpenCV's own would fight them
    wanted = _wanted(settings)
    grey = describe(np.full((8, 8, 3), 128, np.uint8), **wanted)
    if settings.exif:
        grey |= {f"exif_{name}": 0.0 for name in EXIF}

    def some(start: int) -> tuple[np.ndarray, list[str]]:
        rows: list[list[float]] = []
        reasons: list[str] = []
        for path in paths[start : start + _CHUNK]:
            reason = ""
            try:
                found = describe(decode(path), **wanted)
                if settings.exif:
                    found |= {f"exif_{name}": value for name, value in exif_of(path.read_bytes()).items()}
            except BadImageError as error:
                found, reason = grey, str(error)
            rows.append(list(found.values()))
            reasons.append(reason)
        return np.array(rows, dtype=np.float32), reasons

    values: list[np.ndarray] = []
    bad: list[str] = []
    with reporter.bar(f"features of {part} images", len(paths), "images") as bar:
        for rows, reasons in in_threads(some, range(0, len(paths), _CHUNK)):
            values.append(rows)
            bad += reasons
            bar.advance(len(rows))
    table = pd.DataFrame(np.concatenate(values or [np.empty((0, len(grey)), np.float32)]), columns=list(grey))
    table[BAD] = pd.array(bad, dtype="str")
    return table
