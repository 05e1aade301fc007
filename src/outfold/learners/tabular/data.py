"""The rows of a table in the device's memory: batches are slices of a shuffled piece of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from outfold.learners.neural.validation import figures
from outfold.metrics import Metric
from outfold.training.device import Precision
from outfold.training.distributed import ranks
from outfold.training.losses import Loss

PIECE = 1 << 15
"""Rows that are gathered at once for the batches that are next: few calls, and memory that stays in the caches."""
AT_ONCE = 1 << 13
"""Rows of a batch where nothing is learnt."""

Rows = tuple[Tensor, Tensor]
"""Addresses (n, columns) int32, see :class:`outfold.training.embeddings.Embeddings`; numbers (n, columns) float32."""


@dataclass(frozen=True)
class PhaseRows:
    """What one phase of one fold learns from, and is watched on: the engine's ``Data``.

    Attributes:
        table: all rows, on the device.
        targets: (n, ...) of all rows, as the loss wants them, on the device.
        truth: the contest's own, of the rows to watch.
        watched: rows to watch.
        at_once: rows of a batch where nothing is learnt.
    """

    table: Rows
    targets: Tensor
    truth: NDArray
    watched: NDArray[np.int64]
    loss: Loss
    precision: Precision
    metric: Metric
    at_once: int = AT_ONCE

    @property
    def kinds(self) -> None:
        """All rows go well into one batch."""

    def batches(
        self, batches: Sequence[NDArray[np.int64]], strengths: Sequence[float], seed: int
    ) -> Iterator[tuple[Rows, Tensor]]:
        """The rows of each batch and their targets, on the device; nothing in them is random."""
        for piece in pieces(ranks().share(batches)):
            addresses, numbers, targets = _gathered((*self.table, self.targets), piece)
            for one in zip(addresses, numbers, targets, strict=True):
                yield one[:2], one[2]

    def plain(self, batches: Sequence[NDArray[np.int64]]) -> Iterator[Rows]:
        """The rows of each batch, on the device."""
        for piece in pieces(batches):
            yield from zip(*_gathered(self.table, piece), strict=True)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss and the contest's metric on the watched rows."""
        if not len(self.watched):
            return {}
        model.eval()
        batches = np.array_split(self.watched, -(-len(self.watched) // self.at_once))
        with torch.inference_mode(), self.precision.autocast():
            outputs = torch.cat([model(rows).float() for rows in self.plain(batches)])
        targets = self.targets[torch.from_numpy(self.watched).to(self.targets.device)]
        return figures(self.loss, self.metric, outputs, targets, self.truth)


def pieces(batches: Sequence[NDArray[np.int64]]) -> Iterator[Sequence[NDArray[np.int64]]]:
    """The batches in order, as many together as have :data:`PIECE` rows; one at least."""
    if not batches:
        return
    count = max(PIECE // max(map(len, batches)), 1)
    for first in range(0, len(batches), count):
        yield batches[first : first + count]


def _gathered(tensors: Sequence[Tensor], batches: Sequence[NDArray[np.int64]]) -> list[tuple[Tensor, ...]]:
    """The rows of several batches of each tensor, cut into the batches."""
    places = torch.from_numpy(np.concatenate(batches)).to(tensors[0].device)
    sizes = [len(batch) for batch in batches]
    return [tensor.index_select(0, places).split(sizes) for tensor in tensors]
