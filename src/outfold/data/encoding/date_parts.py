"""A date as numbers: seconds since 1970, and the parts of the calendar that things repeat by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_FLAGS = ("month_start", "month_end", "quarter_start", "quarter_end", "year_start", "year_end")
DATE_PARTS = ("seconds", "year", "month", "week", "day", "day_of_week", "day_of_year", "hour", *_FLAGS)
"""Those that learners make of a date by themselves."""

EPOCH = pd.Timestamp("1970-01-01", tz="UTC").as_unit("s")
"""In seconds, so that the difference has room for any year: in nanoseconds it holds 292."""


def date_parts(dates: pd.Series, parts: Sequence[str] = DATE_PARTS) -> pd.DataFrame:
    """Parts of each date as float64, a column each; NaN throughout where it is missing.

    A time zone is converted to UTC; text is parsed, and is missing where it is no date. ``week`` is ISO 8601's,
    ``day_of_week`` counts from Monday = 0.

    Args:
        parts: those that ``DatePart`` of :mod:`outfold.config.row_features` names.
    """
    return pd.DataFrame(dict(each_date_part(dates, parts)), index=dates.index, columns=list(parts))


def each_date_part(dates: pd.Series, parts: Sequence[str]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The columns of :func:`date_parts` one after the other, (n,) each: all of them take more than a table."""
    moments = pd.to_datetime(dates, utc=True, errors="coerce")
    missing = moments.isna().to_numpy()
    for part in parts:
        values = _PARTS[part](moments).to_numpy(dtype=np.float64, na_value=np.nan)
        yield part, np.where(missing, np.nan, values) if missing.any() else values


def _seconds(moments: pd.Series) -> pd.Series:
    return (moments - EPOCH) / np.timedelta64(1, "s")


def _attribute(name: str) -> Callable[[pd.Series], pd.Series]:
    return lambda moments: getattr(moments.dt, name)


_PARTS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "seconds": _seconds,
    "week": lambda moments: moments.dt.isocalendar().week,
    "day_of_week": _attribute("dayofweek"),
    "day_of_year": _attribute("dayofyear"),
    "weekend": lambda moments: moments.dt.dayofweek >= 5,
    **{part: _attribute(part) for part in ("year", "quarter", "month", "day", "days_in_month")},
    **{part: _attribute(part) for part in ("hour", "minute", "second")},
    **{flag: _attribute(f"is_{flag}") for flag in _FLAGS},
}
