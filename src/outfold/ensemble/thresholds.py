"""Thresholds for metrics on labels: tuned on some rows, for use on others."""

from __future__ import annotations

from typing import Any

import numpy as np

from outfold.ensemble.cut_points import matched_class_cuts, matched_cuts, tune_class_cuts, tune_cuts
from outfold.ensemble.problem import Array
from outfold.ensemble.threshold_candidates import between, middle_of_best
from outfold.metrics import PER_CLASS, Metric, Task, expected_class, to_labels

MANY_LABELS = 100
"""With more labels than this, one threshold for all of them, unless the metric is a mean over the labels."""
TUNING_ROWS = 10_000
PASSES = 3
SHARED = np.linspace(0.05, 0.6, 12)
OWN = np.linspace(0.04, 0.96, 24)

_SAMPLES_BETA = {"f1_samples": 1.0, "f2_samples": 2.0}


def tune_tags(metric: Metric, y: Array, outputs: Array) -> Array:
    """(labels,) thresholds: the best one for all labels, then each label's own where that is better.

    A label that these rows never have keeps the shared threshold. Above 10,000 rows, every n-th stands for all.
    """
    stride = -(-len(y) // TUNING_ROWS)
    truth, scores = np.asarray(y[::stride], dtype=np.int8), np.asarray(outputs[::stride], dtype=np.float64)
    labels = truth.shape[1]
    found = np.full(labels, shared_threshold(metric, truth, scores))
    present = np.flatnonzero(truth.any(axis=0))
    if metric.name == "f1_macro":  # a mean over the labels: each by itself
        for k in present:
            limits = between(scores[:, k], 60)
            one = [metric.score(truth[:, [k]], scores[:, [k]], thresholds=limit) for limit in limits]
            found[k] = middle_of_best(limits, np.array(one))[0]
        return found
    if labels > MANY_LABELS:
        return found
    best = float(_gains(metric, truth, scores, found, 0, found[:1])[0])
    for _ in range(PASSES):
        before = best
        for k in present:
            limits = _own_candidates(truth[:, k], scores[:, k])
            limit, gain = middle_of_best(limits, _gains(metric, truth, scores, found, int(k), limits))
            if gain > best + 1e-9:
                found[k], best = limit, gain
        if best <= before + 1e-6:
            break
    return found


def shared_threshold(metric: Metric, y: Array, outputs: Array) -> float:
    """The best of twelve thresholds, 0.05 to 0.6, for all labels together."""
    beta = _SAMPLES_BETA.get(metric.name)
    sign = 1.0 if metric.greater_is_better else -1.0
    if beta is None:
        gains = [sign * metric.score(y, outputs, thresholds=limit) for limit in SHARED]
    else:
        truth, ones = np.asarray(y, dtype=np.float32), np.ones(y.shape[1], dtype=np.float32)
        true = truth @ ones
        gains = []
        for limit in SHARED:
            labels = (outputs > limit).astype(np.float32)
            gains.append(float(_f(np.einsum("ij,ij->i", truth, labels), true, labels @ ones, beta).mean()))
    return middle_of_best(SHARED, np.array(gains))[0]


def _gains(metric: Metric, truth: Array, scores: Array, found: Array, k: int, limits: Array) -> Array:
    """The metric, greater is better, if label k had each of the limits and the other labels kept theirs."""
    labels = (scores > found).astype(np.int8)
    beta = _SAMPLES_BETA.get(metric.name)
    if beta is not None:  # a row's F from its counts, which label k changes by one at most: all limits at once
        labels[:, k] = 0
        said = labels.sum(axis=1, dtype=np.float32)
        hits = (labels & truth).sum(axis=1, dtype=np.float32)
        yes = (scores[:, k] > limits[:, None]).astype(np.float32)
        counts = _f(hits + yes * truth[:, k], truth.sum(axis=1, dtype=np.float32), said + yes, beta)
        return counts.mean(axis=1, dtype=np.float64)
    sign = 1.0 if metric.greater_is_better else -1.0
    gains = np.empty(len(limits))
    for number, limit in enumerate(limits):
        labels[:, k] = scores[:, k] > limit
        gains[number] = sign * float(metric.function(truth, labels))
    return gains


def _own_candidates(truth: Array, scores: Array) -> Array:
    """Probabilities, and thresholds that say yes from a quarter to four times as often as it is true."""
    counts = truth.sum() * np.geomspace(0.25, 4.0, 9)
    by_count = np.quantile(scores, np.clip(1.0 - counts / len(truth), 0.0, 1.0))
    return np.unique(np.concatenate([OWN, by_count]))


def _f(hits: Array, true: Array, said: Array, beta: float) -> Array:
    total = beta * beta * true + said  # 0 only where nothing is true or said, which scores 0
    scores: Array = (1.0 + beta * beta) * hits / np.maximum(total, 1e-9)
    return scores


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
