"""Truth values that the test table writes otherwise than the training table: True and 1, Yes and yes, T and t."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from outfold.cell_values import TRUTH_WORDS, cell_key
from outfold.data.reading.column_types import is_text

_PAIRS = [tuple(map(cell_key, pair)) for pair in TRUTH_WORDS]

_FEW = 8
_HEAD = 1_000


def alike_truth_values(
    train: pd.DataFrame, test: pd.DataFrame, apart: Collection[str]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Both tables, the truth values of the test table written as the training table writes them.

    Training columns stay as they are; only a column of bool beside a test column with gaps becomes text.

    Args:
        apart: columns that are left alone.

    Returns:
        the tables, and a note for each column that was changed.
    """
    changed: list[dict[str, pd.Series]] = [{}, {}]
    notes = []
    for name in train.columns:
        if name in apart or name not in test.columns:
            continue
        written = _other_writing(train[name], test[name])
        if written is None:
            continue
        values, gaps = train[name], bool(test[name].isna().any())
        if pd.api.types.is_bool_dtype(values) and gaps:
            changed[0][name] = values.map({False: "False", True: "True"}).astype(object)
            written = {cell: str(value) for cell, value in written.items()}
        kind: Any = object if name in changed[0] else values.dtype
        if gaps and not is_text(values) and name not in changed[0]:
            kind = np.float64
        changed[1][name] = test[name].map(written).astype(kind)
        pairs = ", ".join(f"{str(cell)!r} as {str(value)!r}" for cell, value in written.items())
        notes.append(f"{name}: truth values are written otherwise in the test table; read as in training: {pairs}")
    return train.assign(**changed[0]), test.assign(**changed[1]), notes


def _other_writing(train: pd.Series, test: pd.Series) -> dict[Any, Any] | None:
    """The training table's value for each one of the test table; None where nothing is to be changed."""
    kinds = [_kind(values) for values in (train, test)]
    if None in kinds or kinds == ["number", "number"]:
        return None
    if any(values.iloc[:_HEAD].nunique() > _FEW for values in (train, test)):
        return None
    known, asked = (values.dropna().unique().tolist() for values in (train, test))
    if max(len(known), len(asked)) > _FEW or not known or not asked or (kinds[0] == kinds[1] and {*asked} <= {*known}):
        return None
    pairs = [next((pair for pair in _PAIRS if {*map(cell_key, one)} <= {*pair}), None) for one in (known, asked)]
    if pairs[0] is None or pairs[1] is None:
        return None
    often = train.value_counts().index.tolist()
    written = {cell_key(value): value for value in reversed(often)}
    found = {}
    for value in asked:
        key = pairs[0][pairs[1].index(cell_key(value))]
        if key not in written:
            return None  # a value that training never has stays what it is
        found[value] = written[key]
    return found


def _kind(values: pd.Series) -> str | None:
    if pd.api.types.is_bool_dtype(values):
        return "truth"
    if is_text(values):
        return "text"
    return "number" if pd.api.types.is_numeric_dtype(values) else None
