"""Dates in the forms that contests use, as one: datetime64 without a time zone."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from outfold.errors import DataError, some

REMEDY = "Dates are best written 2017-07-31 or 2017-07-31 13:45:00, all in one form."


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
    if low >= 1000 and high <= 9999:
        text = values.astype("Int64").astype("string")
        return [pd.to_datetime(text, format="%Y", errors="coerce")]
    if low >= 10_000_101 and high <= 99_991_231:
        text = values.astype("Int64").astype("string")
        return [pd.to_datetime(text, format="%Y%m%d", errors="coerce")]
    return [pd.to_datetime(values, unit="ms" if high >= 1e11 else "s", errors="coerce")]
