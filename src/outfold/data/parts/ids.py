"""The ids of a contest's rows: there, unique, and the same in the test set as in the sample submission."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from outfold.data.reading.column_types import canonical_integers, is_text
from outfold.errors import DataError, nearest, some


def take_ids(frame: pd.DataFrame, column: str, path: Path) -> pd.DataFrame:
    """The table indexed by its id column, as text; the index is called ``id``.

    Raises:
        DataError: the column is absent (nearest names given), an id is missing or stands twice.
    """
    if column not in frame.columns:
        names = [str(name) for name in frame.columns]
        hint = nearest(column, names) or f"its columns are {some(names, limit=8)}"
        raise DataError(
            f"{path}: there is no id column {column!r}; {hint}",
            remedy="Name the id column in competition/competition.yaml: `id: <column>`. Where the training table alone "
            "has none, name its rows: `train_id: [<columns>]`, or `train_id: row_number`.",
        )
    ids = _as_text(frame[column])
    missing = np.flatnonzero(ids.isna())
    if len(missing):
        rows = some(f"row {row + 1}" for row in missing)
        raise DataError(
            f"{path}: {len(missing)} rows have no {column} ({rows})", remedy="Every row needs an id of its own."
        )
    index = pd.Index(ids, name="id")
    # numbers are told apart in a fraction of the time that texts are
    numbers = canonical_integers(index)
    if not (index if numbers is None else pd.Index(numbers)).is_unique:
        twice = index[index.duplicated()].unique()
        raise DataError(
            f"{path}: {len(twice)} values of {column} stand on more than one row: {some(twice)}",
            remedy="Make the ids unique, or name another id column.",
        )
    rest = frame.drop(columns=column)
    rest.index = index
    return rest


def _as_text(values: pd.Series) -> pd.Series:
    if is_text(values):
        return values
    if values.dtype.kind in "iu" and isinstance(values.dtype, np.dtype):
        return pd.Series(pa.array(values.to_numpy()).cast(pa.string()).to_pandas(), index=values.index)
    if values.dtype.kind == "f" and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype(object).where(values.notna(), None).map(lambda value: None if value is None else str(value))


def settle_ids(*indices: pd.Index) -> list[pd.Index]:
    """All as int64 if every id of all of them is a whole number in its usual form; otherwise all stay text."""
    numbers = [canonical_integers(index) for index in indices]
    if all(values is not None for values in numbers):
        return [pd.Index(values, dtype=np.int64, name="id") for values in numbers]
    # through plain objects, so that ids from tables and from file names are of one type
    return [pd.Index(index.to_numpy(dtype=object), name="id") for index in indices]


def check_test_ids(test: pd.Index, sample: pd.Index, test_path: Path, sample_path: Path) -> None:
    """Every test row has its row in the sample submission, and the reverse.

    Raises:
        DataError: how many have not, and the first of them.
    """
    unsent, unknown = test.difference(sample, sort=False), sample.difference(test, sort=False)
    if not len(unsent) and not len(unknown):
        return
    parts: list[Any] = []
    if len(unsent):
        parts.append(f"{len(unsent)} of {len(test)} ids of {test_path} are not in {sample_path}: {some(unsent)}")
    if len(unknown):
        parts.append(f"{len(unknown)} of {len(sample)} ids of {sample_path} are not in {test_path}: {some(unknown)}")
    raise DataError(
        "; ".join(parts), remedy="The two must list the same rows: check `test`, `sample_submission` and `id`."
    )
