"""Thresholds for tags: one a label, by coordinate ascent on the metric itself."""

from __future__ import annotations

import numpy as np

from outfold.ensemble.candidates import between, middle_of_best
from outfold.ensemble.problem import Array
from outfold.metrics import Metric

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
