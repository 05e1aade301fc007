"""Columns brought into the order of the ids, with what is missing named: nothing is joined by position."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from outfold.errors import DataError, quoted, some


def check_ids(ids: pd.Index) -> pd.Index:
    """The ids, or DataError where one is missing or stands twice."""
    if ids.hasnans:
        raise DataError(
            f"{int(np.sum(ids.isna()))} training rows have no id", remedy="Every row needs an id of its own."
        )
    if not ids.is_unique:
        twice = ids[ids.duplicated()].unique()
        raise DataError(
            f"{len(twice)} ids stand on several training rows: {some(twice)}", remedy="Make the ids unique."
        )
    return ids


def by_id(values: Any, ids: pd.Index, what: str) -> Any:
    """``values`` in the order of ``ids``.

    A Series or DataFrame is aligned by its index, which holds ids; an array must already have the order of ``ids``.

    Raises:
        DataError: an id has no value, or an array has another length.
    """
    if not isinstance(values, (pd.Series, pd.DataFrame)):
        array = np.asarray(values)
        if len(array) != len(ids):
            raise DataError(f"{what}: {len(array)} values for {len(ids)} training rows")
        return array
    if values.index.equals(ids):
        return values
    if not values.index.is_unique:
        raise DataError(f"{what}: an id stands twice: {some(values.index[values.index.duplicated()].unique())}")
    absent = ids.difference(values.index, sort=False)
    if len(absent):
        raise DataError(
            f"{what}: {len(absent)} of {len(ids)} training rows have no value: {some(absent)}",
            remedy="The index must hold the ids of the training rows.",
        )
    return values.reindex(ids)


def known(values: pd.Series, ids: pd.Index, what: str) -> pd.Series:
    """``values`` in the order of ``ids``; DataError naming the column and the rows where one is missing."""
    aligned = pd.Series(by_id(values, ids, what))
    missing = aligned.isna().to_numpy()
    if missing.any():
        name = getattr(values, "name", None)
        column = f"the column {quoted(name)}, by which folds are made, has no value in" if name else "no value in"
        raise DataError(
            f"{what}: {column} {int(missing.sum())} training rows: {some(ids[missing])}",
            remedy=f"Leave these rows out (`train_where: {_quoted(name or 'column')}.notna()` in competition.yaml), or "
            "fill the column in `features` of competition/hooks.py.",
        )
    return aligned


def _quoted(column: object) -> str:
    """A column's name as ``train_where`` takes it."""
    name = str(column)
    return name if name.isidentifier() else f"`{name}`"


def codes_of(values: pd.Series) -> np.ndarray:
    """Whole numbers 0..k-1 for the distinct values, in their order of appearance; -1 where missing."""
    return np.asarray(pd.factorize(values)[0], dtype=np.int64)


def instants(dates: pd.Series, ids: pd.Index) -> np.ndarray:
    """Dates as codes that sort as the dates do: equal dates, equal codes 0..d-1; see :func:`moments`."""
    return np.unique(moments(dates, ids).to_numpy(), return_inverse=True)[1].astype(np.int64)


def moments(dates: pd.Series, ids: pd.Index) -> pd.Series:
    """Dates in the order of the ids.

    Numbers (years, days since the start) and datetimes are taken as they are, text is parsed.

    Raises:
        DataError: a date is missing or cannot be read, naming the rows.
    """
    aligned = known(dates, ids, "dates").reset_index(drop=True)
    if not (pd.api.types.is_numeric_dtype(aligned) or pd.api.types.is_datetime64_any_dtype(aligned)):
        parsed = pd.to_datetime(aligned, errors="coerce", utc=True)
        unread = parsed.isna().to_numpy()
        if unread.any():
            first = aligned[unread].iloc[0]
            raise DataError(
                f"dates: {int(unread.sum())} rows hold no date: {some(ids[unread])} (the first holds {quoted(first)})",
                remedy="Dates are best written 2017-07-31 or 2017-07-31 13:45:00, all in one form.",
            )
        aligned = parsed
    return aligned
