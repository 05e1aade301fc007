"""The contest's images as a phase of training or a prediction wants them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from outfold.config.image import Albumentations, ImagePipeline
from outfold.contest import Contest
from outfold.data.images.augment import Augmentation
from outfold.data.images.batches import ImageSource
from outfold.data.images.buckets import bucket_shapes
from outfold.data.images.cache import MARGIN, ImageCache, ImageSet, open_cache
from outfold.data.images.concat import JoinedImages, JoinedTensors
from outfold.data.images.gpu_cache import free_bytes, resident
from outfold.errors import some
from outfold.learners.base import Part
from outfold.learners.neural.validation import figures
from outfold.metrics import Metric
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.training.device import Precision
from outfold.training.distributed import ranks
from outfold.training.losses import Loss, soft_targets
from outfold.training.sampler import names_of, pure_batches


def has_margin(config: ImagePipeline) -> bool:
    """Whether a pipeline is trained on images with a margin: where any of its phases crops."""
    asked = [config.augment, *(phase.augment for phase in config.phases)]
    return any((one.preset if isinstance(one, Albumentations) else one) == "crop" for one in asked)


class ContestImages:
    """Opens the decoded images of each part and size, once."""

    def __init__(self, contest: Contest, config: ImagePipeline, reporter: Reporter) -> None:
        self.contest, self.config, self.reporter = contest, config, reporter
        self.margin = has_margin(config)
        self._open: dict[tuple[Part, int, bool], ImageCache] = {}
        self._resident: dict[tuple[Part, int, bool], Tensor | None] = {}
        self._told: set[Part] = set()

    def cache(self, part: Part, size: int, margin: bool = False) -> ImageCache:
        """All images of the part, in the order of its table; warns of those that cannot be read.

        Args:
            size: pixels a side, as the network sees them; with resize: native, of the square of as many.
            margin: keep them larger than that, whether or not the pipeline is trained so.

        Raises:
            DataError: some cannot be read, and ``on_bad_image`` says error.
        """
        margin = margin or self.margin
        if (part, size, margin) not in self._open:
            ids = self._ids(part)
            images = self.chosen(part, size, margin)
            found = open_cache(
                self.contest.layout.cache, images, self.reporter, on_bad=self.contest.config.on_bad_image
            )
            self._open[part, size, margin] = found
            self._warn(part, [str(ids[row]) for row in sorted(found.bad)])
        return self._open[part, size, margin]

    def resident(self, part: Part, size: int, device: torch.device, margin: bool = False) -> Tensor | None:
        """The same images in the device's memory, where they fit; of each part one size is kept there at a time."""
        key = (part, size, margin or self.margin)
        if key not in self._resident:
            # what another size took is free before this one is measured
            self._resident = {kept: images for kept, images in self._resident.items() if kept[0] != part}
            pixels = self.cache(part, size, margin).pixels
            whole = pixels if isinstance(pixels, np.ndarray) else None
            self._resident[key] = None if whole is None else resident(whole, device, free_bytes(device))
        return self._resident[key]

    def larger(self, margin: bool = False) -> float:
        """How much larger images are kept than the network sees them."""
        return MARGIN if margin or self.margin else 1.0

    def seen(self, size: int) -> list[tuple[int, int]]:
        """Heights and widths at which the network sees images of a size: the square, and with native the extremes."""
        shapes = bucket_shapes(size) if self.config.resize == "native" else ()
        return [(size, size), *shapes[:1], *shapes[-1:]]

    def kept(self, seen: tuple[int, int]) -> tuple[int, int]:
        """Height and width in which such images are kept, and reach the transforms of albumentations."""
        return round(seen[0] * self.larger()), round(seen[1] * self.larger())

    def chosen(self, part: Part, size: int, margin: bool = False) -> ImageSet:
        """Which images these are, and in which form: all of the part, in the order of its table."""
        return ImageSet(
            part,
            self.contest.images(part, self._ids(part)),
            size,
            self.config.resize,
            self.config.channels,
            self.larger(margin),
            self.config.value_ranges,
        )

    def _ids(self, part: Part) -> pd.Index:
        return self.contest.train.index if part == "train" else self.contest.test.index

    def _warn(self, part: Part, bad: list[str]) -> None:
        if bad and part not in self._told:
            what = "are left out of training and predicted from grey" if part == "train" else "are predicted from grey"
            self.reporter.warn(f"{len(bad)} {part} images cannot be read and {what}: {some(bad)}")
        self._told.add(part)


@dataclass(frozen=True)
class PhaseImages:
    """What one phase of one fold learns from, and is watched on: the engine's ``Data``.

    Attributes:
        source: all training images at the phase's size.
        targets: of all training rows, as the loss wants them.
        truth: the contest's own, of the rows to watch.
        watched: rows to watch.
    """

    source: ImageSource
    targets: Tensor
    truth: NDArray
    watched: NDArray[np.int64]
    augmentation: Augmentation
    loss: Loss
    precision: Precision
    metric: Metric
    batch_size: int

    @property
    def kinds(self) -> NDArray[np.int64] | None:
        """Which rows have images of like shape; None where all have."""
        return self.source.kinds

    def batches(
        self, batches: Sequence[NDArray[np.int64]], strengths: Sequence[float], seed: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Augmented, normalised images and their targets, on the device."""
        device = self.source.device
        names = ranks().share(names_of(batches, len(self.source.pixels)))
        batches = ranks().share(batches)
        touch = self.source.touch(self.augmentation, seed, strengths)
        read = self.source.batches(batches, touch and (lambda number, _, batch: touch(number, names[number], batch)))
        for (rows, images), named, strength in zip(read, names, strengths, strict=True):
            augmentation = replace(self.augmentation, strength=strength)
            augmented = self.source.augmented(images, named, augmentation, seed)
            yield self.source.standardised(augmented), self.targets[torch.from_numpy(rows)].to(device)

    def plain(self, batches: Sequence[NDArray[np.int64]]) -> Iterator[Tensor]:
        """Normalised images, on the device."""
        for _, images in self.source.batches(batches):
            yield self.source.normalised(images)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss and the contest's metric on the watched rows, without augmentation."""
        if not len(self.watched):
            return {}
        model.eval()
        with torch.inference_mode(), self.precision.autocast():
            batches, places = pure_batches(self.watched, self.batch_size, self.kinds)
            outputs = torch.cat([model(images).float() for images in self.plain(batches)])
        return self.figures(outputs[torch.from_numpy(places).to(outputs.device)])

    def figures(self, outputs: Tensor) -> dict[str, float]:
        """The same, of the model's outputs for the watched rows: (watched, outputs) float32."""
        targets = self.targets[torch.from_numpy(self.watched)].to(outputs.device)
        return figures(self.loss, self.metric, outputs, targets, self.truth)


@dataclass(frozen=True, eq=False)
class TaughtRows:
    """Test rows that a fold learns from; their numbers go on where those of the training table end.

    Attributes:
        labels: of the rows whose image can be read.
        places: (n,) their rows in the test table.
        first: rows of the training table.
        every: rows of the test table.
    """

    labels: PseudoLabels
    places: NDArray[np.int64]
    first: int
    every: int

    @classmethod
    def of(cls, contest: Contest, labels: PseudoLabels, bad: Collection[int]) -> TaughtRows:
        """The rows of these labels.

        Args:
            bad: the test rows whose image cannot be read.
        """
        places = contest.places("test", labels.ids)
        legible = ~np.isin(places, list(bad))
        return cls(labels.some(legible), places[legible], len(contest.train), len(contest.test))

    @property
    def rows(self) -> NDArray[np.int64]:
        """(n,) their numbers."""
        return self.first + self.places

    def targets(self, loss: Loss, y: NDArray[Any]) -> Tensor:
        """Targets of all rows of both tables, as the loss wants them; test rows without a label have zeros."""
        taught = np.zeros((self.every, self.labels.targets.shape[1]), np.float32)
        taught[self.places] = self.labels.targets
        return soft_targets(loss, y, taught, self.labels.weight)


def learnt(
    contest: Contest, own: NDArray[np.int64], taught: TaughtRows | None
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """All rows that a fold learns from, by number, and what each is (or likeliest is): sampling and shares go by that.

    Args:
        own: rows of the training table.
    """
    truth = contest.leading.y[own]
    if taught is None:
        return own, truth
    return np.concatenate([own, taught.rows]), np.concatenate([truth, taught.labels.truth(contest.task)])


def own_rows(rows: NDArray[np.int64], first: int) -> NDArray[np.int64]:
    """Those of the training table, which has ``first`` rows."""
    return rows[rows < first]


def joined(train: ImageSource, test: ImageSource) -> ImageSource:
    """The images of both parts, those of the test part numbered on; on the device where both are there."""
    kept = None
    if isinstance(train.resident, Tensor) and isinstance(test.resident, Tensor):
        kept = JoinedTensors(train.resident, test.resident)
    return replace(train, pixels=JoinedImages(train.pixels, test.pixels), resident=kept)
