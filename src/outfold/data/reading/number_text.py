"""Numbers as people write them, in text: thousands separated, a decimal comma, a percent or currency sign."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outfold.data.reading.column_types import MISSING_WORDS
from outfold.errors import some

_SIGNS = "$€£¥"


@dataclass(frozen=True)
class NumberForm:
    """One way to write a number.

    Attributes:
        example: what a person would recognise it by.
        pattern: what a cell of this form matches, whole; the group ``n`` is the number itself.
        drop: characters to leave out of it.
        comma: whether its comma is the decimal point.
    """

    example: str
    pattern: re.Pattern[str]
    drop: str = ""
    comma: bool = False

    def reads(self, cell: str) -> float | None:
        """The cell's number; None where it is not of this form."""
        found = self.pattern.fullmatch(cell)
        if found is None:
            return None
        digits = found["n"].translate(dict.fromkeys(map(ord, self.drop)))
        return float(digits.replace(",", ".") if self.comma else digits)


_NUMBERS = (
    ("1234.5", r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", "", False),
    ("1,234.5", r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?", ",", False),
    ("1.234,5", r"(?:\d{1,3}(?:[. ]\d{3})+|\d+)(?:,\d+)?", ". ", True),
)
_AROUND = (("{}", "", ""), ("{}%", "", r"\s*%"), ("${}", rf"[{_SIGNS}]\s*", ""), ("{} €", "", rf"\s*[{_SIGNS}]"))
FORMS = tuple(
    NumberForm(frame.format(example), re.compile(rf"\s*{before}(?P<n>[+-]?{number}){after}\s*"), drop, comma)
    for frame, before, after in _AROUND
    for example, number, drop, comma in _NUMBERS
)
"""The plain form first; of forms that read as many cells, the first is taken."""


def likeliest_form(cells: pd.Series) -> tuple[NumberForm, pd.Series]:
    """The form that reads most of these distinct cells, and their numbers as float64, NaN where a cell is none."""
    best: tuple[NumberForm, pd.Series] | None = None
    for form in FORMS:
        values = pd.Series([form.reads(cell) for cell in cells], index=cells.index, dtype=np.float64)
        if best is None or values.notna().sum() > best[1].notna().sum():
            best = form, values
        if best[1].notna().all():
            break
    assert best is not None
    return best


def written_numbers(parts: list[pd.Series], wheres: list[str]) -> tuple[list[pd.Series], list[str]]:
    """One column of text in each of several tables as float64, read by the one form that fits most of its cells.

    A cell of another form is missing, and told: ``12%`` beside ``0.12`` may mean the same or a hundred times as much.

    Args:
        parts: the column in each table, by id.
        wheres: what to call each table's column in a message.

    Returns:
        the columns, and what to say: the form where it is not the plain one, and the cells that are no numbers.
    """
    places, cells = pd.factorize(pd.concat(parts, ignore_index=True).astype(object))
    words = pd.Series(cells, dtype=object).map(str)
    form, numbers = likeliest_form(words)
    values = np.append(numbers.to_numpy(), np.nan)[places]
    known = np.append(~words.isin(MISSING_WORDS).to_numpy(dtype=bool), False)[places]
    notes = [] if form is FORMS[0] else [f"{wheres[0]}: its numbers are written like {form.example}, and read so"]
    found, start = [], 0
    for part, where in zip(parts, wheres, strict=True):
        here = slice(start, start + len(part))
        start += len(part)
        found.append(pd.Series(values[here], index=part.index, name=part.name))
        odd = np.flatnonzero(known[here] & np.isnan(values[here]))
        if len(odd):
            shown = some(dict.fromkeys(repr(str(part.iloc[row])) for row in odd), 3)
            notes.append(f"{where}: {len(odd)} of {len(part)} cells are no numbers ({shown}), and count as missing")
    return found, notes
