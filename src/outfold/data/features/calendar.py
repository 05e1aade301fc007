"""Parts of dates on request, and what comes round as a sine and a cosine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from outfold.config.row_features import Cyclical, DatePart, DateParts, RoundPart
from outfold.data.encoding.categories import as_text
from outfold.data.encoding.date_parts import date_parts
from outfold.data.encoding.table_features import as_number
from outfold.data.features.base import Made, Plain, Setting, framed

PERIODS: dict[RoundPart, float] = {
    "quarter": 4,
    "month": 12,
    "week": 365.2425 / 7,
    "day": 365.2425 / 12,
    "day_of_week": 7,
    "day_of_year": 365.2425,
    "hour": 24,
    "minute": 60,
    "second": 60,
}
"""After how much each part of a date comes round; months and years have their mean length."""


@dataclass(frozen=True)
class Parts(Plain):
    """``Date.month``, as a number or a category; a missing date has no parts."""

    parts: tuple[DatePart, ...]

    @property
    def replaces(self) -> tuple[str, ...]:
        """The date itself, of which a learner would make the usual parts."""
        return self.sources

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The parts of each row's date."""
        found = date_parts(rows[self.sources[0]], self.parts)
        columns = [
            found[part] if made.role == "number" else _category(found[part])
            for part, made in zip(self.parts, self.made, strict=True)
        ]
        return framed(rows, self.names, columns)


@dataclass(frozen=True)
class Round(Plain):
    """``hour.sin`` and ``hour.cos``, of a number or of a part of a date."""

    period: float
    part: RoundPart | None

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Both for each row."""
        column = rows[self.sources[0]]
        numbers = as_number(column) if self.part is None else date_parts(column, [self.part])[self.part]
        angle = 2 * np.pi / self.period * numbers.to_numpy()
        return framed(rows, self.names, [np.sin(angle), np.cos(angle)])


def build_parts(asked: DateParts, setting: Setting) -> list[Parts]:
    """A step a column.

    Raises:
        ConfigError: a column that is not there, or no date.
    """
    parts = tuple(dict.fromkeys(asked.parts))
    steps = []
    for column in setting.of_role(asked.columns, "date", "dates"):
        made = (Made(f"{column}.{part}", "category" if part in asked.categorical else "number") for part in parts)
        steps.append(Parts((column,), tuple(made), parts))
    return steps


def build_cyclical(asked: Cyclical, setting: Setting) -> Sequence[Round]:
    """A step a column, or a part of one.

    Raises:
        ConfigError: a column that is not there, or neither number nor date, as asked.
    """
    if asked.period is not None:
        return [_round(column, column, asked.period) for column in setting.numbers(asked.columns)]
    return [
        _round(column, f"{column}.{part}", PERIODS[part], part)
        for column in setting.of_role(asked.columns, "date", "dates")
        for part in dict.fromkeys(asked.parts)
    ]


def _round(column: str, stem: str, period: float, part: RoundPart | None = None) -> Round:
    return Round((column,), (Made(f"{stem}.sin", "number"), Made(f"{stem}.cos", "number")), period, part)


def _category(numbers: pd.Series) -> Any:
    codes, values = pd.factorize(numbers, sort=True)
    return pd.Categorical.from_codes(codes, pd.Index([as_text(value) for value in values]))
