"""The target as a model learns it: its task, its classes, its codes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outfold.config.competition import Task
from outfold.data.column_types import MISSING_WORDS, is_text, typed_series
from outfold.errors import ConfigError, DataError, nearest, some

FEW = 20
"""A target of whole numbers with up to so many distinct ones is taken for classes."""

MANY = 1000
"""With more distinct whole numbers than these nobody would take them for classes, and nothing is said of it."""

_INTEGER = re.compile(r"(0|-?[1-9]\d*)(\.0*)?")
_BINARY_WORDS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}


@dataclass(frozen=True)
class Target:
    """The target, resolved.

    Attributes:
        task: binary, multiclass, multilabel or regression.
        classes: [negative, positive], the classes sorted, or the labels; None for regression.
        outputs: the names of the outputs that a model gives.
        y: binary and multiclass int64 codes (n,); multilabel int8 (n, k); regression float64 (n,), or (n, k) for
            several.
        notes: what was guessed, in plain words.
    """

    task: Task
    classes: list[Any] | None
    outputs: list[str]
    y: np.ndarray
    notes: tuple[str, ...] = ()


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
                f"{path}: there is no target column {name!r}; {hint}",
                remedy="Name it in competition/competition.yaml: `target: <column>`.",
            )
    return frame[list(names)]


def read_target(
    raw: pd.DataFrame,
    path: Path,
    *,
    task: Task | None = None,
    positive: Any = None,
    separator: str = " ",
    allowed: Sequence[Task] = (),
) -> Target:
    """Resolve and encode the target.

    Args:
        raw: the target columns by id, text or typed.
        path: of the training table, for messages.
        task: as said in the contest file; None infers it.
        positive: the class that a binary probability speaks of.
        separator: between the tags of one cell.
        allowed: the tasks that the contest's metric is defined for; they decide where the values alone would not.

    Raises:
        DataError: missing values, or values that contradict the task that was said.
        ConfigError: ``positive`` is none of the two classes, or the task is not binary.
    """
    inferred, notes = (task, ()) if task is not None else _infer(raw, separator, allowed)
    assert inferred is not None
    if positive is not None and inferred != "binary":
        raise ConfigError(
            f"competition/competition.yaml: positive: {positive!r} has no meaning for a {inferred} task",
            remedy="Leave the key out, or say `task: binary`.",
        )
    tags = inferred == "multilabel" and raw.shape[1] == 1
    if not tags:
        _refuse_missing(raw, path)
    if inferred == "regression":
        y = np.column_stack([_numbers(raw[name], path) for name in raw])
        return Target("regression", None, list(raw.columns), y[:, 0] if y.shape[1] == 1 else y, notes)
    if tags:
        return _tags(raw.iloc[:, 0], separator, path, notes)
    if inferred == "multilabel":
        y = np.column_stack([_zeros_and_ones(raw[name], path) for name in raw])
        return Target("multilabel", list(raw.columns), list(raw.columns), y, notes)
    if raw.shape[1] > 1:
        raise DataError(
            f"{path}: task: {inferred} needs one target column, and target names {raw.shape[1]} ({some(raw.columns)})",
            remedy="Several 0/1 columns are `task: multilabel`, several numbers `task: regression`.",
        )
    return _classes(raw.iloc[:, 0], inferred, positive, path, notes)


def raw_targets(raw: pd.DataFrame) -> pd.DataFrame:
    """The target columns for the eye: numbers where every value is one, and otherwise as they stand in the file."""
    typed = {str(name): typed_series(raw[name]) for name in raw}
    return raw.assign(**{name: values for name, values in typed.items() if not is_text(values)})


def _infer(raw: pd.DataFrame, separator: str, allowed: Sequence[Task]) -> tuple[Task, tuple[str, ...]]:
    likely, note = _likely(raw, separator)
    fitting = [task for task in likely if not allowed or task in allowed] or likely
    # where the metric leaves one task only, nothing was guessed
    return fitting[0], (note,) if note and fitting[0] == likely[0] and len(fitting) > 1 else ()


def _likely(raw: pd.DataFrame, separator: str) -> tuple[list[Task], str]:
    """The tasks that the values allow, the likeliest first, and what to say of a guess."""
    if raw.shape[1] > 1:
        flags = all(set(_present(raw[name]).map(_flag).unique()) <= {0, 1} for name in raw)
        return (["multilabel", "regression"] if flags else ["regression"]), ""
    name, values = raw.columns[0], _present(raw.iloc[:, 0])
    distinct = values.nunique()
    numbers = _as_numbers(values)
    if numbers is None:
        if _looks_like_tags(values, separator):
            note = (
                f"target {name}: read as tags separated by {separator!r}; if a cell is a class, say `task: multiclass`"
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


def _present(values: pd.Series) -> pd.Series:
    """The values without those that are missing: in a column of numbers, also the cells that say NA."""
    values = values.dropna()
    if is_text(values):
        said = values[~values.isin(MISSING_WORDS)]
        if len(said) and pd.to_numeric(said, errors="coerce").notna().all():
            return said
    return values


def _refuse_missing(raw: pd.DataFrame, path: Path) -> None:
    for name in raw:
        lost = raw.index.difference(_present(raw[name]).index, sort=False)
        if len(lost):
            raise DataError(
                f"{path}: the target {name} has no value in {len(lost)} of {len(raw)} rows: {some(lost)}",
                remedy="Fill the values, or remove these rows.",
            )


def _as_numbers(values: pd.Series) -> pd.Series | None:
    if pd.api.types.is_bool_dtype(values):
        return values.astype(np.float64)
    if not is_text(values):
        return values.astype(np.float64) if pd.api.types.is_numeric_dtype(values) else None
    numbers = pd.to_numeric(values, errors="coerce")
    return None if numbers.isna().any() else numbers.astype(np.float64)


def _numbers(values: pd.Series, path: Path) -> np.ndarray:
    numbers = values.astype(np.float64) if not is_text(values) else pd.to_numeric(values, errors="coerce")
    result = np.asarray(numbers, dtype=np.float64)
    bad = ~np.isfinite(result)
    if bad.any():
        raise DataError(
            f"{path}: task: regression needs numbers, and the target {values.name} is {values[bad].iloc[0]!r} "
            f"in row {values.index[bad][0]!r} ({int(bad.sum())} rows: {some(values.index[bad])})",
            remedy="For classes, say `task: multiclass` or `task: binary`.",
        )
    return result


def _flag(value: Any) -> int:
    return _BINARY_WORDS.get(str(value).strip().lower(), -1)


def _zeros_and_ones(values: pd.Series, path: Path) -> np.ndarray:
    flags = values.map({value: _flag(value) for value in values.unique()}).to_numpy(np.int8)
    bad = flags < 0
    if bad.any():
        raise DataError(
            f"{path}: task: multilabel needs 0 or 1, and the target {values.name} is {values[bad].iloc[0]!r} "
            f"in row {values.index[bad][0]!r}",
            remedy="For amounts, say `task: regression`.",
        )
    return flags


def _looks_like_tags(values: pd.Series, separator: str) -> bool:
    """Cells made of fewer parts than there are different cells, of which some hold more parts than others."""
    cells = [_split(cell, separator) for cell in values.unique()]
    parts = {part for cell in cells for part in cell}
    return len(parts) < len(cells) and len({len(cell) for cell in cells}) > 1


def _split(cell: Any, separator: str) -> list[str]:
    return [tag for tag in (part.strip() for part in str(cell).split(separator)) if tag]


def _tags(values: pd.Series, separator: str, path: Path, notes: tuple[str, ...]) -> Target:
    codes, cells = pd.factorize(values)
    split = [_split(cell, separator) for cell in cells]
    labels = sorted({tag for cell in split for tag in cell})
    if not labels:
        raise DataError(f"{path}: the target {values.name} holds no tags at all")
    place = {label: position for position, label in enumerate(labels)}
    hot = np.zeros((len(cells) + 1, len(labels)), dtype=np.int8)
    for row, cell in enumerate(split):
        hot[row, [place[tag] for tag in cell]] = 1
    # a missing cell has the code -1: the last row, which has no tags
    return Target("multilabel", labels, labels, hot[codes], notes)


def _classes(values: pd.Series, task: Task, positive: Any, path: Path, notes: tuple[str, ...]) -> Target:
    named = _class_values(values)
    classes = sorted(named.unique().tolist())
    if len(classes) < 2:
        raise DataError(f"{path}: the target {values.name} is {classes[0]!r} in every row; there is nothing to learn")
    if task == "binary":
        if len(classes) != 2:
            raise DataError(
                f"{path}: task: binary, but the target {values.name} holds {len(classes)} values: {some(classes)}",
                remedy="Say `task: multiclass`, or `task: regression` for amounts.",
            )
        classes = _by_positive(classes, positive)
        outputs = [str(values.name)]
    else:
        if any(isinstance(value, float) for value in classes):
            fraction = next(value for value in classes if value % 1)
            raise DataError(
                f"{path}: task: multiclass, but the target {values.name} holds fractions such as {fraction!r}",
                remedy="Say `task: regression`.",
            )
        outputs = [str(value) for value in classes]
    y = named.map({value: code for code, value in enumerate(classes)}).to_numpy(np.int64)
    return Target(task, classes, outputs, y, notes)


def _class_values(values: pd.Series) -> pd.Series:
    """The classes as Python's int, bool, float or str: ``1`` and ``1.0`` are the class 1, ``01`` stays text."""
    if pd.api.types.is_bool_dtype(values):
        return values.astype(object)
    if is_text(values):
        known = [str(value) for value in values.unique()]
        if all(_INTEGER.fullmatch(value) for value in known):
            return values.map({value: int(float(value)) for value in known}).astype(object)
        numbers = _as_numbers(pd.Series(known, dtype=object))
        if numbers is not None and (numbers % 1 != 0).any():
            return values.map(dict(zip(known, numbers.tolist(), strict=True))).astype(object)
        return values.astype(object)
    if values.dtype.kind == "f" and (values % 1 == 0).all():
        return values.astype(np.int64).astype(object)
    return values.astype(object)


def _by_positive(classes: list[Any], positive: Any) -> list[Any]:
    """[negative, positive]; by default the greater one, letters compared without their case."""
    if positive is None:
        return sorted(classes, key=lambda value: (str(value).casefold(), value) if isinstance(value, str) else value)
    said = {str(positive), str(int(positive))} if isinstance(positive, bool) else {str(positive)}
    chosen = [value for value in classes if str(value) in said or (value == positive and not isinstance(value, str))]
    if len(chosen) != 1:
        raise ConfigError(
            f"competition/competition.yaml: positive: {positive!r} is none of the target's values {some(classes)}"
        )
    return [value for value in classes if value != chosen[0]] + chosen
