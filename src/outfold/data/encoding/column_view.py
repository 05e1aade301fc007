"""Rows of a table, read one column at a time: whoever makes numbers of them needs no copy of them all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.encoding.categories import Categories


@dataclass(frozen=True, eq=False)
class ByColumn:
    """Some rows of a table, by id.

    Attributes:
        whole: the table.
        index: (n,) the ids of the rows.
        places: (n,) where they are in it; None: they are all of it.
        known: the categories of columns of the whole table that were asked for before.
    """

    whole: pd.DataFrame
    index: pd.Index
    places: NDArray[np.int64] | None = None
    known: dict[str, Categories] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: pd.DataFrame) -> ByColumn:
        """All rows of a table."""
        return cls(frame, frame.index)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, name: str) -> pd.Series:
        """A column of them."""
        column = self.whole[name]
        return column if self.places is None else column.take(self.places).set_axis(self.index)

    def categories(self, name: str) -> Categories:
        """The same as categories, which are told apart once for the whole table."""
        if name not in self.known:
            self.known[name] = Categories.of(self.whole[name])
        found = self.known[name]
        return found if self.places is None else found.some(self.places, self.index)
