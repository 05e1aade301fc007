"""Rows of a table, read one column at a time: whoever makes numbers of them needs no copy of them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class ByColumn(Protocol):
    """Rows by id of which a column can be had: a frame, or :class:`SomeRows`."""

    @property
    def index(self) -> pd.Index: ...

    def __len__(self) -> int: ...

    def __getitem__(self, name: str, /) -> pd.Series: ...


@dataclass(frozen=True, eq=False)
class SomeRows:
    """Some rows of a table.

    Attributes:
        whole: the table.
        places: (n,) of the rows in it.
        index: (n,) their ids.
    """

    whole: pd.DataFrame
    places: NDArray[np.int64]
    index: pd.Index

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, name: str, /) -> pd.Series:
        """A column of them, a copy."""
        return self.whole[name].take(self.places).set_axis(self.index)
