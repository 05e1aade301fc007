"""Thresholds for metrics on labels: tuned on some rows, for use on others."""

from __future__ import annotations

from typing import Any

import numpy as np

from outfold.ensemble.candidates import between, middle_of_best
from outfold.ensemble.problem import Array
from outfold.ensemble.ratings import matched_class_cuts, matched_cuts, tune_class_cuts, tune_cuts
from outfold.ensemble.tags import shared_threshold, tune_tags
from outfold.metrics import PER_CLASS, Metric, Task, expected_class, to_labels

LIKELIEST = frozenset({"accuracy", "balanced_accuracy", "f1_macro", "f1_micro", "mcc"})
"""Metrics that do not see how far a wrong class is from the right one: of an ordinal target they take the likeliest."""

HALF = 0.5


def needs_thresholds(metric: Metric, task: Task) -> bool:
    """Whether the metric's labels come from thresholds; a multiclass label is the largest output and has none.

    Of several targets: whether one of them does.
    """
    if metric.subtasks:
        return any(needs_thresholds(one.metric, one.task) for one in metric.subtasks)
    if task == "ordinal" and metric.name in LIKELIEST:
        return False
    return metric.wants == "labels" and task != "multiclass"


def tune_thresholds(metric: Metric, y: Array, outputs: Array, *, task: Task) -> Array | None:
    """The thresholds with the best score on these rows, in the form that ``Metric.score`` takes.

    Binary: the middle of the longest run of the best; of accuracy, .5 where that is not worse by more than two standard
    errors (of probabilities that mean what they say, .5 is the best, and on few rows another is luck). Multilabel: one
    a label, from the best shared one by coordinate ascent. Regression on ratings: the cut points between them, by
    coordinate ascent; ordinal: those of the expected class, likewise.

    Args:
        metric: of the contest, bound to the task.
        y: truth, as :class:`outfold.metrics.Metric` takes it.
        outputs: (n, outputs) probabilities, or values.
        task: of the contest.

    Returns:
        (1,) for binary, (labels,) for multilabel, (ratings - 1,) for regression, (classes - 1,) for ordinal; None
        where thresholds have no meaning: the metric is not on labels or takes the likeliest class, the task is
        multiclass, or the truth of a regression is not ratings.
    """
    if not needs_thresholds(metric, task):
        return None
    if task == "regression":
        return tune_cuts(metric, y, outputs)
    if task == "ordinal":
        return tune_class_cuts(metric, y, outputs)
    if task == "multilabel":
        return tune_tags(metric, y, outputs)
    return _tune_binary(metric, y, outputs, 200)


def quick_thresholds(metric: Metric, y: Array, outputs: Array, *, task: Task) -> Array | None:
    """Thresholds good enough to compare mixtures with: few candidates, and one for all labels."""
    if task == "regression":
        return matched_cuts(y, outputs[:, 0])
    if task == "ordinal":
        return matched_class_cuts(y, expected_class(outputs), outputs.shape[1])
    if task == "multilabel":
        return np.array([shared_threshold(metric, y, outputs)])
    return _tune_binary(metric, y, outputs, 24)


def rating_span(y: Array, task: Task) -> tuple[float, float] | None:
    """The least and greatest rating of a regression's truth; None for other tasks."""
    return (float(np.rint(y.min())), float(np.rint(y.max()))) if task == "regression" else None


def kept_type(outputs: Array) -> Any:
    """float64 for outputs that are kept so, float32 for all others."""
    return np.float64 if np.asarray(outputs).dtype == np.float64 else np.float32


def decide(outputs: Array, thresholds: Array | None, *, task: Task, span: tuple[float, float] | None = None) -> Array:
    """Outputs (n, outputs) float32 that say the labels themselves: 0 or 1, the rating, or 1 for the class.

    So rows that different thresholds decided can be scored together. Without thresholds the outputs come back as they
    are.

    Args:
        outputs: (n, outputs) probabilities, or values.
        thresholds: as :func:`tune_thresholds` gives them.
        task: of the contest.
        span: the ratings that the cut points were tuned for: :func:`rating_span` of the truth they were tuned on.
    """
    if thresholds is None:
        return np.asarray(outputs, dtype=kept_type(outputs))
    labels = to_labels(outputs, task=task, thresholds=thresholds, span=span)
    if task in PER_CLASS:
        return np.eye(outputs.shape[1], dtype=np.float32)[labels]
    return labels.astype(np.float32)


def _tune_binary(metric: Metric, y: Array, outputs: Array, most: int) -> Array:
    sign = 1.0 if metric.greater_is_better else -1.0
    limits = between(outputs[:, 0], most)
    gains = [sign * metric.score(y, outputs, thresholds=limit) for limit in limits]
    found = middle_of_best(limits, np.array(gains))[0]
    if metric.name == "accuracy" and not _worth_it(y, outputs[:, 0], found):
        found = HALF
    return np.array([found])


def _worth_it(y: Array, chance: Array, threshold: float) -> bool:
    """Whether a threshold decides more rows rightly than .5 does, by more than two standard errors of the gain."""
    right, usual = ((chance >= limit) == (y == 1) for limit in (threshold, HALF))
    gain = right.astype(np.float64) - usual
    return bool(gain.mean() > 2 * gain.std() / np.sqrt(len(gain)))
