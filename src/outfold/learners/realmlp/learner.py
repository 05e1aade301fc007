"""RealMLP (Holzmüller, Grinsztajn & Steinwart 2024) on the contest's table, trained by its authors' library."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outfold.config.tabular import TabularPipeline
from outfold.contest import Contest
from outfold.errors import ConfigError, DataError
from outfold.learners.artifacts import fitted_of, models_of, put_fitted, put_models, write_fitted_shares
from outfold.learners.base import Part, predicted
from outfold.learners.inner_cv import inner_places
from outfold.learners.realmlp.early_stopping import Rule, joined
from outfold.learners.realmlp.params import advised, check_params
from outfold.learners.realmlp.suppress_output import quietly
from outfold.learners.sklearn.fit import FittedEstimator
from outfold.learners.sklearn.importance import shares
from outfold.learners.tables.table_data import ContestTable
from outfold.learners.tables.targets import Problem, problems_of
from outfold.learners.tabular.encoding import FoldTable, check_encoding
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.randomness import derive_seed
from outfold.store.fold_dir import Shelf
from outfold.training.device import pick_device

MEMBER = "realmlp"


class RealMlpLearner:
    """One network for a task of classes, else one a label or target: ``model: realmlp`` of ``learner: tabular``."""

    def __init__(self, contest: Contest, config: TabularPipeline, name: str, reporter: Reporter) -> None:
        """Check the pipeline's file against the contest; no image is read yet.

        Raises:
            ConfigError: the library is not installed, or has no such parameter; columns.
        """
        self.contest, self.config, self.name, self.reporter = contest, config, name, reporter
        self._where = str(contest.layout.pipeline_config(name))
        check_params(config.params, self._where)
        device = pick_device(config.device, self._where)
        self._device = "cpu" if device.type == "cpu" else str(device)
        self._table = ContestTable(contest, config, name, reporter)

    def check(self) -> None:
        """Describe the images of both parts now, so that unreadable ones are told before anything is trained.

        Raises:
            DataError: images that cannot be read, all of a part told together (``on_bad_image: error``).
        """
        self._table.check()

    def check_fold(self, fold: int, train: pd.Index) -> None:
        """Make the fold's features, encoding and inner split.

        Raises:
            DataError: too few rows to learn from, or no column that differs.
            ConfigError: a feature that cannot be made.
        """
        ids, _ = self._table.check_fold(train)
        learn, _ = inner_places(self.contest, ids, fraction=self.config.inner_fraction, seed=self.config.seed)
        check_encoding(self._table, ids[learn], fold)

    def fit(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> None:
        """Train one fold and leave its networks on the shelf.

        ``valid`` is not looked at: the epoch to stop at is chosen on an inner split of ``train``. ``pseudo`` is always
        None: a pipeline of this model has no such key.

        Raises:
            DataError: no row is left to learn from.
            ConfigError: the library refuses a parameter.
        """
        began = time.monotonic()
        config, ids = self.config, self._table.readable(train)
        learn, choose = inner_places(self.contest, ids, fraction=config.inner_fraction, seed=config.seed)
        # levels and medians are learnt from the rows to learn from alone, so that those to choose by are new to them
        inside, codes, numbers = FoldTable.fit(self._table, ids[learn], fold)
        taught, asked = joined(codes, numbers), joined(*inside.apply("train", ids[choose]))
        kept, rows, places = inside, taught, learn
        if config.refit:
            kept, codes, numbers = FoldTable.fit(self._table, ids, fold)
            rows, places = joined(codes, numbers), np.arange(len(ids))
        problems = problems_of(self.contest, ids, balanced=False)
        models, epochs, looked_at = list[FittedEstimator](), list[int](), list[np.ndarray]()
        with self.reporter.bar(f"{self.name} fold {fold}", len(problems), "networks") as bar:
            for name, problem in problems.items():
                rule = Rule(self._device, derive_seed(config.seed, fold, "realmlp", name), self._params(problem))
                with self._refusals(), quietly():
                    columns = len(inside.categories)
                    model, epoch = rule.stopped(taught, problem.some(learn), asked, problem.some(choose), columns)
                    if config.refit:
                        model = rule.to_epoch(rows, problem, len(kept.categories), epoch)
                    found = shares(model, rows, [problem.some(places)], config.seed)
                looked_at += [] if found is None else [found]
                models.append(model)
                epochs.append(epoch)
                bar.advance(1)
        kept.put(shelf)
        facts = {
            "made_with": put_models(shelf, models, "pytabkit"),
            "features": [*kept.encoding.standard.columns, *kept.encoding.levels],
            "shares": np.mean(looked_at, axis=0).tolist() if looked_at else None,
        }
        put_fitted(shelf, facts)
        shelf.finish(members=[MEMBER], best_epochs=epochs, seconds=time.monotonic() - began)

    def predict(self, part: Part, ids: pd.Index, shelves: Mapping[int, Shelf]) -> pd.DataFrame:
        """Predict rows with every fold given.

        Returns:
            A frame as in :mod:`outfold.store.predictions`: probabilities, or values in a regression.
        """

        def said(fold: int, shelf: Shelf) -> Iterator[tuple[str, np.ndarray]]:
            facts, fitted = fitted_of(shelf), FoldTable.of(self._table, shelf, fold)
            try:
                rows = joined(*fitted.apply(part, ids))
            except KeyError as error:
                raise DataError(
                    f"{shelf.folder}: trained on other features than the contest has now ({error})",
                    remedy=f"Remove {shelf.folder} and run `outfold train {self.name}`.",
                ) from None
            models: list[FittedEstimator] = models_of(shelf, facts["made_with"], self.name, self.reporter)
            with quietly():
                yield MEMBER, np.hstack([model.predict(rows) for model in models])

        contest = self.contest
        return predicted(said, self.name, contest.outputs, part, ids, shelves, self.reporter, contest.precise_outputs)

    def summarise(self, shelves: Mapping[int, Shelf], folder: Path) -> None:
        """Write ``importance.csv`` and ``importance.png``: what shuffling a column costs; not of too many columns."""
        write_fitted_shares(shelves, Path(folder), title=self.name)

    def _params(self, problem: Problem) -> dict[str, Any]:
        """The authors' parameters are the library's own; over them what the contest advises, and the file's."""
        return {**advised(self.contest, numbers=problem.kind == "number"), **self.config.params}

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """What the library says against its parameters, as a sentence."""
        try:
            yield
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"{self._where}: RealMLP refuses: {type(error).__name__}: {' '.join(str(error).split())}",
                remedy="Change params:; --debug shows the traceback.",
            ) from error
