"""A contest, read: its files checked against each other and against what the contest file says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from outfold.config.competition import CompetitionConfig, Task
from outfold.config.load import load_competition
from outfold.contest import Contest
from outfold.data.loading.ids import check_test_ids, settle_ids
from outfold.data.loading.images import drop_missing, find_images, image_columns, type_columns
from outfold.data.loading.roles import check_declared, infer_roles, typed_by_role
from outfold.data.loading.rows import Parts, read_parts
from outfold.data.loading.sample_columns import output_columns
from outfold.data.loading.sample_format import SampleFormat
from outfold.data.loading.tables import Part
from outfold.data.loading.train_filter import rows_to_learn
from outfold.data.reading.id_lookup import places_of
from outfold.data.targets.targets import Target, raw_targets, target_columns
from outfold.data.targets.task import read_asked
from outfold.errors import ConfigError, in_contest_file, nearest, some
from outfold.hooks import Hooks
from outfold.memory import give_back
from outfold.metrics import Metric
from outfold.store.input_hashes import require_regular_files
from outfold.store.outside_inputs import outside_inputs
from outfold.store.paths import Layout


def load_contest(root: Path, config: CompetitionConfig | None = None) -> Contest:
    """Read a contest's files and check them against each other.

    Args:
        root: the contest's folder.
        config: the contest file, where it is already read.

    Raises:
        ConfigError: the contest file or the hooks are wrong.
        DataError: a file is missing or damaged, or contradicts the contest file.
    """
    with in_contest_file(Layout(Path(root)).competition):
        contest = _read(Path(root), config)
    give_back()
    return contest


def _read(root: Path, config: CompetitionConfig | None) -> Contest:
    layout = Layout(root)
    config = config or load_competition(layout.competition)
    if layout.inputs.is_dir():
        require_regular_files(layout.inputs, outside_inputs(config, layout.inputs))
    hooks = Hooks(layout.hooks, layout.inputs)
    parts = read_parts(config, layout, image_columns(config.columns.image))
    train, test, id_column = parts.train, parts.test, parts.sample.id_column
    notes = [*parts.sample.notes, *train.notes, *test.notes, *parts.notes]
    known = [name for name in config.target if name in test.frame.columns]
    if known:
        notes.append(f"{test.path.name} has the target {some(known)}, too, which no model is shown: a placeholder?")
    target_columns(train.frame, config.target, train.path)
    sample_ids = _settle(parts)
    check_test_ids(test.frame.index, sample_ids, test.path, parts.sample.path)
    whole, train = train, _learnt(config, train, notes)
    images, assumed = find_images(config, layout.inputs, id_column, train, test)
    notes += assumed
    if not images and config.on_bad_image == "drop":
        raise ConfigError("on_bad_image: has no effect: the contest has no images (columns.image)")
    if images and config.on_bad_image == "drop":
        there, images, dropped = drop_missing(train, images)
        whole, train = whole.without(train.frame.index.difference(there.frame.index)), there
        notes += dropped
    raw = target_columns(train.frame, config.target, train.path)
    target, metric = read_asked(config, hooks, raw, train.path)
    notes += target.notes
    _check_task_keys(config, [one.task for one in metric.subtasks] or [target.task], metric)
    sample_format, said = _sample_format(config, parts, target, metric)
    notes += said
    rows, test_rows = _features(config, hooks, whole, test, parts.kept_ids)
    learnt = places_of(rows.index, train.frame.index) >= 0
    roles, left = infer_roles(config.columns, _some(rows, learnt), test_rows, _reserved(config), image=bool(images))
    notes += left
    rows, test_rows, typed = typed_by_role(roles, rows, test_rows, train.path, test.path, config.columns.date_formats)
    notes += typed
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
        sample=sample_format.plain(sample_format.sample).assign(**{id_column: sample_ids}),
        sample_format=sample_format,
        id_rules=parts.rules,
        metric=metric,
        warnings=tuple(notes),
        hooks=hooks,
        image_paths={part: paths for part, (paths, _) in images.items()},
        written=target.written,
        tag_list=target.tag_list,
    )


def _check_task_keys(config: CompetitionConfig, tasks: Sequence[Task], metric: Metric) -> None:
    """Raises ConfigError for a key that none of the targets' tasks or metrics has a use for."""
    if config.submission.clip and set(tasks) == {"regression"}:
        raise ConfigError("submission.clip: is for probabilities; this contest's task is regression")
    metrics = [one.metric for one in metric.subtasks] or [metric]
    if config.submission.clip and not any(one.wants == "probabilities" for one in metrics):
        raise ConfigError(
            f"submission.clip: has no effect: {some(dict.fromkeys(one.name for one in metrics))} is not computed from "
            "probabilities",
            remedy="Leave clip out, or score by a metric of probabilities, such as log_loss.",
        )
    if config.tag_separator != " " and "multilabel" not in tasks:
        raise ConfigError(
            f"tag_separator: is for task: multilabel; this contest's task is {some(dict.fromkeys(tasks))}"
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


def _settle(parts: Parts) -> pd.Index:
    """Bring the ids of all parts to one type, and return those of the sample submission."""
    listed = parts.sample.ids if parts.long is None else pd.Index(parts.long.ids, dtype=object)
    indices = settle_ids(parts.train.frame.index, parts.test.frame.index, listed)
    parts.train.frame.index, parts.test.frame.index = indices[:2]
    return indices[2]


def _sample_format(
    config: CompetitionConfig, parts: Parts, target: Target, metric: Metric
) -> tuple[SampleFormat, tuple[str, ...]]:
    """How the sample submission writes ids and outputs, and what was guessed."""
    sample, long = parts.sample, parts.long
    columns = sample.frame.drop(columns=[sample.id_column, *sample.id_parts])
    if long is not None:
        columns = pd.DataFrame(columns=long.outputs, dtype=float)
    features = [str(name) for name in parts.test.frame.columns]
    found = output_columns(
        columns,
        target,
        sample.id_column,
        config.target,
        sample.path,
        subtasks=metric.subtasks,
        declared=config.submission.columns,
        known_features=[] if long is not None else features,
        train_only={str(name) for name in parts.train.frame.columns} - {*features, *config.target},
    )
    frame = sample.frame.drop(columns=sample.id_column) if sample.id_parts else sample.frame
    copied = (*sample.id_parts, *found.copied)
    return SampleFormat(frame, sample.id_column, found.renamed, copied, long, sample.id_parts), found.notes


def _features(
    config: CompetitionConfig, hooks: Hooks, train: Part, test: Part, kept_ids: frozenset[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The feature columns of both parts, after the user's hook; the target is kept from it, since it would leak."""
    rows, test_rows = (part.frame.drop(columns=config.target, errors="ignore") for part in (train, test))
    as_text = image_columns(config.columns.image) | kept_ids
    rows, test_rows = hooks.features(*type_columns(as_text, rows, test_rows))
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
