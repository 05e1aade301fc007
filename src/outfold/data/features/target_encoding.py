"""The mean of the target by value, smoothed; no training row's number comes from its own target.

m(c) = (sum of y over the rows of c + s · mean of y) / (rows of c + s), with s the smoothing (Micci-Barreca 2001).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.learnt_features import TargetEncoding
from outfold.data.features.base import Fitted, Made, Places, Setting, Targets, framed, keys_of, label
from outfold.data.features.levels import distinct, places

_ROWS = "rows"

Numbers = NDArray[np.float64]


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
        sums = (learnt[_sum(place)].to_numpy(np.float64) for place in range(len(self.made)))
        return framed(rows, self.names, [self._means(one, counts)[at] for one in sums])

    def cross(self, rows: pd.DataFrame, targets: Targets, parts: Sequence[Places]) -> pd.DataFrame:
        """The means for training rows: of each part's rows to learn from, with the values looked up once for all."""
        codes, table = distinct(rows, self.sources)
        found = np.full((len(self.made), len(rows)), np.nan)
        for learn, give in parts:
            counts = np.bincount(codes[learn], minlength=len(table)).astype(np.float64)
            for output, values in zip(found, targets.values.T, strict=True):
                sums = np.bincount(codes[learn], weights=values[learn], minlength=len(table)).astype(np.float64)
                output[give] = self._means(sums, counts)[codes[give]]
        return framed(rows, self.names, list(found))

    def _means(self, sums: Numbers, counts: Numbers) -> Numbers:
        """The mean of each value, and last that of one that is not there."""
        prior = sums.sum() / counts.sum()
        weights = counts + self.smoothing
        means = np.where(weights > 0, (sums + self.smoothing * prior) / np.where(weights > 0, weights, 1), prior)
        return np.append(means, prior)


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
