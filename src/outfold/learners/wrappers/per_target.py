"""A contest of several targets for a learner of one: a model of each target, and their outputs side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from outfold.contest import Contest
from outfold.errors import ConfigError
from outfold.learners.base import Learner, Part
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf
from outfold.store.predictions import KEYS, output_column


class ByTarget:
    """Any learner on each target of a multitask contest, as if it were alone.

    Args:
        contest: of several targets.
        make: the learner of a contest of one target.
    """

    def __init__(self, contest: Contest, make: Callable[[Contest], Learner]) -> None:
        self.contest = contest
        self.learners: dict[str, Learner] = {}
        for one in contest.questions:
            (name,) = one.targets
            try:
                self.learners[name] = make(one)
            except ConfigError as error:
                raise ConfigError(f"target {name}: {error.message}", remedy=error.remedy) from None

    def check(self) -> None:
        """Raise what would stop one of them."""
        for learner in self.learners.values():
            learner.check()

    def check_fold(self, fold: int, train: pd.Index) -> None:
        """Raise what would stop the learner of a target."""
        for learner in self.learners.values():
            learner.check_fold(fold, train)

    def fit(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> None:
        """Train one fold of each target, on a shelf of its own within the fold's; one that is done stays as it is.

        ``pseudo`` is always None: labels of several targets are refused before.
        """
        began = time.monotonic()
        inner = {name: _inner(shelf, place) for place, name in enumerate(self.learners)}
        for name, learner in self.learners.items():
            if inner[name].done is None:
                learner.fit(fold, train, valid, inner[name])
        members = [(own.done or {})["members"] for own in inner.values()]
        shelf.finish(members=members[0], seconds=time.monotonic() - began)

    def predict(self, part: Part, ids: pd.Index, shelves: Mapping[int, Shelf]) -> pd.DataFrame:
        """Predict rows with every fold given: id, fold, member, and the outputs of all targets."""
        joined: pd.DataFrame | None = None
        for place, learner in enumerate(self.learners.values()):
            frame = learner.predict(part, ids, {fold: _trained(shelf, place) for fold, shelf in shelves.items()})
            joined = frame if joined is None else joined.merge(frame, on=list(KEYS), how="left", validate="1:1")
        assert joined is not None
        return joined[[*KEYS, *map(output_column, self.contest.outputs)]]

    def summarise(self, shelves: Mapping[int, Shelf], folder: Path) -> None:
        """What each learner shows, in a folder a target."""
        for place, (name, learner) in enumerate(self.learners.items()):
            own = folder / "targets" / _folder(name)
            own.mkdir(parents=True, exist_ok=True)
            learner.summarise({fold: _trained(shelf, place) for fold, shelf in shelves.items()}, own)


def _inner(shelf: Shelf, place: int) -> Shelf:
    """The shelf of the target at this place; the fold's own key says what it was made of."""
    return Shelf.open(shelf.folder / f"target-{place}", "of the fold")


def _trained(shelf: Shelf, place: int) -> Shelf:
    """The same, to read from: nothing is removed where its key is damaged."""
    return Shelf(shelf.folder / f"target-{place}")


def _folder(name: str) -> str:
    """A target's name as one of a folder."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
