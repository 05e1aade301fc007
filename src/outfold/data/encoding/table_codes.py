"""A table as a network of embeddings takes it: codes of categories, and numbers on one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.encoding.categories import Categories
from outfold.data.encoding.column_view import ByColumn
from outfold.data.encoding.split_by_type import taken_apart
from outfold.data.encoding.standard import Standard

MEASURED = ("seconds",)
"""The part of a date that is a number; the others are categories, as the fast.ai course has them."""

Codes = NDArray[np.int32]
Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Level:
    """What a categorical column was in training.

    Attributes:
        names: its values as text; the code of a value is its place, from 1. 0 is missing, or never seen.
        counts: rows of each code, that of 0 among them.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class TableCodes:
    """How rows become codes and numbers: fitted on training rows, then applied to any.

    Every part of a date but its seconds is a category, and so is whether a number is missing, where one was. Columns
    that had one value alone in training are left out: they teach nothing, and what came of another value later would be
    chance.

    Attributes:
        levels: of each categorical column, by name and in order.
        standard: of the numbers.
    """

    levels: dict[str, Level]
    standard: Standard

    @classmethod
    def fit(
        cls,
        rows: ByColumn,
        images: pd.DataFrame | None,
        *,
        continuous: Sequence[str],
        categorical: Sequence[str],
        dates: Sequence[str],
    ) -> tuple[TableCodes, Codes, Numbers]:
        """Learn the levels, medians and scales of these rows; and the rows themselves, as :meth:`apply` gives them.

        Args:
            images: further numbers by id, those from images.
        """
        numbers, words = taken_apart(
            rows, images, continuous=continuous, categorical=categorical, dates=dates, measured=MEASURED
        )
        standard = Standard.fit(numbers[[name for name, column in numbers.items() if column.nunique() > 1]])
        words |= _gaps(numbers)
        levels, codes = {}, []
        for name, column in words.items():
            names = column.names()
            own = _codes(column, names)
            counts = np.bincount(own, minlength=len(names) + 1)
            if (counts > 0).sum() > 1:
                levels[name] = Level(names, tuple(counts.tolist()))
                codes.append(own)
        fitted = cls(levels, standard)
        return fitted, _side_by_side(codes, len(rows)), fitted._scaled(numbers)

    def apply(
        self,
        rows: ByColumn,
        images: pd.DataFrame | None,
        *,
        continuous: Sequence[str],
        categorical: Sequence[str],
        dates: Sequence[str],
    ) -> tuple[Codes, Numbers]:
        """Codes (n, categorical columns) and numbers (n, columns) of any rows."""
        numbers, words = taken_apart(
            rows, images, continuous=continuous, categorical=categorical, dates=dates, measured=MEASURED
        )
        words |= _gaps(numbers)
        codes = [_codes(words[name], level.names) for name, level in self.levels.items()]
        return _side_by_side(codes, len(rows)), self._scaled(numbers)

    def _scaled(self, numbers: pd.DataFrame) -> Numbers:
        return self.standard.apply(numbers)[:, : len(self.standard.columns)].astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        levels = {name: [list(level.names), list(level.counts)] for name, level in self.levels.items()}
        return {"levels": levels, "standard": self.standard.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TableCodes:
        """The inverse of ``to_json``."""
        levels = {name: Level(tuple(names), tuple(counts)) for name, (names, counts) in value["levels"].items()}
        return cls(levels, Standard.from_json(value["standard"]))


def _gaps(numbers: pd.DataFrame) -> dict[str, Categories]:
    """Whether each number is missing."""
    return {f"{name} (missing)": Categories.of(column.isna()) for name, column in numbers.items()}


def _codes(column: Categories, names: Sequence[str]) -> NDArray[np.int64]:
    places = column.among(names)
    return np.where(np.isnan(places), 0, places + 1).astype(np.int64)


def _side_by_side(codes: Sequence[NDArray[np.int64]], rows: int) -> Codes:
    return np.stack(codes, axis=1).astype(np.int32) if codes else np.empty((rows, 0), np.int32)
