"""What a network sees before its head in all of a part's images, computed once, as it is or as a table of numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from outfold.data.images.activation_cache import open_activations
from outfold.data.images.batches import ImageSource
from outfold.progress import Reporter
from outfold.training.activations import activations, backbone_hash
from outfold.training.oom import Pieces
from outfold.training.sampler import pure_batches

_BATCH = 64


def seen_by_head(
    model: nn.Module, source: ImageSource, made_of: Mapping[str, Any], folder: Path, what: str, reporter: Reporter
) -> NDArray[np.float32]:
    """What the head would see of every image of a source, (n, ...): in eval mode, float32, without augmentation.

    It is kept in a file, known by the frozen weights, the normalisation, and what ``made_of`` says, so that folds and
    pipelines share it where these are the same. Where memory is short, batches are halved.

    Args:
        model: on the device of the source.
        made_of: the model's name and arguments, and the images' files, in which form and order.
        folder: of the cache.
        what: for the progress bar.
    """
    key = {"weights": backbone_hash(model), "mean": list(source.mean), "std": list(source.std), **made_of}
    name = f"activations-{sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:24]}"
    count = len(source.pixels)
    # the batches have a size of their own: pipelines that share the file may differ in theirs
    batches, _ = pure_batches(np.arange(count), _BATCH, source.kinds)
    pieces = Pieces(lambda said: reporter.warn(f"{what}: {said}"))

    def compute() -> Iterator[NDArray[np.float32]]:
        model.eval()
        with reporter.bar(what, count, "images") as bar:
            for rows, pixels in source.batches(batches):
                with torch.inference_mode():
                    values = pieces(partial(activations, model), source.normalised(pixels))
                yield values.float().cpu().numpy()
                bar.advance(len(rows))

    return open_activations(folder, name, count, compute(), np.concatenate(batches))


def pooled(
    model: nn.Module, source: ImageSource, made_of: Mapping[str, Any], folder: Path, what: str, reporter: Reporter
) -> NDArray[np.float32]:
    """:func:`seen_by_head` as the rows of a table, (n, columns)."""
    seen = seen_by_head(model, source, made_of, folder, what, reporter)
    return seen.reshape(len(seen), -1)
