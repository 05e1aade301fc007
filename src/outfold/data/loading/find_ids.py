"""Which column, columns or row numbers of a test table are the ids of the sample submission, told by their content."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.loading.ids import as_text, repeated_ids
from outfold.data.loading.row_ids import RowIds, joined
from outfold.data.reading.id_lookup import places_of

SEPARATORS = ("_", "-", "|", ":", " ", ",", "/", ".", "__", "")
MOST_COLUMNS, MOST_JOINED, MOST_STEPS = 60, 5, 5000
"""Limits of the search for several columns: columns looked at, columns in an id, partial ids tried."""

_NUMBERED = re.compile(r"(\D*)(\d+)(\D*)")


def same_ids(ids: pd.Index, wanted: pd.Index) -> bool:
    """Whether both hold the same ids, in the same order or each once in any order."""
    if len(ids) != len(wanted):
        return False
    if ids.equals(wanted):
        return True
    return bool(not len(repeated_ids(ids)) and not len(repeated_ids(wanted)) and (places_of(ids, wanted) >= 0).all())


def translated_ids(ids: pd.Index, wanted: pd.Index) -> tuple[pd.Index, str] | None:
    """The ids as the sample submission writes them, where it writes each in another form.

    Args:
        ids: of the test table, as text.
        wanted: of the sample submission.

    Returns:
        The wanted id of each row, and the difference in words; None where no form makes them the same.
    """
    if len(ids) != len(wanted):
        return None
    for words, form in _FORMS:
        mine, others = form(ids), form(wanted)
        if mine is not None and others is not None and same_ids(mine, others):
            return pd.Index(wanted.to_numpy(dtype=object)[places_of(mine, others)], dtype=object, name="id"), words
    return None


def _stripped(ids: pd.Index) -> pd.Index:
    return pd.Index([str(value).strip() for value in ids], dtype=object)


def _as_numbers(ids: pd.Index) -> pd.Index | None:
    numbers = pd.to_numeric(pd.Series(ids.to_numpy(dtype=object)), errors="coerce").to_numpy(np.float64)
    whole = np.isfinite(numbers).all() and (numbers % 1 == 0).all() and (np.abs(numbers) < 2**53).all()
    return pd.Index(numbers.astype(np.int64)) if whole else None


def _folded(ids: pd.Index) -> pd.Index:
    return pd.Index([str(value).strip().casefold() for value in ids], dtype=object)


def _without_ending(ids: pd.Index) -> pd.Index:
    return pd.Index([re.sub(r"\.[A-Za-z][A-Za-z0-9]{0,4}$", "", str(value).strip()) for value in ids], dtype=object)


_FORMS: tuple[tuple[str, Callable[[pd.Index], pd.Index | None]], ...] = (
    ("without the blanks around them", _stripped),
    ("as numbers", _as_numbers),
    ("in any case of their letters", _folded),
    ("without the ending of a file", _without_ending),
)
"""Other forms of ids, and what to say of them: the first in which both tables have the same ids is taken."""


def row_numbers(wanted: pd.Index) -> tuple[str, ...] | None:
    """The ids in the order of their numbers, where these are consecutive (1, 2, 3 or row_001, row_002); else None."""
    matches = [_NUMBERED.fullmatch(str(value)) for value in wanted]
    found = [match for match in matches if match is not None]
    if len(found) < len(matches) or len({(match[1], match[3]) for match in found}) != 1:
        return None
    numbers = np.array([int(match[2]) if len(match[2]) < 18 else -1 for match in found])
    order = np.argsort(numbers, kind="stable")
    if numbers[order[0]] < 0 or (np.diff(numbers[order]) != 1).any():
        return None
    return tuple(str(value) for value in wanted.to_numpy(dtype=object)[order])


def find_ids(frame: pd.DataFrame, wanted: pd.Index, avoid: Collection[str], like: str) -> list[RowIds]:
    """The rules that give the rows of a table the ids of the sample submission.

    Args:
        frame: the table; text as it stands in the file.
        wanted: the ids.
        avoid: columns that are no ids.
        like: the name of the id column in the sample; a column of a similar name goes first.

    Returns:
        Nothing where no rule does; one rule; or several, which give the rows different ids: the user must choose.
    """
    if len(frame) != len(wanted):
        return []
    columns = [str(name) for name in frame.columns if name not in avoid]
    alone = [RowIds((name,)) for name in sorted(columns, key=lambda name: plain(name) != plain(like))]
    found = [rule for rule in alone if _gives(rule, frame, wanted)]
    if not found:
        found = [rule for rule in _several(frame[columns[:MOST_COLUMNS]], wanted) if _gives(rule, frame, wanted)]
    if found:
        return _different(found, frame)
    if any(plain(name) == plain(like) for name in columns):
        return []  # a column of that name with other values is a fault, and no reason to count rows
    numbers = row_numbers(wanted)
    in_order = numbers is not None and list(numbers) == [str(value) for value in wanted]
    return [RowIds(numbers=numbers)] if in_order else []


def plain(name: str) -> str:
    """A name without case, blanks and punctuation: ``Image_ID`` is ``imageid``."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _gives(rule: RowIds, frame: pd.DataFrame, wanted: pd.Index) -> bool:
    values = frame[list(rule.columns)]
    if values.isna().any(axis=None):
        return False
    ids = _ids(rule, frame)
    return same_ids(ids, wanted) or (rule.column is not None and translated_ids(ids, wanted) is not None)


def _ids(rule: RowIds, frame: pd.DataFrame) -> pd.Index:
    if rule.column is not None:
        return pd.Index(as_text(frame[rule.column]).to_numpy(dtype=object), dtype=object)
    return pd.Index(joined(frame, rule.columns, rule.separator), dtype=object)


def _different(found: list[RowIds], frame: pd.DataFrame) -> list[RowIds]:
    """The first rule, and those with different ids."""
    first = _ids(found[0], frame)
    return [found[0], *(rule for rule in found[1:] if not _ids(rule, frame).equals(first))]


def _several(frame: pd.DataFrame, wanted: pd.Index) -> Iterator[RowIds]:
    """Columns whose joined values are the first id in some row, a depth-first search along the id."""
    texts = {str(name): _cells(frame[name]) for name in frame.columns}
    texts = {name: cells for name, cells in texts.items() if cells is not None}
    steps = 0

    def search(rest: str, taken: tuple[str, ...], rows: NDArray[np.bool_], separator: str | None) -> Iterator[RowIds]:
        nonlocal steps
        for name, cells in texts.items():
            if name in taken or cells is None:
                continue
            for value in pd.unique(cells[rows]):
                steps += 1
                if not value or not rest.startswith(value) or steps > MOST_STEPS:
                    continue
                left, chosen = rest[len(value) :], (*taken, name)
                if not left:
                    if len(chosen) > 1:
                        yield RowIds(chosen, separator or "")
                    continue
                if len(chosen) == MOST_JOINED:
                    continue
                for between in SEPARATORS if separator is None else (separator,):
                    if left.startswith(between) and len(left) > len(between):
                        yield from search(left[len(between) :], chosen, rows & (cells == value), between)

    yield from search(str(wanted[0]), (), np.ones(len(frame), dtype=bool), None)


def _cells(column: pd.Series) -> NDArray[np.object_] | None:
    """Each cell as text; None for a column that can be no part of an id."""
    if column.isna().any() or (column.dtype.kind == "f" and (column % 1 != 0).any()):
        return None
    return np.asarray(as_text(column).to_numpy(dtype=object), dtype=object)
