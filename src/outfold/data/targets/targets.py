"""The target as a model learns it: its task, its classes, its codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outfold.config.competition import Task
from outfold.data.reading.column_types import is_text, typed_series
from outfold.data.targets.classes import coded
from outfold.data.targets.missing_labels import note_words, refuse_missing
from outfold.data.targets.tag_lists import TagList, cell_tags, list_form
from outfold.data.targets.values import (
    amounts,
    as_numbers,
    flag,
    looks_like_tags,
    present,
    refuse_odd_label,
    spelled,
    split_cell,
    zeros_and_ones,
)
from outfold.errors import ConfigError, DataError, nearest, quoted, some

FEW = 20
"""A target of whole numbers with up to so many distinct ones is taken for classes."""

MANY = 1000
"""With more distinct whole numbers than these nobody would take them for classes, and nothing is said of it."""


def infer_task(raw: pd.DataFrame, separator: str, allowed: Sequence[Task]) -> tuple[Task, tuple[str, ...]]:
    """The likeliest task among those that are allowed (none given: all), and what to say of a guess.

    An order cannot be told from values, so that ordinal is never inferred.
    """
    likely, note = _likely(raw, separator)
    fitting = [task for task in likely if not allowed or task in allowed] or likely
    # where the metric leaves one task only, nothing was guessed
    return fitting[0], (note,) if note and fitting[0] == likely[0] and len(fitting) > 1 else ()


def _likely(raw: pd.DataFrame, separator: str) -> tuple[list[Task], str]:
    """The tasks that the values allow, the likeliest first, and what to say of a guess."""
    if raw.shape[1] > 1:
        flags = all(set(present(raw[name]).map(flag).unique()) <= {0, 1} for name in raw)
        return (["multilabel", "regression"] if flags else ["regression"]), ""
    name, values = raw.columns[0], present(raw.iloc[:, 0])
    distinct = values.nunique()
    numbers = as_numbers(values)
    if numbers is None:
        if looks_like_tags(values, separator):
            note = (
                f"target {name}: read as tags separated by {quoted(separator)}; if a cell is a "
                "class, say `task: multiclass`"
            )
            return ["multilabel", "multiclass"], note
        return (["binary", "multiclass"] if distinct == 2 else ["multiclass", "multilabel"]), ""
    if not (numbers % 1 == 0).all():
        return ["regression"], ""
    if distinct == 2:
        return ["binary", "multiclass", "regression"], ""
    if distinct <= min(FEW, len(values) // 2):
        return ["multiclass", "regression"], ""
    if distinct > MANY:
        return ["regression", "multiclass"], ""
    note = (
        f"target {name}: {distinct} whole numbers were taken for amounts; if they are classes, say `task: multiclass`"
    )
    return ["regression", "multiclass"], note


@dataclass(frozen=True)
class Target:
    """The target, resolved.

    Attributes:
        task: binary, multiclass, ordinal, multilabel, regression, or multitask.
        classes: [negative, positive], the classes sorted or in their order, or the labels; None for regression and
            multitask.
        outputs: the names of the outputs that a model gives.
        y: binary, multiclass and ordinal int64 codes (n,); multilabel int8 (n, k); regression float64 (n,), or (n, k)
            for several; multitask float64 (n, k), those of its targets side by side.
        notes: what was guessed, in plain words.
        written: how the training table writes each class, where that differs from the class (``1.0`` for 1).
        tag_list: how it writes lists of tags, where cells are lists.
    """

    task: Task
    classes: list[Any] | None
    outputs: list[str]
    y: np.ndarray
    notes: tuple[str, ...] = ()
    written: list[str] | None = None
    tag_list: TagList | None = None


def target_columns(frame: pd.DataFrame, names: Sequence[str], path: Path) -> pd.DataFrame:
    """The target columns of the training table.

    Raises:
        DataError: one is absent, with the nearest names.
    """
    known = [str(column) for column in frame.columns]
    for name in names:
        if name not in known:
            hint = nearest(name, known) or f"its columns are {some(known, limit=8)}"
            raise DataError(
                f"{path}: there is no target column {quoted(name)}; {hint}",
                remedy="Name it in competition/competition.yaml: `target: <column>`.",
            )
    return frame[list(names)]


def read_target(
    raw: pd.DataFrame,
    path: Path,
    *,
    task: Task | None = None,
    positive: Any = None,
    order: Sequence[Any] | None = None,
    separator: str = " ",
    allowed: Sequence[Task] = (),
) -> Target:
    """Resolve and encode the target.

    Args:
        raw: the target columns by id, text or typed.
        path: of the training table, for messages.
        task: as said in the contest file; None infers it.
        positive: the class that a binary probability speaks of.
        order: the classes of an ordinal target, from the lowest to the highest; None sorts numbers.
        separator: between the tags of one cell.
        allowed: the tasks that the contest's metric is defined for; they decide where the values alone would not.

    Raises:
        DataError: missing values, or values that contradict the task that was said.
        ConfigError: ``positive`` is none of the two classes, or the task is not binary; ``order`` lacks a class.
    """
    inferred, notes = (task, ()) if task is not None else infer_task(raw, separator, allowed)
    assert inferred is not None
    if positive is not None and inferred != "binary":
        raise ConfigError(
            f"competition/competition.yaml: positive: {quoted(positive)} has no meaning for a {inferred} task",
            remedy="Leave the key out, or say `task: binary`.",
        )
    tags = inferred == "multilabel" and raw.shape[1] == 1
    if not tags:
        refuse_missing(raw, path)
    if raw.shape[1] == 1 and (task is None or task == "binary"):
        refuse_odd_label(raw.iloc[:, 0], path)
    if inferred == "regression":
        y = np.column_stack([amounts(raw[name], path) for name in raw])
        return Target("regression", None, list(raw.columns), y[:, 0] if y.shape[1] == 1 else y, notes)
    if tags:
        return _tags(raw.iloc[:, 0], separator, path, (*notes, *note_words(raw.iloc[:, 0], tags=True)))
    if inferred == "multilabel":
        y = np.column_stack([zeros_and_ones(raw[name], path) for name in raw])
        return Target("multilabel", list(raw.columns), list(raw.columns), y, notes)
    if raw.shape[1] > 1:
        raise DataError(
            f"{path}: task: {inferred} needs one target column, and target names {raw.shape[1]} ({some(raw.columns)})",
            remedy="Several 0/1 columns are `task: multilabel`, several numbers `task: regression`, several kinds "
            "`task: multitask`.",
        )
    column = raw.iloc[:, 0]
    classes, codes = coded(column, inferred, path, positive=positive, order=order)
    outputs = [str(column.name)] if inferred == "binary" else [str(value) for value in classes]
    if order is None and positive is None:  # neither key names classes
        notes = (*notes, *note_words(column, tags=False))
    return Target(inferred, classes, outputs, codes.to_numpy(np.int64), notes, spelled(column, classes))


def raw_targets(raw: pd.DataFrame) -> pd.DataFrame:
    """The target columns for the eye: numbers where every value is one, and otherwise as they stand in the file."""
    typed = {str(name): typed_series(raw[name]) for name in raw}
    return raw.assign(**{name: values for name, values in typed.items() if not is_text(values)})


def _list_form(values: pd.Series, path: Path) -> TagList | None:
    """How the cells write lists of tags; None where they are words between separators."""
    present = values.dropna().astype(str)
    try:
        return list_form(present.unique())
    except ValueError as error:
        (cell,) = error.args
        row = present.index[present == cell].tolist()[0]
        raise DataError(
            f"{path}: the target {values.name} holds lists of tags, and {cell!r} in row {row!r} is none",
            remedy="Write every cell as a list: ['a', 'b'].",
        ) from None


def _tags(values: pd.Series, separator: str, path: Path, notes: tuple[str, ...]) -> Target:
    codes, cells = pd.factorize(values)
    form = _list_form(values, path)
    split = [split_cell(cell, separator) if form is None else cell_tags(str(cell), separator) for cell in cells]
    if form is not None:
        notes = (*notes, f"target {values.name}: its cells are read as lists of tags, such as {form}")
    labels = sorted({tag for cell in split for tag in cell})
    if not labels:
        raise DataError(f"{path}: the target {values.name} holds no tags at all")
    place = {label: position for position, label in enumerate(labels)}
    hot = np.zeros((len(cells) + 1, len(labels)), dtype=np.int8)
    for row, cell in enumerate(split):
        hot[row, [place[tag] for tag in cell]] = 1
    # a missing cell has the code -1: the last row, which has no tags
    return Target("multilabel", labels, labels, hot[codes], notes, tag_list=form)
