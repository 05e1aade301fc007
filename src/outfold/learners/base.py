"""The protocol of a learner: fits one fold, predicts rows. It knows ids, not files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from outfold.contest import Contest
from outfold.errors import ConfigError, DataError
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf
from outfold.store.predictions import prediction_frame

Part = Literal["train", "test"]


class Learner(Protocol):
    """One pipeline's model family, bound to a contest and a configuration."""

    def check(self) -> None:
        """Raise what would stop ``fit`` before it begins: an unknown model, a missing file, unreadable images."""

    def check_fold(self, fold: int, train: pd.Index) -> None:
        """Raise what the rows of a fold's training part would make ``fit`` refuse; nothing is trained."""

    def fit(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> None:
        """Train one fold and leave its members on the shelf; call ``shelf.finish(members=[...], ...)`` at the end.

        ``valid`` may be watched and shown, and chooses nothing. A call on a shelf that holds a checkpoint goes on from
        there and ends with the same bytes. ``pseudo`` are test rows to learn from beside ``train``; a learner whose
        configuration has a ``pseudo`` key tells how many it used as ``shelf.finish(pseudo=...)``.
        """

    def predict(self, part: Part, ids: pd.Index, shelves: Mapping[int, Shelf]) -> pd.DataFrame:
        """Predict rows with every member of every fold given, each row being read once.

        Returns:
            A frame as in :mod:`outfold.store.predictions`: id, fold, member, and float32 outputs.
        """

    def summarise(self, shelves: Mapping[int, Shelf], folder: Path) -> None:
        """Write what a person wants to see of the trained folds (importances, curves) into ``folder``."""


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
