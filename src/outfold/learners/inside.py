"""The splits inside a fold's training part, made as the contest's own folds are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outfold.contest import Contest
from outfold.folds import inner_split

Places = tuple[np.ndarray, np.ndarray]
"""Places among the ids of the rows to learn from, and of those to choose by."""


def inner_places(contest: Contest, ids: pd.Index, *, fraction: float, seed: int) -> Places:
    """One split of these training rows: groups whole, the latest rows to choose by where folds are split by time."""
    learn, choose = inner_split(
        ids,
        fraction=fraction,
        seed=seed,
        kind=contest.config.folds.kind or "kfold",
        y=contest.truth(ids),
        task=contest.task,
        groups=contest.groups(ids),
        dates=contest.dates(ids),
    )
    return ids.get_indexer(learn), ids.get_indexer(choose)
