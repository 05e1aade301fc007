"""Two sets of images, read as one: those of the second are numbered on from those of the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from outfold.data.images.store import ImageStore, Pixels

if TYPE_CHECKING:
    import torch


class JoinedImages(ImageStore):
    """The images of one set and then those of another, each read from where it is.

    Args:
        first, second: of one number of channels.
    """

    def __init__(self, first: Pixels, second: Pixels) -> None:
        super().__init__(np.concatenate([_shapes(first), _shapes(second)]), _channels(first))
        self._first, self._second = first, second

    def image(self, row: int) -> NDArray[np.uint8]:
        """One image: (height, width, channels)."""
        count = len(self._first)
        part, place = (self._first, row) if row < count else (self._second, row - count)
        return part.image(place) if isinstance(part, ImageStore) else np.asarray(part[place])


def _shapes(pixels: Pixels) -> NDArray[np.int64]:
    if isinstance(pixels, ImageStore):
        return pixels.shapes
    return np.tile(np.array(pixels.shape[1:3], np.int64), (len(pixels), 1))


def _channels(pixels: Pixels) -> int:
    return pixels.channels if isinstance(pixels, ImageStore) else pixels.shape[3]


class JoinedTensors:
    """The same of images that are on a device, (n, height, width, channels); reading them waits for nothing."""

    def __init__(self, first: torch.Tensor, second: torch.Tensor) -> None:
        self._first, self._second = first, second

    def index_select(self, dim: int, index: torch.Tensor) -> torch.Tensor:
        """The images of these numbers; ``dim`` is 0."""
        import torch

        count = len(self._first)
        own = (index < count).view(-1, *[1] * (self._first.ndim - 1))
        first = self._first.index_select(dim, index.clamp(max=count - 1))
        return torch.where(own, first, self._second.index_select(dim, (index - count).clamp(min=0)))
