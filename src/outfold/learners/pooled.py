"""The activations before a network's head for all of a part's images, as a table of numbers, computed once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from outfold.data.activation_cache import open_activations
from outfold.data.image_batches import ImageSource
from outfold.progress import Reporter
from outfold.training.activations import activations, backbone_hash
from outfold.training.order import pure_batches

_BATCH = 64


def pooled(
    model: nn.Module, source: ImageSource, made_of: Mapping[str, Any], folder: Path, what: str, reporter: Reporter
) -> NDArray[np.float32]:
    """What the head would see of every image of a source, (n, columns): in eval mode, float32, without augmentation.

    It is kept in a file, known by the network's weights, the normalisation, and what ``made_of`` says.

    Args:
        model: on the device of the source.
        made_of: the model's name and arguments, and the images' files, in which form and order.
        folder: of the cache.
        what: for the progress bar.
    """
    key = {
        "weights": backbone_hash(model),
        "normalisation": [list(source.mean), list(source.std)],
        **made_of,
    }
    name = f"backbone-{sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:24]}"
    count = len(source.pixels)
    batches, _ = pure_batches(np.arange(count), _BATCH, source.kinds)
    model.eval()

    def compute() -> Iterator[NDArray[np.float32]]:
        with reporter.bar(what, count, "images") as bar:
            for rows, pixels in source.batches(batches):
                with torch.inference_mode():
                    values = activations(model, source.normalised(pixels)).flatten(1)
                yield values.float().cpu().numpy()
                bar.advance(len(rows))

    return open_activations(folder, name, count, compute(), np.concatenate(batches))
