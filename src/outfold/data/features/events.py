"""What counts as an event in a column, and the numbers that a column holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.encoding.categories import category_codes
from outfold.data.encoding.table_features import as_number
from outfold.errors import ConfigError, in_yaml, quoted

_NO_EVENT = ("0", "False", "")


def is_event(column: pd.Series, values: Sequence[Any] | None) -> NDArray[np.bool_]:
    """Which rows hold one of these values, (n,); of None, anything but 0, false and nothing at all."""
    if values is not None:
        return ~np.isnan(category_codes(column, [str(value) for value in values]))
    return column.notna().to_numpy() & np.isnan(category_codes(column, _NO_EVENT))


def numbers_of(column: pd.Series, events: Sequence[Any] | None) -> NDArray[np.float64]:
    """A column as numbers, NaN where missing or infinite; with ``events`` 1 where it holds one of them, else 0; (n,).

    Raises:
        ConfigError: a value that is no number, and no ``events`` are named.
    """
    if events is not None:
        return is_event(column, events).astype(np.float64)
    words = column[column.notna() & pd.to_numeric(column.astype(object), errors="coerce").isna()]
    if pd.api.types.is_datetime64_any_dtype(column):
        words = column.dropna()
    if len(words):
        raise ConfigError(
            f"features: {quoted(column.name)} holds {quoted(words.iloc[0])}, which is no number",
            remedy=f"Say which of its values to count: `events: [{in_yaml(words.iloc[0])}]`.",
        )
    return as_number(column).to_numpy()
