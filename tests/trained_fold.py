"""One fold of a pipeline on a small contest: what its models predict, and the files that they leave."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outfold.config.load import pipeline_of
from outfold.contest import Contest
from outfold.learners.registry import make_learner
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf

WATCHED = 20
"""Training rows at the end of the table that the fold does not learn from."""


def labels(contest: Contest, weight: float = 1.0) -> PseudoLabels:
    """The first test rows of a binary contest or of numbers, as teachers might have labelled them."""
    ids = contest.test.index[:20]
    values = np.linspace(0.05, 0.95, len(ids)) * (np.ptp(contest.y) or 1)
    return PseudoLabels(ids, values.astype(np.float32).reshape(-1, 1), weight, 0.9)


def predictions(contest: Contest, keys: dict[str, Any], *, wanted: str | None = None) -> pd.DataFrame | bool:
    """The test predictions of one fold, which learns from all training rows but the last few.

    Args:
        keys: of the pipeline's file.
        wanted: a file of the learner's summary; then whether there is one.
    """
    config = pipeline_of(contest.layout.pipeline_config("model"), keys)
    learner = make_learner(contest, config, "model", Reporter())
    learner.check()
    ids = contest.train.index
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf.open(Path(folder) / "0", "key")
        pseudo = None if config.taught() is None else labels(contest)
        learner.fit(0, ids[:-WATCHED], ids[-WATCHED:], shelf, pseudo)
        if wanted is not None:
            learner.summarise({0: shelf}, Path(folder))
            return (Path(folder) / wanted).exists()
        return learner.predict("test", contest.test.index, {0: shelf})


_KNOWN: dict[str, pd.DataFrame | bool] = {}


def _known(contest: Contest, keys: dict[str, Any], wanted: str | None) -> pd.DataFrame | bool:
    """What :func:`predictions` gives, computed once: many keys are compared with one base."""
    name = json.dumps([str(contest.root), keys, wanted], sort_keys=True)
    if name not in _KNOWN:
        _KNOWN[name] = predictions(contest, keys, wanted=wanted)
    return _KNOWN[name]


def differ(contest: Contest, first: dict[str, Any], second: dict[str, Any], *, wanted: str | None = None) -> bool:
    """Whether two pipelines predict other numbers, or other members, or leave other files."""
    one, other = (_known(contest, keys, wanted) for keys in (first, second))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is not other
    return not one.equals(other)
