"""How a sample submission writes ids and outputs: its own column names, or a row per id and output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from outfold.data.loading.row_ids import joined
from outfold.errors import DataError, SubmissionError, some

USAGE = "Usage"
"""The column of a solution that says which rows count for which score."""


@dataclass(frozen=True, eq=False)
class LongRows:
    """A file with a row per id and class, or per id and target.

    Attributes:
        rows: (n,) the id that each row of the sample speaks of, as text.
        labels: (n,) the class, label or target, as text.
        value: the column of the values.
        label_column: the column that holds the labels; None: the file's id is made of both.
    """

    rows: np.ndarray
    labels: np.ndarray
    value: str
    label_column: str | None

    @cached_property
    def ids(self) -> list[str]:
        """The ids, each once, in the order of the sample."""
        return [str(value) for value in pd.unique(self.rows)]

    @cached_property
    def outputs(self) -> list[str]:
        """The labels, each once, in the order of the sample."""
        return [str(value) for value in pd.unique(self.labels)]

    @cached_property
    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """For each row of the sample the place of its id among ``ids``, and of its label among ``outputs``."""
        rows = pd.Index(self.ids, dtype=object).get_indexer(pd.Index(self.rows))
        return rows, pd.Index(self.outputs, dtype=object).get_indexer(pd.Index(self.labels))

    def told(self, file: str, id_column: str) -> str:
        """The form of a file, for the user."""
        where = f"in the column {self.label_column}" if self.label_column else f"in {id_column}"
        return f"{file}: a row per id and output, which stands {where}: {some(self.outputs)}"


@dataclass(frozen=True, eq=False)
class SampleFormat:
    """The sample submission as it stands, and the way from it to a plain table: a row per id, a column per output.

    Everything that builds, checks and scores a submission works on the plain table; files are in the sample's format.

    Attributes:
        sample: as it stands in the file.
        id_column: its id column.
        columns: from a column's name in the file to the output that it holds, where the two differ.
        copied: columns that hold no output, and are sent as they stand in the sample.
        long: of a file with a row per id and output.
        id_parts: columns that make the id when joined; empty if the file has an id column.
    """

    sample: pd.DataFrame
    id_column: str
    columns: Mapping[str, str] = field(default_factory=dict)
    copied: tuple[str, ...] = ()
    long: LongRows | None = None
    id_parts: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether files are plain tables already."""
        return not self.columns and not self.copied and self.long is None and not self.id_parts

    def with_ids(self, table: pd.DataFrame) -> pd.DataFrame:
        """A file in the sample's format with an id column: the parts of the id joined, if it has these in its place."""
        if self.id_column in table.columns or not self.id_parts or not set(self.id_parts) <= set(table.columns):
            return table
        table = table.copy()
        table.insert(0, self.id_column, joined(table, self.id_parts))
        return table

    def plain(self, table: pd.DataFrame, *, solution: bool = False) -> pd.DataFrame:
        """A file in the sample's format as a plain table.

        Args:
            solution: whether it is a solution, which may be plain already, and has a column ``Usage``.

        Raises:
            SubmissionError, DataError of a solution: a row per id and output, and rows are missing, unknown, or there
                twice.
        """
        if self.is_plain:
            return table
        table = self.with_ids(table)
        if self.long is not None:
            table = self._widened(table, self.long, solution)
        else:
            kept = (USAGE,) if solution else ()
            table = table.drop(columns=[name for name in self.copied if name in table.columns and name not in kept])
        names = [str(name) for name in table.columns]
        if not set(self.columns) <= set(names):
            return table
        # a solution may have its own column beside them that is called like an output
        doubled = [name for name in self.columns.values() if name in names and name not in self.columns]
        return table.drop(columns=doubled).rename(columns=dict(self.columns))

    def written(self, plain: pd.DataFrame) -> pd.DataFrame:
        """A plain table, with the ids of the sample in its order, in the format of the sample."""
        if self.is_plain:
            return plain
        found = {name: self.sample[name].array for name in map(str, self.sample.columns)}
        if self.long is None:
            for name in found:
                if name not in self.copied:
                    found[name] = plain[self.columns.get(name, name)].array
            return pd.DataFrame(found)
        values = plain[[self.columns.get(name, name) for name in self.long.outputs]].to_numpy()
        found[self.long.value] = values[self.long.cells]
        return pd.DataFrame(found)

    def _widened(self, table: pd.DataFrame, long: LongRows, solution: bool) -> pd.DataFrame:
        needed = [self.id_column, long.value, *([long.label_column] if long.label_column else [])]
        if any(name not in table.columns for name in needed):
            return table
        known, given = self._keys(self.sample, long), self._keys(table, long)
        places = pd.Index(known, dtype=object).get_indexer(given)
        told = [f"{len(given[places < 0])} rows that the sample does not have: {some(given[places < 0])}"]
        twice = given[pd.Series(given).duplicated().to_numpy()]
        lacking = np.setdiff1d(np.arange(len(known)), places)
        problems = told if (places < 0).any() else []
        problems += [f"{len(twice)} rows twice: {some(twice)}"] if len(twice) else []
        problems += [f"not {len(lacking)} rows of the sample: {some(known[lacking])}"] if len(lacking) else []
        if problems:
            what, error = ("the solution", DataError) if solution else ("the submission", SubmissionError)
            raise error(f"{what} has {'; '.join(problems)}")
        rows, columns = (cells[places] for cells in long.cells)
        values = np.empty((len(long.ids), len(long.outputs)), dtype=table[long.value].to_numpy().dtype)
        values[rows, columns] = table[long.value].to_numpy()
        wide = pd.DataFrame(values, columns=long.outputs)
        wide.insert(0, self.id_column, long.ids)
        if solution and USAGE in table.columns:
            wide[USAGE] = _usage(table[USAGE].to_numpy(dtype=object), rows, long.ids)
        return wide

    def _keys(self, table: pd.DataFrame, long: LongRows) -> np.ndarray:
        """The name of each row of a file: its id, with the label where that has a column."""
        keys = table[self.id_column].astype(str)
        if long.label_column is not None:
            keys = keys + " " + table[long.label_column].astype(str)
        return np.asarray(keys, dtype=object)


def _usage(said: np.ndarray, rows: np.ndarray, ids: list[str]) -> np.ndarray:
    """The part that each id counts for.

    Raises:
        DataError: the rows of one id count for several parts.
    """
    usage = np.empty(len(ids), dtype=object)
    usage[rows] = said
    torn = rows[usage[rows] != said]
    if len(torn):
        raise DataError(
            f"the solution's {USAGE} differs between the rows of one id: {some(ids[row] for row in torn)}",
            remedy="All rows of an id count for one part.",
        )
    return usage
