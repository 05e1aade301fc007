"""How the rows of a table get their ids: from a column, from several columns joined, or from the row's number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from outfold.data.loading.ids import as_text
from outfold.errors import ConfigError, DataError, nearest, some

ROW_NUMBER: Literal["row_number"] = "row_number"
SEPARATOR = "_"


@dataclass(frozen=True)
class RowIds:
    """The rule by which the rows of one table get their ids.

    Attributes:
        columns: one column that holds the ids; several, whose values are joined; none: the row's number.
        separator: between the values of several columns.
        numbers: of row numbers: the ids of the rows in their order, where they are not 0, 1, 2, ...
        key: the key of the contest file that says so (``id``, ``train_id``, ``test_id``), for messages.
    """

    columns: tuple[str, ...] = ()
    separator: str = SEPARATOR
    numbers: tuple[str, ...] | None = None
    key: str = "id"

    @classmethod
    def declared(cls, rule: Sequence[str] | str, key: str) -> RowIds:
        """As the contest file has it: :data:`ROW_NUMBER`, or columns."""
        return cls(() if rule == ROW_NUMBER else tuple(rule), key=key)

    @property
    def column(self) -> str | None:
        """The one column that holds the ids; None where there is no such column."""
        return self.columns[0] if len(self.columns) == 1 else None

    def __str__(self) -> str:
        if self.columns:
            return self.separator.join(self.columns)
        first = "0" if self.numbers is None else self.numbers[0]
        return f"row number, from {first}"

    def of(self, frame: pd.DataFrame, path: Path) -> pd.Index:
        """The id of each row, as text; not yet checked for repeats.

        Raises:
            ConfigError: a column is not there.
            DataError: a row has no value in one of the columns.
        """
        if not self.columns:
            numbers = np.arange(len(frame)).astype(str) if self.numbers is None else self.numbers
            return pd.Index(np.asarray(numbers, dtype=object), name="id")
        known = [str(name) for name in frame.columns]
        for name in self.columns:
            if name not in known:
                hint = nearest(name, known) or f"its columns are {some(known, 8)}"
                raise ConfigError(f"competition/competition.yaml: {self.key}: {path} has no column {name!r}; {hint}")
        missing = np.flatnonzero(frame[list(self.columns)].isna().any(axis=1))
        if len(missing):
            rows, key = some(f"row {row + 1}" for row in missing), "train_id" if self.key == "id" else self.key
            raise DataError(
                f"{path}: {len(missing)} rows have no {' or '.join(self.columns)} ({rows})",
                remedy="Every row needs an id of its own: fill the cells, name other columns, or number the rows: "
                f"`{key}: row_number`.",
            )
        if self.key == "id" and self.column is not None:
            return pd.Index(as_text(frame[self.column]), name="id")
        return pd.Index(joined(frame, self.columns, self.separator), name="id")


def joined(frame: pd.DataFrame, columns: Sequence[str], separator: str = SEPARATOR) -> np.ndarray:
    """The values of these columns as text with the separator between them, an array of objects (n,)."""
    names = _texts(frame[columns[0]])
    for name in columns[1:]:
        names = names + separator + _texts(frame[name])
    return names


def _texts(column: pd.Series) -> np.ndarray:
    """Each value as text, as an array of objects."""
    codes, values = pd.factorize(column)
    return np.array([str(value) for value in values], dtype=object)[codes]
