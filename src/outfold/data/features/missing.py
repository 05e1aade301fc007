"""What is missing: column by column, and how much of a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outfold.config.row_features import Missing, MissingCount
from outfold.data.features.base import Made, Plain, Setting, framed


@dataclass(frozen=True)
class Indicators(Plain):
    """``Age.missing``: 1 where a value is missing, else 0."""

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """One column for each source."""
        return framed(rows, self.names, [rows[name].isna().to_numpy(np.float64) for name in self.sources])


@dataclass(frozen=True)
class Lacking(Plain):
    """``missing_count``: how many of the sources a row has no value of."""

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The number for each row."""
        return framed(rows, self.names, [rows.isna().sum(axis=1).to_numpy(np.float64)])


def build(asked: Missing, setting: Setting) -> list[Indicators]:
    """One step, or none where no column lacks a value.

    Raises:
        ConfigError: a column that is not there.
    """
    columns = setting.gaps() if asked.columns is None else setting.known(asked.columns)
    made = tuple(Made(f"{column}.missing", "number") for column in columns)
    return [Indicators(tuple(columns), made)] if made else []


def build_count(asked: MissingCount, setting: Setting) -> list[Lacking]:
    """One step.

    Raises:
        ConfigError: a column that is not there.
    """
    columns = setting.own if asked.columns is None else setting.known(asked.columns)
    return [Lacking(tuple(columns), (Made(asked.name, "number"),))]
