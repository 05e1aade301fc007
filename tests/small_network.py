"""A network that trains in a second, and what it leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from outfold.config.image import ImagePipeline
from outfold.contest import Contest
from outfold.learners.image.learner import ImageLearner
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf

SMALL: dict[str, Any] = {
    "learner": "image",
    "model": "resnet10t",
    "timm_args": {"channels": [8, 16, 24, 32], "stem_width": 8},
    "weights": "none",
    "channels": 1,
    "batch_size": 16,
}


def trained(contest: Contest, folder: Path, **keys: Any) -> tuple[bytes, np.ndarray]:
    """Its weights after one fold, which learns from 48 rows, and what it says of the test rows: (n, outputs)."""
    config = ImagePipeline.model_validate(SMALL | keys)
    learner, shelf = ImageLearner(contest, config, "cnn", Reporter()), Shelf.open(folder, "key")
    learner.fit(0, contest.train.index[:48], contest.train.index[48:], shelf)
    frame = learner.predict("test", contest.test.index, {0: shelf})
    return shelf.path("final.safetensors").read_bytes(), frame[contest.outputs].to_numpy()
