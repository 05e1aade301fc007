"""Statistics of a column over the time before or after each row, in its group: rolling windows, and all that was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from outfold.config.time_features import Rolling
from outfold.data.features.base import Plain, Setting, framed
from outfold.data.features.in_time import check_spans, named, numbers, numbers_of, sources, time_column
from outfold.data.features.range_statistics import statistics
from outfold.data.features.timeline import Timeline, group_codes, in_words, is_known, length_or_all, times_of, window

_SUFFIX = {("before", True): "", ("before", False): "_before", ("after", True): "_ahead", ("after", False): "_after"}


@dataclass(frozen=True)
class Rolled(Plain):
    """``Promo.sum_7D_by_Store``, float32; missing in a row of no group or time.

    A window is a length of time and not a number of rows: gaps, and several rows of one time, do no harm.
    """

    whole: ClassVar[bool] = True

    asked: Rolling
    date: str

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The statistics for each row; rows may come in any order.

        Raises:
            ConfigError: a column holds no numbers.
        """
        asked = self.asked
        times, (groups,) = times_of(rows[self.date]), group_codes(rows, by=asked.by)
        timeline, placed = Timeline(groups, times), (groups >= 0) & is_known(times)
        values = [numbers_of(rows[name], asked.events)[timeline.order] for name in asked.columns]
        made = []
        for span in asked.windows:
            size = length_or_all(span)
            places = window(timeline, groups, times, span=size, direction=asked.direction, now=asked.now)
            for column in values:
                found = statistics(column, *places, asked.statistics).values()
                made += [np.where(placed, one, np.nan).astype(np.float32) for one in found]
        return framed(rows, self.names, made)


def build(asked: Rolling, setting: Setting) -> list[Rolled]:
    """One step, which makes a column for each window, column and statistic.

    Raises:
        ConfigError: a column that is not there, or no time.
    """
    date, suffix = time_column(asked, setting), _SUFFIX[asked.direction, asked.now]
    check_spans(setting, date, "windows", asked.windows)
    names = [
        named(name, f"{statistic}_{in_words(span)}{suffix}", asked.by)
        for span in asked.windows
        for name in setting.known(asked.columns)
        for statistic in asked.statistics
    ]
    made = numbers(setting, names, asked)
    return [Rolled(sources(setting, asked.columns, asked, date), made, asked, date)]
