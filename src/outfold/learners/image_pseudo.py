"""Pseudo-labelled test rows among the training images of a fold."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from outfold.config.competition import Task
from outfold.data.image_batches import ImageSource
from outfold.data.joined_images import JoinedImages, JoinedTensors
from outfold.ensemble.pseudo import PseudoLabels
from outfold.training.losses import Loss
from outfold.training.soft_targets import soft_targets


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
    def of(cls, labels: PseudoLabels, train: pd.Index, test: pd.Index, bad: Collection[int]) -> TaughtRows:
        """The rows of these ids.

        Args:
            train, test: the ids of both tables.
            bad: the test rows whose image cannot be read.
        """
        places = np.asarray(test.get_indexer(labels.ids), dtype=np.int64)
        legible = ~np.isin(places, list(bad))
        return cls(labels.some(legible), places[legible], len(train), len(test))

    @property
    def rows(self) -> NDArray[np.int64]:
        """(n,) their numbers."""
        return self.first + self.places

    def beside(self, truth: NDArray[Any], task: Task) -> NDArray[Any]:
        """The truth of training rows, and then the likeliest one of these: what shares and sampling go by."""
        return np.concatenate([truth, self.labels.truth(task)])

    def targets(self, loss: Loss, y: NDArray[Any]) -> Tensor:
        """Targets of all rows of both tables, as the loss wants them; test rows without a label have zeros."""
        taught = np.zeros((self.every, self.labels.targets.shape[1]), np.float32)
        taught[self.places] = self.labels.targets
        return soft_targets(loss, y, taught, self.labels.weight)


def joined(train: ImageSource, test: ImageSource) -> ImageSource:
    """The images of both parts, those of the test part numbered on; on the device where both are there."""
    kept = None
    if train.resident is not None and test.resident is not None:
        kept = JoinedTensors(train.resident, test.resident)
    return replace(train, pixels=JoinedImages(train.pixels, test.pixels), resident=kept)
