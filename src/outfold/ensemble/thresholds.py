"""Thresholds for metrics on labels: tuned on some rows, for use on others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outfold.ensemble.problem import Array
from outfold.metrics import Metric, Task, to_labels

MANY_LABELS = 100
"""With more labels than this, one threshold for all of them, unless the metric is a mean over the labels."""
MOST_RATINGS = 50
TUNING_ROWS = 20_000
PASSES = 3


def needs_thresholds(metric: Metric, task: Task) -> bool:
    """Whether the metric's labels come from thresholds; a multiclass label is the largest output and has none."""
    return metric.wants == "labels" and task != "multiclass"


def tune_thresholds(metric: Metric, y: Array, outputs: Array, *, task: Task) -> Array | None:
    """The thresholds with the best score on these rows, in the form that ``Metric.score`` takes.

    Binary: the middle of the longest run of the best. Multilabel: one a label, from the best shared one by coordinate
    ascent. Regression on ratings: the cut points between them, by coordinate ascent from those that give each rating its
    share of the truth.

    Args:
        y: truth, as :class:`outfold.metrics.Metric` takes it.
        outputs: (n, outputs) probabilities, or values.

    Returns:
        (1,) for binary, (labels,) for multilabel, (ratings - 1,) for regression; None where thresholds have no meaning:
        the metric is not on labels, the task is multiclass, or the truth is one rating, more than 50 or no whole numbers.
    """
    if not needs_thresholds(metric, task):
        return None
    if task == "regression":
        return _tune_cuts(metric, y, outputs)
    if task == "multilabel":
        return _tune_labels(metric, y, outputs)
    scores = outputs[:, 0]
    return np.array([_best(_between(scores, 200), lambda limit: metric.score(y, outputs, thresholds=limit), metric)[0]])


def quick_thresholds(metric: Metric, y: Array, outputs: Array, *, task: Task) -> Array | None:
    """Thresholds good enough to compare mixtures with: few candidates, and one for all labels."""
    if task == "regression":
        return _matched_cuts(y, outputs[:, 0])
    candidates = _between(outputs[:, 0], 24) if task == "binary" else np.linspace(0.05, 0.6, 12)
    return np.array([_best(candidates, lambda limit: metric.score(y, outputs, thresholds=limit), metric)[0]])


@dataclass(frozen=True, eq=False)
class NestedThresholds:
    """What :func:`nested_thresholds` finds."""

    score: float
    """Of all rows together, each decided by the thresholds of the other folds."""
    labels: Array
    """(n, outputs) float32: the decisions; scored with the metric's default thresholds they give ``score``."""
    by_fold: dict[int, Array | None]
    """The thresholds that decided each fold."""


def nested_thresholds(metric: Metric, y: Array, outputs: Array, fold: Array, *, task: Task) -> NestedThresholds:
    """Tune the thresholds for each fold on the rows of all others, and score all rows together.

    Args:
        fold: (n,) fold of each row, of at least two folds.
    """
    labels = np.asarray(outputs, dtype=np.float32).copy()
    by_fold: dict[int, Array | None] = {}
    for name in np.unique(fold):
        inside = fold == name
        found = tune_thresholds(metric, y[~inside], outputs[~inside], task=task)
        by_fold[int(name)] = found
        labels[inside] = decide(metric, y[~inside], outputs[inside], found, task=task)
    return NestedThresholds(metric.score(y, labels), labels, by_fold)


def decide(metric: Metric, y: Array, outputs: Array, thresholds: Array | None, *, task: Task) -> Array:
    """Outputs (n, outputs) float32 that say the labels themselves: 0 or 1, or the rating.

    So rows that different thresholds decided can be scored together. ``y`` is the truth that the thresholds were tuned
    on, whose least and greatest rating bound the ratings. Without thresholds the outputs come back as they are.
    """
    if not needs_thresholds(metric, task) or thresholds is None:
        return np.asarray(outputs, dtype=np.float32)
    low, high = (float(np.rint(y.min())), float(np.rint(y.max()))) if task == "regression" else (-np.inf, np.inf)
    return to_labels(outputs, task=task, thresholds=thresholds, low=low, high=high).astype(np.float32)


def _best(candidates: Array, score: Callable[[float], float], metric: Metric) -> tuple[float, float]:
    """The candidate, and its gain, in the middle of the longest run of candidates that share the best score."""
    sign = 1.0 if metric.greater_is_better else -1.0
    gains = np.nan_to_num(np.array([sign * score(float(candidate)) for candidate in candidates]), nan=-np.inf)
    best = np.flatnonzero(gains == gains.max())
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    longest = max(runs, key=len)
    middle = int(longest[len(longest) // 2])
    return float(candidates[middle]), float(gains[middle])


def _between(scores: Array, most: int) -> Array:
    """Ascending thresholds that lie between distinct scores, so that no score equals one; at most ``most``."""
    distinct = np.unique(np.asarray(scores, dtype=np.float64))
    if len(distinct) == 1:
        return np.array([0.5])
    middles = (distinct[1:] + distinct[:-1]) / 2.0
    if len(middles) <= most:
        return middles
    by_rank = np.quantile(np.sort(scores), np.linspace(0, 1, most), method="nearest")
    return middles[np.unique(np.clip(np.searchsorted(distinct, by_rank), 0, len(middles) - 1))]


def _tune_labels(metric: Metric, y: Array, outputs: Array) -> Array:
    stride = -(-len(y) // TUNING_ROWS)
    truth, scores = np.asarray(y[::stride], dtype=np.int8), np.asarray(outputs[::stride], dtype=np.float64)
    columns = truth.shape[1]
    shared = float(quick_thresholds(metric, truth, scores, task="multilabel")[0])  # type: ignore[index]
    found = np.full(columns, shared)
    if metric.name == "f1_macro":  # a mean over the labels: each by itself
        for k in range(columns):
            one, column = truth[:, [k]], scores[:, [k]]
            if one.any():
                found[k] = _best(
                    _between(column, 100), lambda t, o=one, c=column: metric.score(o, c, thresholds=t), metric
                )[0]  # type: ignore[misc]
        return found
    if columns > MANY_LABELS:
        return found
    labels = (scores > found).astype(np.int8)
    sign = 1.0 if metric.greater_is_better else -1.0
    best = sign * metric.score(truth, labels)
    for _ in range(PASSES):
        before = best
        for k in range(columns):
            trial = labels.copy()

            def score(limit: float, trial: Array = trial, k: int = k) -> float:
                trial[:, k] = scores[:, k] > limit
                return float(metric.function(truth, trial))

            limit, gain = _best(_label_candidates(truth[:, k], scores[:, k]), score, metric)
            if gain > best + 1e-12:
                found[k], best = limit, gain
                labels[:, k] = scores[:, k] > limit
        if best <= before + 1e-6:
            break
    return found


def _label_candidates(truth: Array, scores: Array) -> Array:
    """Probabilities, and thresholds that say yes from a quarter to four times as often as it is true."""
    counts = truth.sum() * np.geomspace(0.25, 4.0, 9)
    by_count = np.quantile(scores, np.clip(1.0 - counts / len(truth), 0.0, 1.0))
    return np.unique(np.concatenate([np.linspace(0.04, 0.96, 24), by_count]))


def _matched_cuts(y: Array, values: Array) -> Array | None:
    """Cut points that give each rating as many rows as it has in the truth; None where the truth is not ratings."""
    truth = np.asarray(y, dtype=np.float64).ravel()
    low, high = truth.min(), truth.max()
    if low == high or high - low > MOST_RATINGS or (truth != np.rint(truth)).any():
        return None
    shares = np.array([(truth <= rating).mean() for rating in np.arange(low, high)])
    return np.quantile(np.asarray(values, dtype=np.float64), shares, method="linear")


def _tune_cuts(metric: Metric, y: Array, outputs: Array) -> Array | None:
    matched = _matched_cuts(y, outputs[:, 0])
    if matched is None:
        return None
    sign = 1.0 if metric.greater_is_better else -1.0
    values = np.sort(np.asarray(outputs[:, 0], dtype=np.float64))
    halves = np.rint(y.min()) + 0.5 + np.arange(len(matched))
    cuts = max((halves, matched), key=lambda start: sign * metric.score(y, outputs, thresholds=start)).copy()
    best = sign * metric.score(y, outputs, thresholds=cuts)
    for _ in range(PASSES):
        before = best
        for k in range(len(cuts)):
            lower = cuts[k - 1] if k > 0 else values[0]
            upper = cuts[k + 1] if k + 1 < len(cuts) else values[-1]
            inner = values[(values >= lower) & (values <= upper)]
            if len(inner) < 2:
                continue

            def score(cut: float, k: int = k) -> float:
                return metric.score(y, outputs, thresholds=np.concatenate([cuts[:k], [cut], cuts[k + 1 :]]))

            cut, gain = _best(np.clip(_between(inner, 50), lower, upper), score, metric)
            if gain > best + 1e-12:
                cuts[k], best = cut, gain
        if best <= before + 1e-6:
            break
    return cuts
