"""Text that was declared to be dates or numbers is read as such, in both parts alike."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from outfold.data.parts.roles import Roles
from outfold.data.reading.column_types import is_text
from outfold.data.reading.dates import parse_dates, without_zero_dates
from outfold.data.reading.number_text import written_numbers


def typed_by_role(
    roles: Roles, train: pd.DataFrame, test: pd.DataFrame, train_path: Path, test_path: Path
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Both tables with dates as datetime64 and numbers as numbers, and what to say of it.

    Raises:
        DataError: a value that is no date.
    """
    notes: list[str] = []
    changed: list[dict[str, pd.Series]] = [{}, {}]
    for name in [*roles.dates, *roles.continuous]:
        parts = [train[name], test[name]]
        wheres = [f"{train_path}: {name}", f"{test_path}: {name}"]
        if name in roles.dates:
            parts, zeros = without_zero_dates(parts, wheres)
            notes += zeros
            parts = parse_dates(parts, wheres)
        elif any(is_text(part) and part.notna().any() for part in parts):
            parts, said = written_numbers(parts, wheres)
            notes += said
        else:
            continue
        for columns, part in zip(changed, parts, strict=True):
            columns[name] = part
    return train.assign(**changed[0]), test.assign(**changed[1]), notes
