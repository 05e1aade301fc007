"""The ids of a contest's rows: there, unique, and the same in the test set as in the sample submission."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from outfold.data.reading.column_types import canonical_integers, is_text
from outfold.errors import DataError, some


def repeated_ids(index: pd.Index) -> pd.Index:
    """The ids that stand on more than one row, each once."""
    # numbers are told apart in a fraction of the time that texts are
    numbers = index.to_numpy() if index.dtype.kind in "iu" else canonical_integers(index)
    unique = (index if numbers is None else pd.Index(numbers)).is_unique
    return index[:0] if unique else index[index.duplicated()].unique()


def as_text(values: pd.Series) -> pd.Series:
    """Ids as the text that stands in a file: whole numbers without a fraction, a missing one None."""
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
        "; ".join(parts),
        remedy="The two must list the same rows: check `test` and `sample_submission`. `id` names the id column of the "
        "sample submission; where the test table calls it otherwise, or has it in parts, say `test_id: [<columns>]`.",
    )
