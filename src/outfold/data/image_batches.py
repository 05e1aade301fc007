"""Batches from the cache: threads copy rows into one tensor, the device does the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from outfold.data.augment import Augmentation, apply
from outfold.data.erasing import draw_boxes, erase

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
R = TypeVar("R")


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
        pixels: (n, size, size, channels) uint8: :class:`outfold.data.image_cache.ImageCache.pixels`.
        mean, std: the model's own, one number a channel, for pixels in [0, 1].
        device: where batches go.
        workers: threads that read ahead; results do not depend on it.
    """

    pixels: NDArray[np.uint8]
    mean: Sequence[float]
    std: Sequence[float]
    device: torch.device
    workers: int = 0

    def fetch(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """These rows as (n, size, size, channels) uint8 in host memory, pinned where the device is a GPU."""
        import torch

        batch = torch.empty(
            (len(rows), *self.pixels.shape[1:]), dtype=torch.uint8, pin_memory=self.device.type == "cuda"
        )
        # mode="clip" copies straight into the batch; "raise" would go by way of a buffer
        np.take(self.pixels, rows, axis=0, out=batch.numpy(), mode="clip")
        return batch

    def batches(self, batches: Iterable[NDArray[np.int64]]) -> Iterator[tuple[NDArray[np.int64], torch.Tensor]]:
        """Each batch's rows, and on the device its images: (n, channels, size, size) floats in [0, 1]."""
        for rows, batch in ahead(lambda rows: (rows, self.fetch(rows)), batches, self.workers):
            images = batch.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
            yield rows, images.float().div_(255)

    def augmented(self, images: torch.Tensor, rows: NDArray[np.int64], how: Augmentation, seed: int) -> torch.Tensor:
        """Augment images in [0, 1]; row parameters come from ``seed`` and the rows' own numbers."""
        if how.moves:
            images = apply(images, how.draw(seed, rows))
        if how.erase:
            images = erase(images, draw_boxes(seed, rows, how.erase, images.shape[-1]), self.mean)
        return images

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """(images - mean) / std, channels last."""
        import torch

        mean = torch.tensor(self.mean, device=images.device, dtype=images.dtype)[:, None, None]
        std = torch.tensor(self.std, device=images.device, dtype=images.dtype)[:, None, None]
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)
