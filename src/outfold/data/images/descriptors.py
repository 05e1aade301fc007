"""One image as plain numbers: what a learner of tables can use of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outfold.data.images.decode import to_square

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
    """How much gradient of each direction lies in each cell of a 4 x 4 grid, (4, 4, 8), of unit length in all.

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
