"""Columns as numbers for a learner of tables, by what the fold's training part alone has shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.encoding.column_view import ByColumn
from outfold.data.encoding.date_parts import DATE_PARTS, each_date_part


@dataclass(frozen=True)
class Encoding:
    """How rows become numbers: fitted once on training rows, then applied to any rows.

    Attributes:
        continuous: columns taken as they are.
        dates: columns taken apart by :func:`outfold.data.encoding.date_parts.date_parts`.
        categories: of each categorical column, its categories as text; a category's place is its code.
        medians: by numeric feature that had no missing value in training: what a missing one becomes later. (A feature
            with missing values in training keeps them as NaN, which trees learn from.)
    """

    continuous: tuple[str, ...]
    dates: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    medians: dict[str, float]

    @classmethod
    def fit(
        cls,
        rows: ByColumn,
        *,
        continuous: Sequence[str],
        categorical: Sequence[str],
        dates: Sequence[str],
        seen: Callable[[int, NDArray[np.float64]], None] = lambda place, values: None,
    ) -> Encoding:
        """Learn the categories and medians of these rows, and of no others.

        Args:
            seen: is shown each feature as ``arrays`` gives it, its place and (n,) float64, as it is learnt.
        """
        bare = cls.bare(continuous=continuous, categorical=categorical, dates=dates)
        for place, (name, values) in enumerate(zip(bare._numeric_names, bare._numeric(rows), strict=True)):
            if not np.isnan(values).any():
                bare.medians[name] = float(np.median(values))
            seen(place, values)
        for place, name in enumerate(categorical, len(bare._numeric_names)):
            column = rows.categories(name)
            bare.categories[name] = column.names()
            seen(place, column.among(bare.categories[name]))
        return bare

    @classmethod
    def bare(cls, *, continuous: Sequence[str], categorical: Sequence[str], dates: Sequence[str]) -> Encoding:
        """One of these columns that has learnt nothing yet."""
        return cls(tuple(continuous), tuple(dates), dict.fromkeys(categorical, ()), {})

    @property
    def names(self) -> list[str]:
        """The features, in order: continuous, date parts (``column.part``), categorical."""
        return [*self._numeric_names, *self.categories]

    @property
    def _numeric_names(self) -> list[str]:
        return [*self.continuous, *(f"{name}.{part}" for name in self.dates for part in DATE_PARTS)]

    def apply(self, rows: ByColumn) -> pd.DataFrame:
        """The features as float64, by id: codes for categories, NaN for one that is missing or was never seen."""
        return pd.DataFrame(dict(zip(self.names, self.arrays(rows), strict=True)), index=rows.index, columns=self.names)

    def arrays(self, rows: ByColumn) -> Iterator[NDArray[np.float64]]:
        """The features one by one, (n,) float64 each, as ``apply`` has them side by side."""
        for name, values in zip(self._numeric_names, self._numeric(rows), strict=True):
            yield np.where(np.isnan(values), self.medians[name], values) if name in self.medians else values
        for name, known in self.categories.items():
            yield rows.categories(name).among(known)

    def _numeric(self, rows: ByColumn) -> Iterator[NDArray[np.float64]]:
        for name in self.continuous:
            yield as_number(rows[name]).to_numpy()
        for name in self.dates:
            for _, values in each_date_part(rows[name], DATE_PARTS):
                yield values

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "continuous": list(self.continuous),
            "dates": list(self.dates),
            "categories": {name: list(known) for name, known in self.categories.items()},
            "medians": self.medians,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Encoding:
        """The inverse of ``to_json``."""
        categories = {name: tuple(known) for name, known in value["categories"].items()}
        return cls(tuple(value["continuous"]), tuple(value["dates"]), categories, dict(value["medians"]))


def as_number(column: pd.Series) -> pd.Series:
    """A column as float64; NaN where a cell is no number, or an infinite one."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return pd.Series(np.where(np.isfinite(numbers), numbers, np.nan), index=column.index, name=column.name)


def plain_names(names: Sequence[str]) -> list[str]:
    """Names with letters, digits, ``_``, ``.`` and ``-`` only, each still different from the others.

    LightGBM's model files hold no blanks, commas, colons, quotes or brackets in a feature's name; file systems have
    dislikes of their own.
    """
    taken: set[str] = set()
    plain: list[str] = []
    for name in names:
        stem = candidate = re.sub(r"[^\w.-]", "_", str(name)) or "_"
        number = 1
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{stem}-{number}"
        taken.add(candidate.casefold())
        plain.append(candidate)
    return plain
