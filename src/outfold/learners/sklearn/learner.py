"""Any estimator with the interface of scikit-learn, on the contest's table and on numbers from its images."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outfold.config.sklearn import SklearnPipeline
from outfold.contest import Contest
from outfold.errors import ConfigError, OutfoldError
from outfold.learners.artifacts import fitted_of, models_of, put_fitted, put_models, write_fitted_shares
from outfold.learners.base import Part, check_class_weight, predicted
from outfold.learners.sklearn.build import built, check_kind, check_values
from outfold.learners.sklearn.fit import FittedEstimator, fitted, takes_sparse, takes_weights
from outfold.learners.sklearn.importance import shares
from outfold.learners.sklearn.multi_output import Together, can_learn, fitted_together
from outfold.learners.tables.design_matrix import DesignedTable, Encoding
from outfold.learners.tables.pseudo_rows import TaughtRows
from outfold.learners.tables.table_data import ContestTable
from outfold.learners.tables.targets import Problem, problems_of
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf

MEMBER = "sklearn"
Model = FittedEstimator | Together


class SklearnLearner:
    """One estimator for a task of classes; else one a label or target, or one for all where it can learn several."""

    def __init__(self, contest: Contest, config: SklearnPipeline, name: str, reporter: Reporter) -> None:
        """Check the pipeline's file against the contest, and build its estimator once; no image is read yet.

        Raises:
            ConfigError: a path or a parameter that leads nowhere, columns, or keys that the task or the estimator has
                no use for.
        """
        self.contest, self.config, self.name, self.reporter = contest, config, name, reporter
        self._where = contest.layout.pipeline_config(name)
        self._check_keys(self._estimator())
        self._table = ContestTable(contest, config, name, reporter)
        encoding = Encoding(config.encoding, config.min_count, config.smoothing, config.seed, config.scale)
        self._designed = DesignedTable(self._table, encoding)

    def check(self) -> None:
        """Describe the images of both parts now, so that unreadable ones are told before anything is trained.

        Raises:
            DataError: images that cannot be read, all of a part told together (``on_bad_image: error``).
        """
        self._table.check()
        with self._refusals():
            check_values(self._estimator())

    def check_fold(self, fold: int, train: pd.Index) -> None:
        """Make the fold's features.

        Raises:
            DataError: too few rows to learn from.
            ConfigError: a feature that cannot be made.
        """
        self._table.check_fold(train)

    def fit(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> None:
        """Train one fold and leave its estimators, and how columns become numbers, on the shelf.

        ``valid`` is not looked at.

        Raises:
            DataError: no row is left to learn from.
            ConfigError: the estimator refuses the rows or a parameter.
        """
        began = time.monotonic()
        ids = self._table.readable(train)
        balanced = self.config.class_weight is not None and self.contest.task != "regression"
        problems = problems_of(self.contest, ids, balanced=balanced)
        pseudo = self._table.teaching(pseudo)
        taught = None if pseudo is None else TaughtRows.of(pseudo, self.contest)
        design, matrix = self._designed.fit(fold, ids)
        lessons = self._designed.lessons(design, matrix, problems, taught, fold)
        models, looked_at = list[Model](), list[np.ndarray]()
        with self.reporter.bar(f"{self.name} fold {fold}", len(problems), "fits") as bar:
            for model, rows, learnt in self._models(lessons, matrix, problems, fold):
                found = shares(model, rows, learnt, self.config.seed)
                looked_at += [] if found is None else [found]
                models.append(model)
                bar.advance(len(learnt))
        design.features.put(shelf)
        kept = {
            **self._designed.kept(design, fold),
            "shares": np.mean(looked_at, axis=0).tolist() if looked_at else None,
            "made_with": put_models(shelf, models, "scikit-learn"),
        }
        put_fitted(shelf, kept)
        facts = {} if taught is None else {"pseudo": len(taught.ids)}
        shelf.finish(members=[MEMBER], seconds=time.monotonic() - began, **facts)

    def predict(self, part: Part, ids: pd.Index, shelves: Mapping[int, Shelf]) -> pd.DataFrame:
        """Predict rows with every fold given.

        Returns:
            A frame as in :mod:`outfold.store.predictions`: probabilities, or values in a regression.
        """
        sparse = takes_sparse(self._estimator())

        def said(fold: int, shelf: Shelf) -> Iterator[tuple[str, np.ndarray]]:
            kept = fitted_of(shelf)
            design = self._designed.again(shelf, kept, part, fold)
            matrix = _dense(self._designed.apply(design, part, ids, fold), sparse)
            models: list[Model] = models_of(shelf, kept["made_with"], self.name, self.reporter)
            yield MEMBER, np.hstack([model.predict(matrix) for model in models])

        contest = self.contest
        return predicted(said, self.name, contest.outputs, part, ids, shelves, self.reporter, contest.precise_outputs)

    def summarise(self, shelves: Mapping[int, Shelf], folder: Path) -> None:
        """Write ``importance.csv`` and ``importance.png``, where the estimator's columns can be weighed."""
        write_fitted_shares(shelves, Path(folder), title=self.name)

    def _estimator(self) -> Any:
        """The estimator, new, every random state that is not said set to the seed."""
        made = built(self.config.steps, self._where)
        if hasattr(made, "get_params"):
            states = {name: value for name, value in made.get_params().items() if name.endswith("random_state")}
            made.set_params(**{name: self.config.seed for name, value in states.items() if value is None})
        return made

    def _models(
        self, lessons: Iterator[tuple[str, Any, Problem]], matrix: Any, problems: Mapping[str, Problem], fold: int
    ) -> Iterator[tuple[Model, Any, list[Problem]]]:
        """The models of a fold, with the rows that each has learnt from and what these taught."""
        made = self._estimator()
        sparse, scaled = takes_sparse(made), self.config.scale_target
        if self.config.pseudo is None and can_learn(made, every := list(problems.values())):
            rows = _dense(matrix, sparse)
            with self._refusals():
                together, told = fitted_together(made, rows, every, scaled=scaled)
            self._tell(fold, "", told)
            yield together, rows, every
            return
        for name, own, problem in lessons:
            rows = _dense(own, sparse)
            with self._refusals():
                one, told = fitted(self._estimator(), rows, problem, scaled=scaled)
            self._tell(fold, name, told)
            yield one, rows, [problem]

    def _check_keys(self, estimator: Any) -> None:
        check_kind(estimator, self.config.steps[-1].estimator, self.contest.task, self._where)
        regression = self.contest.task == "regression"
        if self.config.changes("scale_target") and not regression and not self._several:
            raise ConfigError(
                f"{self._where}: scale_target: is for numbers; this contest's task is {self.contest.task}"
            )
        check_class_weight(self.config.class_weight, self.contest, self._where)
        weighs = [key for key in ("class_weight", "pseudo") if getattr(self.config, key) is not None]
        if weighs and not takes_weights(estimator):
            raise ConfigError(
                f"{self._where}: {weighs[0]}: needs an estimator that takes weights, and "
                f"{self.config.steps[-1].estimator} does not",
                remedy="Leave the key out, or take an estimator with sample_weight in its fit.",
            )

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """What an estimator says against its parameters or the rows, as a sentence."""
        try:
            yield
        except (OutfoldError, MemoryError):
            raise
        except Exception as error:  # of any library
            path = self.config.steps[-1].estimator
            raise ConfigError(
                f"{self._where}: {path} refuses: {type(error).__name__}: {' '.join(str(error).split())}",
                remedy=f"Change {path}'s parameters (params:) or take another estimator; --debug shows the traceback.",
            ) from error

    @property
    def _several(self) -> bool:
        """Whether the contest has targets of several kinds, of which each takes the keys of its own."""
        return self.contest.config.task == "multitask"

    def _tell(self, fold: int, name: str, told: list[str]) -> None:
        for sentence in told:
            self.reporter.warn(f"{self.name} fold {fold}{' ' if name else ''}{name}: {sentence}")


def _dense(matrix: Any, sparse: bool) -> Any:
    """The matrix in a form that the estimator takes."""
    return matrix if sparse or isinstance(matrix, np.ndarray) else matrix.toarray()
