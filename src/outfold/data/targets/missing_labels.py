"""Labels that are missing, and words such as NA that may be a class or say that a label is missing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from outfold.data.reading.column_types import MISSING_WORDS, is_text
from outfold.data.reading.tables import column_names, read_table
from outfold.data.targets.values import present
from outfold.errors import DataError, in_yaml, quoted, some


def refuse_missing(raw: pd.DataFrame, path: Path) -> None:
    """DataError naming the rows in which a target column has no value, and the words that were read as no value."""
    for name in map(str, raw):
        lost = raw.index.difference(present(raw[name]).index, sort=False)
        if len(lost):
            words = _words_among_numbers(path, name)
            said = (
                f"; {some(map(quoted, words))} was read as missing, since no cell holds another word" if words else ""
            )
            remedy = (
                f"Fill the values, or leave these rows out: `train_where: {in_yaml(f'{_column(name)}.notna()')}` in "
                "competition.yaml."
            )
            if words:
                remedy += f" If {quoted(words[0])} is a class, write another word for it in {path.name}."
            raise DataError(
                f"{path}: the target {name} has no value in {len(lost)} of {len(raw)} rows: {some(lost)}{said}",
                remedy=remedy,
            )


def note_words(values: pd.Series, *, tags: bool) -> tuple[str, ...]:
    """A note for each word such as NA that was read as a class or a tag, with its count and what to do otherwise.

    Args:
        values: the cells of a target column of classes or tags.
        tags: whether a cell holds tags, so that one without any is no missing label.
    """
    if not is_text(values):
        return ()
    name = str(values.name)
    counts = values[values.isin(MISSING_WORDS)].value_counts().sort_index()
    other = "if it means no tag, leave these cells empty"
    notes = []
    for word, count in counts.items():
        if not tags:
            condition = in_yaml(f"{_column(name)} != {str(word)!r}")
            other = f"if it means that the label is missing, write `train_where: {condition}`"
        kind = "tag" if tags else "class"
        notes.append(f"target {name}: {quoted(word)} is read as a {kind} ({count:,} rows); {other}")
    return tuple(notes)


def _column(name: str) -> str:
    """A column as a condition of ``train_where`` names it."""
    return name if name.isidentifier() else f"`{name}`"


def _words_among_numbers(path: Path, name: str) -> list[str]:
    """The words that a column of numbers has in place of some; none where the table has no such text."""
    if not path.is_file() or name not in column_names(path):
        return []
    cells = read_table(path, verbatim={name}).frame[name]
    return sorted(set(cells.dropna().unique()) & set(MISSING_WORDS)) if is_text(cells) else []
