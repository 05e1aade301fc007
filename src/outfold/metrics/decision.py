"""From outputs to labels: which class, which tags, which rating."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outfold.errors import ConfigError, DataError
from outfold.metrics.truth import PER_CLASS, Task


def expected_class(probabilities: ArrayLike) -> NDArray[np.float64]:
    """The mean class (n,) of an ordinal target, its classes counted from 0: ``sum_k k p_k / sum_k p_k``.

    Args:
        probabilities: (n, classes), in the classes' order. A row of zeros is in the middle.
    """
    raised = np.maximum(np.asarray(probabilities, dtype=np.float64), 1e-15)
    mean: NDArray[np.float64] = raised @ np.arange(raised.shape[1]) / raised.sum(axis=1)
    return mean


def to_labels(
    outputs: ArrayLike,
    *,
    task: Task,
    thresholds: ArrayLike | None = None,
    span: tuple[float, float] | None = None,
) -> NDArray[Any]:
    """Labels from outputs, by the one rule that scores and submissions share.

    Args:
        outputs: (n,) or (n, outputs).
        task: multiclass takes the largest output (the first of equals), and so does ordinal, or cuts the expected class
            at the thresholds. Binary and multilabel say 1 where an output is above its threshold. Regression rounds to
            whole ratings, or cuts at the thresholds.
        thresholds: binary and multilabel: a number or one per column, 0.5 by default. Regression: ascending cut points;
            an output above c of them gets the c-th rating from the lowest. Ordinal: the same for the expected class,
            one cut point between each class and the next.
        span: regression only: the lowest and highest rating of the truth, to which labels are clipped. Cut points can
            make more ratings than that (a fold in which the best rating never occurs); then, and without a span, the
            lowest is told from the cuts, each of which lies about half-way between two ratings.

    Returns:
        Integers: (n,) for multiclass and ordinal, otherwise of the shape of ``outputs``.

    Raises:
        ConfigError: thresholds that do not fit the outputs or the span.
        DataError: an output is NaN: it must not become a label unseen.
    """
    # float64 whatever came: 0.3 as float32 is above a threshold of 0.3, and must be so here and in the submission
    values = np.asarray(outputs, dtype=np.float64)
    if np.isnan(values).any():
        raise DataError(f"{int(np.isnan(values).sum())} outputs are missing, expected a number to make a label of")
    if task == "regression":
        return _ratings(values, thresholds, span)
    if task == "ordinal" and thresholds is not None:
        return _cut(expected_class(values), thresholds, values.shape[1])
    if task in PER_CLASS:
        if thresholds is not None:
            raise ConfigError("thresholds have no meaning for a multiclass task, which takes the largest output")
        return values.argmax(axis=1)
    limits = np.asarray(0.5 if thresholds is None else thresholds, dtype=np.float64)
    columns = values.shape[1] if values.ndim == 2 else 1
    if limits.ndim > 1 or limits.size not in (1, columns):
        raise ConfigError(f"{limits.size} thresholds for {columns} outputs, expected one number or one per output")
    if np.isnan(limits).any():
        raise ConfigError(f"a threshold is not a number: {limits.tolist()}")
    return (values > limits).astype(np.int8 if task == "multilabel" else np.int64)


def _ratings(
    values: NDArray[np.float64], thresholds: ArrayLike | None, span: tuple[float, float] | None
) -> NDArray[np.int64]:
    if thresholds is None:
        rounded = np.rint(values)
        return (rounded if span is None else np.clip(rounded, *span)).astype(np.int64)
    cuts = _ascending(thresholds)
    lowest = float(np.rint(cuts.mean() - len(cuts) / 2))
    if span is not None:
        low, high = span
        if high - low > len(cuts):
            raise ConfigError(
                f"{len(cuts)} cut points make {len(cuts) + 1} ratings, but the truth goes from {low:g} to {high:g}",
                remedy=f"Give {high - low:g} cut points, one between each rating and the next.",
            )
        lowest = float(np.clip(lowest, high - len(cuts), low))
    return int(lowest) + np.searchsorted(cuts, values, side="left").astype(np.int64)


def _cut(expected: NDArray[np.float64], thresholds: ArrayLike, classes: int) -> NDArray[np.int64]:
    cuts = _ascending(thresholds)
    if len(cuts) != classes - 1:
        raise ConfigError(
            f"{len(cuts)} cut points make {len(cuts) + 1} classes, but the target has {classes}",
            remedy=f"Give {classes - 1} cut points, one between each class and the next.",
        )
    return np.searchsorted(cuts, expected, side="left").astype(np.int64)


def _ascending(thresholds: ArrayLike) -> NDArray[np.float64]:
    cuts = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    if cuts.ndim != 1 or cuts.size == 0 or not (cuts[1:] >= cuts[:-1]).all() or not np.isfinite(cuts).all():
        raise ConfigError(f"cut points must be finite numbers in ascending order, not {cuts.tolist()}")
    return cuts
