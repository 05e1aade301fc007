"""A number as one of several categories of about as many training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outfold.config.learnt_features import Bins
from outfold.data.encoding.table_features import as_number
from outfold.data.features.base import Fitted, Made, Setting, Targets, framed


@dataclass(frozen=True)
class Binned(Fitted):
    """``Age.bin``: 0 for the lowest; what is missing stays so."""

    n: int

    def fit(self, rows: pd.DataFrame, targets: Targets | None) -> pd.DataFrame:
        """The inner edges; a value that is one belongs above it."""
        values = np.sort(as_number(rows[self.sources[0]]).dropna().to_numpy())
        edges = np.quantile(values, np.arange(1, self.n) / self.n) if len(values) else np.empty(0)
        edges = np.unique(edges)
        return pd.DataFrame({"edge": edges[edges > values[0]] if len(values) else edges})

    def apply(self, rows: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
        """The bin of each row."""
        values = as_number(rows[self.sources[0]]).to_numpy()
        codes = np.where(np.isnan(values), -1, np.searchsorted(learnt["edge"].to_numpy(), values, side="right"))
        names = pd.Index([str(number) for number in range(len(learnt) + 1)])
        return framed(rows, self.names, [pd.Categorical.from_codes(codes, names)])


def build(asked: Bins, setting: Setting) -> list[Binned]:
    """A step a column.

    Raises:
        ConfigError: a column that is not there, or no number.
    """
    return [
        Binned((column,), (Made(f"{column}.bin", "category"),), asked.n) for column in setting.numbers(asked.columns)
    ]
