"""What the learner knows of a library of boosters: these two protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from outfold.config.competition import Task
from outfold.learners.gbdt.eval_metric import Watched
from outfold.learners.gbdt.matrix import Rows
from outfold.learners.gbdt.objective import Objective
from outfold.learners.tables.targets import Kind
from outfold.progress import Bar
from outfold.store.damage import damaged
from outfold.store.fold_dir import Shelf

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """What all boosters of a pipeline have in common.

    Attributes:
        task: of the contest.
        classes: the number of classes of a multiclass task.
        params: as in the pipeline's file.
        balanced: the rows are weighed by class.
        objective: the user's own, in place of the library's.
        stop_by: the library's own metric that chooses the rounds; None: the first of its own.
        device: auto, cpu or cuda.
        where: the pipeline's file, for messages.
    """

    task: Task
    classes: int
    params: Mapping[str, Any]
    balanced: bool
    objective: Objective | None
    stop_by: str | None
    device: str
    where: Path

    @property
    def kind(self) -> Kind:
        """What one booster says of a row."""
        if self.task == "multiclass":
            return "classes"
        return "number" if self.task == "regression" else "binary"


class Importance(NamedTuple):
    """What a booster's features were worth.

    Attributes:
        gain: (features,) in the library's own units.
        splits: (features,) how often each was used; None where the library does not tell.
    """

    gain: Array
    splits: Array | None


class Booster(Protocol):
    """A trained booster."""

    def predict(self, features: NDArray[Any]) -> Array:
        """(n, outputs): probabilities, those of classes of sum 1, or values.

        Under an objective of the user's own: raw scores, counted from ``Rows.start``.
        """

    def importance(self) -> Importance:
        """What its features were worth."""

    def contributions(self, features: NDArray[Any]) -> Array:
        """(n, outputs, features) SHAP values, in units of the raw score (Lundberg et al. 2020, TreeSHAP).

        Raises:
            OutfoldError: the library has none for such trees.
        """

    def leaves(self) -> int:
        """How many leaves its trees have in all, about."""

    def to_bytes(self) -> bytes:
        """As a file of the library's own."""


class Library(Protocol):
    """A library of boosters, bound to a pipeline's settings."""

    suffix: str
    """Of its files: ``txt``."""
    settings: Settings
    """What it is bound to."""
    stops: bool
    """Whether its boosters can stop early: those that change earlier trees (DART) cannot."""
    says_no_metric: bool
    """Whether the parameters leave it no metric to stop by."""

    def train(self, rows: Rows, rounds: int, seed: int, bar: Bar) -> Booster:
        """A booster of ``rounds`` rounds; fewer where no tree finds anything more to split.

        Raises:
            ConfigError: the library refuses the parameters.
        """

    def stop_early(
        self, learn: Rows, choose: Rows, rounds: int, patience: int, seed: int, watched: Watched | None, bar: Bar
    ) -> tuple[Booster, int]:
        """Train on ``learn`` until the metric on ``choose`` has not got better for ``patience`` rounds.

        Args:
            watched: the metric; None: the library's own.

        Returns:
            The booster as it was when the metric was best, and its number of rounds.

        Raises:
            ConfigError: the library refuses the parameters, or knows no such metric.
        """

    def load(self, data: bytes) -> Booster:
        """The inverse of ``to_bytes``."""


@dataclass(frozen=True, eq=False)
class KeptBooster:
    """A booster, and where its raw scores begin.

    Attributes:
        rounds: how many it has.
        start: (outputs,) the raw scores that are added to its own; None under an objective of the library's.
    """

    booster: Booster
    rounds: int
    start: Array | None = None

    def predict(self, features: NDArray[Any], library: Library) -> Array:
        """(n, outputs): probabilities, those of classes of sum 1, or values."""
        found, objective = self.booster.predict(features), library.settings.objective
        return found if objective is None or self.start is None else objective.values(found + self.start)

    def put(self, shelf: Shelf, file: str) -> dict[str, Any]:
        """Write the library's own file; and the rest as JSON can hold it."""
        shelf.put(file, self.booster.to_bytes())
        start = {} if self.start is None else {"start": self.start.tolist()}
        return {"file": file, "rounds": self.rounds} | start

    @classmethod
    def of(cls, shelf: Shelf, kept: dict[str, Any], library: Library) -> KeptBooster:
        """What ``put`` left."""
        start = np.array(kept["start"], dtype=np.float64) if "start" in kept else None
        data = shelf.read(kept["file"])
        try:
            booster = library.load(data)
        except Exception as error:  # each library has its own; a file without a hash may be cut
            raise damaged(shelf.path(kept["file"]), f"damaged ({str(error).strip().splitlines()[0]})") from None
        return cls(booster, int(kept["rounds"]), start)
