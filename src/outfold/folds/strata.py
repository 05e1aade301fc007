"""What a split is balanced on: classes, quantile bins of a number, or a matrix of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from outfold.errors import DataError, some
from outfold.folds.alignment import by_id
from outfold.metrics import Task

MOST_BINS = 20


def truth(y: Any, ids: pd.Index) -> np.ndarray:
    """The truth as an array (n,) or (n, k) in the order of ``ids``; DataError naming the rows where it is missing."""
    array = np.asarray(by_id(y, ids, "target"))
    rows = np.asarray(np.asarray(pd.isna(array)).reshape(len(array), -1).any(axis=1), dtype=bool)
    if rows.any():
        raise DataError(
            f"target: {int(rows.sum())} training rows have no value: {some(ids[rows])}",
            remedy="Drop these rows, or fill the target.",
        )
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def task_of(y: np.ndarray) -> Task:
    """The task that an array of truths looks like, for callers that don't say: floats are numbers, not classes."""
    if y.dtype.kind == "f":
        return "regression"
    if y.ndim == 2:
        return "multilabel"
    return "binary" if len(pd.unique(y)) <= 2 else "multiclass"


def class_codes(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n,) in 0..k-1 and the distinct values (k,) that they stand for, sorted where they can be."""
    if y.ndim != 1:
        raise DataError(f"target: {y.shape[1]} columns; one was expected for a target of classes")
    try:
        values, codes = np.unique(y, return_inverse=True)
    except TypeError:  # text and numbers mixed
        codes, values = pd.factorize(y)
    return np.asarray(codes, dtype=np.int64), np.asarray(values)


def quantile_bins(y: np.ndarray, bins: int) -> np.ndarray:
    """Codes (n,) of at most ``bins`` bins of about equal size; equal values share a bin.

    Several targets (n, k) are binned by their mean rank.
    """
    numbers = np.asarray(y, dtype=np.float64)
    if numbers.ndim == 2:
        numbers = pd.DataFrame(numbers).rank().mean(axis=1).to_numpy()
    edges = np.unique(np.quantile(numbers, np.arange(1, bins) / bins, method="inverted_cdf"))
    return np.unique(np.searchsorted(edges, numbers, side="left"), return_inverse=True)[1].astype(np.int64)


def bins_for(rows: int, n: int) -> int:
    """As many bins as leave at least ``n`` rows in each, at most 20, at least one."""
    return max(1, min(MOST_BINS, rows // n))


def strata_of(y: np.ndarray, task: Task, n: int) -> np.ndarray:
    """Codes (n,) to stratify on: classes, or quantile bins of a number that keep ``n`` rows each."""
    if task == "regression":
        return quantile_bins(y, bins_for(len(y), n))
    return class_codes(y)[0]
