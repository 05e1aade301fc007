"""Shapes for images that keep their aspect: a few that differ enough, so that images of like shape share a batch."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

WIDEST = 4.0
"""The greatest aspect of a shape, either way; what is longer is cut to it."""
_STEP = 32
"""Sides are multiples of it, as networks halve them five times."""
_FEW, _MANY = 4, 9
"""Steps in the side of the square: with less there are too few shapes, with more too many."""
_FILLED = 0.7
"""A shape has at least this share of the pixels of the square."""


def step_of(size: int) -> int:
    """What sides are multiples of: 32 from 128 to 288 pixels, 64 to 576, and so on; 16 from 64, 8 from 32."""
    step = _STEP * max(1, -(-size // (_STEP * _MANY)))
    while step > 1 and step * _FEW > size:
        step //= 2
    return step


@cache
def bucket_shapes(size: int) -> tuple[tuple[int, int], ...]:
    """The shapes (height, width) for images of about ``size * size`` pixels, from the widest to the tallest.

    No shape has more pixels than the square of ``size``, nor less than 7 in 10 of them; of those with one aspect the
    largest is taken.
    """
    step = step_of(size)
    cells = (size / step) ** 2
    found: dict[float, tuple[int, int]] = {}
    for short in range(1, int(cells**0.5) + 1):
        for long in range(short, int(cells / short) + 1):
            if long / short <= WIDEST and short * long >= _FILLED * cells:
                # the loops come to the larger ones of an aspect last
                found[short / long] = (short * step, long * step)
    wide = [found[aspect] for aspect in sorted(found)]
    return (*wide, *((width, height) for height, width in reversed(wide) if height != width))


def buckets(own: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """The shape of each image: the one whose aspect is nearest to its own, by ratio. It depends on nothing else.

    Args:
        own: (n, 2) height and width of each image; zeros where it cannot be read.

    Returns:
        (n, 2) height and width, each row one of :func:`bucket_shapes`; the square for an image that cannot be read.
    """
    shapes = np.array(bucket_shapes(size), np.int64)
    aspects = np.log(shapes[:, 0] / shapes[:, 1])
    height, width = np.maximum(own, 1).astype(np.float64).T
    nearest = np.abs(np.log(height / width)[:, None] - aspects).argmin(axis=1)
    return shapes[nearest]


def kept_shapes(shapes: NDArray[np.int64], margin: float) -> NDArray[np.int64]:
    """The shapes (n, 2) in which images with a margin are kept."""
    return np.rint(shapes * margin).astype(np.int64)


def seen_shape(kept: tuple[int, int], margin: float) -> tuple[int, int]:
    """The shape that the network sees of images kept so: the way back."""
    return round(kept[0] / margin), round(kept[1] / margin)
