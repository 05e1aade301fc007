"""Text that was declared to be dates or numbers is read as such, in both parts alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from outfold.data.parts.roles import Roles
from outfold.data.reading.column_types import is_text
from outfold.data.reading.dates import parse_dates, remarks_on_dates, without_zero_dates
from outfold.data.reading.number_text import written_numbers


def typed_by_role(
    roles: Roles,
    train: pd.DataFrame,
    test: pd.DataFrame,
    train_path: Path,
    test_path: Path,
    date_formats: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Both tables with dates as datetime64 and numbers as numbers, and what to say of it.

    Args:
        date_formats: the form of a column's dates, where the contest file says it.

    Raises:
        DataError: a value that is no date, or numbers that are dates in two ways.
    """
    notes: list[str] = []
    changed: list[dict[str, pd.Series]] = [{}, {}]
    for name in [*roles.dates, *roles.continuous]:
        parts = [train[name], test[name]]
        wheres = [f"{train_path}: {name}", f"{test_path}: {name}"]
        if name in roles.dates:
            parts, zeros = without_zero_dates(parts, wheres)
            notes += zeros
            written = (date_formats or {}).get(name)
            given, parts = parts, parse_dates(parts, wheres, written)
            if written is None:
                notes += remarks_on_dates(given, parts, wheres[0])
        elif any(is_text(part) and part.notna().any() for part in parts):
            parts, said = written_numbers(parts, wheres)
            notes += said
        else:
            continue
        for columns, part in zip(changed, parts, strict=True):
            columns[name] = part
    return train.assign(**changed[0]), test.assign(**changed[1]), notes
