"""The protocol of a learner: fits one fold, predicts rows. It knows ids, not files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

import pandas as pd

from outfold.ensemble.pseudo import PseudoLabels
from outfold.store.shelf import Shelf

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
