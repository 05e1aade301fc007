"""Gradient-boosted trees on the contest's table, and on numbers from its images."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outfold.config.gbdt import GbdtPipeline
from outfold.contest import Contest
from outfold.data.encoding.table_features import plain_names
from outfold.errors import ConfigError, OutfoldError, nearest, some
from outfold.learners.artifacts import fitted_of, put_fitted
from outfold.learners.base import Part, check_class_weight, check_features, predicted
from outfold.learners.explain.importance import gains, write_importance
from outfold.learners.explain.shap_values import remove_shap, sample_of, write_shap
from outfold.learners.gbdt.booster import Array, Booster, KeptBooster
from outfold.learners.gbdt.matrix import BoosterTable, FittedMatrix, Rows, numbers_of
from outfold.learners.gbdt.settings import library_of, metric_of
from outfold.learners.gbdt.training import FoldTraining, Inside, Seen
from outfold.learners.inner_cv import inner_places
from outfold.learners.tables.feature_plan import Columns
from outfold.learners.tables.pseudo_rows import TaughtRows
from outfold.learners.tables.table_data import ContestTable
from outfold.learners.tables.targets import class_probabilities, questions_of, step_names
from outfold.memory import give_back
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf

MEMBER = "gbdt"
_TRIED = 200
"""Rows on which a library tries its parameters."""
_SIGNS = {"increasing": 1, "decreasing": -1}


class GbdtLearner:
    """Gradient-boosted trees: one booster for a binary or multiclass task, one a label or target for the others.

    An ordinal task has one for each step from a class to the next (see :mod:`outfold.learners.tables.targets`).
    """

    def __init__(self, contest: Contest, config: GbdtPipeline, name: str, reporter: Reporter) -> None:
        """Check the pipeline's file against the contest; no image is read yet.

        Raises:
            ConfigError: parameters, columns or a class weight that do not fit, or a library that is not installed.
        """
        self.contest, self.config, self.name, self.reporter = contest, config, name, reporter
        self._where = contest.layout.pipeline_config(name)
        check_class_weight(config.class_weight, contest, self._where)
        self._library = library_of(contest, config, self._where)
        self._metric = metric_of(contest, config, self._where)
        self._stops = config.early_stopping > 0 and self._library.stops
        for key in ("stop_by", "early_stopping", "inner_fraction", "refit"):
            if config.early_stopping > 0 and not self._library.stops and config.changes(key):
                raise ConfigError(
                    f"{self._where}: {key}: has no effect: boosting by dart cannot stop, and takes all rounds",
                    remedy=f"Leave {key} out; rounds says how many there are.",
                )
        if self._stops and self._metric is None and config.stop_by is None and self._library.says_no_metric:
            raise ConfigError(
                f"{self._where}: params.metric: leaves nothing to choose the number of rounds by",
                remedy="Name a metric, or set early_stopping: 0 to take all rounds.",
            )
        self._table = ContestTable(contest, config, name, reporter)
        lightgbm = config.library == "lightgbm"
        self._matrices = BoosterTable(self._table, double=lightgbm, code_gaps=lightgbm)
        self._check_monotone(self._table.columns, all_known=not self._table.learns)
        self._tried = False
        self._members = [MEMBER] if config.seeds == 1 else [f"seed-{number}" for number in range(config.seeds)]

    def check(self) -> None:
        """Describe the images of both parts now, so that unreadable ones are told before anything is trained.

        Raises:
            DataError: images that cannot be read, all of a part told together (``on_bad_image: error``).
        """
        self._table.check()

    def check_fold(self, fold: int, train: pd.Index) -> None:
        """Make the fold's features and inner split; for the first fold, let the library try its parameters on few rows.

        Raises:
            DataError: too few rows to learn from, or to choose the rounds by.
            ConfigError: a feature that cannot be made, or a parameter that the library refuses.
        """
        ids, columns = self._table.check_fold(train)
        self._check_monotone(columns, all_known=True)
        if self._stops:
            inner_places(self.contest, ids, fraction=self.config.inner_fraction, seed=self.config.seed)
        if not self._tried and self._table.complete:
            self._tried = True
            self._try_parameters(fold, ids)

    def _try_parameters(self, fold: int, ids: pd.Index) -> None:
        """Train two rounds on few rows, spread over the target."""
        questions = questions_of(self.contest, ids, balanced=False)
        name = next((name for name, problem in questions.items() if len(np.unique(problem.y)) > 1), None)
        if name is None:
            return
        order = np.argsort(questions[name].y, kind="stable")
        few = np.unique(order[np.linspace(0, len(order) - 1, _TRIED).astype(np.int64)])
        fitted, matrix = self._matrices.fit(fold, ids if self._table.learns else ids[few])
        problem = replace(questions[name].some(few), balanced=self.config.class_weight is not None)
        objective = self._library.settings.objective
        rows = Rows(
            matrix[few] if self._table.learns else matrix,
            problem,
            plain_names(fitted.names),
            fitted.categorical,
            [_SIGNS.get(self.config.monotone.get(name, ""), 0) for name in fitted.names],
            None if objective is None else objective.start(problem),
        )
        with Reporter().bar("", 2) as bar:
            if self._stops and objective is None and self._metric is None:
                self._library.stop_early(rows, rows, 2, 1, self.config.seed, None, bar)
            else:
                self._library.train(rows, 2, self.config.seed, bar)

    def fit(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> None:
        """Train one fold and leave its boosters, as files of the library's own, on the shelf.

        ``valid`` is not looked at: the number of rounds is chosen on an inner split of ``train``, by true labels alone.

        Raises:
            DataError: no row is left to learn from.
            ConfigError: the library refuses a parameter.
        """
        began = time.monotonic()
        ids = self._table.readable(train)
        fitted, matrix = self._matrices.fit(fold, ids)
        self._check_monotone(fitted.features.columns, all_known=True)
        pseudo = self._table.teaching(pseudo)
        taught = None if pseudo is None else TaughtRows.of(pseudo, self.contest, in_steps=True)
        seen = Seen(matrix, None if taught is None else self._matrices.apply(fitted, "test", taught.ids, fold))
        give_back()  # what making the matrix took: a library makes its own of it now
        training = FoldTraining(
            contest=self.contest,
            config=self.config,
            library=self._library,
            metric=self._metric,
            reporter=self.reporter,
            ids=ids,
            names=plain_names(fitted.names),
            categorical=fitted.categorical,
            monotone=[_SIGNS.get(self.config.monotone.get(name, ""), 0) for name in fitted.names],
            seen=seen,
            inside=self._inside(fold, ids, fitted, taught) if self._stops else None,
            taught=taught,
        )
        kept: dict[str, dict[str, Any]] = {member: {} for member in self._members}
        questions = questions_of(self.contest, ids, balanced=self.config.class_weight is not None)
        for stem, (name, problem) in zip(plain_names(list(questions)), questions.items(), strict=True):
            what = f"{self.name} fold {fold}" + (f" {name}" if name else "")
            for member, booster in zip(self._members, training.boosters(name, problem, what), strict=True):
                parts = ("model", *([stem] if name else []), *([member] if len(self._members) > 1 else []))
                kept[member][name] = booster.put(shelf, f"{'-'.join(parts)}.{self._library.suffix}")
        fitted.features.put(shelf)
        put_fitted(shelf, fitted.to_json() | {"members": kept})
        rounds = [one["rounds"] for each in kept.values() for one in each.values()]
        facts = {} if taught is None else {"pseudo": len(taught.ids)}
        shelf.finish(members=self._members, rounds=rounds, seconds=time.monotonic() - began, **facts)

    def predict(self, part: Part, ids: pd.Index, shelves: Mapping[int, Shelf]) -> pd.DataFrame:
        """Predict rows with every member of every fold given.

        Returns:
            A frame as in :mod:`outfold.store.predictions`: probabilities, or values in a regression.
        """

        def said(fold: int, shelf: Shelf) -> Iterator[tuple[str, Array]]:
            kept = fitted_of(shelf)
            fitted = self._matrices.of(shelf, kept)
            check_features(shelf, self.name, list(fitted.names), self._matrices.names(fitted.features, part, fold))
            matrix = self._matrices.apply(fitted, part, ids, fold)
            for member, boosters in kept["members"].items():
                found = np.hstack(
                    [self._booster(shelf, one).predict(matrix, self._library) for one in boosters.values()]
                )
                yield member, class_probabilities(found) if self.contest.task == "ordinal" else found

        contest = self.contest
        return predicted(said, self.name, contest.outputs, part, ids, shelves, self.reporter, contest.precise_outputs)

    def summarise(self, shelves: Mapping[int, Shelf], folder: Path) -> None:
        """Write ``importance.csv`` and ``importance.png``: what the boosters looked at, over the folds.

        And ``shap.csv`` and ``shap.png``: how far, and which way, each feature moves what they say of test rows.
        """
        gained, shown = {}, {}
        for fold, shelf in shelves.items():
            kept = fitted_of(shelf)
            members = [[self._booster(shelf, one) for one in each.values()] for each in kept["members"].values()]
            gained[fold] = gains([one.booster.importance() for each in members for one in each], kept["features"])
            shown[fold] = [one.booster for one in members[0]]
        write_importance(gained, Path(folder), title=self.name)
        remove_shap(folder)
        if self.config.shap or (self.config.shap is None and not self._table.takes_images):
            self._explain(shown, shelves, Path(folder))

    def _explain(self, boosters: Mapping[int, list[Booster]], shelves: Mapping[int, Shelf], folder: Path) -> None:
        """SHAP values of some test rows, which no booster has learnt the truth of."""
        leaves = sum(one.leaves() for each in boosters.values() for one in each)
        ids = sample_of(self.contest.test.index, leaves, self.config.seed)
        if not len(ids):
            self.reporter.note(f"{self.name}: no SHAP values: {leaves:,} leaves would take too long")
            return
        values, matrices = {}, []
        for fold, each in boosters.items():
            fitted = self._matrices.of(shelves[fold], fitted_of(shelves[fold]))
            rows = self._matrices.apply(fitted, "test", ids, fold)
            matrices.append(rows)
            try:
                values[fold] = np.concatenate([booster.contributions(rows) for booster in each], axis=1)
            except OutfoldError as error:
                self.reporter.note(f"{self.name}: no SHAP values: {error.message}")
                return
        questions = step_names(self.contest.outputs) if self.contest.task == "ordinal" else self.contest.outputs
        colours = np.where(np.isin(np.arange(len(fitted.names)), fitted.categorical), np.nan, matrices[0])
        write_shap(values, colours, fitted.names, questions, folder, title=self.name)

    def _inside(self, fold: int, ids: pd.Index, fitted: FittedMatrix, taught: TaughtRows | None) -> Inside:
        """The split that chooses the rounds; what is learnt from rows is learnt anew from those to learn from."""
        learn, choose = inner_places(self.contest, ids, fraction=self.config.inner_fraction, seed=self.config.seed)
        if not self._table.learns:
            return Inside(learn, choose)
        again, matrix = self._matrices.fit_again(fitted, fold, ids[learn])
        chosen = self._matrices.apply(again, "train", ids[choose], fold)
        further = None if taught is None else self._matrices.apply(again, "test", taught.ids, fold)
        return Inside(learn, choose, (Seen(matrix, further), chosen))

    def _check_monotone(self, columns: Columns, *, all_known: bool) -> None:
        """Raises ConfigError for a feature without a direction; what a function makes is known once it is called."""
        known, where = numbers_of(columns), self._where
        if self.config.monotone and self.contest.task == "multiclass":
            raise ConfigError(
                f"{where}: monotone: more of one class is less of the others; for a multiclass task it says nothing"
            )
        for name in self.config.monotone:
            if name in columns.categorical:
                raise ConfigError(f"{where}: monotone: {name}: categories have no order; it must be a number")
            if name not in known and all_known:
                hint = nearest(name, known) or f"there are {some(known, 10)}"
                raise ConfigError(f"{where}: monotone: no such feature '{name}'; {hint}")

    def _booster(self, shelf: Shelf, kept: dict[str, Any]) -> KeptBooster:
        return KeptBooster.of(shelf, kept, self._library)
