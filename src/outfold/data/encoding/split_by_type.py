"""A table's columns as numbers and as categories, for learners that take no gaps and no words."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from outfold.data.encoding.categories import Categories
from outfold.data.encoding.column_view import ByColumn
from outfold.data.encoding.date_parts import DATE_PARTS, date_parts
from outfold.data.encoding.table_features import as_number

MEASURED = frozenset(DATE_PARTS) - {"month", "day_of_week", "hour"}
"""Parts of a date that a line can go through."""


def taken_apart(
    rows: ByColumn,
    images: pd.DataFrame | None,
    *,
    continuous: Sequence[str],
    categorical: Sequence[str],
    dates: Sequence[str],
    measured: Collection[str] = MEASURED,
) -> tuple[pd.DataFrame, dict[str, Categories]]:
    """A table's numbers as float64, NaN where one is missing, and its categories by column; both by id.

    Args:
        images: further numbers by id, those from images.
        measured: the parts of a date that are numbers; the others are categories. Each is called ``column.part``.
    """
    columns = {name: as_number(rows[name]) for name in continuous}
    words = {name: rows.categories(name) for name in categorical}
    for name in dates:
        for part, values in date_parts(rows[name]).items():
            if part in measured:
                columns[f"{name}.{part}"] = values
            else:
                words[f"{name}.{part}"] = Categories.of(values)
    numbers = pd.DataFrame(columns, index=rows.index, dtype=np.float64)
    return (numbers if images is None else pd.concat([numbers, images.astype(np.float64)], axis=1)), words
