"""How many training rows have the same value, or the same combination of values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outfold.config.features import Count
from outfold.data.features.kind import Fitted, Made, Setting, Targets, framed, keys_of, label
from outfold.data.features.levels import distinct, places


@dataclass(frozen=True)
class Counted(Fitted):
    """``Store.count``: 0 for a value that the training part has not; a missing one is a value."""

    def fit(self, rows: pd.DataFrame, targets: Targets | None) -> pd.DataFrame:
        """Each value, and its number of rows."""
        codes, table = distinct(rows, self.sources)
        return table.assign(rows=np.bincount(codes, minlength=len(table)))

    def apply(self, rows: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
        """The number for each row."""
        counts = np.append(learnt["rows"].to_numpy(np.float64), 0.0)
        return framed(rows, self.names, [counts[places(rows, self.sources, learnt)]])


def build(asked: Count, setting: Setting) -> list[Counted]:
    """A step a column or combination.

    Raises:
        ConfigError: a column that is not there.
    """
    keys = keys_of(asked.columns)
    names = setting.named([f"{label(key)}.count" for key in keys], asked.name)
    return [Counted(setting.known(key), (Made(name, "number"),)) for key, name in zip(keys, names, strict=True)]
