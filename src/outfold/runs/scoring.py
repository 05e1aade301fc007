"""The score of out-of-fold predictions: per fold, per member, and of all rows together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from outfold.cell_values import float_table
from outfold.contest import Contest
from outfold.ensemble.decision import Decision, nested_thresholds
from outfold.ensemble.thresholds import needs_thresholds
from outfold.runs.context import Context
from outfold.runs.fingerprints import scoring_fingerprint
from outfold.store.manifest import Manifest, write_manifest
from outfold.store.prediction_files import read_oof
from outfold.store.predictions import fold_by_id, mean_by_id, members_of


@dataclass(frozen=True)
class Scores:
    """A pipeline's scores, the mean of its members being its prediction."""

    score: float
    folds: list[float | None]
    """None for a fold without predictions, or on which the metric is not defined."""
    members: dict[str, float]
    thresholds: list[float] | dict[str, Any] | None
    """For the test set: tuned on all rows (by target, where there are several). The scores above are decided by
    thresholds of other folds."""
    targets: dict[str, TargetScore]
    """Of a multitask contest: what each target scores by its own metric."""

    @property
    def extra(self) -> dict[str, Any]:
        """What the manifest says beside the scores."""
        found = {} if self.thresholds is None else {"thresholds": self.thresholds}
        return found | ({"targets": {name: asdict(one) for name, one in self.targets.items()}} if self.targets else {})


@dataclass(frozen=True)
class TargetScore:
    """The score of one target of several."""

    metric: str
    score: float
    weight: float


def target_scores(contest: Contest, y: np.ndarray, decided: np.ndarray) -> dict[str, TargetScore]:
    """What each target of a multitask contest scores; nothing for any other.

    Args:
        decided: (n, outputs) as they are scored.
    """
    return {one.name: TargetScore(one.metric.name, one.score(y, decided), one.weight) for one in contest.subtasks}


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
        thresholds=Decision.tuned(metric, y, values, task=contest.task).facts(),
        targets=target_scores(contest, y, decided),
    )


def _repeated(contest: Contest, frame: pd.DataFrame, ids: pd.Index, values: np.ndarray, fold: int) -> float | None:
    """The score of one fold of a repeated split, where each row is scored once a repeat; ``values`` are its means."""
    part = frame[frame["fold"] == fold]
    if part.empty:
        return None
    mean = mean_by_id(part)
    inside, outside = float_table(mean[contest.outputs]), ~ids.isin(mean.index)
    decision = Decision.tuned(contest.metric, contest.truth(ids[outside]), values[outside], task=contest.task)
    return contest.metric.score(contest.truth(mean.index), decision(inside))


def _decided(contest: Contest, frame: pd.DataFrame) -> tuple[pd.Index, np.ndarray, np.ndarray, np.ndarray]:
    """Ids, outputs, outputs as they are scored (labels where thresholds decide), and folds."""
    mean = mean_by_id(frame)
    fold = fold_by_id(frame).reindex(mean.index).to_numpy(np.int64)
    values = float_table(mean[contest.outputs])
    if needs_thresholds(contest.metric, contest.task) and len(np.unique(fold)) > 1:
        nested = nested_thresholds(contest.metric, contest.truth(mean.index), values, fold, task=contest.task)
        return mean.index, values, nested.labels, fold
    return mean.index, values, values, fold


def pooled_score(contest: Contest, frame: pd.DataFrame) -> float:
    """The score of all rows of a frame of OOF predictions together; thresholds come from other folds, if there are."""
    ids, _, decided, _ = _decided(contest, frame)
    return contest.metric.score(contest.truth(ids), decided)


def _member(contest: Contest, frame: pd.DataFrame, member: str) -> float:
    return pooled_score(contest, frame[frame["member"] == member])


def score_fields(context: Context, inference: str, scores: Scores) -> dict[str, Any]:
    """The fields of a manifest that scores fill."""
    return {
        "scoring": scoring_fingerprint(context, inference),
        "score": scores.score,
        "fold_scores": scores.folds,
        "member_scores": scores.members,
        "extra": scores.extra,
    }


def rescored(context: Context, name: str, manifest: Manifest) -> Manifest:
    """The manifest with new scores where the metric changed."""
    if manifest.scoring == scoring_fingerprint(context, manifest.inference):
        return manifest
    frame = read_oof(context.layout, manifest, context.folds)
    scores = score_oof(context.contest, frame, context.folds.numbers())
    update = {"metric": context.contest.metric.name, **score_fields(context, manifest.inference, scores)}
    manifest = manifest.model_copy(update=update)
    return write_manifest(context.layout.manifest(name), manifest)
