"""How many training rows have the same value, or the same combination of values, and what share of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outfold.config.learnt_features import Count, Frequency
from outfold.data.features.base import Fitted, Made, Setting, Targets, framed, keys_of, label
from outfold.data.features.levels import distinct, places


@dataclass(frozen=True)
class Counted(Fitted):
    """``Store.count``: 0 for a value that the training part has not; a missing one is a value."""

    share: bool

    def fit(self, rows: pd.DataFrame, targets: Targets | None) -> pd.DataFrame:
        """Each value, and its number of rows."""
        codes, table = distinct(rows, self.sources)
        return table.assign(rows=np.bincount(codes, minlength=len(table)))

    def apply(self, rows: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
        """The number, or the share, for each row."""
        counts = np.append(learnt["rows"].to_numpy(np.float64), 0.0)
        if self.share:
            counts = counts / counts.sum()
        return framed(rows, self.names, [counts[places(rows, self.sources, learnt)]])


def build(asked: Count | Frequency, setting: Setting) -> list[Counted]:
    """A step a column or combination.

    Raises:
        ConfigError: a column that is not there.
    """
    keys, share = keys_of(asked.columns), isinstance(asked, Frequency)
    names = setting.named([f"{label(key)}.{'frequency' if share else 'count'}" for key in keys], asked.name)
    return [Counted(setting.known(key), (Made(name, "number"),), share) for key, name in zip(keys, names, strict=True)]
