"""Penalised linear models on the contest's table, and on numbers from its images."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import load, save

from outfold.config.linear import LinearPipeline
from outfold.contest import Contest
from outfold.data.encoding.design import spreads
from outfold.errors import ConfigError
from outfold.learners.artifacts import fitted_of, put_fitted
from outfold.learners.base import Part, check_class_weight, predicted
from outfold.learners.explain.importance import write_shares
from outfold.learners.inner_cv import Places, inner_folds, inner_places
from outfold.learners.linear.fit import LinearModel, Solver
from outfold.learners.tables.design_matrix import DesignedTable, Encoding
from outfold.learners.tables.pseudo_rows import TaughtRows
from outfold.learners.tables.table_data import ContestTable
from outfold.learners.tables.targets import Array, Problem, problems_of
from outfold.progress import Bar, Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf

MEMBER = "linear"
FOLDS, MANY = 5, 5000
"""Folds inside a training part, where the file does not say, and the rows from which one split tells as much."""
_COEFFICIENTS = "coefficients.safetensors"


class LinearLearner:
    """Logistic regression, ridge, lasso, elastic net: one model for a task of classes, else one a label or target."""

    def __init__(self, contest: Contest, config: LinearPipeline, name: str, reporter: Reporter) -> None:
        """Check the pipeline's file against the contest; no image is read yet.

        Raises:
            ConfigError: columns, or keys that the task has no use for.
        """
        self.contest, self.config, self.name, self.reporter = contest, config, name, reporter
        self._check_task(contest.layout.pipeline_config(name))
        # from the strongest penalty to the weakest: of equals, the simplest model is taken
        self._strengths = sorted(config.alpha, reverse=True) if contest.task == "regression" else sorted(config.C)
        self._solver = Solver(config.l1_ratio, config.max_iter, config.seed)
        self._table = ContestTable(contest, config, name, reporter)
        encoding = Encoding(config.encoding, config.min_count, config.smoothing, config.seed)
        self._designed = DesignedTable(self._table, encoding)

    def check(self) -> None:
        """Describe the images of both parts now, so that unreadable ones are told before anything is trained.

        Raises:
            DataError: images that cannot be read, all of a part told together (``on_bad_image: error``).
        """
        self._table.check()

    def check_fold(self, fold: int, train: pd.Index) -> None:
        """Make the fold's features, and the splits that choose the strength of the penalty.

        Raises:
            DataError: too few rows to learn from, or to choose by.
            ConfigError: a feature that cannot be made.
        """
        ids, _ = self._table.check_fold(train)
        if len(self._strengths) > 1:
            self._splits(ids)

    def fit(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> None:
        """Train one fold and leave its coefficients, and how columns become numbers, on the shelf.

        ``valid`` is not looked at: the strength of the penalty is chosen inside ``train``.
        Rows of ``pseudo`` choose nothing.

        Raises:
            DataError: no row is left to learn from.
        """
        began = time.monotonic()
        ids = self._table.readable(train)
        problems = problems_of(self.contest, ids, balanced=self.config.class_weight is not None)
        splits = self._splits(ids) if len(self._strengths) > 1 else []
        pseudo = self._table.teaching(pseudo)
        taught = None if pseudo is None else TaughtRows.of(pseudo, self.contest)
        total = len(problems) * (1 + len(splits) * len(self._strengths))
        with self.reporter.bar(f"{self.name} fold {fold}", total, "fits") as bar:
            strengths = self._chosen(fold, ids, problems, taught, splits, bar)
            fitted, matrix = self._designed.fit(fold, ids)
            models = {}
            for name, rows, problem in self._designed.lessons(fitted, matrix, problems, taught, fold):
                models[name], ended = self._solver.fit(rows, problem, strengths[name])
                bar.advance(1)
                if not ended:
                    what = f"{self.name} fold {fold}" + (f" {name}" if name else "")
                    self.reporter.warn(f"{what}: max_iter: {self.config.max_iter} iterations did not suffice")
        shelf.put(_COEFFICIENTS, save(_arrays(models.values())))
        fitted.features.put(shelf)
        kept = {
            **self._designed.kept(fitted, fold),
            "spreads": spreads(matrix).tolist(),
            "models": [
                {"name": name, "kind": model.kind, "strength": strengths[name]} for name, model in models.items()
            ],
        }
        put_fitted(shelf, kept)
        facts = {} if taught is None else {"pseudo": len(taught.ids)}
        seconds = time.monotonic() - began
        shelf.finish(members=[MEMBER], strengths=list(strengths.values()), seconds=seconds, **facts)

    def predict(self, part: Part, ids: pd.Index, shelves: Mapping[int, Shelf]) -> pd.DataFrame:
        """Predict rows with every fold given.

        Returns:
            A frame as in :mod:`outfold.store.predictions`: probabilities, or values in a regression.
        """

        def said(fold: int, shelf: Shelf) -> Iterator[tuple[str, Array]]:
            fitted = fitted_of(shelf)
            matrix = self._designed.apply(self._designed.again(shelf, fitted, part, fold), part, ids, fold)
            yield MEMBER, np.hstack([model.predict(matrix) for model in _models(shelf, fitted)])

        contest = self.contest
        return predicted(said, self.name, contest.outputs, part, ids, shelves, self.reporter, contest.precise_outputs)

    def summarise(self, shelves: Mapping[int, Shelf], folder: Path) -> None:
        """Write ``importance.csv`` and ``importance.png``: each column's share of what moves the outputs.

        A column counts by its coefficient's size times its spread among training rows.
        """
        by_fold = {}
        for fold, shelf in shelves.items():
            fitted = fitted_of(shelf)
            sizes = sum(np.abs(model.coefficients).sum(axis=0) for model in _models(shelf, fitted))
            moved = np.asarray(sizes) * np.array(fitted["spreads"])
            by_fold[fold] = pd.Series(moved / (moved.sum() or 1.0), index=pd.Index(fitted["features"], name="feature"))
        write_shares(by_fold, Path(folder), title=self.name)

    def _check_task(self, where: Path) -> None:
        regression = self.contest.task == "regression"
        if self.contest.config.task == "multitask":  # of its targets, each takes the keys of its own kind
            return
        if regression and self.config.changes("C"):
            raise ConfigError(f"{where}: C: is for classes; this contest's task is regression", remedy="Say alpha.")
        if not regression and self.config.changes("alpha"):
            raise ConfigError(
                f"{where}: alpha: is for numbers; this contest's task is {self.contest.task}", remedy="Say C."
            )
        check_class_weight(self.config.class_weight, self.contest, where)
        key = "alpha" if regression else "C"
        for name in ("inner_folds", "inner_fraction"):
            if len(getattr(self.config, key)) == 1 and self.config.changes(name):
                raise ConfigError(
                    f"{where}: {name}: has no effect: {key} is one number, and nothing is chosen",
                    remedy=f"Leave {name} out, or give {key} several numbers to choose from.",
                )
        if regression and not self.config.l1_ratio and self.config.changes("max_iter"):
            raise ConfigError(f"{where}: max_iter: has no effect with l1_ratio: 0: ridge is solved at once")

    def _splits(self, ids: pd.Index) -> list[Places]:
        """The splits inside a training part that choose how strong the penalty is."""
        config = self.config
        folds = config.inner_folds or (FOLDS if len(ids) < MANY else 1)
        if folds > 1:
            return inner_folds(self.contest, ids, n=folds, seed=config.seed)
        return [inner_places(self.contest, ids, fraction=config.inner_fraction, seed=config.seed)]

    def _chosen(
        self,
        fold: int,
        ids: pd.Index,
        problems: Mapping[str, Problem],
        taught: TaughtRows | None,
        splits: list[Places],
        bar: Bar,
    ) -> dict[str, float]:
        """Of each model, the strength of the least loss on the splits' rows to choose by.

        Encodings are learnt anew from each split's rows to learn from, so that the others are new to them, too.
        """
        losses = {name: np.zeros(len(self._strengths)) for name in problems}
        for learn, choose in splits:
            design, matrix = self._designed.fit(fold, ids[learn])
            others = self._designed.apply(design, "train", ids[choose], fold)
            learnt = {name: problem.some(learn) for name, problem in problems.items()}
            for name, rows, problem in self._designed.lessons(design, matrix, learnt, taught, fold):
                asked = problems[name].some(choose)
                for number, strength in enumerate(self._strengths):
                    model, _ = self._solver.fit(rows, problem, strength)
                    losses[name][number] += len(choose) * asked.loss(model.predict(others))
                    bar.advance(1)
        return {name: self._strengths[int(np.argmin(found))] for name, found in losses.items()}


def _arrays(models: Any) -> dict[str, np.ndarray]:
    """Coefficients and intercepts by the model's number, as a safetensors file holds them."""
    return {
        f"{number}.{key}": np.ascontiguousarray(values)
        for number, model in enumerate(models)
        for key, values in (("coefficients", model.coefficients), ("intercepts", model.intercepts))
    }


def _models(shelf: Shelf, fitted: Mapping[str, Any]) -> Iterator[LinearModel]:
    arrays = load(shelf.read(_COEFFICIENTS))
    for number, model in enumerate(fitted["models"]):
        yield LinearModel(model["kind"], arrays[f"{number}.coefficients"], arrays[f"{number}.intercepts"])
