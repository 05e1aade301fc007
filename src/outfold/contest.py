"""The contest as a thing: its rows by id, what is asked of them, and what a model may use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from outfold.config.competition import CompetitionConfig, ImageSource, Task
from outfold.config.load import load_competition
from outfold.data.column_types import typed_series
from outfold.data.dates import parse_dates
from outfold.data.ids import check_test_ids, settle_ids
from outfold.data.image_files import locate, render
from outfold.data.parts import Part, read_parts, read_sample
from outfold.data.roles import Roles, check_declared, infer_roles
from outfold.data.sample import check_sample
from outfold.data.targets import Target, read_target, target_columns
from outfold.errors import ConfigError, DataError, nearest, some
from outfold.hooks import Hooks
from outfold.metrics import Metric, default_metric, get_metric
from outfold.store.layout import Layout

Half = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Contest:
    """A contest, read and checked.

    Attributes:
        root: the folder with competition/, pipelines/, inputs/ and artifacts/.
        config: the contest file.
        layout: the paths under the root.
        task: binary, multiclass, multilabel or regression.
        id_column: the id column's name in the contest's own files; in every table here the index is called ``id``.
        targets: the target columns.
        classes: [negative, positive], the classes sorted, or the labels; None for regression.
        outputs: the names of a model's outputs: [target], a name a class, a name a label, or the targets.
        train: the training rows by id, in the order of the file: feature columns and raw target columns.
        test: the test rows by id: feature columns.
        y: the truth in the order of ``train``: int64 codes (n,); multilabel int8 (n, k); regression float64 (n,) or
            (n, k).
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
    y: np.ndarray
    roles: Roles
    sample: pd.DataFrame
    metric: Metric
    warnings: tuple[str, ...]
    hooks: Hooks
    image_paths: dict[str, pd.Series]

    def rows(self, part: Half, ids: pd.Index) -> pd.DataFrame:
        """The rows of these ids, in this order: features, and in train the raw targets.

        Raises:
            KeyError: an id that the part has not.
        """
        frame = self.train if part == "train" else self.test
        return frame if ids is frame.index else frame.loc[ids]

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
        places = self.train.index.get_indexer(ids)
        if (places < 0).any():
            raise KeyError(f"no training rows: {some(ids[places < 0])}")
        return np.asarray(self.y[places])

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
    hooks = Hooks(layout.hooks)
    sample, id_column = read_sample(config, layout)
    train, test = read_parts(config, layout, sample, id_column)
    notes = [*sample.notes, *train.notes, *test.notes]
    raw = target_columns(train.frame, config.target, train.path)
    _settle(train, test, sample)
    check_test_ids(test.frame.index, sample.frame.index, test.path, sample.path)
    images = _images(config, layout, id_column, train, test)
    if images and config.on_bad_image == "drop":
        train, dropped = _drop_missing(train, images)
        notes += dropped
    raw = train.frame[raw.columns]
    target, metric = _target(config, hooks, raw, train.path)
    notes += target.notes
    check_sample(sample.frame, target, id_column, config.target, sample.path)
    train_frame, test_frame, found = _features(config, hooks, train, test, target)
    roles, left = infer_roles(
        config.columns, train_frame, test_frame, _reserved(config, train_frame), image=bool(images)
    )
    notes += [*found, *left]
    dates = _dates(roles.dates, train_frame, test_frame, train.path, test.path)
    whole = pd.concat([train_frame.assign(**dates[0]), raw.apply(typed_series)], axis=1)
    return Contest(
        root=layout.root,
        config=config,
        layout=layout,
        task=target.task,
        id_column=id_column,
        targets=list(config.target),
        classes=target.classes,
        outputs=target.outputs,
        train=whole,
        test=test_frame.assign(**dates[1]),
        y=target.y,
        roles=roles,
        sample=sample.frame.reset_index(names=id_column),
        metric=metric,
        warnings=tuple(notes),
        hooks=hooks,
        image_paths={part: paths for part, (paths, _) in images.items()},
    )


def _settle(train: Part, test: Part, sample: Part) -> None:
    parts = (train, test, sample)
    for part, index in zip(parts, settle_ids(*(part.frame.index for part in parts)), strict=True):
        part.frame.index = index


def _target(config: CompetitionConfig, hooks: Hooks, raw: pd.DataFrame, path: Path) -> tuple[Target, Metric]:
    """The target and the metric: a metric that is defined for some tasks only helps to tell which task it is."""
    named = config.metric or ""
    hook = named.removeprefix("hooks.py:").removeprefix("hooks:") if named.startswith(("hooks.py:", "hooks:")) else None
    allowed = get_metric(named).tasks if named and hook is None else ()
    target = read_target(
        raw,
        path,
        task=config.task,
        positive=config.positive,
        separator=config.tag_separator,
        allowed=allowed,
    )
    if hook is not None:
        return target, hooks.metric(hook, target.task)
    return target, get_metric(named or default_metric(target.task), task=target.task)


def _features(
    config: CompetitionConfig, hooks: Hooks, train: Part, test: Part, target: Target
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The feature columns of both parts, after the user's hook; the target is kept from it, since it would leak."""
    features = train.frame.drop(columns=config.target).apply(typed_series)
    rest = test.frame.drop(columns=[name for name in config.target if name in test.frame.columns]).apply(typed_series)
    made, made_test = hooks.features(features, rest)
    for frame in (made, made_test):
        taken = [name for name in config.target if name in frame.columns]
        if taken:
            raise ConfigError(
                f"{hooks.path}: features returned the target {some(taken)} as a feature", remedy="Name it otherwise."
            )
    check_declared(config.columns, made, made_test, (train.path, test.path))
    for key in ("group", "date", "column"):
        name = getattr(config.folds, key)
        if name is not None and name not in made.columns:
            hint = nearest(name, [str(column) for column in made.columns]) or "name a column of it"
            raise ConfigError(f"competition/competition.yaml: folds.{key}: {train.path} has no column {name!r}; {hint}")
    return made, made_test, []


def _reserved(config: CompetitionConfig, frame: pd.DataFrame) -> set[str]:
    """Columns that split the rows or name an image: no features, unless the contest file gives them a role."""
    names = {config.columns.group, config.folds.group, config.folds.date, config.folds.column}
    source = config.columns.image
    for text in [source] if isinstance(source, str) else [source.train, source.test] if source else []:
        names.update(name for name in frame.columns if text == name or f"{{{name}" in text)
    return {name for name in names if name is not None}


def _dates(
    names: list[str], train: pd.DataFrame, test: pd.DataFrame, train_path: Path, test_path: Path
) -> tuple[dict[str, pd.Series], dict[str, pd.Series]]:
    parsed = {
        name: parse_dates([train[name], test[name]], [f"{train_path}: {name}", f"{test_path}: {name}"])
        for name in names
    }
    return {name: both[0] for name, both in parsed.items()}, {name: both[1] for name, both in parsed.items()}


Images = dict[str, tuple[pd.Series, np.ndarray]]


def _images(config: CompetitionConfig, layout: Layout, id_column: str, train: Part, test: Part) -> Images:
    """For each part the images' paths by id, and which of them are there; empty where the contest has none.

    Raises:
        DataError: images are missing, all of them told together.
    """
    source = config.columns.image
    if source is None and train.images is None and test.images is None:
        return {}
    sources = {"train": source.train, "test": source.test} if isinstance(source, ImageSource) else {}
    result: Images = {}
    missing: list[str] = []
    for name, part in (("train", train), ("test", test)):
        template = sources.get(name) or (source if isinstance(source, str) else None)
        if part.images is None and template is None:
            raise ConfigError(
                f"{layout.competition}: columns.image: the {name} rows have no images, the others have",
                remedy="Say where they lie: `columns: {image: {train: ..., test: ...}}`.",
            )
        relative = part.images if part.images is not None else render(str(template), part.frame, id_column, part.path)
        paths, there = locate(layout.inputs, relative)
        result[name] = (pd.Series(paths, index=part.frame.index, dtype=object), there)
        if not there.all():
            lost = np.array(paths, dtype=object)[~there]
            missing.append(f"{len(lost)} of {len(paths)} {name} images are not there: {some(lost)}")
    if missing and config.on_bad_image == "error":
        raise DataError(
            "; ".join(missing),
            remedy="Mend columns.image, or say `on_bad_image: drop` to leave such training rows out.",
        )
    return result


def _drop_missing(train: Part, images: Images) -> tuple[Part, list[str]]:
    """Without the training rows whose image is not there; test rows stay, since each needs a prediction."""
    notes = []
    paths, there = images["train"]
    if not there.all():
        lost = train.frame.index[~there]
        notes.append(f"{len(lost)} training rows are dropped, since their image is not there: {some(lost)}")
        images["train"] = (paths[there], there[there])
        train = Part(train.path, train.frame[there], None, train.notes)
    absent = images["test"][0].index[~images["test"][1]]
    if len(absent):
        notes.append(f"{len(absent)} test rows have no image and are predicted from a grey one: {some(absent)}")
    return train, notes
