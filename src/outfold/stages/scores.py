"""The score of out-of-fold predictions: per fold, per member, and of all rows together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outfold.contest import Contest
from outfold.ensemble.thresholds import (
    decide,
    needs_thresholds,
    nested_thresholds,
    rating_span,
    tune_thresholds,
)
from outfold.store.predictions import fold_by_id, mean_by_id, members_of


@dataclass(frozen=True)
class Scores:
    """A pipeline's scores, the mean of its members being its prediction."""

    score: float
    folds: list[float | None]
    """None for a fold without predictions, or on which the metric is not defined."""
    members: dict[str, float]
    thresholds: list[float] | None
    """For the test set: tuned on all rows. The scores above are decided by thresholds of other folds."""


def score_oof(contest: Contest, frame: pd.DataFrame, folds: Sequence[int]) -> Scores:
    """Score a frame of OOF predictions.

    Thresholds of metrics on labels are chosen on other folds than they are scored on.

    Args:
        folds: the folds to score, in order.
    """
    members = members_of(frame)
    ids, values, decided, fold = _decided(contest, frame)
    y, metric = contest.truth(ids), contest.metric
    total = metric.score(y, decided)
    if set(fold) == set(frame["fold"]):
        by_fold = [metric.score(y[fold == k], decided[fold == k]) if (fold == k).any() else None for k in folds]
    else:
        by_fold = [_repeated(contest, frame, ids, values, k) for k in folds]
    return Scores(
        score=total,
        folds=[None if score is None or np.isnan(score) else score for score in by_fold],
        members={m: _member(contest, frame, m) for m in members} if len(members) > 1 else {members[0]: total},
        thresholds=_thresholds(contest, y, values),
    )


def _repeated(contest: Contest, frame: pd.DataFrame, ids: pd.Index, values: np.ndarray, fold: int) -> float | None:
    """The score of one fold of a repeated split, where each row is scored once a repeat; ``values`` are its means."""
    part = frame[frame["fold"] == fold]
    if part.empty:
        return None
    metric, task = contest.metric, contest.task
    mean = mean_by_id(part)
    inside, outside = mean[contest.outputs].to_numpy(np.float32), ~ids.isin(mean.index)
    others = contest.truth(ids[outside])
    limits = tune_thresholds(metric, others, values[outside], task=task)
    decided = decide(inside, limits, task=task, span=rating_span(others, task))
    return metric.score(contest.truth(mean.index), decided)


def _decided(contest: Contest, frame: pd.DataFrame) -> tuple[pd.Index, np.ndarray, np.ndarray, np.ndarray]:
    """Ids, outputs, outputs as they are scored (labels where thresholds decide), and folds."""
    mean = mean_by_id(frame)
    fold = fold_by_id(frame).reindex(mean.index).to_numpy(np.int64)
    values = mean[contest.outputs].to_numpy(np.float32)
    if needs_thresholds(contest.metric, contest.task) and len(np.unique(fold)) > 1:
        nested = nested_thresholds(contest.metric, contest.truth(mean.index), values, fold, task=contest.task)
        return mean.index, values, nested.labels, fold
    return mean.index, values, values, fold


def _member(contest: Contest, frame: pd.DataFrame, member: str) -> float:
    ids, _, decided, _ = _decided(contest, frame[frame["member"] == member])
    return contest.metric.score(contest.truth(ids), decided)


def _thresholds(contest: Contest, y: np.ndarray, values: np.ndarray) -> list[float] | None:
    found = tune_thresholds(contest.metric, y, values, task=contest.task)
    return None if found is None else [float(limit) for limit in found]
