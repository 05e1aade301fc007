"""A phase that trains the head on precomputed activations of the frozen network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from outfold.learners.image.data import PhaseImages
from outfold.learners.image.pooling import seen_by_head
from outfold.progress import Reporter
from outfold.training.activations import HeadAlone
from outfold.training.distributed import ranks
from outfold.training.sampler import even_batches


@dataclass(frozen=True)
class PhaseActivations:
    """The engine's ``Data`` for such a phase.

    Attributes:
        images: the phase's images, which validation is told by.
        values: (n, ...) float32, of all training images.
    """

    images: PhaseImages
    values: NDArray[np.float32]

    @property
    def kinds(self) -> None:
        """Activations have one shape."""

    def batches(
        self, batches: Sequence[NDArray[np.int64]], strengths: Sequence[float], seed: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Activations and targets, on the device; nothing in them is random."""
        targets = self.images.targets
        for rows in ranks().share(batches):
            yield self._values(rows), targets[torch.from_numpy(rows)].to(self.images.source.device)

    def plain(self, batches: Sequence[NDArray[np.int64]]) -> Iterator[Tensor]:
        """Activations, on the device."""
        return map(self._values, batches)

    def _values(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.asarray(self.values[rows])).to(self.images.source.device)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """As that of the images; the network below the head need not be run."""
        images = self.images
        if not len(images.watched):
            return {}
        model.eval()
        head = HeadAlone(model)
        with torch.inference_mode(), images.precision.autocast():
            batches = even_batches(images.watched, images.batch_size)
            outputs = torch.cat([head(self._values(rows)).float() for rows in batches])
        return images.figures(outputs)


def precomputed(
    images: PhaseImages, model: nn.Module, folder: Path, made_of: Mapping[str, Any], reporter: Reporter
) -> PhaseActivations:
    """The phase on activations, computed where nobody has yet; see :func:`outfold.learners.image.pooling.seen_by_head`.

    All training images have theirs in one file, in the order of the training table, which folds share.
    """
    what = "activations of training images"
    return PhaseActivations(images, seen_by_head(model, images.source, made_of, folder, what, reporter))
