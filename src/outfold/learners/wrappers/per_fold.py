"""``by_fold``: a pipeline whose models differ from fold to fold, each with the keys that were found inside its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from outfold.errors import ConfigError, MismatchError, some
from outfold.folds import Folds
from outfold.learners.base import Learner, Part
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf

if TYPE_CHECKING:
    from outfold.config.pipeline import ModelPipeline


class ByFold:
    """Any learner, with its own keys for each fold.

    Args:
        config: with ``by_fold``.
        make: the learner of a configuration without.
        where: the pipeline's file, for messages.

    Raises:
        ConfigError: the keys of a fold that the contest has no use for; the fold is named.
    """

    def __init__(self, config: ModelPipeline, make: Callable[[ModelPipeline], Learner], where: Path) -> None:
        self.where = where
        self._learners: dict[int, Learner] = {}
        alike: dict[str, Learner] = {}
        for fold in sorted(config.by_fold):
            own = config.for_fold(fold)
            key = json.dumps(own.model_dump(mode="json"), sort_keys=True)
            try:
                self._learners[fold] = alike[key] = alike.get(key) or make(own)
            except ConfigError as error:
                raise ConfigError(f"by_fold: {fold}: {error.message}", remedy=error.remedy) from None

    def check(self) -> None:
        """Raise what would stop one of them."""
        for learner in dict.fromkeys(self._learners.values()):
            learner.check()

    def check_fold(self, fold: int, train: pd.Index) -> None:
        """Raise what would stop the fold's own learner."""
        self._learner(fold).check_fold(fold, train)

    def fit(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> None:
        """Train one fold with its own keys.

        Raises:
            ConfigError: ``by_fold`` does not have it.
        """
        self._learner(fold).fit(fold, train, valid, shelf, pseudo)

    def predict(self, part: Part, ids: pd.Index, shelves: Mapping[int, Shelf]) -> pd.DataFrame:
        """Predict rows with every fold given; folds that are alike read each row once."""
        together: dict[Learner, dict[int, Shelf]] = {}
        for fold, shelf in shelves.items():
            together.setdefault(self._learner(fold), {})[fold] = shelf
        frames = [learner.predict(part, ids, own) for learner, own in together.items()]
        return pd.concat(frames, ignore_index=True)

    def summarise(self, shelves: Mapping[int, Shelf], folder: Path) -> None:
        """What the first fold's learner shows of all folds: models are alike in what they leave on their shelves."""
        self._learner(min(shelves)).summarise(shelves, folder)

    def _learner(self, fold: int) -> Learner:
        if fold not in self._learners:
            raise _missing(self.where, [fold], list(self._learners))
        return self._learners[fold]


def check_folds(config: ModelPipeline, folds: Folds, where: Path) -> None:
    """Refuse keys by fold that were not found for these folds.

    Raises:
        ConfigError: a fold that the split has and ``by_fold`` has not, or the other way round.
        MismatchError: they were found on another split: rows that a fold scores may have chosen its keys.
    """
    if not config.by_fold:
        return
    if config.tuned_on is not None and not folds.hash.startswith(config.tuned_on):
        raise MismatchError(
            f"{where}: tuned_on: by_fold was found on other folds ({config.tuned_on}) than "
            f"artifacts/folds.parquet has now ({folds.hash[:12]}): rows that a fold scores may have chosen its keys",
            remedy="Tune the pipeline again that this file was made from, or take the old split back.",
        )
    missing = [fold for fold in folds.numbers() if fold not in config.by_fold]
    if missing:
        raise _missing(where, missing, sorted(config.by_fold))
    more = [fold for fold in config.by_fold if fold not in folds.numbers()]
    if more:
        raise ConfigError(f"{where}: by_fold: the split has no fold {some(more)}; it has {some(folds.numbers(), 20)}")


def _missing(where: Path, folds: list[int], known: list[int]) -> ConfigError:
    return ConfigError(
        f"{where}: by_fold: fold {some(folds)} is missing; there are {some(known, 20)}",
        remedy="Say what differs in it (`{}` for nothing), or tune the pipeline again that this file was made from.",
    )
