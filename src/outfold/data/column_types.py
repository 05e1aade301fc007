"""From text to numbers: what the cells of a column are, by one rule for all files."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

MISSING_WORDS = ("", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "#NA")
"""Cells that say that there is no value; the list that pandas has."""

_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
CANONICAL_INTEGER = r"^(0|-?[1-9][0-9]{0,17})$"


def typed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text as int64, float64, bool or, where a cell is none of them, text.

    Cells that hold one of :data:`MISSING_WORDS` become null.
    """
    column = pc.if_else(pc.is_in(column, value_set=pa.array(MISSING_WORDS)), pa.scalar(None, column.type), column)
    if column.null_count == len(column):
        return column.cast(pa.float64())
    trimmed = pc.utf8_trim_whitespace(column)
    # Arrow reads 0x1F as a number; in a table it is a code
    if not pc.any(pc.match_substring_regex(trimmed, "^0[xX]"), min_count=0).as_py():
        for kind in (pa.int64(), pa.float64()):
            try:
                return trimmed.cast(kind)
            except pa.ArrowInvalid:
                continue
    if column.null_count == 0 and pc.all(pc.is_in(trimmed, value_set=pa.array(_TRUE + _FALSE))).as_py():
        return pc.is_in(trimmed, value_set=pa.array(_TRUE))
    return column


def typed_target(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A target column as numbers where every cell is one in its usual form (``01`` is not); otherwise as it stands."""
    found = typed(column)
    if pa.types.is_integer(found.type) or pa.types.is_floating(found.type):
        padded = pc.match_substring_regex(column, r"^\s*[+-]?0[0-9]")
        return column if pc.any(padded, min_count=0).as_py() else found
    return column


def typed_series(values: pd.Series) -> pd.Series:
    """:func:`typed` for a pandas Series; anything but text is returned as it is."""
    if not is_text(values):
        return values
    array = pa.chunked_array([pa.array(values, type=pa.string(), from_pandas=True)])
    result = typed(array).to_pandas()
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


def canonical_integers(values: pd.Series) -> bool:
    """Whether every text is a whole number written in the one usual way: ``12``, and not ``012`` or ``12.0``."""
    array = pa.array(values, type=pa.string(), from_pandas=True)
    return array.null_count == 0 and bool(pc.all(pc.match_substring_regex(array, CANONICAL_INTEGER)).as_py())
