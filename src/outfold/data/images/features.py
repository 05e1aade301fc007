"""All images of a part as one table of plain numbers, computed once and kept as Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from outfold.config.image_features import ImageFeatures
from outfold.data.images.cache import refuse_bad
from outfold.data.images.decode import DECODE_VERSION, BadImageError, decode
from outfold.data.images.descriptors import DESCRIPTOR_REVISION, describe
from outfold.data.images.exif import EXIF, exif_of
from outfold.data.in_threads import in_threads
from outfold.progress import Reporter
from outfold.store.atomic import atomic_path
from outfold.store.cached_file import is_intact, seal
from outfold.store.fingerprint import fingerprint

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
        float32 features (those of :func:`outfold.data.images.descriptors.describe`, the file's size in bytes, and what
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
