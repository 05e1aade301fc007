"""Numbers of mean 0 and standard deviation 1, without gaps, by what training rows have shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Standard:
    """How columns of numbers are brought to one scale.

    Attributes:
        columns: their names.
        fill: (columns,) what a missing value becomes: the training median.
        centre, scale: (columns,) mean and standard deviation after that; a constant has scale 1.
        gaps: columns that had missing values in training: each has a column more, 1 where it is missing.
    """

    columns: tuple[str, ...]
    fill: Array
    centre: Array
    scale: Array
    gaps: tuple[str, ...]

    @classmethod
    def fit(cls, numbers: pd.DataFrame, *, scaled: bool = True) -> Standard:
        """Learn them from training rows, NaN where a value is missing; without ``scaled``, only gaps are filled."""
        values = numbers.to_numpy(np.float64)
        gaps = np.isnan(values)
        empty = gaps.all(axis=0)
        fill = np.zeros(values.shape[1])
        fill[~empty] = np.nanmedian(values[:, ~empty], axis=0)
        filled = np.where(gaps, fill, values)
        centre, scale = filled.mean(axis=0), filled.std(axis=0)
        # what is left of a constant by rounding is no spread
        scale[scale <= 1e-10 * np.maximum(np.abs(centre), 1e-100)] = 1.0
        if not scaled:
            centre, scale = np.zeros_like(centre), np.ones_like(scale)
        names = [str(name) for name in numbers.columns]
        return cls(tuple(names), fill, centre, scale, tuple(np.array(names, dtype=object)[gaps.any(axis=0)]))

    @property
    def names(self) -> list[str]:
        """The columns, in order: the numbers, then ``column (missing)``."""
        return [*self.columns, *(f"{name} (missing)" for name in self.gaps)]

    def apply(self, numbers: pd.DataFrame) -> Array:
        """(n, columns) without gaps."""
        values = numbers[list(self.columns)].to_numpy(np.float64)
        gaps = np.isnan(values)
        scaled = (np.where(gaps, self.fill, values) - self.centre) / self.scale
        if not self.gaps:
            return np.asarray(scaled)
        places = [self.columns.index(name) for name in self.gaps]
        return np.hstack([scaled, gaps[:, places].astype(np.float64)])

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        numbers = {key: getattr(self, key).tolist() for key in ("fill", "centre", "scale")}
        return {"columns": list(self.columns), "gaps": list(self.gaps), **numbers}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Standard:
        """The inverse of ``to_json``."""
        fill, centre, scale = (np.array(value[key], dtype=np.float64) for key in ("fill", "centre", "scale"))
        return cls(tuple(value["columns"]), fill, centre, scale, tuple(value["gaps"]))
