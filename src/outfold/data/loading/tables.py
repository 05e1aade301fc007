"""The tables of a contest as read: text and numbers told apart alike in the training and the test table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from outfold.config.competition import CompetitionConfig
from outfold.data.loading.boolean_spellings import alike_truth_values
from outfold.data.loading.roles import declared_columns
from outfold.data.reading.column_types import MISSING_WORDS, is_text
from outfold.data.reading.tables import Table, read_table
from outfold.errors import DataError, nearest, some
from outfold.store.paths import Layout
from outfold.template import is_placeholder


@dataclass(frozen=True)
class Part:
    """Rows by id (text), where they come from, and, for a folder, each row's image relative to inputs/.

    Attributes:
        id_names: what a template of images may call the id.
    """

    path: Path
    frame: pd.DataFrame
    images: list[str] | None = None
    notes: tuple[str, ...] = ()
    id_names: tuple[str, ...] = ()

    def some(self, mask: np.ndarray) -> Part:
        """These rows only."""
        images = None if self.images is None else [path for path, taken in zip(self.images, mask, strict=True) if taken]
        return replace(self, frame=self.frame[mask], images=images)

    def without(self, ids: pd.Index) -> Part:
        """All rows but these."""
        return self.some(~self.frame.index.isin(ids)) if len(ids) else self


def find_input(layout: Layout, key: str, name: str) -> Path:
    """The file or folder that a key of the contest file names.

    Raises:
        DataError: it is not there, with the nearest names in inputs/.
    """
    path = layout.inputs / name
    if not path.exists():
        entries = list(layout.inputs.iterdir()) if layout.inputs.is_dir() else []
        there = sorted(entry.name for entry in entries if not is_placeholder(entry))
        hint = nearest(name, there) or (f"inputs/ holds {some(there)}" if there else "inputs/ is empty")
        raise DataError(
            f"{path}: no such file or folder, and competition/competition.yaml names it as {key}; {hint}",
            remedy="Run `outfold download`, put it there, or mend the name.",
        )
    return path


@dataclass(frozen=True)
class Tables:
    """The training and the test table, each None where a folder of images, or nothing, is in its place."""

    train: Table | None
    test: Table | None


def read_tables(
    config: CompetitionConfig, layout: Layout, train: Path | None, test: Path | None, verbatim: Collection[str]
) -> Tables:
    """Read the tables; a column that is text in one of them is text in both.

    Args:
        verbatim: columns that stay the text that they are in the file.

    Raises:
        DataError: a file is missing or damaged.
    """
    read = partial(read_table, targets=config.target, cache=layout.cache)
    first = None if train is None else read(train, verbatim=verbatim)
    second = None if test is None else read(test, verbatim=verbatim)
    if first is None or second is None:
        return Tables(first, second)
    mixed = _mixed(first.frame, second.frame, {*verbatim, *config.target})
    if mixed:
        first, second = (
            replace(table, frame=_with_text(read(table.path, verbatim={*verbatim, *mixed}).frame, mixed))
            for table in (first, second)
        )
        both = f"{first.path.name} and {second.path.name}"
        note = f"{some(mixed)}: text in one of {both}, numbers in the other; read as text in both"
        first = replace(first, notes=(*first.notes, note))
    train_frame, test_frame, notes = alike_truth_values(first.frame, second.frame, {*verbatim, *config.target})
    if notes:
        first = replace(first, frame=train_frame, notes=(*first.notes, *notes))
        second = replace(second, frame=test_frame)
    # what is said of a column is said once
    second = replace(second, remarks={name: said for name, said in second.remarks.items() if name not in first.remarks})
    return Tables(first, second)


def table_notes(table: Table, config: CompetitionConfig, ids: Collection[str]) -> tuple[str, ...]:
    """What the reader of a table should be told of it, without columns whose use is decided."""
    decided = {*ids, *declared_columns(config.columns)}
    remarks = (f"{table.path.name}: {said}" for name, said in table.remarks.items() if name not in decided)
    return (*table.notes, *remarks)


def _mixed(train: pd.DataFrame, test: pd.DataFrame, apart: Collection[str]) -> list[str]:
    """Columns that are text in one table, and something else in the other, where they hold anything at all."""
    return [
        name
        for name in train.columns
        if name in test.columns
        and name not in apart
        and is_text(train[name]) != is_text(test[name])
        and train[name].notna().any()
        and test[name].notna().any()
    ]


def _with_text(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    for name in names:
        values = frame[name] if is_text(frame[name]) else frame[name].astype(object).map(str, na_action="ignore")
        frame[name] = values.where(~values.isin(MISSING_WORDS), np.nan)
    return frame
