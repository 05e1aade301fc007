"""The contest as a thing: its rows by id, what is asked of them, and what a model may use."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.cell_values import needs_float64
from outfold.config.competition import CompetitionConfig, Task
from outfold.data.encoding.categories import Categories
from outfold.data.encoding.column_view import ByColumn
from outfold.data.loading.roles import Roles
from outfold.data.loading.sample_format import SampleFormat
from outfold.data.reading.id_lookup import places_of
from outfold.data.targets.tag_lists import TagList
from outfold.errors import ConfigError, some
from outfold.hooks import Hooks
from outfold.metrics import PER_CLASS, Metric, Subtask
from outfold.store.paths import Layout

Half = Literal["train", "test"]
_REMEMBERED = 4


@dataclass(frozen=True, eq=False)
class Contest:
    """A contest, read and checked.

    Attributes:
        root: the folder with competition/, pipelines/, inputs/ and artifacts/.
        config: the contest file.
        layout: the paths under the root.
        task: binary, multiclass, ordinal, multilabel, regression, or multitask.
        id_column: the id column's name in the sample submission; in every table here the index is called ``id``.
        targets: the target columns.
        classes: [negative, positive], the classes sorted or in their order, or the labels; None for regression and
            multitask.
        outputs: the names of a model's outputs: [target], a name a class, a name a label, or the targets; of a
            multitask contest ``age`` and ``grapheme=ka``.
        train: the training rows by id, in the order of the file: feature columns and raw target columns.
        test: the test rows by id: feature columns.
        aside: the training rows that ``train_where`` leaves out, by id: feature columns. They are neither learnt from
            nor scored; a feature that looks at other rows (what was before, how often) may look at them.
        y: the truth in the order of ``train``: int64 codes (n,); multilabel int8 (n, k); regression float64 (n,) or
            (n, k); multitask float64 (n, k), cut up by the metric's subtasks.
        roles: the columns that a model may use.
        sample: the sample submission as a plain table: its id column, of the type that ids have here, and a column per
            output, or the only column, in their order.
        sample_format: the sample submission as it stands, and how it writes such a table.
        id_rules: for ``train`` and ``test``, where they are tables, how their rows got their ids, in words.
        metric: how the contest scores.
        warnings: what the user should know, in plain words.
        hooks: the user's own functions.
        image_paths: for train and test the absolute path of each row's image, by id; empty without images.
        written: how the training table writes each class, where that differs from the class (``1.0`` for 1).
        tag_list: how it writes lists of tags, where cells are lists.
    """

    root: Path
    config: CompetitionConfig
    layout: Layout
    task: Task
    id_column: str
    targets: list[str]
    classes: list[Any] | None
    outputs: list[str]
    train: pd.DataFrame
    test: pd.DataFrame
    aside: pd.DataFrame
    y: np.ndarray
    roles: Roles
    sample: pd.DataFrame
    sample_format: SampleFormat
    id_rules: dict[str, str]
    metric: Metric
    warnings: tuple[str, ...]
    hooks: Hooks
    image_paths: dict[str, pd.Series]
    written: list[str] | None = None
    tag_list: TagList | None = None
    _asked: list[tuple[Half, pd.Index, NDArray[np.int64]]] = field(default_factory=list, init=False, repr=False)
    _categories: dict[Half, dict[str, Categories]] = field(
        default_factory=lambda: {"train": {}, "test": {}}, init=False, repr=False
    )

    def rows(self, part: Half, ids: pd.Index) -> pd.DataFrame:
        """The rows of these ids, in this order: features, and in train the raw targets.

        Raises:
            KeyError: an id that the part has not.
        """
        frame = self._frame(part)
        return frame if ids is frame.index else frame.take(self.places(part, ids)).set_axis(ids)

    def by_column(self, part: Half, ids: pd.Index) -> ByColumn:
        """The same rows for whoever takes one column after the other, without a copy of all.

        Raises:
            KeyError: an id that the part has not.
        """
        frame, known = self._frame(part), self._categories[part]
        return ByColumn(frame, ids, None if ids is frame.index else self.places(part, ids), known)

    def _frame(self, part: Half) -> pd.DataFrame:
        return self.train if part == "train" else self.test

    def images(self, part: Half, ids: pd.Index) -> list[Path]:
        """The absolute path of each row's image, in the order of the ids.

        Raises:
            ConfigError: the contest has no images.
        """
        if not self.roles.image:
            raise ConfigError(
                f"{self.layout.competition}: this contest has no images, and a pipeline asks for them",
                remedy="Say where they lie: `columns: {image: train/{id}.jpg}`.",
            )
        return [Path(path) for path in self.image_paths[part].loc[ids]]

    def truth(self, ids: pd.Index) -> np.ndarray:
        """The truth of these training rows, in this order; the type and shape of ``y``.

        Raises:
            KeyError: an id that is no training row.
        """
        return np.asarray(self.y[self.places("train", ids)])

    def places(self, part: Half, ids: pd.Index) -> NDArray[np.int64]:
        """Where these ids stand in their part; a fold's ids are asked for again and again, and looked up once.

        Raises:
            KeyError: an id that the part has not.
        """
        for one, known, places in self._asked:
            if one == part and known is ids:
                return places
        places = places_of(ids, self._frame(part).index)
        if (places < 0).any():
            raise KeyError(f"no {part} rows: {some(ids[places < 0])}")
        self._asked.append((part, ids, places))
        del self._asked[:-_REMEMBERED]
        return places

    def word(self, truth: np.ndarray) -> str:
        """The truth of one row, as ``y`` has it, as a person would say it."""
        if self.task == "multitask":
            words = (one.word(s.truth_of(truth[None])[0]) for s, one in zip(self.subtasks, self.questions, strict=True))
            return ", ".join(f"{name} {word}" for name, word in zip(self.targets, words, strict=True))
        if self.classes is None:
            return ", ".join(f"{value:.4g}" for value in np.atleast_1d(truth))
        if self.task == "multilabel":
            return " ".join(str(name) for name, on in zip(self.classes, truth, strict=True) if on)
        return str(self.classes[int(truth)])

    @property
    def subtasks(self) -> tuple[Subtask, ...]:
        """The targets of a multitask contest; none where the task is one."""
        return self.metric.subtasks

    def alone(self, subtask: Subtask) -> Contest:
        """The contest as if one target of several were all that it asks."""
        return replace(
            self,
            task=subtask.task,
            targets=[subtask.name],
            classes=None if subtask.classes is None else list(subtask.classes),
            written=None if subtask.written is None else list(subtask.written),
            outputs=self.outputs[subtask.outputs],
            y=subtask.truth_of(self.y),
            metric=subtask.metric,
        )

    @cached_property
    def precise_outputs(self) -> frozenset[str]:
        """The outputs that are kept as float64: numbers so far from zero that float32 would blur them."""
        if self.subtasks:
            numbers = [one for one in self.subtasks if one.task == "regression"]
            return frozenset(self.outputs[one.outputs.start] for one in numbers if needs_float64(one.truth_of(self.y)))
        if self.task != "regression":
            return frozenset()
        columns = self.y.reshape(len(self.y), -1).T
        return frozenset(name for name, y in zip(self.outputs, columns, strict=True) if needs_float64(y))

    @property
    def questions(self) -> list[Contest]:
        """The contest as each of its targets asks it; the contest itself where the task is one."""
        return [self.alone(subtask) for subtask in self.subtasks] or [self]

    @property
    def leading(self) -> Contest:
        """The contest as the target asks it by which rows are stratified: the first one of classes, or the first."""
        questions = self.questions
        return next((one for one in questions if one.task == "binary" or one.task in PER_CLASS), questions[0])

    def groups(self, ids: pd.Index) -> pd.Series | None:
        """The group of each training row, by id; None where the contest names no group column."""
        return self._column(self.config.folds.group or self.config.columns.group, ids)

    def dates(self, ids: pd.Index) -> pd.Series | None:
        """The date that folds are split by, of each training row, by id; None where ``folds.date`` names none."""
        return self._column(self.config.folds.date, ids)

    def fold_column(self, ids: pd.Index) -> pd.Series | None:
        """The fold of each training row as the training table says it, by id; None without ``folds.column``."""
        return self._column(self.config.folds.column, ids)

    def _column(self, name: str | None, ids: pd.Index) -> pd.Series | None:
        return None if name is None else self.train[name].loc[ids]
