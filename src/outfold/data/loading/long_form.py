"""Sample submissions with a row per id and class, or per id and target: which row speaks of which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from outfold.config.competition import CompetitionConfig
from outfold.data.loading.sample import Sample
from outfold.data.loading.sample_format import LongRows
from outfold.data.reading.tables import Table
from outfold.errors import DataError, some

SEPARATORS = ("_", "-", "|", ":", " ", "/", ".", "__", "")
MOST_UNSEPARATED = 100
"""Labels up to which ids without a separator are looked at."""


def find_long_rows(frame: pd.DataFrame, id_column: str, labels: Sequence[str]) -> LongRows | None:
    """The id and the label of each row of the sample submission, in a column of its own or as a part of the id.

    Args:
        frame: the sample submission, its id column as text.
        labels: the classes, labels or targets that a row may speak of.

    Returns:
        None where the rows are not each id with the same two or more of the labels.
    """
    others = [str(name) for name in frame.columns if name != id_column]
    numbers = [name for name in others if pd.api.types.is_numeric_dtype(frame[name])]
    ids = frame[id_column].astype(object).to_numpy()
    if len(others) == 1:
        return _by_id(ids, labels, others[0])
    for name in others:
        said = frame[name].map(str).to_numpy(dtype=object)
        values = [column for column in numbers if column != name]
        if len(values) == 1 and set(said) <= set(labels) and _is_grid(ids, said):
            return LongRows(ids, said, values[0], name)
    return _by_id(ids, labels, numbers[0]) if len(numbers) == 1 else None


def _by_id(ids: np.ndarray, labels: Sequence[str], value: str) -> LongRows | None:
    texts = pd.Series(ids, dtype=object).astype(str)
    # without a separator a number ends like many labels, and each would be looked for
    for separator in SEPARATORS if len(labels) <= MOST_UNSEPARATED else SEPARATORS[:-1]:
        for first in (False, True):
            if not all(_is_made_of(str(one), labels, separator, first) for one in (ids[0], ids[-1])):
                continue
            # of labels of which one ends like another, the longer one goes first; then the shorter one
            for longest in (True, False):
                found = _split(texts, sorted(labels, key=len, reverse=longest), separator, first)
                if found is not None:
                    return LongRows(*found, value, None)
    return None


def _is_made_of(one: str, labels: Sequence[str], separator: str, label_first: bool) -> bool:
    """Whether an id has one of the labels: a look at single ids spares the search through all of them."""
    if label_first:
        return any(one.startswith(f"{label}{separator}") for label in labels)
    return any(one.endswith(f"{separator}{label}") for label in labels)


def _split(
    ids: pd.Series, labels: Sequence[str], separator: str, label_first: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """Each id as a row and a label; None where one is not made of them."""
    rows, said = np.full(len(ids), None, dtype=object), np.full(len(ids), None, dtype=object)
    open_ = np.ones(len(ids), dtype=bool)
    for label in labels:
        part = f"{label}{separator}" if label_first else f"{separator}{label}"
        mine = open_ & (ids.str.startswith(part) if label_first else ids.str.endswith(part)).to_numpy()
        if mine.any():
            rest = ids[mine].str[len(part) :] if label_first else ids[mine].str[: -len(part)]
            rows[mine], said[mine] = rest.to_numpy(dtype=object), label
            open_ &= ~mine
        if not open_.any():
            break
    if open_.any() or (rows == "").any() or not _is_grid(rows, said):
        return None
    return rows, said


def _is_grid(rows: np.ndarray, labels: np.ndarray) -> bool:
    """Whether every row has every label, once, and there are two labels at least."""
    row_codes, row_names = pd.factorize(rows)
    label_codes, label_names = pd.factorize(labels)
    pairs = row_codes.astype(np.int64) * len(label_names) + label_codes
    return len(label_names) > 1 and len(rows) == len(row_names) * len(label_names) == len(np.unique(pairs))


def widened(table: Table, config: CompetitionConfig, sample: Sample) -> Table:
    """The table with the targets as columns, where its rows are one per id and target; otherwise as it is.

    That is so where none of the several targets is a column of it, and its ids are made of an id and a target each, or
    another column holds the targets.

    Raises:
        DataError: an id and target stand there twice, with different values.
    """
    frame, targets, name = table.frame, list(config.target), sample.id_column
    if len(targets) < 2 or name not in frame.columns or any(target in frame.columns for target in targets):
        return table
    single = frame.drop_duplicates()
    repeats = len(frame) - len(single)
    long = find_long_rows(single, name, targets)
    if long is None or set(long.outputs) != set(targets):
        keys = [column for column in frame.columns if pd.api.types.is_numeric_dtype(frame[column]) is False]
        twice = single[single.duplicated(keys)][name] if keys else single[name][:0]
        if len(twice) and find_long_rows(single.drop_duplicates(keys), name, targets) is not None:
            raise DataError(
                f"{table.path}: {len(twice)} rows have the {name} of another row, and another value: {some(twice)}",
                remedy="Keep one row for each id and target.",
            )
        return table
    rows, columns = long.cells
    values = np.empty((len(long.ids), len(long.outputs)), dtype=single[long.value].to_numpy().dtype)
    values[rows, columns] = single[long.value].to_numpy()
    wide = pd.DataFrame(values, columns=long.outputs)[targets]
    wide.insert(0, name, pd.Series(long.ids, dtype=object))
    notes = [long.told(table.path.name, name)]
    if repeats:
        notes.append(f"{table.path.name}: {repeats:,} rows repeat another row, and were left out")
    return replace(table, frame=wide, notes=(*table.notes, *notes))
