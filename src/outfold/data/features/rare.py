"""A category with its rare levels as one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outfold.config.learnt_features import Rare
from outfold.data.features.base import Fitted, Made, Setting, Targets, framed
from outfold.data.features.levels import distinct, level, places

RARE = "(rare)"


@dataclass(frozen=True)
class Grouped(Fitted):
    """``Store.grouped``: levels of few training rows, or of none, are ``(rare)``; what is missing stays so."""

    min_count: int

    def fit(self, rows: pd.DataFrame, targets: Targets | None) -> pd.DataFrame:
        """The levels that are not rare."""
        codes, table = distinct(rows, self.sources)
        often = np.bincount(codes, minlength=len(table)) >= self.min_count
        return table[often & table[level(0)].notna()].reset_index(drop=True)

    def apply(self, rows: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
        """The level of each row."""
        at = places(rows, self.sources, learnt)
        codes = np.where(rows[self.sources[0]].isna(), -1, np.where(at < 0, len(learnt), at))
        return framed(rows, self.names, [pd.Categorical.from_codes(codes, pd.Index([*learnt[level(0)], RARE]))])


def build(asked: Rare, setting: Setting) -> list[Grouped]:
    """A step a column.

    Raises:
        ConfigError: a column that is not there.
    """
    columns = setting.known(asked.columns)
    names = setting.named([f"{column}.grouped" for column in columns], asked.name)
    return [
        Grouped((column,), (Made(name, "category"),), asked.min_count)
        for column, name in zip(columns, names, strict=True)
    ]
