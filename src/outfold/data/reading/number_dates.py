"""Dates written as whole numbers: the form of a column, by its values; of two that fit alike none is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from outfold.config.competition import DATE_UNITS

_EXCEL_DAY_0 = "1899-12-30"


@dataclass(frozen=True)
class NumberForm:
    """One way to write a date as a number.

    Attributes:
        key: as ``columns.date_formats`` takes it: one of :data:`DATE_UNITS`, or what strptime takes.
        name: what a person would call it.
        low, high: the numbers that are dates of plausible years in this form.
    """

    key: str
    name: str
    low: float
    high: float

    def read(self, values: pd.Series) -> pd.Series:
        """Numbers as datetime64, NaT where one is no date of this form."""
        return read_number_dates(values, self.key)


_DATED = (
    NumberForm("%Y%m%d", "yyyymmdd", 1000_01_01, 9999_12_31),
    NumberForm("%d%m%Y", "ddmmyyyy", 1_01_1900, 31_12_2100),
    NumberForm("%m%d%Y", "mmddyyyy", 1_01_1900, 12_31_2100),
    NumberForm("%Y%j", "yyyyddd (the day of the year)", 1900_001, 2100_366),
    NumberForm("%Y%m", "yyyymm", 1900_01, 2100_12),
    NumberForm("%m%Y", "mmyyyy", 1_1900, 12_2100),
    NumberForm("%y%m%d", "yymmdd", 1_01_01, 99_12_31),
    NumberForm("%d%m%y", "ddmmyy", 1_01_00, 31_12_99),
    NumberForm("%m%d%y", "mmddyy", 1_01_00, 12_31_99),
    NumberForm("%Y%m%d%H", "yyyymmddhh", 1900_01_01_00, 2100_12_31_23),
    NumberForm("%Y%m%d%H%M", "yyyymmddhhmm", 1900_01_01_00_00, 2100_12_31_23_59),
    NumberForm("%Y%m%d%H%M%S", "yyyymmddhhmmss", 1900_01_01_00_00_00, 2100_12_31_23_59_59),
)
_COUNTED = (
    NumberForm("excel", "days since 1899-12-30, as spreadsheets count", 20_000, 73_415),
    NumberForm("D", "days since 1970", 3_653, 29_219),
)
_SINCE_1970 = (
    NumberForm("s", "seconds since 1970", 0, 1e11),
    NumberForm("ms", "milliseconds since 1970", 1e11, 1e14),
    NumberForm("us", "microseconds since 1970", 1e14, 1e17),
    NumberForm("ns", "nanoseconds since 1970", 1e17, 9.3e18),
)
_YEAR = NumberForm("%Y", "years", 1000, 9999)
_LENGTHS = {"%Y": 4, "%m": 2, "%d": 2, "%j": 3, "%y": 2, "%H": 2, "%M": 2, "%S": 2}
_PLAUSIBLE_YEARS = (1900, 2100)

_MANY_DAYS = 20
"""Different first pairs of digits from which on they may be days rather than years."""

MOSTLY = 0.5
"""The share of dates from which on a form is the column's, and numbers that are none are told by row."""


def read_number_dates(values: pd.Series, key: str) -> pd.Series:
    """Numbers as datetime64 by one form, NaT where one is no date of it.

    Args:
        values: int64 or float64.
        key: one of :data:`DATE_UNITS`, or what strptime takes; numbers lack zeros that the form begins with.
    """
    if key == "excel":
        return pd.to_datetime(values, unit="D", origin=_EXCEL_DAY_0, errors="coerce")
    if key in DATE_UNITS:
        return pd.to_datetime(values, unit=key, errors="coerce")  # type: ignore[call-overload]
    whole = values.where(values % 1 == 0).astype("Int64")
    width = sum(_LENGTHS.get(f"%{piece[:1]}", 0) for piece in key.split("%")[1:])
    return pd.to_datetime(whole.astype("string").str.zfill(width), format=key, errors="coerce")


def likeliest_forms(values: pd.Series) -> list[NumberForm]:
    """The forms that read these numbers; several where they fit alike, and one that reads not all where none does.

    Args:
        values: distinct numbers, int64 or float64; NaN is left out of account.
    """
    present = values.dropna()
    if not len(present):
        return [_SINCE_1970[0]]
    low, high = float(present.min()), float(present.max())
    if low >= _YEAR.low and high <= _YEAR.high and bool((present % 1 == 0).all()):
        return [_YEAR]
    shares = {form: _share(form, present) for form in _DATED if low >= form.low and high <= form.high}
    counted = [form for form in _COUNTED if low >= form.low and high <= form.high]
    fitting = [form for form, share in shares.items() if share == 1]
    if fitting or counted:
        return [*_told_apart(fitting, counted, present), *counted]
    best = max(shares, key=lambda form: shares[form], default=None)
    if best is not None and shares[best] > MOSTLY:
        return [best]
    largest = max(abs(low), abs(high))
    return [next((form for form in _SINCE_1970 if largest < form.high), _SINCE_1970[-1])]


def _share(form: NumberForm, present: pd.Series) -> float:
    """The share of these numbers that are dates of this form, in years that data come from."""
    years = form.read(present).dt.year
    first, last = (1000, 9999) if form.key == "%Y%m%d" else _PLAUSIBLE_YEARS
    return float(years.between(first, last).mean())


def _told_apart(fitting: list[NumberForm], counted: list[NumberForm], present: pd.Series) -> Iterator[NumberForm]:
    """Without forms that are less likely than another: a day that begins with its year is written so."""
    keys = {form.key for form in fitting}
    spread = min((_years(form, present) for form in counted), default=None)
    for form in fitting:
        if "%Y%m%d" in keys and form.key in ("%d%m%Y", "%m%d%Y"):
            continue
        if form.key in ("%d%m%y", "%m%d%y"):
            years = _years(form, present)
            if "%m%Y" in keys or (spread is not None and years >= spread):
                continue
            # first pairs of yymmdd are likely the days of a month where they are many
            first = (present // 1_00_00).nunique()
            if "%y%m%d" in keys and not (first >= _MANY_DAYS and years < first / 2):
                continue
        yield form


def _years(form: NumberForm, present: pd.Series) -> int:
    """Different years of these dates."""
    return int(form.read(present).dt.year.nunique())


def as_numbers(texts: pd.Series) -> pd.Series | None:
    """Distinct cells of text as int64 or float64; None where one holds more than digits."""
    cells = texts.astype("string").str.strip()
    if not len(cells) or not bool(cells.str.fullmatch(r"[+-]?[0-9]{1,18}([.][0-9]+)?|[0-9]{19}").all()):
        return None
    return pd.Series(pd.to_numeric(cells.astype(object)), index=texts.index)
