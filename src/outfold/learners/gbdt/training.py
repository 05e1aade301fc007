"""How the boosters of one fold are trained: rounds chosen inside the training part, then as many on the whole of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.gbdt import GbdtPipeline
from outfold.contest import Contest
from outfold.learners.gbdt.booster import KeptBooster, Library
from outfold.learners.gbdt.eval_metric import Watched
from outfold.learners.gbdt.matrix import Matrix, Rows
from outfold.learners.tables.pseudo_rows import TaughtRows
from outfold.learners.tables.targets import Problem
from outfold.metrics import Metric
from outfold.progress import Reporter


@dataclass(frozen=True, eq=False)
class Seen:
    """Rows to learn from, as matrices: training rows, and the pseudo-labelled rows beside them."""

    own: Matrix
    further: Matrix | None


@dataclass(frozen=True, eq=False)
class Inside:
    """The split inside a training part: places in it.

    Attributes:
        anew: the rows on both sides, where they have columns that are learnt from those to learn from; None: they are
            rows of the training part as it stands.
    """

    learn: NDArray[np.int64]
    choose: NDArray[np.int64]
    anew: tuple[Seen, Matrix] | None = None


@dataclass(frozen=True, eq=False)
class FoldTraining:
    """What all boosters of a fold have in common.

    Attributes:
        metric: of ours that chooses the rounds; None: the library's own.
        ids: of the training rows.
        names: of the features, as every library can write them.
        categorical: the places of codes of categories.
        monotone: of each feature +1, -1 or 0.
        seen: the whole training part.
        inside: the split that chooses the rounds; None: all rounds are taken.
        taught: the pseudo-labels.
    """

    contest: Contest
    config: GbdtPipeline
    library: Library
    metric: Metric | None
    reporter: Reporter
    ids: pd.Index
    names: list[str]
    categorical: list[int]
    monotone: list[int]
    seen: Seen
    inside: Inside | None
    taught: TaughtRows | None

    def boosters(self, name: str, problem: Problem, what: str) -> Iterator[KeptBooster]:
        """A booster for each seed, of one question.

        The first seed chooses the rounds of all; without ``refit``, each its own.

        Args:
            name: the question's, see :func:`outfold.learners.tables.targets.questions_of`.
            what: is trained, for the bars.
        """
        config, inside = self.config, self.inside
        rounds = config.rounds
        rows = self._rows(name, self.seen, problem)
        for number in range(config.seeds):
            seed = config.seed + number
            label = what if config.seeds == 1 else f"{what} seed {number}"
            if inside is not None and (number == 0 or not config.refit):
                booster = self._stopped(inside, name, problem, rows, seed, label)
                rounds = booster.rounds
                if not config.refit:
                    yield booster
                    continue
            with self.reporter.bar(label, rounds, "rounds") as bar:
                yield KeptBooster(self.library.train(rows, rounds, seed, bar), rounds, rows.start)

    def _stopped(self, inside: Inside, name: str, problem: Problem, rows: Rows, seed: int, what: str) -> KeptBooster:
        """A booster of the rows to learn from, as it was when the others were said best."""
        rounds, patience = self.config.rounds, self.config.early_stopping
        learn, choose = self._sides(inside, name, problem, rows)
        watched = self._watched(name, choose.problem, inside.choose, what)
        with self.reporter.bar(f"{what}: choosing rounds", rounds, "rounds") as bar:
            booster, found = self.library.stop_early(learn, choose, rounds, patience, seed, watched, bar)
        return KeptBooster(booster, found, learn.start)

    def _sides(self, inside: Inside, name: str, problem: Problem, rows: Rows) -> tuple[Rows, Rows]:
        """The rows to learn from, pseudo-labelled ones among them, and those to choose by."""
        if inside.anew is None:
            own = len(problem.y)
            learn = rows.some(np.concatenate([inside.learn, np.arange(own, len(rows))]))
            learn = replace(learn, start=self._start(learn.problem))
            return learn, replace(rows.some(inside.choose), start=learn.start)
        learnt, chosen = inside.anew
        learn = self._rows(name, learnt, problem.some(inside.learn))
        return learn, replace(learn, whole=chosen, problem=problem.some(inside.choose))

    def _rows(self, name: str, seen: Seen, problem: Problem) -> Rows:
        """What a booster learns from, pseudo-labelled rows behind its own, and where it starts."""
        matrix: Matrix = seen.own
        if self.taught is not None and len(self.taught.copies[name].places):
            matrix, problem = self.taught.beside(name, matrix, seen.further, problem)
        return Rows(matrix, problem, self.names, self.categorical, self.monotone, self._start(problem))

    def _start(self, problem: Problem) -> NDArray[np.float64] | None:
        objective = self.library.settings.objective
        return None if objective is None else objective.start(problem)

    def _watched(self, name: str, problem: Problem, choose: NDArray[np.int64], what: str) -> Watched | None:
        if self.metric is None:
            return None
        watched = Watched.of(self.metric, self.contest, self.ids[choose], name, problem)
        if watched.tells() or self.library.settings.objective is not None:
            return watched
        self.reporter.warn(
            f"{what}: {self.metric.name} says nothing of the rows that choose the rounds: the loss chooses"
        )
        return None
