"""Rows by group and time: which rows lie between two moments of a row's own group, found by binary search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.errors import ConfigError, in_yaml, quoted

Places = NDArray[np.int64]
Times = NDArray[Any]
Span = str | float
"""A length of time: ``7D``, ``12h``; of a column that counts (weeks, steps), a number."""

Direction = Literal["before", "after"]
Side = Literal["from", "after"]

ALL = "all"
"""The window without an end: an expanding one."""
_UNITS_A_SECOND = 1_000_000


def times_of(column: pd.Series) -> Times:
    """Dates as int64 microseconds since 1970, numbers as float64; (n,). See :func:`is_known` for what is missing.

    Raises:
        ConfigError: the column holds neither.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        moments = pd.to_datetime(column, utc=True).dt.tz_localize(None)
        return np.asarray(moments.to_numpy().astype("datetime64[us]").astype(np.int64))
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    raise ConfigError(
        f"features: date: {quoted(column.name)} holds neither dates nor numbers",
        remedy=f"Say in competition/competition.yaml that it does: `columns: {{dates: [{in_yaml(column.name)}]}}`.",
    )


def length(span: Span) -> int | float:
    """A span in the units of :func:`times_of`."""
    return round(pd.Timedelta(span).total_seconds() * _UNITS_A_SECOND) if isinstance(span, str) else float(span)


def length_or_all(span: Span) -> int | float | None:
    """As :func:`length`; None for ``all``, which has no end."""
    return None if span == ALL else length(span)


def in_words(span: Span) -> str:
    """A span as it stands in a column's name."""
    return re.sub(r"\s", "", span) if isinstance(span, str) else f"{span:g}"


def is_known(times: Times) -> NDArray[np.bool_]:
    """Which times are there."""
    return ~np.isnan(times) if times.dtype.kind == "f" else times != np.iinfo(np.int64).min


def group_codes(*frames: pd.DataFrame, by: Sequence[str]) -> list[Places]:
    """The group of each row of several tables, alike in all of them; (n,) from 0, and -1 where a value is missing.

    Without ``by`` all rows are of one group.
    """
    ends = np.cumsum([len(frame) for frame in frames])
    codes = np.zeros(ends[-1], dtype=np.int64)
    for name in by:
        found, values = pd.factorize(pd.concat([frame[name] for frame in frames], ignore_index=True))
        joined = np.where((codes < 0) | (found < 0), -1, codes * max(len(values), 1) + found)
        # numbered anew, so that many columns do not overflow
        distinct, codes = np.unique(joined, return_inverse=True)
        codes = codes.astype(np.int64) - int(len(distinct) > 0 and distinct[0] < 0)
    return [np.asarray(part) for part in np.split(codes, ends[:-1])]


class Timeline:
    """Rows in the order of their groups, and within a group of their times; rows without either are left out.

    Attributes:
        order: (m,) the place that each row of the timeline had in the table; rows of one time keep their order.
        times: (m,) in the order of the timeline.
    """

    def __init__(self, groups: Places, times: Times) -> None:
        there = np.flatnonzero((groups >= 0) & is_known(times))
        self._moments, rank = np.unique(times[there], return_inverse=True)
        # one whole number a row: it sorts as the pair does, and is exact however long the time
        self._stride = len(self._moments) + 1
        keys = groups[there] * self._stride + rank
        sort = np.argsort(keys, kind="stable")
        self.order: Places = there[sort]
        self.times = times[self.order]
        self._keys = keys[sort]
        self._groups = int(groups.max(initial=-1)) + 1
        self._bounds = np.searchsorted(self._keys, np.arange(self._groups + 1) * self._stride)

    def first(self, groups: Places, times: Times, *, side: Side) -> Places:
        """The place in the timeline of each group's first row at or after a time, or strictly after it; (n,).

        Where there is none, one past the group's last row. For a row of no group or time the place means nothing.
        """
        rank = np.searchsorted(self._moments, times, "left" if side == "from" else "right")
        return np.searchsorted(self._keys, groups * self._stride + rank)

    def begins(self, groups: Places) -> Places:
        """The place of each group's first row; (n,)."""
        return self._bounds[np.minimum(groups, self._groups)]

    def ends(self, groups: Places) -> Places:
        """One past the place of each group's last row; (n,)."""
        return self._bounds[np.minimum(groups + 1, self._groups)]


def window(
    timeline: Timeline,
    groups: Places,
    times: Times,
    *,
    span: int | float | None,
    direction: Direction,
    now: bool,
) -> tuple[Places, Places]:
    """The stretch of the timeline in each row's window: places from the first to one past the last; (n,) each.

    Before a time t it is (t - span, t] with ``now``, and [t - span, t) without; after it [t, t + span), or
    (t, t + span].

    Args:
        span: None: as far as there are rows.
        now: whether rows of the row's own time, itself among them, belong to it.
    """
    side: Side = "from" if now == (direction == "after") else "after"
    starts = stops = timeline.first(groups, times, side=side)
    if direction == "before":
        starts = timeline.begins(groups) if span is None else timeline.first(groups, times - span, side=side)
    else:
        stops = timeline.ends(groups) if span is None else timeline.first(groups, times + span, side=side)
    return _of_some(groups, times, starts, stops)


def at(timeline: Timeline, groups: Places, times: Times, *, ago: int | float) -> tuple[Places, Places]:
    """The stretch of the timeline that is of exactly the time ``ago`` before each row's; (n,) each."""
    starts, stops = (timeline.first(groups, times - ago, side=side) for side in get_args(Side))
    return _of_some(groups, times, starts, stops)


def _of_some(groups: Places, times: Times, starts: Places, stops: Places) -> tuple[Places, Places]:
    """The stretches, empty for rows of no group or time."""
    nothing = (groups < 0) | ~is_known(times)
    return np.where(nothing, 0, starts), np.where(nothing, 0, stops)
