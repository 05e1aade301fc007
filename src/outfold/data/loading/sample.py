"""The sample submission as it stands: its rows, and which of its columns is the id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from outfold.config.competition import CompetitionConfig
from outfold.data.loading.find_ids import plain
from outfold.data.loading.ids import as_text
from outfold.data.loading.row_ids import ROW_NUMBER, SEPARATOR, joined
from outfold.data.loading.tables import find_input
from outfold.data.reading.tables import column_names, read_table
from outfold.errors import DataError, nearest, some
from outfold.store.paths import Layout


@dataclass(frozen=True)
class Sample:
    """The sample submission, its id column as text.

    Attributes:
        frame: its columns; before them, if the file has the id in several columns, the joined id.
        id_parts: the columns that are joined; empty if the file has an id column.
        notes: what was guessed.
    """

    path: Path
    frame: pd.DataFrame
    id_column: str
    notes: tuple[str, ...] = ()
    id_parts: tuple[str, ...] = ()

    @property
    def ids(self) -> pd.Index:
        """The id of each row."""
        return pd.Index(self.frame[self.id_column], name="id")


def read_sample(config: CompetitionConfig, layout: Layout, others: Sequence[Path]) -> Sample:
    """Read the sample submission.

    Args:
        others: the training and the test table, of which one may have the id column that the sample calls otherwise.

    Raises:
        DataError: it is missing or damaged, has no id column or nothing beside it, or an id is missing.
    """
    path = find_input(layout, "sample_submission", config.sample_submission)
    if path.is_dir():
        raise DataError(f"{path}: this is a folder; sample_submission must name a file")
    names = column_names(path)
    id_column, notes = _id_column(config.id or _after_targets(config, names, others), names, path, others)
    table = read_table(path, verbatim={id_column}, cache=layout.cache)
    ids = as_text(table.frame[id_column])
    missing = np.flatnonzero(ids.isna())
    if len(missing):
        rows = some(f"row {row + 1}" for row in missing)
        raise DataError(
            f"{path}: {len(missing)} rows have no {id_column} ({rows})", remedy="Every row needs an id of its own."
        )
    if len(names) < 2:
        raise DataError(f"{path}: there is no column beside {id_column}; expected the columns to be predicted")
    parts = _id_parts(config, names, id_column, others) if ids.duplicated().any() else ()
    joined_sample = _joined(path, parts, layout) if parts else None
    if joined_sample is not None:
        return joined_sample
    return Sample(path, table.frame.assign(**{id_column: ids}), id_column, (*table.notes, *notes))


def _id_parts(
    config: CompetitionConfig, names: Sequence[str], id_column: str, others: Sequence[Path]
) -> tuple[str, ...]:
    """The columns that together may be the id: those of ``test_id``, or all that the other tables have, too."""
    if config.test_id is not None:
        parts = list(config.test_id) if config.test_id != ROW_NUMBER else []
    else:
        known = [column_names(other) for other in others]
        parts = [name for name in names if name not in config.target and all(name in each for each in known)]
    return tuple(parts) if len(parts) > 1 and id_column in parts and set(parts) <= set(names) else ()


def _joined(path: Path, parts: tuple[str, ...], layout: Layout) -> Sample | None:
    """The sample with the joined values of several columns as its id; None if these repeat or are missing."""
    table = read_table(path, verbatim=set(parts), cache=layout.cache)
    name = SEPARATOR.join(parts)
    if name in table.frame.columns or table.frame[list(parts)].isna().any(axis=None):
        return None
    ids = joined(table.frame, parts)
    if pd.Index(ids).has_duplicates:
        return None
    frame = table.frame.copy()
    frame.insert(0, name, ids)
    note = f"{path.name}: its ids are the columns {' and '.join(map(repr, parts))}, joined by {SEPARATOR!r}"
    return Sample(path, frame, name, (*table.notes, note), parts)


def _after_targets(config: CompetitionConfig, names: Sequence[str], others: Sequence[Path]) -> str | None:
    """The id column where the first column is a target: the first one that every table has; None where it is not."""
    if names[0] not in config.target:
        return None
    known = [column_names(other) for other in others]
    shared = [name for name in names[1:] if name not in config.target and all(name in each for each in known)]
    return shared[0] if shared and known else None


def _id_column(
    named: str | None, names: Sequence[str], path: Path, others: Sequence[Path]
) -> tuple[str, tuple[str, ...]]:
    """The id column: as the contest file says, where the name is another table's, the one most like it or the first."""
    if named is None or named in names:
        return named or names[0], ()
    if any(named in column_names(other) for other in others):
        found = next((name for name in names if plain(name) == plain(named)), names[0])
        return found, (f"{path.name}: its id column is {found!r}, called {named!r} elsewhere",)
    hint = nearest(named, names) or f"its columns are {some(names, limit=8)}"
    raise DataError(
        f"{path}: there is no id column {named!r}; {hint}",
        remedy="Name the id column of the sample submission in competition/competition.yaml: `id: <column>`.",
    )
