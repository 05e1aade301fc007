"""The cells of a target column: which are missing, which are numbers, flags, tags or classes."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outfold.cell_values import TRUTH_WORDS, exact_number
from outfold.data.reading.column_types import MISSING_WORDS, is_text
from outfold.data.targets.tag_lists import list_form
from outfold.errors import DataError, quoted, some

_INTEGER = re.compile(r"(0|[+-]?[1-9]\d{0,999})(\.0*)?", re.ASCII)
LARGEST = 1e36
"""Amounts beyond it overflow float32, in which most models compute."""
ODD_SHARE = 0.01
"""Up to this share of rows, a third value among two truth values is a slip of the pen."""
_NUMBERS = (
    "Write plain numbers (`1000.5`). If they are classes: `task: multiclass` or `task: binary` for one target, "
    "`task: multitask` for several."
)
_ROWS = "Correct the cells, or leave such rows out: `train_where` in competition.yaml."
_ZEROS = re.compile(r"\.0*$", re.ASCII)
_BINARY_WORDS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}


def present(values: pd.Series) -> pd.Series:
    """The values without those that are missing: in a column of numbers, also the cells that say NA."""
    values = values.dropna()
    if is_text(values):
        said = values[~values.isin(MISSING_WORDS)]
        if len(said) and pd.to_numeric(said, errors="coerce").notna().all():
            return said
    return values


def as_numbers(values: pd.Series) -> pd.Series | None:
    """The values as float64 where every one is a number; None otherwise."""
    if pd.api.types.is_bool_dtype(values):
        return values.astype(np.float64)
    if not is_text(values):
        return values.astype(np.float64) if pd.api.types.is_numeric_dtype(values) else None
    numbers = pd.to_numeric(values, errors="coerce")
    return None if numbers.isna().any() else numbers.astype(np.float64)


def amounts(values: pd.Series, path: Path) -> np.ndarray:
    """The values as float64 (n,); DataError where one is no finite number, or so large that its square is none."""
    numbers = values.astype(np.float64) if not is_text(values) else pd.to_numeric(values, errors="coerce")
    result = np.asarray(numbers, dtype=np.float64)
    bad = ~np.isfinite(result)
    if bad.any():
        raise DataError(
            f"{path}: task: regression needs numbers, and the target {values.name} is {values[bad].tolist()[0]!r} "
            f"in row {values.index[bad].tolist()[0]!r} ({int(bad.sum())} rows: {some(values.index[bad])})",
            remedy=_NUMBERS if pd.isna(pd.to_numeric(values[bad].iloc[:1], errors="coerce").iloc[0]) else _ROWS,
        )
    large = np.abs(result) > LARGEST
    if large.any():
        raise DataError(
            f"{path}: the target {values.name} is {result[large][0]:g} in row {values.index[large].tolist()[0]!r} "
            f"({int(large.sum())} rows: {some(values.index[large])}); models compute with numbers up to {LARGEST:g}",
            remedy=f"Divide the column by a constant. {_ROWS}",
        )
    return result


def flag(value: Any) -> int:
    """1 or 0 for what says yes or no, -1 for anything else."""
    return _BINARY_WORDS.get(_ZEROS.sub("", str(value).strip().lower()), -1)


def refuse_odd_label(values: pd.Series, path: Path) -> None:
    """DataError naming the rows of the few values among 0 and 1, false and true, or no and yes, that are neither."""
    if not is_text(values):
        return
    keys = values.map({value: str(value).strip().casefold().removesuffix(".0") for value in values.unique()})
    for pair in TRUTH_WORDS[:3]:
        odd = ~keys.isin(pair)
        few = 0 < odd.sum() <= max(len(values) >= 20, ODD_SHARE * len(values))
        if few and keys[~odd].nunique() == 2:
            rows = values.index[odd].tolist()
            raise DataError(
                f"{path}: the target {values.name} is {quoted(values[odd].iloc[0])} in row {quoted(rows[0])} "
                f"({len(rows)} of {len(values)} rows: {some(rows)}); all others are {pair[0]} or {pair[1]}",
                remedy="Correct the cells, or leave such rows out: `train_where` in competition.yaml. If it is a class "
                "of its own, say `task: multiclass`.",
            )


def zeros_and_ones(values: pd.Series, path: Path) -> np.ndarray:
    """The values as int8 (n,) of 0 and 1; DataError where one is neither."""
    flags = values.map({value: flag(value) for value in values.unique()}).to_numpy(np.int8)
    bad = flags < 0
    if bad.any():
        raise DataError(
            f"{path}: task: multilabel needs 0 or 1, and the target {values.name} is {values[bad].tolist()[0]!r} "
            f"in row {values.index[bad].tolist()[0]!r}",
            remedy="For amounts, say `task: regression`; for words such as yes and no, `task: multitask`.",
        )
    return flags


def looks_like_tags(values: pd.Series, separator: str) -> bool:
    """Cells made of fewer parts than there are different cells, of which some hold more parts than others."""
    texts = [str(value) for value in values.unique()]
    if _are_lists(texts):
        return True
    cells = [split_cell(cell, separator) for cell in texts]
    parts = {part for cell in cells for part in cell}
    return len(parts) < len(cells) and len({len(cell) for cell in cells}) > 1


def _are_lists(texts: list[str]) -> bool:
    try:
        return list_form(texts) is not None
    except ValueError:
        return True  # most are; reading them says which is none


def split_cell(cell: Any, separator: str) -> list[str]:
    """The tags of one cell."""
    return [tag for tag in (part.strip() for part in str(cell).split(separator)) if tag]


def class_values(values: pd.Series) -> pd.Series:
    """The classes as Python's int, bool, float or str: ``1``, ``1.0`` and ``+1`` are the class 1, ``01`` stays text.

    Whole numbers are exact however long they are; fractions that float64 cannot tell apart stay text.
    """
    if pd.api.types.is_bool_dtype(values):
        return values.astype(object)
    if is_text(values):
        known = [str(value) for value in values.unique()]
        if all(_INTEGER.fullmatch(value) for value in known):
            return values.map({value: int(value.partition(".")[0]) for value in known}).astype(object)
        numbers = as_numbers(pd.Series(known, dtype=object))
        if numbers is not None and (numbers % 1 != 0).any() and _told_apart(known, numbers):
            return values.map(dict(zip(known, numbers.tolist(), strict=True))).astype(object)
        return values.astype(object)
    if values.dtype.kind == "f" and (values % 1 == 0).all():
        return values.map(int).astype(object)
    return values.astype(object)


def _told_apart(known: list[str], numbers: pd.Series) -> bool:
    """Whether these texts are as many different float64 as they are different numbers."""
    return numbers.nunique() == len({exact_number(text) for text in known})


def spelled(values: pd.Series, classes: list[Any]) -> list[str] | None:
    """How the training table writes each class, where whole numbers have a point or a plus sign; None otherwise."""
    if not all(type(value) is int for value in classes):
        return None
    if not is_text(values):
        return [f"{value}.0" for value in classes] if values.dtype.kind == "f" else None
    texts = {str(text): exact_number(text) for text in values.unique()}
    written = {number: text for text, number in texts.items()}
    if len(written) < len(texts) or len(written) < len(classes):
        return None
    found = [written[Decimal(value)] for value in classes]
    return None if found == [str(value) for value in classes] else found
