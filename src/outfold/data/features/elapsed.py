"""How long ago an event was in a row's group, and how long until the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.time_features import Elapsed
from outfold.data.features.base import Plain, Setting, framed
from outfold.data.features.in_time import check_spans, is_event, named, numbers, sources, time_column
from outfold.data.features.timeline import Places, Timeline, Times, group_codes, is_known, length, times_of


@dataclass(frozen=True)
class SinceAndUntil(Plain):
    """``Promo.since_by_Store`` and ``Promo.until_by_Store``, float32: the course's ``get_elapsed`` without a loop."""

    whole: ClassVar[bool] = True

    asked: Elapsed
    date: str

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The times for each row; rows may come in any order."""
        times, (groups,) = times_of(rows[self.date]), group_codes(rows, by=self.asked.by)
        unit = self.asked.unit or ("1D" if times.dtype.kind == "i" else 1.0)
        one, gaps = length(unit), []
        for name in self.asked.columns:
            column = rows[name]
            happened = _changes(column, groups, times) if self.asked.change else is_event(column, self.asked.events)
            events = Timeline(np.where(happened, groups, -1), times)
            gaps += [_gap(events, groups, times, word) / one for word in _words(self.asked)]
        return framed(rows, self.names, [gap.astype(np.float32) for gap in gaps])


def build(asked: Elapsed, setting: Setting) -> list[SinceAndUntil]:
    """One step, which makes one or two columns a column.

    Raises:
        ConfigError: a column that is not there, or no time.
    """
    date = time_column(asked, setting)
    check_spans(setting, date, "unit", [] if asked.unit is None else [asked.unit])
    names = [named(name, word, asked.by) for name in setting.known(asked.columns) for word in _words(asked)]
    made = numbers(setting, names, asked)
    return [SinceAndUntil(sources(setting, asked.columns, asked, date), made, asked, date)]


def _words(asked: Elapsed) -> Sequence[str]:
    return ("since", "until") if asked.direction == "both" else (asked.direction,)


def _gap(events: Timeline, groups: Places, times: Times, word: str) -> NDArray[np.float64]:
    """The time since the last event at or before each row's, or until the next at or after it; NaN where none is."""
    since = word == "since"
    place = events.first(groups, times, side="after" if since else "from") - int(since)
    there = (place >= events.begins(groups)) & (place < events.ends(groups)) & (groups >= 0) & is_known(times)
    gaps = np.full(len(times), np.nan)
    gaps[there] = np.abs(events.times[place[there]] - times[there])
    return gaps


def _changes(column: pd.Series, groups: Places, times: Times) -> NDArray[np.bool_]:
    """Rows whose value is not that of the row before in time; missing is a value, and a first row changes nothing."""
    timeline = Timeline(groups, times)
    values, grouped = pd.factorize(column)[0][timeline.order], groups[timeline.order]
    changed = np.zeros(len(column), dtype=bool)
    differs = (values[1:] != values[:-1]) & (grouped[1:] == grouped[:-1])
    changed[timeline.order[1:][differs]] = True
    return changed
