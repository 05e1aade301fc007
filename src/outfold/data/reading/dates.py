"""Dates in the forms that contests use, as one: datetime64 without a time zone."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd

from outfold.config.competition import DATE_UNITS
from outfold.data.reading.column_notes import to_be
from outfold.data.reading.column_types import is_text
from outfold.data.reading.number_dates import NumberForm, as_numbers, likeliest_forms, read_number_dates
from outfold.errors import DataError, in_yaml, quoted, some

YEARS, DAYS = (1000, 9999), (10_000_101, 99_991_231)
EPOCH, FORTNIGHT = pd.Timestamp(0), pd.Timedelta(days=14)
REMEDY = (
    "Dates are best written 2017-07-31 or 2017-07-31 13:45:00, all in one form; another form is said by its column: "
    "`columns: {date_formats: {COLUMN: '%d.%m.%Y'}}`."
)


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
            notes.append(f"{where}: {int(zero.sum())} rows hold {quoted(str(first))} for a date, and count as missing")
    return found, notes


def _of_days(values: pd.Series) -> bool:
    """Whether whole numbers other than 0 are all years, or all days such as 20170731."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return False
    present = values[values.notna() & (values != 0)]
    return len(present) > 0 and any(present.between(low, high).all() for low, high in (YEARS, DAYS))


def parse_dates(parts: list[pd.Series], wheres: list[str], written: str | None = None) -> list[pd.Series]:
    """One column of dates in each of several tables, read by one form that fits all of them.

    Text in ISO form, or in any form that pandas knows, the day before the month only where the other order does not
    fit; whole numbers in the forms of :mod:`outfold.data.reading.number_dates`. Time zones become UTC.

    Args:
        parts: the column in each table, by id.
        wheres: what to call each table's column in a message.
        written: the form, as ``columns.date_formats`` says it.

    Raises:
        DataError: a value that is no date, naming its row; or numbers that two forms fit alike.
    """
    if all(pd.api.types.is_datetime64_any_dtype(part) for part in parts):
        return [pd.to_datetime(part, utc=True).dt.tz_localize(None) for part in parts]
    # a day stands on many rows, and is read once
    places, days = pd.factorize(pd.concat(parts, ignore_index=True))
    given = places >= 0
    read = _read(pd.Series(days), wheres, written)
    # a missing one has the place -1: the last of them, which is none
    read = pd.concat([read, pd.Series([pd.NaT])], ignore_index=True).iloc[places].reset_index(drop=True)
    bad = given & read.isna().to_numpy()
    starts = np.cumsum([0, *(len(part) for part in parts)])
    for part, where, start in zip(parts, wheres, starts, strict=False):
        rows = np.flatnonzero(bad[start : start + len(part)])
        if len(rows):
            raise DataError(
                f"{where}: {len(rows)} rows hold no date{f' of the form {written}' if written else ''}: "
                f"{some(part.index[rows])} (the first is {quoted(str(part.iloc[rows[0]]))})",
                remedy=REMEDY,
            )
    return [
        pd.Series(read.to_numpy()[start : start + len(part)], index=part.index, name=part.name)
        for part, start in zip(parts, starts, strict=False)
    ]


def _read(values: pd.Series, wheres: list[str], written: str | None) -> pd.Series:
    """Distinct values as datetime64, NaT where one is no date."""
    numbers = _as_numbers(values)
    if written is not None:
        if numbers is not None:
            return read_number_dates(numbers, written)
        if written in DATE_UNITS:
            return pd.Series(pd.NaT, index=values.index)
        return pd.to_datetime(values, format=written, errors="coerce", utc=True).dt.tz_localize(None)
    if numbers is not None:
        return _only_form(numbers, wheres).read(numbers)
    return max(_of_text(values), key=lambda dates: int(dates.notna().sum()))


def _as_numbers(values: pd.Series) -> pd.Series | None:
    return values if pd.api.types.is_numeric_dtype(values) else as_numbers(values)


def _only_form(numbers: pd.Series, wheres: list[str]) -> NumberForm:
    forms = likeliest_forms(numbers)
    if len(forms) == 1:
        return forms[0]
    first = numbers.iloc[:1]
    readings = [f"{form.name} ({form.read(first).iloc[0]:%Y-%m-%d})" for form in forms]
    raise DataError(
        f"{wheres[0]}: numbers such as {first.iloc[0]} are dates in more than one way: {' or '.join(readings)}",
        remedy=f"Say which under columns in competition/competition.yaml: {_as_key(wheres[0], forms)}.",
    )


def _as_key(where: str, forms: list[NumberForm]) -> str:
    name = where.rpartition(": ")[2]
    return " or ".join(f"`date_formats: {{{in_yaml(name)}: '{form.key}'}}`" for form in forms)


def remarks_on_dates(parts: list[pd.Series], dates: list[pd.Series], where: str) -> list[str]:
    """What to say of a column of dates: the form in which its numbers were read, and dates that can hardly be any.

    Args:
        parts: the column in each table as it stands there.
        dates: the same, read.
        where: what to call it.
    """
    known = pd.concat([part.dropna() for part in dates], ignore_index=True)
    if not len(known) or all(pd.api.types.is_datetime64_any_dtype(part) for part in parts):
        return []
    span = f"{known.min().isoformat()[:10]} to {known.max().isoformat()[:10]}"
    if known.between(EPOCH - FORTNIGHT, EPOCH + FORTNIGHT).all():
        name = where.rpartition(": ")[2]
        return [
            f"{where}: all dates lie within a fortnight of 1970-01-01 ({span}). If the column has dates, say their "
            f"form (`columns: {{date_formats: {{{in_yaml(name)}: '%Y%m'}}}}`); if not, {to_be('continuous', name)}"
        ]
    numbers = _as_numbers(pd.Series(pd.concat(parts, ignore_index=True).dropna().unique()))
    if numbers is None:
        return []
    form = likeliest_forms(numbers)[0]
    plain = form.key in ("%Y", "%Y%m%d") and known.dt.year.between(1900, 2100).all()
    return [] if plain else [f"{where}: its numbers were read as {form.name}: {span}"]


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
