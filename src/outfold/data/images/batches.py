"""Batches from the cache: threads copy rows into one tensor, the device does the rest."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from outfold.data.images.augment import Augmentation, apply
from outfold.data.images.buckets import seen_shape
from outfold.data.images.erasing import draw_boxes, erase
from outfold.data.images.store import Pixels, batch_shape, kinds_of, read_batch
from outfold.data.images.views import resized

if TYPE_CHECKING:
    import torch

    from outfold.data.images.concat import JoinedTensors

T = TypeVar("T")
R = TypeVar("R")
Touch = Callable[[int, "NDArray[np.int64]", "torch.Tensor"], "torch.Tensor"]
"""A batch's number, its rows, and its (n, height, width, channels) uint8 images: gives new ones, in any thread."""


def ahead(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """``map(function, items)`` in order, computed up to ``2 * workers`` items ahead by threads; 0 workers: in line."""
    if workers == 0:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[R]] = deque()
        source = iter(items)
        try:
            for item in source:
                pending.append(pool.submit(function, item))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@dataclass(frozen=True)
class ImageSource:
    """Rows of a cache, as the device wants them.

    Attributes:
        pixels: :attr:`outfold.data.images.cache.ImageCache.pixels`.
        mean, std: the model's own, one number a channel, for pixels in [0, 1].
        device: where batches go.
        workers: threads that read ahead; results do not depend on it.
        margin: how much larger they are kept than the network sees them.
        resident: the same pixels on the device, where they are kept there: see :mod:`outfold.data.images.gpu_cache`.
    """

    pixels: Pixels
    mean: Sequence[float]
    std: Sequence[float]
    device: torch.device
    workers: int = 0
    margin: float = 1.0
    resident: torch.Tensor | JoinedTensors | None = None

    @property
    def kinds(self) -> NDArray[np.int64] | None:
        """Which rows (n,) have like shapes: see :func:`outfold.data.images.store.kinds_of`."""
        return kinds_of(self.pixels)

    def fetch(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """These rows as (n, height, width, channels) uint8 in host memory, pinned where the device is a GPU.

        The batch has the shape that most of its rows have.
        """
        import torch

        shape = (len(rows), *batch_shape(self.pixels, rows))
        batch = torch.empty(shape, dtype=torch.uint8, pin_memory=self.device.type == "cuda")
        read_batch(self.pixels, rows, batch.numpy())
        return batch

    def batches(
        self, batches: Iterable[NDArray[np.int64]], touch: Touch | None = None
    ) -> Iterator[tuple[NDArray[np.int64], torch.Tensor]]:
        """Each batch's rows, and on the device its images, whole: (n, channels, height, width) floats in [0, 1]."""
        for rows, variants in self.variants(batches, [touch]):
            yield rows, next(variants)

    def variants(
        self, batches: Iterable[NDArray[np.int64]], touches: Sequence[Touch | None]
    ) -> Iterator[tuple[NDArray[np.int64], Iterator[torch.Tensor]]]:
        """Each batch, read once: its rows, and its images as each of ``touches`` makes them (None: as they are)."""
        if self.resident is not None and all(touch is None for touch in touches):
            for rows in batches:
                yield rows, itertools.repeat(self._floats(self.gathered(rows)), len(touches))
            return

        def read(numbered: tuple[int, NDArray[np.int64]]) -> tuple[NDArray[np.int64], list[torch.Tensor]]:
            number, rows = numbered
            batch = self.fetch(rows)
            return rows, [batch if touch is None else touch(number, rows, batch) for touch in touches]

        for rows, found in ahead(read, enumerate(batches), self.workers):
            yield rows, (self._floats(batch) for batch in found)

    def gathered(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """These rows as (n, height, width, channels) uint8, of the images that are kept on the device."""
        import torch

        assert self.resident is not None
        return self.resident.index_select(0, torch.from_numpy(rows).to(self.device))

    def _floats(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255)

    def touch(self, how: Augmentation, seed: int, strengths: Sequence[float] | None = None) -> Touch | None:
        """The part of an augmentation that is done to the decoded images; None where there is none.

        Args:
            strengths: one a batch, in place of the augmentation's own.
        """
        import torch

        pixels = how.pixels
        if pixels is None or (strengths is None and how.strength == 0):
            return None

        def change(number: int, rows: NDArray[np.int64], batch: torch.Tensor) -> torch.Tensor:
            strength = how.strength if strengths is None else strengths[number]
            changed = torch.empty_like(batch, pin_memory=batch.is_pinned())
            pixels(batch.numpy(), rows, seed, strength, changed.numpy())
            return changed

        return change

    def augmented(self, images: torch.Tensor, rows: NDArray[np.int64], how: Augmentation, seed: int) -> torch.Tensor:
        """Augment images in [0, 1]; row parameters come from ``seed`` and the rows' own numbers."""
        if how.moves:
            height, width = images.shape[2:]
            images = apply(images, how.draw(seed, rows, square=height == width), self.seen(images))
        else:
            images = self.framed(images)
        if how.erase:
            images = erase(images, draw_boxes(seed, rows, how.erase, (images.shape[2], images.shape[3])), self.mean)
        return images

    def seen(self, images: torch.Tensor) -> tuple[int, int]:
        """The height and width at which the network sees these images."""
        return seen_shape((images.shape[2], images.shape[3]), self.margin)

    def framed(self, images: torch.Tensor) -> torch.Tensor:
        """Whole images at the size that the network sees."""
        return resized(images, self.seen(images))

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """(images - mean) / std at the size that the network sees, channels last."""
        return self.standardised(self.framed(images))

    def standardised(self, images: torch.Tensor) -> torch.Tensor:
        """(images - mean) / std at the size that they have, channels last."""
        import torch

        mean = torch.tensor(self.mean, device=images.device, dtype=images.dtype)[:, None, None]
        std = torch.tensor(self.std, device=images.device, dtype=images.dtype)[:, None, None]
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)
