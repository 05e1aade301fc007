"""Metrics of order: only which row, or which class of a row, comes before which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def midranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Ranks (n,) from 1, ascending; equal values share the mean of their ranks."""
    order = np.argsort(values)
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    counts = np.diff(np.append(starts, len(values)))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(starts + (counts + 1) / 2, counts)
    return ranks


def auc(y: NDArray[Any], scores: NDArray[Any]) -> float:
    """Area under the ROC curve, as the Mann-Whitney statistic; ties count half. nan if y has only one class."""
    positives = int(np.count_nonzero(y))
    negatives = len(y) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    ranks = midranks(scores)[y.astype(bool)].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(y: NDArray[Any], scores: NDArray[Any]) -> float:
    """Precision averaged over the steps in recall, not interpolated; equal scores are one step. nan if no positive."""
    order = np.argsort(-scores)
    ordered, hits = scores[order], np.cumsum(y[order], dtype=np.int64)
    if hits[-1] == 0:
        return float("nan")
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    found = hits[ends]
    return float((np.diff(found, prepend=0) * found / (ends + 1)).sum() / hits[-1])


def gini(y: NDArray[Any], scores: NDArray[Any]) -> float:
    """Normalised Gini of the insurance contests: Gini of the truth ordered by the scores, over that in its own order.

    Kaggle's reference code breaks ties by row number; here equal scores share a rank, so that the order of the rows
    does not matter. For binary truth it is 2 AUC - 1. nan if the truth is constant.
    """
    centre = (len(y) + 1) / 2
    best = (y * (midranks(y) - centre)).sum()
    return float((y * (midranks(scores) - centre)).sum() / best) if y.min() < y.max() else float("nan")


def by_column(function: Callable[..., float], y: NDArray[Any], outputs: NDArray[Any]) -> float:
    """Mean of a two-array function over the columns, of those for which the truth defines it (the others are nan).

    So the contests do (BirdCLEF skips the classes without a positive), and a fold without some rare label still has a
    score. nan only if no column has one. One-dimensional class codes become one column a class (one versus rest).
    """
    if outputs.ndim == 1:
        return function(y, outputs)
    columns = range(outputs.shape[1])
    scores = np.array([function(y == c if y.ndim == 1 else y[:, c], outputs[:, c]) for c in columns])
    defined = scores[~np.isnan(scores)]
    return float(defined.mean()) if len(defined) else float("nan")


def map_at(y: NDArray[Any], outputs: NDArray[Any], *, k: int) -> float:
    """Mean average precision at k: classes of each row ranked by output, equals by column.

    Multiclass: 1 / rank of the true class, 0 beyond k. Multilabel: the precision at each true label among the first k,
    summed, over min(k, number of true labels); a row without a true label scores 0, as in Kaggle's reference code.
    """
    if y.ndim == 1:
        place = _place(y, outputs)
        return float(np.where(place < k, 1 / (place + 1), 0).mean())
    top = np.argsort(-outputs, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(y, top, axis=1).astype(np.float64)
    precisions = hits * hits.cumsum(axis=1) / np.arange(1, top.shape[1] + 1)
    possible = np.minimum(y.sum(axis=1, dtype=np.int64), k)
    return float((precisions.sum(axis=1) / np.maximum(possible, 1)).mean())


def top_k(y: NDArray[Any], outputs: NDArray[Any], *, k: int) -> float:
    """Share of the rows whose true class is among the k largest outputs, equals by column."""
    return float((_place(y, outputs) < k).mean())


def _place(y: NDArray[Any], outputs: NDArray[Any]) -> NDArray[np.int64]:
    """How many classes come before the true one; cheaper than sorting every row."""
    own = np.take_along_axis(outputs, y[:, None], axis=1)
    earlier = np.arange(outputs.shape[1]) < y[:, None]
    return np.asarray(((outputs > own) | ((outputs == own) & earlier)).sum(axis=1))
