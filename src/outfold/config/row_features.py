"""Features of a row as it stands: dates, texts, what is missing, several columns as one."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from outfold.config.base import Names, StrictModel

DatePart = Literal[
    "seconds",
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "second",
    "weekend",
    "month_start",
    "month_end",
    "quarter_start",
    "quarter_end",
    "year_start",
    "year_end",
]
RoundPart = Literal["quarter", "month", "week", "day", "day_of_week", "day_of_year", "hour", "minute", "second"]
Measure = Literal["characters", "words", "upper_case", "digits", "punctuation"]


class DateParts(StrictModel):
    """Parts of dates, in place of those that the learner would make of them by itself."""

    columns: Names
    """Columns of dates."""
    parts: list[DatePart] = Field(default=["year", "month", "week", "day", "day_of_week", "day_of_year"], min_length=1)
    """Each makes a column: `Date.month`. seconds counts from 1970; week is ISO 8601's; day_of_week begins with Monday = 0; weekend and those that end in _start or _end are 0 or 1."""
    categorical: list[DatePart] = []
    """Those of the parts that are categories; the others are numbers."""

    @model_validator(mode="after")
    def _categories_are_parts(self) -> DateParts:
        strange = [part for part in self.categorical if part not in self.parts]
        if strange:
            raise ValueError(f"categorical: {strange[0]} is not among parts: {', '.join(self.parts)}")
        return self


class Cyclical(StrictModel):
    """What comes round as two numbers, its sine and cosine, so that December is beside January."""

    columns: Names
    """Columns of numbers, with period, or of dates, with parts. Each makes two: `hour.sin` and `hour.cos`, `Date.month.sin` and `Date.month.cos`."""
    period: float | None = Field(default=None, gt=0)
    """After how much a number comes round: 24 for hours."""
    parts: list[RoundPart] = []
    """The parts of a date to make; their periods are known."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Cyclical:
        if (self.period is None) == (not self.parts):
            raise ValueError("give period: for columns of numbers, or parts: for dates")
        return self


class Missing(StrictModel):
    """Whether a value is missing."""

    columns: Names | None = None
    """Columns; each makes one of 0 and 1: `Age.missing`. Left out, or `missing: all`: all of which some training row has no value."""


class MissingCount(StrictModel):
    """How many values a row lacks."""

    columns: Names | None = None
    """Of these columns. Left out, or `missing_count: all`: of all that have a role."""
    name: str = "missing_count"
    """What to call the column."""


class TextLength(StrictModel):
    """How long a text is, and of what."""

    columns: Names
    """Columns of text."""
    measures: list[Measure] = Field(default=["characters", "words", "upper_case", "digits"], min_length=1)
    """Each makes a column: `Name.words`. upper_case is a share of the letters; the others are numbers."""


class Extract(StrictModel):
    """What a regular expression finds in a text."""

    column: str
    """A column of text."""
    pattern: str
    """As Python writes it; what its first group holds, where it is found first, is the value. A row without it has none."""
    type: Literal["category", "number"] = "category"
    """What the value is."""
    name: str | None = None
    """What to call the column. Left out: `Name.extract`."""

    @field_validator("pattern")
    @classmethod
    def _one_group(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"no regular expression ({error})") from None
        if groups != 1:
            raise ValueError(f"expected one group in parentheses, found {groups}; (?:...) is none")
        return value


class Transform(StrictModel):
    """A number on another scale."""

    columns: Names
    """Columns of numbers. Each makes one: `Fare.log`."""
    how: Literal["log", "sqrt", "square"] = "log"
    """log: sign(x) log(1 + |x|). sqrt: missing below 0. square: x * x."""


class Interaction(StrictModel):
    """Columns together as one."""

    columns: Annotated[list[str], Field(min_length=2)]
    """The columns: two or more for combined, sum and product, two for ratio and difference."""
    how: Literal["combined", "product", "ratio", "difference", "sum"] = "combined"
    """combined: a category for each combination of their values (`Sex+Pclass`). The others are of numbers (`a.times_b`, `a.over_b`, `a.minus_b`, `a.plus_b`)."""
    name: str | None = None
    """What to call the column."""
