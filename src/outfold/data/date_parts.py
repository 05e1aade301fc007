"""A date as numbers: seconds since 1970, and the parts of the calendar that things repeat by."""

from __future__ import annotations

import numpy as np
import pandas as pd

_FLAGS = ("month_start", "month_end", "quarter_start", "quarter_end", "year_start", "year_end")
DATE_PARTS = ("seconds", "year", "month", "week", "day", "day_of_week", "day_of_year", "hour", *_FLAGS)

EPOCH = pd.Timestamp("1970-01-01", tz="UTC").as_unit("s")
"""In seconds, so that the difference has room for any year: in nanoseconds it holds 292."""


def date_parts(dates: pd.Series) -> pd.DataFrame:
    """The parts of each date as float64, one column each of :data:`DATE_PARTS`; NaN throughout where it is missing.

    A time zone is converted to UTC; text is parsed, and is missing where it is no date. ``week`` is ISO 8601's,
    ``day_of_week`` counts from Monday = 0.
    """
    moments = pd.to_datetime(dates, utc=True, errors="coerce")
    known = moments.notna().to_numpy()
    at = moments.dt
    parts: dict[str, pd.Series] = {
        "seconds": (moments - EPOCH) / np.timedelta64(1, "s"),
        "year": at.year,
        "month": at.month,
        "week": at.isocalendar().week,
        "day": at.day,
        "day_of_week": at.dayofweek,
        "day_of_year": at.dayofyear,
        "hour": at.hour,
        **{flag: getattr(at, f"is_{flag}") for flag in _FLAGS},
    }
    numbers = {name: part.to_numpy(dtype=np.float64, na_value=np.nan) for name, part in parts.items()}
    frame = pd.DataFrame(numbers, index=dates.index, columns=list(DATE_PARTS))
    frame.loc[~known] = np.nan
    return frame
