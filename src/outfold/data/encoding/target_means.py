"""Categories as the mean of the target in them, cross-fitted: no row's number comes from its own target.

m(c) = (sum of y over the rows of c + s · mean of y) / (rows of c + s), with s the smoothing (Micci-Barreca 2001). A
missing value is a category, too; one that was never seen has the mean of all rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.encoding.categories import Categories

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TargetMeans:
    """The means of every category of several columns.

    Attributes:
        targets: their names.
        prior: (targets,) the mean of all training rows.
        means: of each column, its categories, and (categories + 1, targets) their means; the last is of missing values.
    """

    targets: tuple[str, ...]
    prior: Array
    means: dict[str, tuple[tuple[str, ...], Array]]

    @classmethod
    def fit(cls, words: Mapping[str, Categories], y: Array, targets: Sequence[str], smoothing: float) -> TargetMeans:
        """Learn them from training rows.

        Args:
            y: (n, targets) numbers: of classes, 0 and 1.
            smoothing: so many rows of the overall mean are added to each category.
        """
        prior = y.mean(axis=0)
        means = {}
        for name, column in words.items():
            known = column.names()
            places = _places(column, known)
            sums = np.zeros((len(known) + 1, y.shape[1]))
            np.add.at(sums, places, y)
            counts = np.bincount(places, minlength=len(known) + 1)[:, None]
            filled = np.where(counts, (sums + smoothing * prior) / np.maximum(counts + smoothing, 1e-300), prior)
            means[name] = known, filled
        return cls(tuple(targets), prior, means)

    @classmethod
    def crossed(
        cls,
        words: Mapping[str, Categories],
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
            others = {name: column.some(learn) for name, column in words.items()}
            own = {name: column.some(give) for name, column in words.items()}
            found.iloc[give] = cls.fit(others, y[learn], targets, smoothing).apply(own).to_numpy()
        index = next(iter(words.values())).index if words else pd.RangeIndex(rows)
        return whole, found.set_axis(index, axis=0)

    @property
    def names(self) -> list[str]:
        """The columns: ``column:mean``, or with several targets ``column:target``."""
        ends = ["mean"] if len(self.targets) == 1 else self.targets
        return [f"{name}:{end}" for name in self.means for end in ends]

    def apply(self, words: Mapping[str, Categories]) -> pd.DataFrame:
        """The means of each row's categories, float64, by id."""
        layers = [np.empty((len(next(iter(words.values()))), 0))] if words else []
        for name, (known, means) in self.means.items():
            layers.append(np.vstack([means, self.prior])[_places(words[name], known)])
        index = next(iter(words.values())).index if words else None
        return pd.DataFrame(np.hstack(layers) if layers else None, index=index, columns=self.names)

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        means = {name: [list(known), values.tolist()] for name, (known, values) in self.means.items()}
        return {"targets": list(self.targets), "prior": self.prior.tolist(), "means": means}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TargetMeans:
        """The inverse of ``to_json``."""
        width = len(value["targets"])
        means = {
            name: (tuple(known), np.array(values, dtype=np.float64).reshape(-1, width))
            for name, (known, values) in value["means"].items()
        }
        return cls(tuple(value["targets"]), np.array(value["prior"], dtype=np.float64), means)


def _places(column: Categories, known: Sequence[str]) -> NDArray[np.int64]:
    """The place of each row's category, (n,); after all of them comes a missing value, and then one that is new."""
    codes = column.among(known)
    unknown = np.where(column.missing, len(known), len(known) + 1)
    return np.where(np.isnan(codes), unknown, codes).astype(np.int64)
