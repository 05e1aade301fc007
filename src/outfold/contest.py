"""The contest as a thing: its rows by id, what is asked of them, and what a model may use."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from outfold.config.competition import CompetitionConfig, Task
from outfold.config.load import load_competition
from outfold.data.asked import read_asked
from outfold.data.ids import check_test_ids, settle_ids
from outfold.data.part_images import drop_missing, find_images, image_columns, type_image_columns
from outfold.data.parts import Part, read_parts, read_sample
from outfold.data.role_types import typed_by_role
from outfold.data.roles import Roles, check_declared, infer_roles
from outfold.data.sample import check_sample
from outfold.data.targets import raw_targets, target_columns
from outfold.data.train_where import rows_to_learn
from outfold.errors import ConfigError, nearest, some
from outfold.hooks import Hooks
from outfold.metrics import PER_CLASS, Metric, Subtask
from outfold.store.layout import Layout

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
        id_column: the id column's name in the contest's own files; in every table here the index is called ``id``.
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
        sample: the sample submission: its id column, of the type that ids have here, and its columns in order.
        metric: how the contest scores.
        warnings: what the user should know, in plain words.
        hooks: the user's own functions.
        image_paths: for train and test the absolute path of each row's image, by id; empty without images.
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
    metric: Metric
    warnings: tuple[str, ...]
    hooks: Hooks
    image_paths: dict[str, pd.Series]
    _asked: list[tuple[Half, pd.Index, NDArray[np.int64]]] = field(default_factory=list, init=False, repr=False)

    def rows(self, part: Half, ids: pd.Index) -> pd.DataFrame:
        """The rows of these ids, in this order: features, and in train the raw targets.

        Raises:
            KeyError: an id that the part has not.
        """
        frame = self.train if part == "train" else self.test
        return frame if ids is frame.index else frame.take(self.places(part, ids)).set_axis(ids)

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
        places = (self.train if part == "train" else self.test).index.get_indexer(ids)
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
            outputs=self.outputs[subtask.outputs],
            y=subtask.truth_of(self.y),
            metric=subtask.metric,
        )

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


def load_contest(root: Path, config: CompetitionConfig | None = None) -> Contest:
    """Read a contest's files and check them against each other.

    Args:
        root: the contest's folder.
        config: the contest file, where it is already read.

    Raises:
        ConfigError: the contest file or the hooks are wrong.
        DataError: a file is missing or damaged, or contradicts the contest file.
    """
    layout = Layout(Path(root))
    config = config or load_competition(layout.competition)
    hooks = Hooks(layout.hooks, layout.inputs)
    sample, id_column = read_sample(config, layout)
    train, test = read_parts(config, layout, sample, id_column, image_columns(config.columns.image))
    notes = [*sample.notes, *train.notes, *test.notes]
    known = [name for name in config.target if name in test.frame.columns]
    if known:
        notes.append(f"{test.path.name} has the target {some(known)}, too, which no model is shown: a placeholder?")
    target_columns(train.frame, config.target, train.path)
    _settle(train, test, sample)
    check_test_ids(test.frame.index, sample.frame.index, test.path, sample.path)
    whole, train = train, _learnt(config, train, notes)
    images = find_images(config, layout.inputs, id_column, train, test)
    if images and config.on_bad_image == "drop":
        there, images, dropped = drop_missing(train, images)
        whole, train = whole.without(train.frame.index.difference(there.frame.index)), there
        notes += dropped
    raw = target_columns(train.frame, config.target, train.path)
    target, metric = read_asked(config, hooks, raw, train.path)
    notes += target.notes
    check_sample(sample.frame, target, id_column, config.target, sample.path, metric.subtasks)
    rows, test_rows = _features(config, hooks, whole, test)
    learnt = train.frame.index.get_indexer(rows.index) >= 0
    roles, left = infer_roles(config.columns, _some(rows, learnt), test_rows, _reserved(config), image=bool(images))
    notes += left
    rows, test_rows, typed = typed_by_role(roles, rows, test_rows, train.path, test.path)
    notes += typed
    # what reading took beside the tables would stay with Arrow: nearly as much again as they are
    pa.default_memory_pool().release_unused()
    return Contest(
        root=layout.root,
        config=config,
        layout=layout,
        task=target.task,
        id_column=id_column,
        targets=list(config.target),
        classes=target.classes,
        outputs=target.outputs,
        train=pd.concat([_some(rows, learnt), raw_targets(raw)], axis=1),
        test=test_rows,
        aside=rows[~learnt],
        y=target.y,
        roles=roles,
        sample=sample.frame.reset_index(names=id_column),
        metric=metric,
        warnings=tuple(notes),
        hooks=hooks,
        image_paths={part: paths for part, (paths, _) in images.items()},
    )


def _learnt(config: CompetitionConfig, train: Part, notes: list[str]) -> Part:
    """The training rows that ``train_where`` keeps, all where it is not said; what it leaves out is noted."""
    if config.train_where is None:
        return train
    kept = rows_to_learn(config.train_where, train, config.target)
    told = f"{np.count_nonzero(~kept):,} of {len(kept):,} training rows are neither learnt from nor scored"
    notes.append(f"train_where: {config.train_where}: {told}")
    return train.some(kept)


def _some(rows: pd.DataFrame, mask: np.ndarray) -> pd.DataFrame:
    """These rows; the table itself, and no copy, where that is all of them."""
    return rows if mask.all() else rows[mask]


def _settle(train: Part, test: Part, sample: Part) -> None:
    parts = (train, test, sample)
    for part, index in zip(parts, settle_ids(*(part.frame.index for part in parts)), strict=True):
        part.frame.index = index


def _features(config: CompetitionConfig, hooks: Hooks, train: Part, test: Part) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The feature columns of both parts, after the user's hook; the target is kept from it, since it would leak."""
    rows, test_rows = (part.frame.drop(columns=config.target, errors="ignore") for part in (train, test))
    rows, test_rows = hooks.features(*type_image_columns(image_columns(config.columns.image), rows, test_rows))
    for frame in (rows, test_rows):
        taken = [name for name in config.target if name in frame.columns]
        if taken:
            raise ConfigError(
                f"{hooks.path}: features returned the target {some(taken)} as a feature", remedy="Name it otherwise."
            )
    check_declared(config.columns, rows, test_rows, (train.path, test.path))
    for key in ("group", "date", "column"):
        name = getattr(config.folds, key)
        if name is not None and name not in rows.columns:
            known = [str(column) for column in rows.columns]
            hint = nearest(name, known) or f"its columns are {some(known, limit=8)}"
            raise ConfigError(f"competition/competition.yaml: folds.{key}: {train.path} has no column {name!r}; {hint}")
    return rows, test_rows


def _reserved(config: CompetitionConfig) -> set[str]:
    """Columns that split the rows or name an image: no features, unless the contest file gives them a role."""
    folds = {config.columns.group, config.folds.group, config.folds.date, config.folds.column}
    return {name for name in folds if name is not None} | image_columns(config.columns.image)
