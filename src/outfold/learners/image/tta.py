"""Test-time augmentation: what the members of a pipeline look at when they vote on a row, each batch read once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from outfold.config.image import ImagePipeline, Tta
from outfold.data.images.augment import Augmentation
from outfold.data.images.batches import ImageSource
from outfold.data.images.views import View, needs_margin, views
from outfold.randomness import derive_seed
from outfold.training.tta import tta_weights


@dataclass(frozen=True)
class Looks:
    """What is predicted for each row: the original and augmented passes, or fixed views.

    Attributes:
        augmentation: of the passes beside the original.
        passes: how many these are.
        views: in their place; empty: passes.
        weights: of the original and each pass, or of each view.
        average: what is averaged.
    """

    augmentation: Augmentation
    passes: int
    views: list[View]
    weights: list[float]
    average: Literal["probabilities", "logits"]

    @classmethod
    def of(cls, config: ImagePipeline, where: str) -> Looks:
        """What ``tta:`` asks for."""
        tta = config.tta if isinstance(config.tta, Tta) else Tta(n=config.tta)
        augmentation = Augmentation.of(config.augment, config.strength, where)
        if tta.views:
            looks = views(tta.views, tta.scales)
            return cls(augmentation, 0, looks, tta_weights(len(looks) - 1, tta.beta), tta.average)
        passes = 0 if augmentation.is_none else tta.n
        return cls(augmentation, passes, [], tta_weights(passes, tta.beta), tta.average)

    @property
    def needs_margin(self) -> bool:
        """Whether the views show more than images without a margin hold."""
        return needs_margin(self.views)

    def shapes(self, seen: tuple[int, int]) -> list[tuple[int, int]]:
        """The heights and widths of what a member is shown, where it was trained at these."""
        return sorted({(view.size(seen[0]), view.size(seen[1])) for view in self.views} | {seen})

    def batches(
        self, source: ImageSource, batches: Sequence[NDArray[np.int64]], seed: int
    ) -> Iterator[Iterator[Tensor]]:
        """Of each batch of rows all that is looked at, as many as there are weights, made as they are asked for."""
        if not self.views:
            return self._passes(source, batches, seed)
        return (
            (source.standardised(view.of(images, source.seen(images))) for view in self.views)
            for _, images in source.batches(batches)
        )

    def _passes(
        self, source: ImageSource, batches: Sequence[NDArray[np.int64]], seed: int
    ) -> Iterator[Iterator[Tensor]]:
        seeds = [derive_seed(seed, "tta", number) for number in range(self.passes)]
        touches = [source.touch(self.augmentation, seed) for seed in seeds] if self.augmentation.touches else []

        def variants(rows: NDArray[np.int64], read: Iterator[Tensor]) -> Iterator[Tensor]:
            images = next(read)
            yield source.normalised(images)
            for seed in seeds:
                touched = next(read) if touches else images
                yield source.standardised(source.augmented(touched, rows, self.augmentation, seed))

        for rows, read in source.variants(batches, [None, *touches]):
            yield variants(rows, read)
