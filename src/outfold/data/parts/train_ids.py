"""``train_id``: names for the rows of a training table that has no id column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from outfold.errors import ConfigError, DataError, nearest, some

ROW_NUMBER: Literal["row_number"] = "row_number"


def with_train_ids(frame: pd.DataFrame, id_column: str, columns: Sequence[str] | str, path: Path) -> pd.DataFrame:
    """The table with an id column, as text: values of the columns with ``_`` between them, or the row's number from 0.

    Args:
        id_column: what to call it.
        columns: those that together name a row; they stay columns of the table. Or :data:`ROW_NUMBER`.

    Raises:
        ConfigError: a column that is not there, or the table has an id column of its own.
        DataError: a value is missing, or two rows have the same name.
    """
    key = "competition/competition.yaml: train_id"
    if id_column in frame.columns:
        raise ConfigError(f"{key}: {path} has the id column {id_column!r}", remedy="Leave train_id out.")
    if columns == ROW_NUMBER:
        return frame.assign(**{id_column: np.arange(len(frame)).astype(str).astype(object)})
    known = [str(name) for name in frame.columns]
    for name in columns:
        if name not in known:
            raise ConfigError(f"{key}: {path} has no column {name!r}; {nearest(name, known) or some(known, 8)}")
    missing = np.flatnonzero(frame[list(columns)].isna().any(axis=1))
    if len(missing):
        rows = some(f"row {row + 1}" for row in missing)
        raise DataError(
            f"{path}: {len(missing)} rows have no {' or '.join(columns)} ({rows}), and train_id names rows by them",
            remedy="Name other columns, or number the rows: `train_id: row_number`.",
        )
    names = _texts(frame[columns[0]])
    for name in columns[1:]:
        names = names + "_" + _texts(frame[name])
    twice = pd.unique(names[pd.Series(names).duplicated().to_numpy()])
    if len(twice):
        raise DataError(
            f"{path}: {len(twice)} values of {' and '.join(columns)} stand on more than one row: {some(twice)}",
            remedy="Name further columns under train_id, or number the rows: `train_id: row_number`.",
        )
    return frame.assign(**{id_column: names})


def _texts(column: pd.Series) -> np.ndarray:
    """Each value as text, as an array of objects."""
    codes, values = pd.factorize(column)
    return np.array([str(value) for value in values], dtype=object)[codes]
