"""Several columns as one: a category for each combination, or a number of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.row_features import Interaction
from outfold.data.encoding.table_features import as_number
from outfold.data.features.base import Made, Plain, Setting, framed, label
from outfold.data.features.levels import distinct

MISSING = "(missing)"
_BETWEEN = " & "

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Combined(Plain):
    """``Sex+Pclass``: the category ``male & 3``; missing where all of its columns are."""

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The combination of each row."""
        codes, table = distinct(rows, self.sources)
        empty = table.isna().all(axis=1).to_numpy()
        words = table.fillna(MISSING).to_numpy()
        texts = [_BETWEEN.join(str(word).replace("&", "&&") for word in row) for row in words[~empty]]
        there: NDArray[np.int64] = np.where(empty, -1, np.cumsum(~empty) - 1)
        return framed(rows, self.names, [pd.Categorical.from_codes(there[codes], pd.Index(texts))])


@dataclass(frozen=True)
class Computed(Plain):
    """``a.over_b``: missing where one of them is, and where there is no number (by nothing)."""

    how: str

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The result for each row."""
        operation = _OPERATIONS[self.how][1]
        with np.errstate(all="ignore"):
            found = reduce(operation, (as_number(rows[name]).to_numpy() for name in self.sources))
        return framed(rows, self.names, [np.where(np.isfinite(found), found, np.nan)])


_OPERATIONS: dict[str, tuple[str, Callable[[Numbers, Numbers], Numbers]]] = {
    "product": ("times", np.multiply),
    "ratio": ("over", np.divide),
    "difference": ("minus", np.subtract),
    "sum": ("plus", np.add),
}


def build(asked: Interaction, setting: Setting) -> Sequence[Plain]:
    """One step.

    Raises:
        ConfigError: a column that is not there, or no number.
    """
    if asked.how == "combined":
        (name,) = setting.named([label(asked.columns)], asked.name)
        return [Combined(setting.known(asked.columns), (Made(name, "category"),))]
    if asked.how in ("ratio", "difference") and len(asked.columns) != 2:
        setting.refuse(f"how: {asked.how} is of two columns, and here are {len(asked.columns)}")
    word = _OPERATIONS[asked.how][0]
    (name,) = setting.named([f"{asked.columns[0]}.{word}_" + f"_{word}_".join(asked.columns[1:])], asked.name)
    return [Computed(setting.numbers(asked.columns), (Made(name, "number"),), asked.how)]
