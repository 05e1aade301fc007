"""Candidate thresholds, and the one to take among those that score the same."""

from __future__ import annotations

import numpy as np

from outfold.ensemble.problem import Array


def between(scores: Array, most: int) -> Array:
    """Ascending thresholds that lie between distinct scores, so that no score equals one; at most ``most``.

    Where there are more, a third are even in rank and a third each close in on the greatest and on the least score, in
    geometric steps: the best threshold for one positive in a thousand lies there.
    """
    distinct = np.unique(np.asarray(scores, dtype=np.float64))
    if len(distinct) == 1:
        return np.array([0.5])
    middles = (distinct[1:] + distinct[:-1]) / 2.0
    if len(middles) <= most:
        return middles
    tail = np.geomspace(1.0 / len(scores), 0.5, most // 3)
    levels = np.concatenate([np.linspace(0, 1, most - 2 * len(tail)), tail, 1.0 - tail])
    by_rank = np.quantile(scores, levels, method="nearest")
    return middles[np.unique(np.clip(np.searchsorted(distinct, by_rank), 0, len(middles) - 1))]


def middle_of_best(candidates: Array, gains: Array) -> tuple[float, float]:
    """The candidate, and its gain, in the middle of the longest run of candidates that share the best gain.

    The edge of such a run is one row away from a loss; its middle is not. NaN is worse than any gain.
    """
    gains = np.where(np.isnan(gains), -np.inf, gains)
    best = np.flatnonzero(gains == gains.max())
    longest = max(np.split(best, np.flatnonzero(np.diff(best) > 1) + 1), key=len)
    middle = int(longest[len(longest) // 2])
    return float(candidates[middle]), float(gains[middle])
