"""One inner fold of a trial: a model fitted and its rows predicted, inside the training part of one outer fold."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from outfold.config.dotted import changed
from outfold.config.load import pipeline_of
from outfold.config.pipeline import ModelPipeline
from outfold.config.tunable import TUNING
from outfold.errors import ConfigError, OutfoldError
from outfold.learners.inner_cv import Places, inner_folds
from outfold.learners.registry import make_learner
from outfold.progress import Reporter
from outfold.runs.compute import placed
from outfold.runs.context import Context
from outfold.runs.provenance import fit_fingerprint
from outfold.store.fingerprint import fingerprint
from outfold.store.fold_dir import HISTORY, Shelf, open_intact


@dataclass(frozen=True)
class Work:
    """What every process that works for a search needs to know.

    Attributes:
        name: of the pipeline.
        content: of its file, as the search found it.
        inner: folds inside each training part, at most.
        seed: of these folds.
        made_of: what the models are made of; a worker must find the same.
        devices: by torch's names, which processes are given in turn.
    """

    root: Path
    name: str
    content: Mapping[str, Any]
    inner: int
    seed: int
    made_of: str
    devices: Sequence[str] = ()

    def config(self, fold: int, changes: Mapping[str, Any]) -> ModelPipeline:
        """The pipeline of a fold with other values under some keys.

        Raises:
            ConfigError: there is no such pipeline.
        """
        return pipeline_of(Context(self.root).layout.pipeline_config(self.name), self.written(fold, changes))

    def written(self, fold: int, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The same, as its file would have it."""
        own = {int(number): keys for number, keys in self.content.get("by_fold", {}).items()}.get(fold, {})
        plain = {key: value for key, value in self.content.items() if key not in TUNING}
        return changed(plain, {**own, **changes})


@dataclass(frozen=True)
class Task:
    """One inner fold of one trial.

    Attributes:
        fold: the outer one, inside whose training part everything happens.
        trial: its place in the search of this fold.
        step: the inner fold.
        changes: the keys that make the trial.
        folder: for its shelves.
        limits: what the learner's score of the inner fold must not fall behind, by epoch; None: no limit.
        greater: whether greater is better.
    """

    fold: int
    trial: int
    step: int
    changes: Mapping[str, Any]
    folder: Path
    limits: Mapping[int, float]
    greater: bool


@dataclass(frozen=True)
class Outcome:
    """What came of a task.

    Attributes:
        frame: predictions of the inner fold's rows; None where there are none.
        watched: the best score that the learner has shown of them, up to each epoch; empty where it shows none.
        refused: the learner's complaint about the keys.
    """

    frame: pd.DataFrame | None
    watched: list[float] = field(default_factory=list)
    refused: str | None = None


class Pruned(Exception):
    """A fit that has fallen behind the others."""


class Bench:
    """Where tasks are done: a contest that is read once."""

    def __init__(self, work: Work, reporter: Reporter, place: int = 0, context: Context | None = None) -> None:
        """Raises OutfoldError where this process finds something else than the search has."""
        self.work, self.reporter, self.place = work, reporter, place
        self.context = context or Context(work.root, reporter)
        self._inner: dict[int, list[Places]] = {}
        self._warned: set[str] = set()
        base = pipeline_of(self.context.layout.pipeline_config(work.name), work.content)
        if fit_fingerprint(self.context, base) != work.made_of:
            raise OutfoldError(
                f"{work.name}: the contest or the data changed as the search began",
                remedy="Run the same command again.",
            )

    @cached_property
    def metric(self) -> str:
        """What the learner's history calls the contest's metric."""
        return self.context.contest.metric.name

    def inner(self, fold: int) -> list[Places]:
        """The folds inside a fold's training part."""
        if fold not in self._inner:
            ids = self.context.folds.train(fold)
            self._inner[fold] = inner_folds(self.context.contest, ids, n=self.work.inner, seed=self.work.seed)
        return self._inner[fold]

    def do(self, task: Task) -> Outcome:
        """Fit the inner fold, or go on where a process that was killed has saved, and predict its rows.

        The outer fold's own rows are given to nobody.

        Raises:
            OutfoldError: what is not the keys' fault.
        """
        ids = self.context.folds.train(task.fold)
        learn, choose = (ids[places] for places in self.inner(task.fold)[task.step])
        made_of = fingerprint(fit=self.work.made_of, changes=task.changes, fold=task.fold, step=task.step)
        shelf, _ = open_intact(task.folder / str(task.step), made_of)  # a damaged trial is made again
        reporter = _Watching(self.reporter, shelf, self.metric, task, self._warned)
        try:
            config = placed(self.work.config(task.fold, task.changes), self.work.devices, self.place)
            learner = make_learner(self.context.contest, config, self.work.name, reporter)
            if shelf.done is None:
                learner.fit(task.fold, learn, choose, shelf)
            frame = learner.predict("train", choose, {task.fold: shelf})
        except Pruned:
            return Outcome(None, reporter.watched())
        except ConfigError as error:
            return Outcome(None, refused=str(error))
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            return Outcome(None, refused=f"out of memory: {str(error).splitlines()[0] if str(error) else 'no more'}")
        return Outcome(frame.assign(fold=task.step), reporter.watched())

    @staticmethod
    def clear(folder: Path) -> None:
        """Remove what a trial has left."""
        shutil.rmtree(folder, ignore_errors=True)


def _out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


class _Watching(Reporter):
    """Lets a learner work in silence, and stops it at a checkpoint where it falls behind; a warning is told once."""

    def __init__(self, outer: Reporter, shelf: Shelf, metric: str, task: Task, warned: set[str]) -> None:
        self._outer, self._shelf, self._metric, self._task, self._warned = outer, shelf, metric, task, warned

    def warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._outer.warn(text)

    def saved(self) -> None:
        self._outer.saved()
        watched, limits = self.watched(), self._task.limits
        limit = limits.get(len(watched))
        if limit is not None and (watched[-1] < limit if self._task.greater else watched[-1] > limit):
            raise Pruned

    def watched(self) -> list[float]:
        """The best score up to each epoch, as the learner's history on the shelf has it."""
        if not self._shelf.has(HISTORY):
            return []
        lines = self._shelf.read(HISTORY).decode().splitlines()
        best, found = math.nan, list[float]()
        for score in (json.loads(line).get(self._metric, math.nan) for line in lines):
            better = math.isnan(best) or (score > best if self._task.greater else score < best)
            best = float(score) if better else best
            found.append(best)
        return [] if any(map(math.isnan, found)) else found
