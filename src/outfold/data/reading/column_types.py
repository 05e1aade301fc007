"""From text to numbers: what the cells of a column are, by one rule for all files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from outfold.cell_values import FLOAT_INTEGERS

MISSING_WORDS = ("", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "#NA")
"""Cells that say that there is no value; the list that pandas has."""

_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
LONG_INTEGER = r"^\s*[+-]?[0-9]{16,}(\.0*)?\s*$"
CANONICAL_INTEGER = r"^(0|-?[1-9][0-9]{0,17})$"

REPEATED = 4
"""Text whose cells stand so many times each, on average, is kept as a dictionary in memory and on disk."""


def typed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text as int64, float64, bool or, where a cell is none of them, text.

    Cells that hold one of :data:`MISSING_WORDS` become null. Whole numbers of more than 64 bits stay text where most
    cells hold one, or where float64 would make different ones equal: they are codes. Text that repeats is a dictionary.
    """
    if column.null_count == len(column):
        return column.cast(pa.float64())
    found = _as_it_stands(column)
    return _by_distinct_cells(column) if found is None else found


def _as_it_stands(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The usual column of numbers, read in one pass; None where a cell needs a closer look."""
    for kind in (pa.int64(), pa.float64()):
        try:
            found = column.cast(kind)
        except pa.ArrowInvalid:
            continue
        closer = _hexadecimal(column) or (kind == pa.float64() and _nan_or_huge(found))
        return None if closer else found
    return None


def _by_distinct_cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    encoded = column.dictionary_encode().unify_dictionaries()
    cells = encoded.chunk(0).dictionary
    said = pc.if_else(pc.is_in(cells, value_set=pa.array(MISSING_WORDS)), pa.scalar(None, cells.type), cells)
    if said.null_count == len(said):
        return pa.chunked_array([pa.nulls(len(column), pa.float64())])
    found = _typed_cells(said, whole=encoded.null_count + said.null_count == 0)
    repeats = len(cells) * REPEATED <= len(column)
    if found is said and not said.null_count:
        return encoded if repeats else column
    taken = pa.chunked_array([found.take(chunk.indices) for chunk in encoded.chunks])
    return taken.dictionary_encode() if repeats and found is said else taken


def _typed_cells(cells: pa.Array, *, whole: bool) -> pa.Array:
    """Distinct cells as what they all are; ``whole``: no row lacks one, so that two truth values are all there is."""
    trimmed = pc.utf8_trim_whitespace(cells)
    if not _hexadecimal(trimmed):
        for kind in (pa.int64(), pa.float64()):
            try:
                found = trimmed.cast(kind)
            except pa.ArrowInvalid:
                continue
            return cells if kind == pa.float64() and _codes(trimmed) else found
    if whole and pc.all(pc.is_in(trimmed, value_set=pa.array(_TRUE + _FALSE))).as_py():
        return pc.is_in(trimmed, value_set=pa.array(_TRUE))
    return cells


def _hexadecimal(column: pa.ChunkedArray | pa.Array) -> bool:
    """Arrow reads 0x1F as a number; in a table it is a code."""
    return any(pc.any(pc.match_substring(column, letter), min_count=0).as_py() for letter in "xX")


def _nan_or_huge(numbers: pa.ChunkedArray) -> bool:
    return not pc.all(pc.less(pc.abs(numbers), float(FLOAT_INTEGERS)), min_count=0).as_py()


def _codes(cells: pa.Array) -> bool:
    """Whether most of these numbers are whole ones that 64 bits do not hold, or float64 makes different ones equal."""
    long = pc.match_substring_regex(cells, r"^[+-]?[0-9]{19,}$")
    if pc.mean(long.cast(pa.float64())).as_py() > 0.5:
        return True
    whole = cells.filter(pc.match_substring_regex(cells, LONG_INTEGER))
    if not len(whole):
        return False
    digits = pc.replace_substring_regex(whole, r"^([+]?)(-?)0*", r"\\2")
    return int(pc.count_distinct(whole.cast(pa.float64())).as_py()) < int(pc.count_distinct(digits).as_py())


def typed_target(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A target column as numbers where every cell is one in its usual form (``01``, ``+1`` are not), else as it stands.

    Whole numbers that float64 may not hold stay text, with a point (``9007199254740993.0``) and without.
    """
    found = typed(column)
    if pa.types.is_integer(found.type) or pa.types.is_floating(found.type):
        if pc.any(pc.match_substring_regex(column, r"^\s*[+-]?0[0-9]"), min_count=0).as_py():
            return column
        if pc.all(pc.match_substring_regex(column, r"^[+-]?[0-9]+$"), min_count=0).as_py() and _signed(column):
            return column
        if pa.types.is_floating(found.type) and _whole(found) and not _ends_in_zero(column):
            return column
        if pa.types.is_floating(found.type) and _nan_or_huge(pc.drop_null(found)):
            long = pc.match_substring_regex(column, LONG_INTEGER)
            return column if pc.any(long, min_count=0).as_py() else found
        return found
    return column


def _whole(numbers: pa.ChunkedArray) -> bool:
    return bool(pc.all(pc.equal(pc.floor(numbers), numbers), min_count=0).as_py())


def _ends_in_zero(column: pa.ChunkedArray) -> bool:
    """Whether every cell is written ``1.0`` or, beside a gap, ``1``; others, such as ``1.00`` and ``1e5``, are not."""
    usual = pc.match_substring_regex(column, r"^\s*-?[0-9]+(\.0)?\s*$|^[^0-9]*$")
    return bool(pc.all(usual, min_count=0).as_py())


def _signed(column: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.starts_with(column, "+"), min_count=0).as_py())


def typed_series(values: pd.Series) -> pd.Series:
    """:func:`typed` for a pandas Series; anything but text is returned as it is."""
    if not is_text(values):
        return values
    array = pa.chunked_array([pa.array(values, type=pa.string(), from_pandas=True)])
    found = typed(array)
    result = (found.cast(pa.string()) if pa.types.is_dictionary(found.type) else found).to_pandas()
    result.index, result.name = values.index, values.name
    return result


def is_text(values: pd.Series) -> bool:
    """Whether a column holds text (whatever pandas of the day calls it), and nothing else."""
    kind = values.dtype
    if isinstance(kind, pd.CategoricalDtype):
        return False
    if kind.kind == "O" and not isinstance(kind, pd.StringDtype):
        return pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty")
    return pd.api.types.is_string_dtype(kind)


def canonical_integers(values: pd.Series | pd.Index) -> np.ndarray | None:
    """Texts as int64 (n,) if every one is a whole number in its usual form (``12``, not ``012`` or ``12.0``)."""
    array = pa.array(values, type=pa.large_string(), from_pandas=True)
    if array.null_count or not pc.all(pc.match_substring_regex(array, CANONICAL_INTEGER), min_count=0).as_py():
        return None
    return np.asarray(array.cast(pa.int64()).to_numpy())
