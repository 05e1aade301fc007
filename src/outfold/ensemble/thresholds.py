"""Thresholds for metrics on labels: tuned on some rows, for use on others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outfold.ensemble.candidates import between, middle_of_best
from outfold.ensemble.problem import Array
from outfold.ensemble.ratings import matched_cuts, tune_cuts
from outfold.ensemble.tags import shared_threshold, tune_tags
from outfold.metrics import Metric, Task, to_labels


def needs_thresholds(metric: Metric, task: Task) -> bool:
    """Whether the metric's labels come from thresholds; a multiclass label is the largest output and has none."""
    return metric.wants == "labels" and task != "multiclass"


def tune_thresholds(metric: Metric, y: Array, outputs: Array, *, task: Task) -> Array | None:
    """The thresholds with the best score on these rows, in the form that ``Metric.score`` takes.

    Binary: the middle of the longest run of the best. Multilabel: one a label, from the best shared one by coordinate
    ascent. Regression on ratings: the cut points between them, by coordinate ascent.

    Args:
        metric: of the contest, bound to the task.
        y: truth, as :class:`outfold.metrics.Metric` takes it.
        outputs: (n, outputs) probabilities, or values.
        task: of the contest.

    Returns:
        (1,) for binary, (labels,) for multilabel, (ratings - 1,) for regression; None where thresholds have no
        meaning: the metric is not on labels, the task is multiclass, or the truth of a regression is not ratings.
    """
    if not needs_thresholds(metric, task):
        return None
    if task == "regression":
        return tune_cuts(metric, y, outputs)
    if task == "multilabel":
        return tune_tags(metric, y, outputs)
    return _tune_binary(metric, y, outputs, 200)


def quick_thresholds(metric: Metric, y: Array, outputs: Array, *, task: Task) -> Array | None:
    """Thresholds good enough to compare mixtures with: few candidates, and one for all labels."""
    if task == "regression":
        return matched_cuts(y, outputs[:, 0])
    if task == "multilabel":
        return np.array([shared_threshold(metric, y, outputs)])
    return _tune_binary(metric, y, outputs, 24)


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

    A metric that takes no thresholds is scored as it is.

    Args:
        metric: of the contest, bound to the task.
        y: truth, as :class:`outfold.metrics.Metric` takes it.
        outputs: (n, outputs) probabilities, or values.
        fold: (n,) fold of each row, of at least two folds.
        task: of the contest.
    """
    labels = np.array(outputs, dtype=np.float32)
    by_fold: dict[int, Array | None] = {}
    for name in np.unique(fold):
        inside = fold == name
        found = tune_thresholds(metric, y[~inside], outputs[~inside], task=task)
        by_fold[int(name)] = found
        labels[inside] = decide(outputs[inside], found, task=task, span=rating_span(y[~inside], task))
    return NestedThresholds(metric.score(y, labels), labels, by_fold)


def rating_span(y: Array, task: Task) -> tuple[float, float] | None:
    """The least and greatest rating of a regression's truth; None for other tasks."""
    return (float(np.rint(y.min())), float(np.rint(y.max()))) if task == "regression" else None


def decide(outputs: Array, thresholds: Array | None, *, task: Task, span: tuple[float, float] | None = None) -> Array:
    """Outputs (n, outputs) float32 that say the labels themselves: 0 or 1, or the rating.

    So rows that different thresholds decided can be scored together. Without thresholds the outputs come back as they
    are.

    Args:
        outputs: (n, outputs) probabilities, or values.
        thresholds: as :func:`tune_thresholds` gives them.
        task: of the contest.
        span: the ratings that the cut points were tuned for: :func:`rating_span` of the truth they were tuned on.
    """
    if thresholds is None:
        return np.asarray(outputs, dtype=np.float32)
    return to_labels(outputs, task=task, thresholds=thresholds, span=span).astype(np.float32)


def _tune_binary(metric: Metric, y: Array, outputs: Array, most: int) -> Array:
    sign = 1.0 if metric.greater_is_better else -1.0
    limits = between(outputs[:, 0], most)
    gains = [sign * metric.score(y, outputs, thresholds=limit) for limit in limits]
    return np.array([middle_of_best(limits, np.array(gains))[0]])
