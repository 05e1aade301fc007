"""A phase that trains the head on precomputed activations of the frozen network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from outfold.data.activation_cache import open_activations
from outfold.learners.image.rows import PhaseImages
from outfold.progress import Reporter
from outfold.training.activations import HeadAlone, activations, backbone_hash
from outfold.training.distributed import ranks
from outfold.training.memory import Pieces
from outfold.training.order import even_batches, pure_batches

_BATCH = 64


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
    """The phase on activations, computed where nobody has yet: in eval mode, float32, without augmentation.

    All training images have theirs in one file, in the order of the training table, so that folds share it where their
    frozen weights are the same. It is known by these weights, the normalisation, and what ``made_of`` says.

    Args:
        folder: of the cache.
        made_of: the model, its arguments, and the name of the images' cache, which says which images, in which form
            and order.
    """
    source = images.source
    key = {"weights": backbone_hash(model), "mean": list(source.mean), "std": list(source.std), **made_of}
    name = f"activations-{sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:24]}"
    count = len(source.pixels)
    # the batches have a size of their own: pipelines that share the file may differ in theirs
    batches, _ = pure_batches(np.arange(count), _BATCH, source.kinds)

    pieces = Pieces(lambda said: reporter.warn(f"activations of training images: {said}"))

    def compute() -> Iterator[NDArray[np.float32]]:
        model.eval()
        with reporter.bar("activations of training images", count, "images") as bar:
            for rows, pixels in source.batches(batches):
                with torch.inference_mode():
                    values = pieces(partial(activations, model), source.normalised(pixels))
                yield values.float().cpu().numpy()
                bar.advance(len(rows))

    return PhaseActivations(images, open_activations(folder, name, count, compute(), np.concatenate(batches)))
