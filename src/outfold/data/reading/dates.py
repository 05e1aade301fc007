"""Dates in the forms that contests use, as one: datetime64 without a time zone."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd

from outfold.data.reading.column_types import is_text
from outfold.errors import DataError, some

YEARS, DAYS = (1000, 9999), (10_000_101, 99_991_231)
REMEDY = "Dates are best written 2017-07-31 or 2017-07-31 13:45:00, all in one form."


ZERO_DATE = re.compile(r"\s*0000-00-00([ T]00:00(:00(\.0+)?)?)?\s*")


def without_zero_dates(parts: list[pd.Series], wheres: list[str]) -> tuple[list[pd.Series], list[str]]:
    """One column in each of several tables with its zero dates missing: how databases write that there is none.

    They are ``0000-00-00``, and 0 among whole numbers that are all years or all days (20170731) but for it.

    Returns:
        the columns, and what to say.
    """
    found, notes = [], []
    days = _of_days(pd.concat(parts, ignore_index=True))
    for part, where in zip(parts, wheres, strict=True):
        if is_text(part):
            cells = pd.Series(part.dropna().unique(), dtype=object)
            zero = part.isin(cells[cells.map(ZERO_DATE.fullmatch).notna()]).to_numpy()
        else:
            zero = part.eq(0).to_numpy(dtype=bool) & days
        found.append(part.mask(zero) if zero.any() else part)
        if zero.any():
            first = part[zero].iloc[0]
            notes.append(f"{where}: {int(zero.sum())} rows hold {str(first)!r} for a date, and count as missing")
    return found, notes


def _of_days(values: pd.Series) -> bool:
    """Whether whole numbers other than 0 are all years, or all days such as 20170731."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return False
    present = values[values.notna() & (values != 0)]
    return len(present) > 0 and any(present.between(low, high).all() for low, high in (YEARS, DAYS))


def parse_dates(parts: list[pd.Series], wheres: list[str]) -> list[pd.Series]:
    """One column of dates in each of several tables, read by one form that fits all of them.

    Text in ISO form, or in any form that pandas knows, the day before the month only where the other order does not
    fit; whole numbers such as 20170731, years, or seconds or milliseconds since 1970. Time zones become UTC.

    Args:
        parts: the column in each table, by id.
        wheres: what to call each table's column in a message.

    Raises:
        DataError: a value that is no date, naming its row.
    """
    if all(pd.api.types.is_datetime64_any_dtype(part) for part in parts):
        return [pd.to_datetime(part, utc=True).dt.tz_localize(None) for part in parts]
    # a day stands on many rows, and is read once
    places, days = pd.factorize(pd.concat(parts, ignore_index=True))
    given, joined = places >= 0, pd.Series(days)
    readings = _of_numbers(joined) if pd.api.types.is_numeric_dtype(joined) else _of_text(joined)
    read = max(readings, key=lambda dates: int(dates.notna().sum()))
    # a missing one has the place -1: the last of them, which is none
    read = pd.concat([read, pd.Series([pd.NaT])], ignore_index=True).iloc[places].reset_index(drop=True)
    bad = given & read.isna().to_numpy()
    starts = np.cumsum([0, *(len(part) for part in parts)])
    for part, where, start in zip(parts, wheres, starts, strict=False):
        rows = np.flatnonzero(bad[start : start + len(part)])
        if len(rows):
            raise DataError(
                f"{where}: {len(rows)} rows hold no date: {some(part.index[rows])} "
                f"(the first is {part.iloc[rows[0]]!r})",
                remedy=REMEDY,
            )
    return [
        pd.Series(read.to_numpy()[start : start + len(part)], index=part.index, name=part.name)
        for part, start in zip(parts, starts, strict=False)
    ]


def _of_text(values: pd.Series) -> list[pd.Series]:
    options: list[dict[str, object]] = [{"format": "ISO8601"}, {}, {"dayfirst": True}]
    readings = []
    for option in options:
        try:
            with warnings.catch_warnings():
                # pandas remarks on the order of day and month, which is what is being tried here
                warnings.simplefilter("ignore", UserWarning)
                dates = pd.to_datetime(values, errors="coerce", utc=True, **option)  # type: ignore[call-overload]
        except (ValueError, TypeError, OverflowError):
            continue
        readings.append(dates.dt.tz_localize(None))
        if dates.notna().sum() == values.notna().sum():
            break
    return readings


def _of_numbers(values: pd.Series) -> list[pd.Series]:
    """By their size: 1 to 9999 are years, eight digits a day, ten seconds, thirteen milliseconds."""
    present = values.dropna()
    low, high = (float(present.min()), float(present.max())) if len(present) else (0.0, 0.0)
    if low >= YEARS[0] and high <= YEARS[1]:
        text = values.astype("Int64").astype("string")
        return [pd.to_datetime(text, format="%Y", errors="coerce")]
    if low >= DAYS[0] and high <= DAYS[1]:
        text = values.astype("Int64").astype("string")
        return [pd.to_datetime(text, format="%Y%m%d", errors="coerce")]
    return [pd.to_datetime(values, unit="ms" if high >= 1e11 else "s", errors="coerce")]
