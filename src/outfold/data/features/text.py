"""Numbers of a text, and what a regular expression finds in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outfold.config.row_features import Extract, Measure, TextLength
from outfold.data.encoding.table_features import as_number
from outfold.data.features.base import Made, Plain, Role, Setting, framed
from outfold.data.features.levels import texts


@dataclass(frozen=True)
class Lengths(Plain):
    """``Name.words``; a missing text has no length."""

    measures: tuple[Measure, ...]

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Each measure of each row's text."""
        codes, words = texts(rows[self.sources[0]])
        array = pa.array(words, type=pa.string())
        found = [np.append(_MEASURES[measure](array), np.nan)[codes] for measure in self.measures]
        return framed(rows, self.names, found)


@dataclass(frozen=True)
class Found(Plain):
    """``Name.extract``: what the pattern's group holds; missing where the pattern is not found."""

    pattern: str

    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What is found in each row's text."""
        codes, words = texts(rows[self.sources[0]])
        look = re.compile(self.pattern).search
        held = [None if (found := look(word)) is None else found.group(1) for word in words]
        if self.made[0].role == "number":
            numbers = as_number(pd.Series(held, dtype=object)).to_numpy()
            return framed(rows, self.names, [np.append(numbers, np.nan)[codes]])
        place, levels = pd.factorize(np.array(held, dtype=object), sort=True)
        return framed(rows, self.names, [pd.Categorical.from_codes(np.append(place, -1)[codes], pd.Index(levels))])


def build_length(asked: TextLength, setting: Setting) -> list[Lengths]:
    """A step a column.

    Raises:
        ConfigError: a column that is not there, or holds no text.
    """
    measures = tuple(dict.fromkeys(asked.measures))
    return [
        Lengths((column,), tuple(Made(f"{column}.{measure}", "number") for measure in measures), measures)
        for column in _of_text(asked.columns, setting)
    ]


def build_extract(asked: Extract, setting: Setting) -> Sequence[Found]:
    """One step.

    Raises:
        ConfigError: a column that is not there, or holds no text.
    """
    role: Role = asked.type
    (name,) = setting.named([f"{asked.column}.extract"], asked.name)
    return [Found(_of_text([asked.column], setting), (Made(name, role),), asked.pattern)]


def _of_text(columns: Sequence[str], setting: Setting) -> tuple[str, ...]:
    for column in setting.known(columns):
        if setting.roles[column] not in ("text", "category"):
            setting.refuse(f"'{column}' holds {setting.roles[column]}s; expected a column of text")
    return tuple(columns)


def _number(array: Any) -> NDArray[np.float64]:
    return np.asarray(array, dtype=np.float64)


def _times(pattern: str) -> Callable[[pa.Array], NDArray[np.float64]]:
    return lambda words: _number(pc.count_substring_regex(words, pattern=pattern))


def _upper_case(words: pa.Array) -> NDArray[np.float64]:
    """The share of letters that are capitals; 0 where there are none."""
    letters = _number(pc.utf8_length(pc.replace_substring_regex(words, pattern=r"\P{L}+", replacement="")))
    return _times(r"\p{Lu}")(words) / np.maximum(letters, 1)


_MEASURES: dict[Measure, Callable[[pa.Array], NDArray[np.float64]]] = {
    "characters": lambda words: _number(pc.utf8_length(words)),
    "words": _times(r"\S+"),
    "upper_case": _upper_case,
    "digits": _times(r"\p{Nd}"),
    "punctuation": _times(r"\p{P}"),
}
