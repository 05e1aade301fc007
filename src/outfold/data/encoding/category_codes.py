"""Categories as a number each, in one column: for trees, which split wherever it helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from outfold.data.encoding.categories import Categories

UNKNOWN = -1.0
"""The code of a missing value, and of a category that training had not."""


@dataclass(frozen=True)
class CategoryCodes:
    """The categories of several columns, in the order of their codes from 0, by column."""

    known: dict[str, tuple[str, ...]]

    @classmethod
    def fit(cls, words: Mapping[str, Categories]) -> CategoryCodes:
        """Learn them from training rows."""
        return cls({name: column.names() for name, column in words.items()})

    def apply(self, words: Mapping[str, Categories], index: pd.Index) -> pd.DataFrame:
        """The codes of any rows, float64, by id."""
        codes = {name: words[name].among(known) for name, known in self.known.items()}
        return pd.DataFrame(codes, index=index, dtype=np.float64).fillna(UNKNOWN)

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {name: list(known) for name, known in self.known.items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Sequence[str]]) -> CategoryCodes:
        """What ``to_json`` gave, back."""
        return cls({name: tuple(known) for name, known in value.items()})
