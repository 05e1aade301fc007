"""Values as levels: text that does not depend on the type a column was read as; a missing value is a level, too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from outfold.data.encoding.categories import as_text, category_codes
from outfold.data.reading.column_types import is_text

Codes = NDArray[np.int64]
_DENSE = 10_000_000
"""The longest table to look places up in; beyond, they are searched for."""


def level(number: int) -> str:
    """The column of a learnt table that holds the levels of the key's column at this place."""
    return f"level.{number}"


def distinct(rows: pd.DataFrame, key: Sequence[str]) -> tuple[Codes, pd.DataFrame]:
    """The combinations of levels that occur.

    Args:
        key: one column or several.

    Returns:
        which combination each row has, (n,), and the combinations, sorted: ``level.0``, ``level.1`` ... as text, None
        where a value is missing.
    """
    codes, words_of = zip(*(_coded(rows[name]) for name in key), strict=True)
    joined = np.zeros(len(rows), dtype=np.int64)
    for own, words in zip(codes, words_of, strict=True):
        joined, _ = _compressed(joined * (len(words) + 1) + own)
    joined, first = _compressed(joined)
    table = {
        level(place): np.array([*words, None], dtype=object)[own[first]]
        for place, (own, words) in enumerate(zip(codes, words_of, strict=True))
    }
    return joined, pd.DataFrame(table, dtype=object)


def places(rows: pd.DataFrame, key: Sequence[str], table: pd.DataFrame) -> Codes:
    """The place in a table of :func:`distinct` of each row's combination, (n,); -1 for one that is not there."""
    at = np.zeros(len(rows), dtype=np.int64)
    there, reach = np.zeros(len(table), dtype=np.int64), 1
    for number, name in enumerate(key):
        own = table[level(number)]
        words = list(dict.fromkeys(own.dropna()))
        size = len(words) + 1
        known, there = np.unique(there * size + _placed(own, words), return_inverse=True)
        codes = _placed(rows[name], words)
        at = _found(known, np.where((at < 0) | (codes < 0), -1, at * size + codes), reach * size)
        reach = len(known)
    order = np.full(len(table) + 1, -1, dtype=np.int64)
    order[there] = np.arange(len(table))
    return order[at]


def texts(column: pd.Series) -> tuple[Codes, NDArray[np.object_]]:
    """Which of the column's values each cell holds, (n,), -1 where it is missing; and the values, as text."""
    if is_text(column):
        array = pa.array(column, type=pa.string(), from_pandas=True)
        held = (array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array).dictionary_encode()
        codes, words = held.indices.fill_null(-1).to_numpy(zero_copy_only=False), held.dictionary.to_pylist()
    else:
        codes, values = pd.factorize(column)
        words = [as_text(value) for value in values]
    return np.asarray(codes, dtype=np.int64), np.array(words, dtype=object)


def _coded(column: pd.Series) -> tuple[Codes, list[str]]:
    """Each cell's place among the column's levels as text, in an order of their own; missing ones come last."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        found, numbers = pd.factorize(column, sort=True)  # numbers that differ are texts that differ
        return np.where(found < 0, len(numbers), found).astype(np.int64), [as_text(number) for number in numbers]
    found, held = texts(column)
    words, place = np.unique(held, return_inverse=True) if len(held) else (held, np.empty(0, dtype=np.int64))
    return np.append(place, len(words)).astype(np.int64)[found], [str(word) for word in words]


def _placed(column: pd.Series, words: Sequence[str]) -> Codes:
    """Each cell's place among these levels; a missing one comes after them, and one that is not there is -1."""
    codes = category_codes(column, words)
    return np.where(np.isnan(codes), np.where(column.isna().to_numpy(), len(words), -1), codes).astype(np.int64)


def _compressed(codes: Codes) -> tuple[Codes, Codes]:
    """Codes 0, 1, 2 ... in the same order, and where each is found first."""
    new, values = pd.factorize(codes, sort=True)
    first = np.zeros(len(values), dtype=np.int64)
    first[new[::-1]] = np.arange(len(codes))[::-1]
    return new.astype(np.int64), first


def _found(known: Codes, codes: Codes, reach: int) -> Codes:
    """The place of each code, all below ``reach``, among those known; -1 where it is not, or is -1 itself."""
    if reach > _DENSE:
        return np.asarray(pd.Index(known).get_indexer(pd.Index(codes)), dtype=np.int64)
    table = np.full(reach + 1, -1, dtype=np.int64)
    table[known] = np.arange(len(known))
    return table[codes]
