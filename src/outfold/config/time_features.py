"""Features in time: what was before or will be after a row's time, in its group."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from outfold.config.base import StrictModel
from outfold.config.value_types import listed_item


def _some_time(span: str | float) -> str | float:
    """The span, its unit as pandas writes it.

    Raises:
        ValueError: it is no time at all, or longer than pandas can count.
    """
    if isinstance(span, str):
        number, unit = span.rstrip(_UNIT_LETTERS), span.lstrip("0123456789. ")
        amount, most = float(number), MOST_DAYS * _PER_DAY[unit.lower()]
        span = number + _AS_PANDAS.get(unit, unit)
    else:
        amount, most = span, math.inf
    if not 0 < amount < math.inf:
        raise ValueError(f"{span} is no length of time: expected more than nothing")
    if amount > most:
        raise ValueError(f"{span} is longer than a century")
    return span


MOST_DAYS = 36_525
_PER_DAY = {"w": 1 / 7, "d": 1, "h": 24, "min": 1440, "s": 86_400}
_AS_PANDAS = {"w": "W", "d": "D", "H": "h"}
_UNIT_LETTERS = "WwDdHhmins"
Span = Annotated[
    Annotated[str, Field(pattern=r"^\d+(\.\d+)?\s?([Ww]|[Dd]|[Hh]|min|s)$")] | Annotated[float, Field(strict=True)],
    AfterValidator(_some_time),
]
"""A length of time: ``7D``, ``12h``; of a column that counts, a number."""

Statistic = Literal["count", "sum", "mean", "std", "min", "max"]
Names = Annotated[list[str], BeforeValidator(listed_item)]
Spans = Annotated[list[Span], BeforeValidator(listed_item)]
Windows = Annotated[list[Literal["all"] | Span], BeforeValidator(listed_item)]
Statistics = Annotated[list[Statistic], BeforeValidator(listed_item), Field(min_length=1)]
Events = Annotated[list[Any], BeforeValidator(listed_item), Field(min_length=1)]


class InTime(StrictModel):
    """What every feature in time is asked."""

    by: Names = []
    """Columns that make the group with their values together: a row looks at rows of its own group only. Left out: at all."""
    date: str | None = None
    """The column of dates, or of numbers that count time (weeks, steps). Left out: the only column of dates."""
    name: str | None = None
    """What to call the column, where one is made."""


class Elapsed(InTime):
    """The time since the last event of a column, or until the next one: 0 in a row of an event, missing where there is none."""

    columns: Annotated[Names, Field(min_length=1)]
    """Columns; each makes its own: `Promo.since_by_Store`, `Promo.until_by_Store`."""
    events: Events | None = None
    """The values that are an event. Left out: any but 0, false and nothing."""
    change: bool = False
    """An event is a row with another value than the row before it, in place of `events`."""
    direction: Literal["since", "until", "both"] = "since"
    """Which way to look. until and both look past the row's time: for columns that are known in advance."""
    unit: Span | None = None
    """What to count in; days, or the numbers of `date`."""

    @model_validator(mode="after")
    def _one_sort_of_event(self) -> Elapsed:
        if self.change and self.events is not None:
            raise ValueError("events: and change: are two sorts of events; give one")
        return self


class Rolling(InTime):
    """Statistics of columns over the time before each row, or after it, in its group."""

    columns: Annotated[Names, Field(min_length=1)]
    """Columns of numbers, or with `events` of anything: `Promo.sum_7D_by_Store`."""
    windows: Annotated[Windows, Field(min_length=1)]
    """Lengths of time, such as 7D; all: everything up to the row (an expanding window)."""
    statistics: Statistics = ["mean"]
    """Of the values in the window; missing where it has none, but for count. std is that of a sample (ddof = 1)."""
    direction: Literal["before", "after"] = "before"
    """after looks past the row's time: for columns that are known in advance (`Promo.sum_7D_ahead_by_Store`)."""
    now: bool = True
    """Whether rows of the row's own time, itself among them, belong to the window. false: `sum_7D_before`, `sum_7D_after`."""
    events: Events | None = None
    """Take a column as 1 where it holds one of these values, and as 0 elsewhere."""


class Lags(InTime):
    """The value of columns at exactly some time before, in the row's group; missing where no row is of that time."""

    columns: Annotated[Names, Field(min_length=1)]
    """Columns of numbers, or with `events` of anything: `Promo.lag_7D_by_Store`."""
    lags: Annotated[Spans, Field(min_length=1)]
    """How long before."""
    events: Events | None = None
    """Take a column as 1 where it holds one of these values, and as 0 elsewhere."""


class History(InTime):
    """The target before a row's time, in its group, from the fold's training part alone: never its own, nor one of its time."""

    windows: Windows = []
    """Lengths of time before the row, such as 28D; all: everything before it: `Sales.mean_28D_by_Store`."""
    statistics: Statistics = ["mean"]
    """Of the targets in the window."""
    lags: Spans = []
    """The target of exactly that long ago: `Sales.lag_364D_by_Store`."""
    horizon: Span | None = None
    """Look only at rows at least so long before: give the time from the last training row to the last test row, so that rows in training see no fresher past than those will. The windows end there: `Sales.mean_28D_48D_ago_by_Store`."""

    def idle(self) -> dict[str, str]:
        """Statistics of no window."""
        return {} if self.windows else {"statistics": "has no effect without windows:, whose targets they are of"}

    @model_validator(mode="after")
    def _something(self) -> History:
        if not self.windows and not self.lags:
            raise ValueError("give windows:, lags:, or both")
        return self
