"""Categories as the mean of the target in them, cross-fitted: no row's number comes from its own target.

m(c) = (sum of y over the rows of c + s · mean of y) / (rows of c + s), with s the smoothing (Micci-Barreca 2001). A
missing value, and a category that was never seen, have the mean of all rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.table_features import categories_of, category_codes

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TargetMeans:
    """The means of every category of several columns.

    Attributes:
        targets: their names.
        prior: (targets,) the mean of all training rows.
        means: of each column, its categories and their means (categories, targets).
    """

    targets: tuple[str, ...]
    prior: Array
    means: dict[str, tuple[tuple[str, ...], Array]]

    @classmethod
    def fit(cls, words: Mapping[str, pd.Series], y: Array, targets: Sequence[str], smoothing: float) -> TargetMeans:
        """Learn them from training rows.

        Args:
            y: (n, targets) numbers: of classes, 0 and 1.
            smoothing: so many rows of the overall mean are added to each category.
        """
        prior = y.mean(axis=0)
        means = {}
        for name, column in words.items():
            known = categories_of(column)
            codes = category_codes(column, known)
            there = ~np.isnan(codes)
            places = codes[there].astype(np.int64)
            sums = np.zeros((len(known), y.shape[1]))
            np.add.at(sums, places, y[there])
            counts = np.bincount(places, minlength=len(known))[:, None]
            means[name] = known, (sums + smoothing * prior) / (counts + smoothing)
        return cls(tuple(targets), prior, means)

    @classmethod
    def crossed(
        cls,
        words: Mapping[str, pd.Series],
        y: Array,
        targets: Sequence[str],
        smoothing: float,
        parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    ) -> tuple[TargetMeans, pd.DataFrame]:
        """The means of all rows, for rows to come, and what the training rows themselves are to learn from.

        Args:
            parts: places of the rows to take means of, and of those to give them to, of which each row is once at most;
                a row that is in none (the earliest of a time series) has the mean of all.
        """
        whole = cls.fit(words, y, targets, smoothing)
        rows = len(y)
        found = pd.DataFrame(np.tile(np.tile(whole.prior, len(words)), (rows, 1)), columns=whole.names)
        for learn, give in parts:
            others = {name: column.iloc[learn] for name, column in words.items()}
            own = {name: column.iloc[give] for name, column in words.items()}
            found.iloc[give] = cls.fit(others, y[learn], targets, smoothing).apply(own).to_numpy()
        index = next(iter(words.values())).index if words else pd.RangeIndex(rows)
        return whole, found.set_axis(index, axis=0)

    @property
    def names(self) -> list[str]:
        """The columns: ``column:mean``, or with several targets ``column:target``."""
        ends = ["mean"] if len(self.targets) == 1 else self.targets
        return [f"{name}:{end}" for name in self.means for end in ends]

    def apply(self, words: Mapping[str, pd.Series]) -> pd.DataFrame:
        """The means of each row's categories, float64, by id."""
        layers = [np.empty((len(next(iter(words.values()))), 0))] if words else []
        for name, (known, means) in self.means.items():
            codes = category_codes(words[name], known)
            places = np.where(np.isnan(codes), len(known), codes).astype(np.int64)
            layers.append(np.vstack([means, self.prior])[places])
        index = next(iter(words.values())).index if words else None
        return pd.DataFrame(np.hstack(layers) if layers else None, index=index, columns=self.names)

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        means = {name: [list(known), values.tolist()] for name, (known, values) in self.means.items()}
        return {"targets": list(self.targets), "prior": self.prior.tolist(), "means": means}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TargetMeans:
        """What ``to_json`` gave, back."""
        width = len(value["targets"])
        means = {
            name: (tuple(known), np.array(values, dtype=np.float64).reshape(-1, width))
            for name, (known, values) in value["means"].items()
        }
        return cls(tuple(value["targets"]), np.array(value["prior"], dtype=np.float64), means)
