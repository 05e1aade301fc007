"""An Arrow table as pandas, with the types that a table of a contest needs."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from outfold.data.parallel_map import side_by_side


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """As pandas; exotic Parquet types become the nearest plain one."""
    columns = side_by_side(_plain, table.columns, table.num_rows)
    return pa.table(dict(zip(table.column_names, columns, strict=True))).to_pandas()


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_decimal(kind):
        return _of_decimals(column)
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("ms"))
    if pa.types.is_dictionary(kind):
        # what pandas keeps text as
        return pc.cast(column, pa.large_string() if pa.types.is_string(kind.value_type) else kind.value_type)
    if pa.types.is_integer(kind) and column.null_count and _beyond_fractions(column):
        # beside a gap pandas has fractions, among which neighbours so large are one: they are codes
        return pc.cast(column, pa.string())
    if pa.types.is_boolean(kind) and column.null_count:
        # a third value makes them categories; pandas would have a column of objects
        return pc.cast(column, pa.string())
    return column


def _of_decimals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decimals as float64; whole ones that float64 may not hold as int64 or, where that is too short, as text."""
    whole = column.type.scale <= 0
    if not whole or not len(pc.drop_null(column)) or not _beyond_fractions(column):
        return column.cast(pa.float64())
    try:
        return _plain(column.cast(pa.int64()))
    except pa.ArrowInvalid:
        return pc.cast(column, pa.string())


def _beyond_fractions(column: pa.ChunkedArray) -> bool:
    """Whether float64 would make different ones of these whole numbers equal."""
    found = pc.min_max(column).as_py()
    return found["min"] is not None and max(abs(found["min"]), abs(found["max"])) > 2**53
