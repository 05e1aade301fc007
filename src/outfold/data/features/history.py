"""What the target was before, in a row's group: lags and windows over the rows that a fold learns from alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.time_features import History
from outfold.data.features.base import Fitted, Setting, Targets, framed
from outfold.data.features.in_time import check_spans, named, numbers, time_column
from outfold.data.features.range_statistics import statistics
from outfold.data.features.timeline import (
    Timeline,
    at,
    group_codes,
    in_words,
    is_known,
    length,
    length_or_all,
    times_of,
    window,
)


@dataclass(frozen=True)
class Remembered(Fitted):
    """``Sales.mean_28D_by_Store``, ``Sales.lag_364D_by_Store``, float32, of learnt rows before each row's time.

    A window before t is [t - window, t): a row sees neither its own target nor another of its time, so that nothing
    need be cross-fitted. With a horizon h it is (t - h - window, t - h].
    """

    from_targets: ClassVar[bool] = True

    asked: History
    date: str
    outputs: int

    def fit(self, rows: pd.DataFrame, targets: Targets | None) -> pd.DataFrame:
        """The group, the time and the targets of these rows, in an order that does not depend on theirs."""
        assert targets is not None
        values = {_value(place): column for place, column in enumerate(targets.values.T)}
        learnt = pd.concat([rows[list(self.sources)], pd.DataFrame(values, index=rows.index)], axis=1)
        learnt = learnt.dropna(subset=list(self.sources))
        order = [self.date, *(name for name in learnt.columns if name != self.date)]
        return learnt.sort_values(order, kind="stable", ignore_index=True)

    def apply(self, rows: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
        """What was before each row, training row or not."""
        asked = self.asked
        then, times = times_of(learnt[self.date]), times_of(rows[self.date])
        past, groups = group_codes(learnt, rows, by=asked.by)
        timeline = Timeline(past, then)
        values = [learnt[_value(place)].to_numpy()[timeline.order] for place in range(self.outputs)]
        horizon = 0 if asked.horizon is None else length(asked.horizon)
        shifted = np.where(is_known(times), times - horizon, times)
        made: list[NDArray[np.float64]] = []
        for span in asked.windows:
            size, now = length_or_all(span), asked.horizon is not None
            places = window(timeline, groups, shifted, span=size, direction="before", now=now)
            for column in values:
                made += statistics(column, *places, asked.statistics).values()
        for span in asked.lags:
            places = at(timeline, groups, times, ago=length(span))
            made += [statistics(column, *places, ["mean"])["mean"] for column in values]
        return framed(rows, self.names, [one.astype(np.float32) for one in made])


def build(asked: History, setting: Setting) -> list[Remembered]:
    """One step, which makes a column for each window, output and statistic, and for each lag and output.

    Raises:
        ConfigError: a column that is not there, or no time; a lag within the horizon.
    """
    date = time_column(asked, setting)
    check_spans(setting, date, "windows", asked.windows)
    check_spans(setting, date, "lags", asked.lags)
    if asked.horizon is not None:
        check_spans(setting, date, "horizon", [asked.horizon])
        for lag in asked.lags:
            if length(lag) < length(asked.horizon):
                setting.refuse(
                    f"lags: {lag} is within the horizon of {asked.horizon}",
                    "A test row has no training row that near: name longer lags, or a shorter horizon.",
                )
    ago = "" if asked.horizon is None else f"_{in_words(asked.horizon)}_ago"
    made = [
        named(output, f"{what}_{in_words(span)}{ago}", asked.by)
        for span in asked.windows
        for output in setting.outputs
        for what in asked.statistics
    ]
    made += [named(output, f"lag_{in_words(span)}", asked.by) for span in asked.lags for output in setting.outputs]
    sources = (*setting.known(asked.by), date)
    return [Remembered(tuple(sources), numbers(setting, made, asked), asked, date, len(setting.outputs))]


def _value(place: int) -> str:
    return f"target.{place}"
