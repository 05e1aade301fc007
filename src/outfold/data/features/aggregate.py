"""Statistics of a column over the training rows of a group, and how a row stands to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outfold.config.learnt_features import Aggregate, Statistic
from outfold.data.encoding.table_features import as_number
from outfold.data.features.base import Fitted, Made, Setting, Targets, framed, keys_of, label
from outfold.data.features.levels import distinct, places, texts


@dataclass(frozen=True)
class Aggregated(Fitted):
    """``Age.mean_by_Sex``: a missing value is a group; one that is new gets the statistics of all training rows.

    The first source is what is aggregated, the others are the group.
    """

    statistics: tuple[Statistic, ...]
    own: bool
    relative: tuple[str, ...]

    def fit(self, rows: pd.DataFrame, targets: Targets | None) -> pd.DataFrame:
        """Each group and its statistics; those of all rows come last."""
        codes, table = distinct(rows, self.sources[1:])
        column = rows[self.sources[0]]
        if set(self.statistics) == {"nunique"}:
            seen = texts(column)[0]
            values = pd.Series(np.where(seen < 0, np.nan, seen))
        else:
            values = as_number(column).reset_index(drop=True)
        by_group = values.groupby(codes).agg(list(self.statistics)).reindex(range(len(table)))
        overall = values.groupby(np.zeros(len(values), dtype=np.int64)).agg(list(self.statistics))
        found = pd.concat([by_group, overall], ignore_index=True).astype(np.float64)
        return pd.concat([table, found], axis=1)

    def apply(self, rows: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
        """The statistics of each row's group, and the row's difference from them and ratio to them."""
        at = places(rows, self.sources[1:], learnt.iloc[:-1])
        found = [learnt[name].to_numpy(np.float64)[at] for name in self.statistics]
        columns = list(found) if self.own else []
        if self.relative:
            value = as_number(rows[self.sources[0]]).to_numpy()
            columns += [_beside(value, statistic, how) for statistic in found for how in self.relative]
        return framed(rows, self.names, columns)


def build(asked: Aggregate, setting: Setting) -> list[Aggregated]:
    """A step for each column and each group.

    Raises:
        ConfigError: a column that is not there, or no number.
    """
    statistics = tuple(dict.fromkeys(asked.statistics))
    only_distinct = set(statistics) == {"nunique"}
    columns = setting.known(asked.columns) if only_distinct else setting.numbers(asked.columns)
    return [
        Aggregated(
            (column, *setting.known(key)),
            tuple(Made(name, "number") for name in _names(column, key, statistics, asked)),
            statistics,
            not asked.only_relative,
            tuple(dict.fromkeys(asked.relative)),
        )
        for column in columns
        for key in keys_of(asked.by)
    ]


def _names(column: str, key: Sequence[str], statistics: Sequence[Statistic], asked: Aggregate) -> list[str]:
    what: list[str] = [] if asked.only_relative else list(statistics)
    words = {"difference": "minus", "ratio": "over"}
    what += [f"{words[how]}_{name}" for name in statistics for how in dict.fromkeys(asked.relative)]
    return [f"{column}.{one}_by_{label(key)}" for one in what]


def _beside(value: np.ndarray, statistic: np.ndarray, how: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        found = value - statistic if how == "difference" else value / statistic
    return np.where(np.isfinite(found), found, np.nan)
