"""What a column's text tells before it becomes numbers or categories: what its reader should know."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from outfold.data.reading.number_text import FORMS, likeliest_form
from outfold.errors import in_yaml, quoted

LOOKED_AT = 5_000
"""So many of a text column's first rows are searched for numbers."""

MOSTLY = 0.5
"""The share of numbers among the cells from which on text is remarkable."""


def remark(name: str, cells: pa.ChunkedArray, read_as: pa.ChunkedArray) -> str | None:
    """A sentence about a column; None where there is nothing to say.

    Args:
        name: the column's.
        cells: its text as it stands in the file.
        read_as: what it was read as.
    """
    if pa.types.is_integer(read_as.type):
        return _padded(name, cells)
    if pa.types.is_string(read_as.type) or pa.types.is_dictionary(read_as.type):
        return _numbers_as_text(name, read_as)
    return None


def to_be(role: str, name: str) -> str:
    """What to write in competition.yaml for a column to have another role."""
    return f"say `columns: {{roles: {{{in_yaml(name)}: {role}}}}}`"


def _padded(name: str, cells: pa.ChunkedArray) -> str | None:
    padded = pc.and_(pc.starts_with(cells, "0"), pc.greater(pc.binary_length(cells), 1))
    if not pc.any(padded, min_count=0).as_py():
        return None
    first = cells.filter(padded)[0].as_py()
    return (
        f"{name} has leading zeros ({quoted(first)}) and was read as numbers; if they are codes, "
        f"{to_be('categorical', name)}"
    )


def _numbers_as_text(name: str, read_as: pa.ChunkedArray) -> str | None:
    cells = _words(pc.unique(read_as.slice(0, LOOKED_AT))).drop_null().to_pandas()
    if not any(mark.isdigit() for cell in cells.iloc[:100] for mark in cell):
        return None
    form, numbers = likeliest_form(cells)
    if numbers.notna().mean() <= MOSTLY:
        return None
    number = cells[numbers.notna()].iloc[0]
    words = cells[numbers.isna()]
    word = words.iloc[0] if len(words) else _no_number(read_as) if form is FORMS[0] else None
    wish = f"to have numbers, {to_be('continuous', name)}"
    if word is not None:
        return (
            f"{name} was read as text: most cells are numbers ({quoted(number)}), some are not ({quoted(word)}); {wish}"
        )
    if form is FORMS[0]:
        return f"{name} was read as text: as numbers, whole ones so long ({quoted(number)}) would not be distinguished"
    return f"{name} was read as text: its numbers are written like {quoted(number)}; {wish}"


def _no_number(column: pa.ChunkedArray) -> str | None:
    """The first cell that is not a plain number."""
    cells = _words(pc.unique(column)).drop_null()
    odd = cells.filter(pc.invert(pc.match_substring_regex(cells, rf"^{FORMS[0].pattern.pattern}$")))
    return str(odd[0].as_py()) if len(odd) else None


def _words(cells: pa.Array) -> pa.Array:
    return cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells
