"""Columns as numbers for a learner of tables, by what the fold's training part alone has shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outfold.data.date_parts import DATE_PARTS, each_date_part
from outfold.data.some_rows import ByColumn


@dataclass(frozen=True)
class Encoding:
    """How rows become numbers: fitted once on training rows, then applied to any rows.

    Attributes:
        continuous: columns taken as they are.
        dates: columns taken apart by :func:`outfold.data.date_parts.date_parts`.
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
            column = rows[name]
            bare.categories[name] = categories_of(column)
            seen(place, category_codes(column, bare.categories[name]))
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
            yield category_codes(rows[name], known)

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
        """What ``to_json`` gave, back."""
        categories = {name: tuple(known) for name, known in value["categories"].items()}
        return cls(tuple(value["continuous"]), tuple(value["dates"]), categories, dict(value["medians"]))


def as_number(column: pd.Series) -> pd.Series:
    """A column as float64; NaN where a cell is no number, or an infinite one."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return pd.Series(np.where(np.isfinite(numbers), numbers, np.nan), index=column.index, name=column.name)


def categories_of(column: pd.Series) -> tuple[str, ...]:
    """The distinct values of a column as text, sorted; missing ones left out."""
    return tuple(sorted({as_text(value) for value in column.dropna().unique()}))


def category_codes(column: pd.Series, known: Sequence[str]) -> np.ndarray:
    """The place of each cell's value among the known categories, as float64; NaN where it is missing or not among them.

    One cell can change the type that a file's column is read as: whole numbers become fractions beside a missing one
    (``3``, ``3.0``), and numbers and truth values remain text beside a word (``03``, ``true``). A value that is not
    known as it stands is therefore looked up by what it means.
    """
    places = {text: float(place) for place, text in enumerate(known)}
    found, values = pd.factorize(column)
    texts = [as_text(value) for value in values]
    codes = np.array([*(places.get(text, np.nan) for text in texts), np.nan])
    unknown = np.flatnonzero(np.isnan(codes[:-1]))
    if len(unknown):
        codes[unknown] = _by_meaning([texts[place] for place in unknown], places)
    return codes[found]


def _by_meaning(texts: Sequence[str], places: Mapping[str, float]) -> list[float]:
    """The place of the first category that means what each of these texts does, (n,); NaN where there is none."""
    first: dict[str, float] = {}
    for text in reversed([text for text, odd in zip(places, _perhaps_odd(list(places)), strict=True) if odd]):
        first[_meaning(text)] = places[text]
    found = []
    for text, odd in zip(texts, _perhaps_odd(texts), strict=True):
        meaning = _meaning(text) if odd else text
        found.append(min(places.get(meaning, np.inf), first.get(meaning, np.inf)))
    return [np.nan if place == np.inf else place for place in found]


def _perhaps_odd(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which texts may mean another one: those like numbers and truth values, but for whole numbers as usual."""
    array = pa.array(texts, type=pa.string())
    begins = pc.match_substring_regex(array, r"^[^\p{L}]*\p{Nd}|(?i:true|false)")
    usual = pc.match_substring_regex(array, r"^(0|-?[1-9][0-9]{0,14}|True|False)$")
    return np.asarray(pc.and_not(begins, usual))


def as_text(value: Any) -> str:
    """A category as text: ``3`` for 3 and for 3.0."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _meaning(text: str) -> str:
    if re.fullmatch(r"\s*[+-]?\d{1,15}(\.\d*)?\s*", text):
        return as_text(float(text.strip()))
    return text.strip().capitalize() if text.strip().lower() in ("true", "false") else text


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
