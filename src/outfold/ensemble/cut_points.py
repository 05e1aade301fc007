"""Cut points: between the whole ratings of a regression's values, or the classes of an ordinal target."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from outfold.ensemble.problem import Array
from outfold.ensemble.threshold_candidates import between, middle_of_best
from outfold.metrics import Metric, expected_class

MOST_RATINGS = 50
TUNING_ROWS = 20_000
CANDIDATES = 30
PASSES = 3


def matched_cuts(y: Array, values: Array) -> Array | None:
    """Cut points that give each rating as many rows as it has in the truth; None where the truth is not ratings.

    Ratings are whole numbers, of at least two kinds and at most 50 from the least to the greatest.
    """
    truth = np.asarray(y, dtype=np.float64).ravel()
    low, high = truth.min(), truth.max()
    if low == high or high - low > MOST_RATINGS or (truth != np.rint(truth)).any():
        return None
    shares = [float((truth <= rating).mean()) for rating in np.arange(low, high)]
    return np.quantile(np.asarray(values, dtype=np.float64), shares)


def tune_cuts(metric: Metric, y: Array, outputs: Array) -> Array | None:
    """(ratings - 1,) ascending cut points with the best score, None where the truth is not ratings.

    Coordinate ascent from the better of two starts: half-way between the ratings, and each rating's share of the truth.
    """
    stride = -(-len(y) // TUNING_ROWS)
    if stride > 1 and (y[::stride].min() != y.min() or y[::stride].max() != y.max()):
        stride = 1  # a rare first or last rating must not be lost
    y, outputs = y[::stride], outputs[::stride]
    matched = matched_cuts(y, outputs[:, 0])
    if matched is None:
        return None
    sign = 1.0 if metric.greater_is_better else -1.0

    def gain_of(cuts: Array) -> float:
        return sign * metric.score(y, outputs, thresholds=cuts)

    halves = float(np.rint(y.min())) + 0.5 + np.arange(len(matched))
    return _ascend(np.asarray(outputs[:, 0], dtype=np.float64), (halves, matched), gain_of)


def matched_class_cuts(y: Array, expected: Array, classes: int) -> Array:
    """(classes - 1,) cut points of the expected class that give each class as many rows as it has in the truth.

    Args:
        y: (n,) codes.
        expected: (n,) of :func:`outfold.metrics.expected_class`.
    """
    shares = np.cumsum(np.bincount(y, minlength=classes))[:-1] / len(y)
    # a class at an end that these rows never have is never said
    inside = np.quantile(expected, shares)
    return np.where(shares == 0, -0.5, np.where(shares == 1, classes - 0.5, inside))


def tune_class_cuts(metric: Metric, y: Array, outputs: Array) -> Array:
    """(classes - 1,) ascending cut points of the expected class with the best score.

    As :func:`tune_cuts`; there is one for each class, of these rows or not.

    Args:
        y: (n,) codes.
        outputs: (n, classes) probabilities.
    """
    stride = -(-len(y) // TUNING_ROWS)
    y, expected, classes = np.asarray(y[::stride]), expected_class(outputs[::stride]), outputs.shape[1]
    sign = 1.0 if metric.greater_is_better else -1.0

    def gain_of(cuts: Array) -> float:
        return sign * float(metric.function(y, np.searchsorted(cuts, expected, side="left")))

    halves = 0.5 + np.arange(classes - 1)
    return _ascend(expected, (halves, matched_class_cuts(y, expected, classes)), gain_of)


def _ascend(values: Array, starts: tuple[Array, Array], gain_of: Callable[[Array], float]) -> Array:
    """Coordinate ascent from the better of two starts."""
    cuts = max(starts, key=gain_of).copy()
    best = gain_of(cuts)
    for _ in range(PASSES):
        before = best
        for k in range(len(cuts)):
            lower = cuts[k - 1] if k > 0 else -np.inf
            upper = cuts[k + 1] if k + 1 < len(cuts) else np.inf
            inner = values[(values >= lower) & (values <= upper)]
            if len(inner) < 2:
                continue
            trials = between(inner, CANDIDATES)
            trials = trials[(trials >= lower) & (trials <= upper)]
            if len(trials) == 0:
                continue
            gains = [gain_of(np.concatenate([cuts[:k], [trial], cuts[k + 1 :]])) for trial in trials]
            cut, gain = middle_of_best(trials, np.array(gains))
            if gain > best + 1e-12:
                cuts[k], best = cut, gain
        if best <= before + 1e-6:
            break
    return cuts
