"""A column of a contest in figures: what it holds, how it drifts, how it goes with the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.encoding.table_features import as_number
from outfold.data.profiling import association, drift
from outfold.data.reading.column_types import is_text


class Truth(NamedTuple):
    """One target: codes or numbers (n,), in the order of the training rows."""

    y: NDArray[np.generic]
    kind: association.Kind


@dataclass(frozen=True, eq=False)
class Column:
    """A column as both parts have it.

    Attributes:
        role: what models take it for; ``-`` where they leave it out.
        declared: whether the contest file says so.
        train, test: its values by id; None where a part lacks it.
    """

    name: str
    role: str
    declared: bool
    train: pd.Series | None
    test: pd.Series | None

    @property
    def values(self) -> pd.Series:
        """The training values, or those of the test set where training has none."""
        values = self.train if self.train is not None else self.test
        assert values is not None
        return values

    @property
    def numeric(self) -> bool:
        """Whether its values have an order that means something: numbers that are no codes, and dates."""
        return self.role in ("continuous", "dates") or (
            self.role != "categorical"
            and not is_text(self.values)
            and not isinstance(self.values.dtype, pd.CategoricalDtype)
        )


@dataclass(frozen=True)
class Facts:
    """What is found of a column.

    Attributes:
        type: whole, number, date, truth, text.
        missing_train, missing_test: shares of the rows; NaN where the part lacks the column.
        distinct: different values in training.
        example: the most frequent value, or the smallest and the largest of numbers and dates.
        drift: distance of the parts, what chance would make of it, the share of test rows of unseen categories.
        relation: to the target.
    """

    type: str
    missing_train: float
    missing_test: float
    distinct: int
    example: str
    drift: drift.Drift | None
    relation: association.Relation | None


def facts_of(column: Column, truths: Sequence[Truth]) -> Facts:
    """The figures of a column; of several targets, the one that it goes with best counts.

    A column that models leave out drifts, and goes with a target, as numbers or not at all: text that does not repeat
    has nothing to compare.
    """
    comparable = column.train is not None and column.test is not None and (column.role != "-" or column.numeric)
    return Facts(
        type=_type(column.values),
        missing_train=_missing(column.train),
        missing_test=_missing(column.test),
        distinct=int(column.values.nunique()),
        example=_example(column),
        drift=_drift(column) if comparable else None,
        relation=_relation(column, truths) if comparable and column.role != "target" else None,
    )


def numbers_of(values: pd.Series) -> NDArray[np.float64]:
    """A column of numbers or dates as float64, dates in seconds since 1970; NaN where missing or infinite."""
    if pd.api.types.is_datetime64_any_dtype(values):
        moments = pd.to_datetime(values, utc=True).dt.tz_localize(None).to_numpy("datetime64[s]")
        return np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(np.float64))
    return as_number(values).to_numpy()


def _type(values: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(values):
        return "truth"
    if pd.api.types.is_datetime64_any_dtype(values):
        return "date"
    if not pd.api.types.is_numeric_dtype(values):
        return "text"
    present = values.dropna()
    return "whole" if values.dtype.kind in "iu" or (len(present) and bool((present % 1 == 0).all())) else "number"


def _missing(values: pd.Series | None) -> float:
    return float("nan") if values is None else float(values.isna().mean())


def _example(column: Column) -> str:
    values = column.values.dropna()
    if not len(values):
        return ""
    if column.numeric and not pd.api.types.is_bool_dtype(values):
        return f"{_short(values.min())} .. {_short(values.max())}"
    return _short(values.mode().iloc[0])


def _short(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        # not strftime, which ends with the year 9999
        return f"{value.year:04}-{value.month:02}-{value.day:02}"
    return f"{float(value):.4g}" if isinstance(value, float | np.floating) else str(value)


def _drift(column: Column) -> drift.Drift | None:
    assert column.train is not None and column.test is not None
    if column.numeric:
        return drift.of_numbers(numbers_of(column.train), numbers_of(column.test))
    return drift.of_categories(*(_alike(part) for part in (column.train, column.test)))


def _alike(values: pd.Series) -> pd.Series:
    """Categories as text, whole numbers without a point: a gap in one part alone makes fractions of its numbers."""
    if is_text(values):
        return values
    if values.dtype.kind == "f" and bool((values.dropna() % 1 == 0).all()):
        values = values.astype("Int64")
    return values.astype(object).where(values.notna(), None).map(str, na_action="ignore")


def _relation(column: Column, truths: Sequence[Truth]) -> association.Relation | None:
    assert column.train is not None
    found = []
    for y, kind in truths:
        if column.numeric:
            found.append(association.of_numbers(numbers_of(column.train), y, kind))
        elif column.train.nunique() * 2 <= column.train.notna().sum():
            # a category that hardly repeats goes with anything
            found.append(association.of_categories(column.train, y, kind))
    return max(found, default=None)
