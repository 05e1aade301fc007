"""Training tables with a row per id and target, as wide tables: a row per id, a column per target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from outfold.config.competition import CompetitionConfig
from outfold.data.parts.long_sample import find_long_rows
from outfold.data.parts.sample import Sample
from outfold.data.reading.tables import Table
from outfold.errors import DataError, some


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
