"""Pseudo-labelled test rows among the training images of a fold."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from outfold.contest import Contest
from outfold.data.images.batches import ImageSource
from outfold.data.images.joined import JoinedImages, JoinedTensors
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
