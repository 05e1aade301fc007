"""The value that a column had at exactly some time before, in the row's group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from outfold.config.time_features import Lags
from outfold.data.features.base import Plain, Setting, framed
from outfold.data.features.in_time import check_spans, named, numbers, numbers_of, sources, time_column
from outfold.data.features.range_statistics import statistics
from outfold.data.features.timeline import Timeline, at, group_codes, in_words, length, times_of


@dataclass(frozen=True)
class Lagged(Plain):
    """``Promo.lag_7D_by_Store``, float32: missing where no row is of that very time, the mean where several are."""

    whole: ClassVar[bool] = True

    asked: Lags
    date: str

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The values for each row; rows may come in any order.

        Raises:
            ConfigError: a column holds no numbers.
        """
        asked = self.asked
        times, (groups,) = times_of(rows[self.date]), group_codes(rows, by=asked.by)
        timeline = Timeline(groups, times)
        values = [numbers_of(rows[name], asked.events)[timeline.order] for name in asked.columns]
        made = []
        for span in asked.lags:
            places = at(timeline, groups, times, ago=length(span))
            made += [statistics(column, *places, ["mean"])["mean"].astype(np.float32) for column in values]
        return framed(rows, self.names, made)


def build(asked: Lags, setting: Setting) -> list[Lagged]:
    """One step, which makes a column for each lag and column.

    Raises:
        ConfigError: a column that is not there, or no time.
    """
    date = time_column(asked, setting)
    check_spans(setting, date, "lags", asked.lags)
    names = [
        named(name, f"lag_{in_words(span)}", asked.by) for span in asked.lags for name in setting.known(asked.columns)
    ]
    made = numbers(setting, names, asked)
    return [Lagged(sources(setting, asked.columns, asked, date), made, asked, date)]
