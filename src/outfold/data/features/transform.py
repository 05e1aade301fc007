"""A number on another scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.row_features import Transform
from outfold.data.encoding.table_features import as_number
from outfold.data.features.base import Made, Plain, Setting, framed

Numbers = NDArray[np.float64]

_SCALES: dict[str, Callable[[Numbers], Numbers]] = {
    "log": lambda x: np.sign(x) * np.log1p(np.abs(x)),
    "sqrt": np.sqrt,
    "square": np.square,
}


@dataclass(frozen=True)
class Scaled(Plain):
    """``Fare.log``; missing where the value is, and where there is no number."""

    how: str

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The number for each row."""
        with np.errstate(all="ignore"):
            found = _SCALES[self.how](as_number(rows[self.sources[0]]).to_numpy())
        return framed(rows, self.names, [np.where(np.isfinite(found), found, np.nan)])


def build(asked: Transform, setting: Setting) -> list[Scaled]:
    """A step a column.

    Raises:
        ConfigError: a column that is not there, or no number.
    """
    return [
        Scaled((column,), (Made(f"{column}.{asked.how}", "number"),), asked.how)
        for column in setting.numbers(asked.columns)
    ]
