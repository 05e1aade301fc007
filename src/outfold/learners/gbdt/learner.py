"""LightGBM on the contest's table, and on numbers from its images."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from outfold.config.gbdt import GbdtPipeline
from outfold.contest import Contest
from outfold.data.table_features import Encoding, plain_names
from outfold.ensemble.pseudo import PseudoLabels
from outfold.errors import ConfigError, DataError
from outfold.learners.contest_table import ContestTable
from outfold.learners.gbdt.boosting import Rows, balanced_weights, stopped_early, trained
from outfold.learners.gbdt.params import fitted_to, resolve, stops_early
from outfold.learners.gbdt.pseudo import copies
from outfold.learners.gbdt.runtime import load_lightgbm
from outfold.learners.gbdt.steps import class_probabilities, step_names, steps
from outfold.learners.inside import inner_places
from outfold.learners.learner import Part
from outfold.learners.made_features import FittedFeatures
from outfold.progress import Reporter
from outfold.store.predictions import prediction_frame
from outfold.store.shelf import Shelf

MEMBER = "gbdt"
_FITTED = "fitted.json"


class _Inside(NamedTuple):
    """The split inside a training part: places, and (n, features) of both sides.

    ``further`` are the pseudo-labelled rows by what its rows to learn from teach; None: as for the whole part.
    """

    learn: np.ndarray
    choose: np.ndarray
    learnt: np.ndarray
    chosen: np.ndarray
    further: np.ndarray | None


class GbdtLearner:
    """Gradient-boosted trees: one booster for a binary or multiclass task, one a label or target for the others.

    An ordinal task has one for each step from a class to the next (see :mod:`outfold.learners.gbdt.steps`).
    """

    def __init__(self, contest: Contest, config: GbdtPipeline, name: str, reporter: Reporter) -> None:
        """Check the pipeline's file against the contest; no image is read yet.

        Raises:
            ConfigError: parameters, columns or a class weight that do not fit.
        """
        self.contest, self.config, self.name, self.reporter = contest, config, name, reporter
        self._where = contest.layout.pipeline_config(name)
        self._params = resolve(
            config.params,
            task=contest.task,
            classes=len(contest.classes or ()),
            seed=config.seed,
            where=self._where,
        )
        self._stops = stops_early(self._params, config.early_stopping, self._where)
        self._check_class_weight()
        # of several targets, those of numbers have nothing to balance
        self._balances = config.class_weight is not None and contest.task != "regression"
        self._table = ContestTable(contest, config, name, reporter)

    def check(self) -> None:
        """Describe the images of both parts now, so that unreadable ones are told before anything is trained.

        Raises:
            DataError: images that cannot be read, all of a part told together (``on_bad_image: error``).
        """
        self._table.check()

    def fit(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> None:
        """Train one fold and leave its boosters, as LightGBM's own text, on the shelf.

        ``valid`` is not looked at: the number of rounds is chosen on an inner split of ``train``, by true labels alone.

        Raises:
            DataError: no row is left to learn from.
            ConfigError: LightGBM refuses a parameter.
        """
        began = time.monotonic()
        train = self._table.readable(train)
        made, frame = self._table.fit(train)
        columns = made.columns
        encoding = Encoding.fit(
            frame, continuous=columns.continuous, categorical=columns.categorical, dates=columns.dates
        )
        features, names = self._numbers(frame, "train", train, encoding, fold)
        categorical = [names.index(column) for column in encoding.categories]
        params = fitted_to(features) | self._params
        if pseudo is not None:
            pseudo = pseudo.some(self._table.legible("test", pseudo.ids))
            taught = copies(pseudo, self.contest.task, self.contest.outputs)
            further = self._features("test", pseudo.ids, made, encoding, fold)[0]
        inside = self._inside(fold, train, features, encoding, pseudo) if self._stops else None
        rounds: dict[str, int] = {}
        files: dict[str, str] = {}
        for label_name, label in self._labels(train).items():
            weight = balanced_weights(label) if self._balances else None
            rows = Rows(features, label, weight, plain_names(names), categorical)
            what = f"{self.name} fold {fold}" + (f" {label_name}" if label_name else "")
            more = None if pseudo is None else taught[label_name].beside(rows, further)
            own = more
            if inside is not None and inside.further is not None and pseudo is not None:
                own = taught[label_name].beside(rows, inside.further)
            booster, rounds[label_name] = self._boost(rows, more, inside, own, params, what)
            stem = plain_names([*files, label_name])[-1]
            files[label_name] = f"model-{stem}.txt" if label_name else "model.txt"
            text = booster.model_to_string(num_iteration=rounds[label_name])
            shelf.put(files[label_name], text.encode("utf-8"))
        made.put(shelf)
        fitted = {"encoding": encoding.to_json(), "features": names, "models": files, "rounds": rounds}
        shelf.put(_FITTED, (json.dumps(fitted, indent=1) + "\n").encode("utf-8"))
        facts = {} if pseudo is None else {"pseudo": len(pseudo.ids)}
        shelf.finish(members=[MEMBER], rounds=list(rounds.values()), seconds=time.monotonic() - began, **facts)

    def predict(self, part: Part, ids: pd.Index, shelves: Mapping[int, Shelf]) -> pd.DataFrame:
        """Predict rows with every fold given.

        Returns:
            A frame as in :mod:`outfold.store.predictions`: probabilities, or values in a regression.
        """
        frames = []
        with self.reporter.bar(f"{self.name}: predict {part}", len(shelves), "folds") as bar:
            for fold, shelf in shelves.items():
                fitted = _fitted(shelf)
                encoding, made = Encoding.from_json(fitted["encoding"]), self._table.fitted(shelf)
                features, names = self._features(part, ids, made, encoding, fold)
                if names != fitted["features"]:
                    raise DataError(
                        f"{shelf.folder}: trained on other features than the contest has now",
                        remedy=f"Remove {shelf.folder} and run `outfold train {self.name}`.",
                    )
                layers = [self._probabilities(_load(shelf, file), features) for file in fitted["models"].values()]
                values = np.hstack(layers)
                values = class_probabilities(values) if self.contest.task == "ordinal" else values
                frames.append(prediction_frame(ids, fold, MEMBER, self.contest.outputs, values))
                bar.advance(1)
        return pd.concat(frames, ignore_index=True)

    def summarise(self, shelves: Mapping[int, Shelf], folder: Path) -> None:
        """Write ``importance.csv`` and ``importance.png``: what the boosters looked at, over the folds."""
        from outfold.learners.importance import gains, write_importance

        by_fold = {}
        for fold, shelf in shelves.items():
            fitted = _fitted(shelf)
            by_fold[fold] = gains([_load(shelf, file) for file in fitted["models"].values()], fitted["features"])
        write_importance(by_fold, Path(folder), title=self.name)

    def _check_class_weight(self) -> None:
        if self.config.class_weight is None:
            return
        if self.contest.task == "regression" and self.contest.config.task != "multitask":
            raise ConfigError(f"{self._where}: class_weight: a regression has no classes")
        for rival in ("is_unbalance", "scale_pos_weight"):
            if rival in self._params:
                raise ConfigError(f"{self._where}: class_weight and params.{rival} would balance twice; keep one")

    def _inside(
        self, fold: int, ids: pd.Index, features: np.ndarray, encoding: Encoding, pseudo: PseudoLabels | None
    ) -> _Inside:
        """The split that chooses the rounds; what is learnt from rows is learnt anew from those to learn from."""
        learn, choose = inner_places(self.contest, ids, fraction=self.config.inner_fraction, seed=self.config.seed)
        if not self._table.learns:
            return _Inside(learn, choose, features[learn], features[choose], None)
        made, frame = self._table.fit(ids[learn])
        learnt = self._numbers(frame, "train", ids[learn], encoding, fold)[0]
        chosen = self._features("train", ids[choose], made, encoding, fold)[0]
        further = None if pseudo is None else self._features("test", pseudo.ids, made, encoding, fold)[0]
        return _Inside(learn, choose, learnt, chosen, further)

    def _boost(
        self,
        rows: Rows,
        more: Rows | None,
        inside: _Inside | None,
        own: Rows | None,
        params: Mapping[str, Any],
        what: str,
    ) -> tuple[Any, int]:
        """A booster of the rows and of more rows, which choose nothing, and how many of its rounds count.

        ``own`` are those more rows as the inner split sees them.
        """
        rounds = self.config.rounds
        if inside is not None:
            with self.reporter.bar(f"{what}: choosing rounds", rounds, "rounds") as bar:
                learnt = replace(rows.some(inside.learn), features=inside.learnt).joined(own)
                chosen = replace(rows.some(inside.choose), features=inside.chosen)
                booster, rounds = stopped_early(
                    learnt, chosen, params, rounds, self.config.early_stopping, bar, self._where
                )
            if not self.config.refit:
                return booster, rounds
        with self.reporter.bar(what, rounds, "rounds") as bar:
            return trained(rows.joined(more), params, rounds, bar, self._where), rounds

    def _labels(self, ids: pd.Index) -> dict[str, np.ndarray]:
        """What each booster learns, by output; one booster for all outputs has no name."""
        y = self.contest.truth(ids)
        if self.contest.task == "ordinal":
            return dict(zip(step_names(self.contest.outputs), steps(y, len(self.contest.outputs)).T, strict=True))
        if y.ndim == 1:
            return {"": y}
        return dict(zip(self.contest.outputs, y.T, strict=True))

    def _probabilities(self, booster: Any, features: np.ndarray) -> np.ndarray:
        """(n, outputs of this booster); the classes of a multiclass task sum to 1."""
        found = np.asarray(booster.predict(features, num_threads=fitted_to(features)["num_threads"]), dtype=np.float64)
        if self.contest.task != "multiclass":
            return found.reshape(len(features), 1)
        found = found[:, : len(self.contest.outputs)]
        return found / found.sum(axis=1, keepdims=True)

    def _features(
        self, part: Part, ids: pd.Index, made: FittedFeatures, encoding: Encoding, fold: int
    ) -> tuple[np.ndarray, list[str]]:
        """(n, features) of any rows, and the features' names."""
        return self._numbers(self._table.rows(part, ids, made), part, ids, encoding, fold)

    def _numbers(
        self, rows: pd.DataFrame, part: Part, ids: pd.Index, encoding: Encoding, fold: int
    ) -> tuple[np.ndarray, list[str]]:
        """(n, features) of rows with their made columns, and the features' names."""
        frames = [encoding.apply(rows)] if encoding.names else []
        images = self._table.images(part, ids, fold)
        table = pd.concat(frames if images is None else [*frames, images], axis=1)
        return table.to_numpy(), [str(name) for name in table.columns]


def _fitted(shelf: Shelf) -> dict[str, Any]:
    return dict(json.loads(shelf.path(_FITTED).read_text(encoding="utf-8")))


def _load(shelf: Shelf, file: str) -> Any:
    return load_lightgbm().Booster(model_str=shelf.path(file).read_text(encoding="utf-8"))
