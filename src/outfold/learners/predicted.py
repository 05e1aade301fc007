"""What the learners of tables do alike: the loop over folds, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outfold.contest import Contest
from outfold.errors import ConfigError, DataError
from outfold.learners.learner import Part
from outfold.progress import Reporter
from outfold.store.predictions import prediction_frame
from outfold.store.shelf import Shelf

Said = Callable[[int, Shelf], Iterable[tuple[str, np.ndarray]]]
"""Of a fold and its shelf, each member's predictions (n, outputs)."""


def predicted(
    said: Said,
    name: str,
    outputs: Sequence[str],
    part: Part,
    ids: pd.Index,
    shelves: Mapping[int, Shelf],
    reporter: Reporter,
    precise: Collection[str] = (),
) -> pd.DataFrame:
    """A frame as in :mod:`outfold.store.predictions`, of every member of every fold given."""
    frames = []
    with reporter.bar(f"{name}: predict {part}", len(shelves), "folds") as bar:
        for fold, shelf in shelves.items():
            found = said(fold, shelf)
            frames += [prediction_frame(ids, fold, member, outputs, values, precise) for member, values in found]
            bar.advance(1)
    return pd.concat(frames, ignore_index=True)


def check_features(shelf: Shelf, name: str, trained: Any, now: Any) -> None:
    """Raises DataError where the features that a fold was trained on are not those that the contest has now."""
    if trained != now:
        raise DataError(
            f"{shelf.folder}: trained on other features than the contest has now",
            remedy=f"Remove {shelf.folder} and run `outfold train {name}`.",
        )


def check_class_weight(class_weight: str | None, contest: Contest, where: Path) -> None:
    """Raises ConfigError where there are no classes to balance; of several targets, those of numbers have none."""
    if class_weight is not None and contest.task == "regression" and contest.config.task != "multitask":
        raise ConfigError(f"{where}: class_weight: a regression has no classes")
