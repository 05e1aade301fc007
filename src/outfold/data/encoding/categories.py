"""A column of categories: which there are, and where each cell is among those that a training part had."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Categories:
    """A column as the places of its cells' values among some distinct ones.

    Attributes:
        places: (n,) of the smallest type that holds them; -1 where a cell is missing.
        values: the distinct ones. Some may be in no cell.
        index: (n,) the ids of the rows.
    """

    places: NDArray[np.signedinteger[Any]]
    values: Sequence[Any] | NDArray[Any] | pd.Index
    index: pd.Index

    @classmethod
    def of(cls, column: pd.Series) -> Categories:
        """Those of a column of any type."""
        places, values = pd.factorize(column)
        return cls(places.astype(np.min_scalar_type(-max(len(values), 1))), values, column.index)

    def __len__(self) -> int:
        return len(self.places)

    def some(self, places: NDArray[np.int64], index: pd.Index | None = None) -> Categories:
        """These rows; ``index``: their ids, where they are known."""
        return replace(self, places=self.places[places], index=self.index[places] if index is None else index)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(n,) which cells are."""
        return self.places < 0

    def names(self) -> tuple[str, ...]:
        """The categories that are in a cell, as text, sorted."""
        there = np.unique(self.places)
        return tuple(sorted({as_text(self.values[place]) for place in there[there >= 0]}))

    def among(self, known: Sequence[str]) -> NDArray[np.float64]:
        """The place of each cell's value among the known ones, (n,); NaN where it is missing or not among them.

        One cell can change the type that a file's column is read as: whole numbers become fractions beside a missing
        one (``3``, ``3.0``), and numbers and truth values remain text beside a word (``03``, ``true``). A value that is
        not known as it stands is therefore looked up by what it means.
        """
        places = {text: float(place) for place, text in enumerate(known)}
        texts = [as_text(value) for value in self.values]
        codes = np.array([*(places.get(text, np.nan) for text in texts), np.nan])
        unknown = np.flatnonzero(np.isnan(codes[:-1]))
        if len(unknown):
            codes[unknown] = _by_meaning([texts[place] for place in unknown], places)
        return codes[self.places]


def category_codes(column: pd.Series, known: Sequence[str]) -> NDArray[np.float64]:
    """:meth:`Categories.among` of a column."""
    return Categories.of(column).among(known)


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
        """The inverse of ``to_json``."""
        return cls({name: tuple(known) for name, known in value.items()})
