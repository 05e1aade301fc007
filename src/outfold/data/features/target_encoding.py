"""The mean of the target by value, smoothed; no training row's number comes from its own target.

m(c) = (sum of y over the rows of c + s · mean of y) / (rows of c + s), with s the smoothing (Micci-Barreca 2001).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from outfold.config.learnt_features import TargetEncoding
from outfold.data.features.kind import Fitted, Made, Setting, Targets, framed, keys_of, label
from outfold.data.features.levels import distinct, places

_ROWS = "rows"


@dataclass(frozen=True)
class Encoded(Fitted):
    """``Sales.mean_by_Store``: a missing value is a value; one that the training part has not gets the overall mean."""

    from_targets: ClassVar[bool] = True
    crossed: ClassVar[bool] = True

    smoothing: float

    def fit(self, rows: pd.DataFrame, targets: Targets | None) -> pd.DataFrame:
        """Each value, its number of rows, and the sum of each output in them."""
        assert targets is not None
        codes, table = distinct(rows, self.sources)
        sums = {
            _sum(place): np.bincount(codes, weights=values, minlength=len(table))
            for place, values in enumerate(targets.values.T)
        }
        return table.assign(**{_ROWS: np.bincount(codes, minlength=len(table))}, **sums)

    def apply(self, rows: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
        """The means for each row."""
        at, counts = places(rows, self.sources, learnt), learnt[_ROWS].to_numpy(np.float64)
        means = []
        for place in range(len(self.made)):
            sums = learnt[_sum(place)].to_numpy(np.float64)
            prior = sums.sum() / counts.sum()
            by_value = (sums + self.smoothing * prior) / (counts + self.smoothing)
            means.append(np.append(by_value, prior)[at])
        return framed(rows, self.names, means)


def build(asked: TargetEncoding, setting: Setting) -> list[Encoded]:
    """A step a column or combination, which makes a column an output.

    Raises:
        ConfigError: a column that is not there.
    """
    keys = keys_of(asked.columns)
    names = setting.named([f"{one}.mean_by_{label(key)}" for key in keys for one in setting.outputs], asked.name)
    made = [Made(name, "number") for name in names]
    width = len(setting.outputs)
    return [
        Encoded(setting.known(key), tuple(made[place * width : (place + 1) * width]), asked.smoothing)
        for place, key in enumerate(keys)
    ]


def _sum(place: int) -> str:
    return f"sum.{place}"
