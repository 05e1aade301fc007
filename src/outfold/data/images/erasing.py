"""Random erasing (Zhong et al. 2017): a rectangle of some rows becomes one flat colour: no single part decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from outfold.randomness import derive_seed, row_uniforms

if TYPE_CHECKING:
    import torch

AREA = (0.02, 1 / 3)
"""Least and greatest share of the image that a rectangle covers, as in timm; drawn evenly."""
ASPECT = 10 / 3
"""Height over width lies between 1 / ASPECT and ASPECT; its logarithm is drawn evenly."""


def draw_boxes(seed: int, rows: NDArray[np.integer], share: float, shape: tuple[int, int]) -> NDArray[np.int64]:
    """The rectangle of each row: it depends on ``seed`` and the row's own number alone.

    Args:
        rows: (n,) the rows' positions in the contest's table.
        share: of the rows that lose a rectangle.
        shape: height and width of the images.

    Returns:
        (n, 4): top, bottom, left, right, in pixels, the ends exclusive; zeros for a row that keeps all.
    """
    u = row_uniforms(derive_seed(seed, "erase"), rows, 5)
    area = AREA[0] + (AREA[1] - AREA[0]) * u[:, 1]
    # the rectangle fits into the image: the aspect gives way, not the area
    widest = np.minimum(np.log(ASPECT), -np.log(area))
    aspect = np.exp(widest * (2 * u[:, 2] - 1))
    height, width = (
        np.clip(np.rint(side * np.sqrt(part)), 1, side).astype(np.int64)
        for side, part in zip(shape, (area * aspect, area / aspect), strict=True)
    )
    top = np.floor((shape[0] - height + 1) * u[:, 3]).astype(np.int64)
    left = np.floor((shape[1] - width + 1) * u[:, 4]).astype(np.int64)
    boxes = np.stack([top, top + height, left, left + width], axis=1)
    return np.where(u[:, :1] < share, boxes, 0)


def erase(images: torch.Tensor, boxes: NDArray[np.int64], colour: Sequence[float]) -> torch.Tensor:
    """Fill each image's rectangle.

    Args:
        images: (n, channels, height, width), on any device; they stay as they are.
        boxes: (n, 4) of :func:`draw_boxes`.
        colour: a number a channel. With the mean that images are normalised by, the network sees zeros.

    Returns:
        The same shape.
    """
    import torch

    edges = torch.from_numpy(boxes).to(images.device, non_blocking=True)[:, :, None]
    down, along = (torch.arange(side, device=images.device) for side in images.shape[2:])
    inside_y = (down >= edges[:, 0]) & (down < edges[:, 1])
    inside_x = (along >= edges[:, 2]) & (along < edges[:, 3])
    fill = torch.tensor(colour, device=images.device, dtype=images.dtype)[:, None, None]
    return torch.where((inside_y[:, :, None] & inside_x[:, None, :])[:, None], fill, images)
