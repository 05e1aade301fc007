"""The blend and its honest score: what a combiner gains on rows that chose nothing about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from outfold.ensemble.by_target import ByTarget, FittedByTarget, each_target
from outfold.ensemble.combiners import get_combiner
from outfold.ensemble.decision import Decision, nested_thresholds
from outfold.ensemble.problem import Array, Combiner, Fitted, Problem, seeded_parts
from outfold.ensemble.validation import checked_members
from outfold.errors import MismatchError
from outfold.metrics import Metric, Task
from outfold.threads import one_thread

HOLDOUT_PARTS = 5


@dataclass(frozen=True, eq=False)
class BlendResult:
    """A fitted blend, and how much of its score is real."""

    names: tuple[str, ...]
    combiner: str
    task: Task
    oof: Array
    """(n, outputs) float32: the nested predictions. No row had a say in what predicts it. NaN where fold is -1."""
    decided: Array
    """The same as they are scored: labels where thresholds make them, of each fold by those of the others."""
    in_sample: float
    """Score on the very rows that the weights and thresholds were fitted on: what must not be believed."""
    honest: float
    """Score of ``oof``, the folds together, each decided by thresholds of the others."""
    honest_per_fold: dict[int, float]
    """Score of each fold of ``oof``; NaN where the metric is not defined on a fold."""
    optimism: float
    """What the in-sample score overstates: positive where it is too good, whichever way the metric goes."""
    best_name: str
    best_score: float
    """The best single pipeline, the mean of its members, scored like ``honest``: its thresholds are nested, too."""
    best: Array
    """(n, outputs): the predictions of the best pipeline; NaN where fold is -1."""
    gain: float
    """What the blend's honest score gains over the best pipeline: positive where the blend is better."""
    member_scores: tuple[float, ...]
    """Every member's, in the order of ``names``."""
    weights: Array | None
    """(members,) effective weights of sum 1, for a report; None where the combiner has none."""
    weights_by_target: dict[str, Array]
    """The same of each target's own combiner, in a multitask contest."""
    decide: Decision
    """What makes labels of the test rows, tuned on all rows; it leaves them alone where the metric needs none."""
    fitted: Fitted
    """The combiner, fitted on all rows."""
    metric: Metric
    """What the blend was scored by."""
    precise: bool = False
    """Whether numbers are kept as float64."""

    def predict(self, P: Array) -> Array:
        """Predict other rows from the same members in the same order: (members, n, outputs) to (n, outputs) float32.

        Raises:
            MismatchError: the members are not as many, or not what the task says they are.
        """
        if len(P) != len(self.names):
            raise MismatchError(f"the blend has {len(self.names)} members, but was given predictions of {len(P)}")
        with one_thread():
            members = _checked(np.asarray(P), self.names, self.combiner, self.metric, precise=self.precise)
            return self.fitted.predict(members)


class Single:
    """What any combiner comes to with one member: that member, to the bit."""

    weights = np.ones(1)

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """Nothing is fitted."""
        return self

    def predict(self, P: Array) -> Array:
        """(1, n, outputs) to (n, outputs) of the member's type."""
        return np.array(P[0])


def blend(
    P: Array,
    y: Array,
    fold: Array,
    *,
    names: Sequence[str],
    task: Task,
    metric: Metric,
    combiner: str = "mean3",
    seed: int = 0,
    groups: Array | None = None,
    precise: bool = False,
    pipelines: Sequence[str] | None = None,
) -> BlendResult:
    """Combine members, and say honestly what that gains.

    The honest score is nested: for each fold the whole combiner (weights, penalties, thresholds, stored ranks) is
    fitted on the other folds' out-of-fold predictions and predicts the fold. Where only one fold was scored (a
    holdout), seeded parts of its rows, groups kept whole, stand for folds. The weights for the test set are then fitted
    on all rows.

    Args:
        P: (members, n, outputs) out-of-fold predictions, all in the same order of rows.
        y: truth: (n,) codes, or 0/1, or values; (n, outputs) for several labels or values.
        fold: (n,) fold that each row was predicted in; -1 for rows that no model has predicted, which are left out.
        names: of the members.
        combiner: a key of :data:`outfold.ensemble.combiners.COMBINERS`. One member is itself, by any combiner.
        groups: (n,) rows of one group stay together wherever rows are split or drawn.
        precise: keep numbers as float64, for targets that float32 would blur; everything else is float32.
        pipelines: whose each member is; the blend is compared with the mean of the best pipeline's members, which is
            what would be sent in its place. Each member is its own by default.

    Raises:
        MismatchError: predictions that must not be combined; names the member and the row.
        ConfigError: a combiner that is unknown, or does not go with the metric.
    """
    P, y, fold = np.asarray(P), np.asarray(y), np.asarray(fold)
    _check_shapes(P, y, fold, names, task, groups)
    with one_thread():
        scored = fold >= 0
        everywhere = bool(scored.all())
        metric = replace(metric, task=task)
        rows = np.flatnonzero(scored)
        members = _checked(P if everywhere else P[:, scored], names, combiner, metric, rows=rows, precise=precise)
        problem = Problem(y, fold, task, metric, None if groups is None else np.asarray(groups), seed)
        problem = problem if everywhere else problem.take(scored)
        folds = problem.fold
        problem, named = _prepared(problem, combiner)
        maker = Single() if len(members) == 1 else named

        outputs, decided = _nested(maker, members, problem)
        honest = metric.score(problem.y, decided)
        fitted = maker.fit(members, problem)
        fit_outputs = fitted.predict(members)
        decision = Decision.tuned(metric, problem.y, fit_outputs, task=task)
        in_sample = metric.score(problem.y, decision(fit_outputs))
        singles = [nested_thresholds(metric, problem.y, member, problem.fold, task=task).score for member in members]
        best_name, best_score, best = _best_pipeline(members, singles, pipelines or names, problem)
    sign = 1.0 if metric.greater_is_better else -1.0
    oof = np.full(P.shape[1:], np.nan, dtype=outputs.dtype)
    oof[scored] = outputs
    best_oof = np.full_like(oof, np.nan)
    best_oof[scored] = best
    labels = oof.copy()
    labels[scored] = decided
    per_fold = {int(f): metric.score(problem.y[folds == f], decided[folds == f]) for f in np.unique(folds)}
    return BlendResult(
        names=tuple(names),
        combiner=combiner,
        task=task,
        oof=oof,
        decided=labels,
        in_sample=in_sample,
        honest=honest,
        honest_per_fold=per_fold,
        optimism=sign * (in_sample - honest),
        best_name=best_name,
        best_score=best_score,
        best=best_oof,
        gain=sign * (honest - best_score),
        member_scores=tuple(singles),
        weights=fitted.weights,
        weights_by_target=fitted.weights_by_target if isinstance(fitted, FittedByTarget) else {},
        decide=decision,
        fitted=fitted,
        metric=metric,
        precise=precise,
    )


def _best_pipeline(
    members: Array, scores: Sequence[float], pipelines: Sequence[str], problem: Problem
) -> tuple[str, float, Array]:
    """The name, the score and the predictions (n, outputs) of the best pipeline, each the mean of its members."""
    best: tuple[str, float, Array] | None = None
    for name in dict.fromkeys(pipelines):
        own = [number for number, pipeline in enumerate(pipelines) if pipeline == name]
        outputs, score = members[own[0]], scores[own[0]]
        if len(own) > 1:
            outputs = members[own].mean(axis=0, dtype=np.float64).astype(members.dtype)
            score = nested_thresholds(problem.metric, problem.y, outputs, problem.fold, task=problem.task).score
        if best is None or problem.metric.better(score, best[1]):
            best = name, score, outputs
    assert best is not None
    return best


def check_blend(
    y: Array, fold: Array, *, task: Task, metric: Metric, combiner: str, groups: Array | None = None
) -> None:
    """Raise what :func:`blend` would raise for any members.

    Args:
        y, fold, task, metric, combiner, groups: as for :func:`blend`.

    Raises:
        MismatchError: too few rows are scored, or all are of one fold and one group.
        ConfigError: a combiner that is unknown, or does not go with the metric or the task.
    """
    y, fold = np.asarray(y), np.asarray(fold)
    _check_shapes(np.empty((1, len(y), 0), dtype=np.float32), y, fold, ["any"], task, groups)
    scored = fold >= 0
    problem = Problem(y, fold, task, replace(metric, task=task), None if groups is None else np.asarray(groups))
    problem, maker = _prepared(problem.take(scored), combiner)
    if isinstance(maker, ByTarget):
        maker.makers(problem)


def _prepared(problem: Problem, combiner: str) -> tuple[Problem, Combiner]:
    """The problem with parts for folds where only one fold is scored, and the combiner that suits it."""
    if len(np.unique(problem.fold)) == 1:
        problem = replace(problem, fold=_parts_of_holdout(problem))
    if problem.metric.subtasks:
        return problem, ByTarget(partial(get_combiner, combiner))
    return problem, get_combiner(combiner, problem)


def _nested(maker: Combiner, members: Array, problem: Problem) -> tuple[Array, Array]:
    """Each fold as the other folds predict it, and as they decide it: two of (n, outputs) of the members' type."""
    outputs = np.full(members.shape[1:], np.nan, dtype=members.dtype)
    decided = outputs.copy()
    for name in np.unique(problem.fold):
        inside = problem.fold == name
        outside, others = problem.take(~inside), members[:, ~inside]
        fitted = maker.fit(others, outside)
        outputs[inside] = fitted.predict(members[:, inside])
        decision = Decision.tuned(problem.metric, outside.y, fitted.predict(others), task=problem.task)
        decided[inside] = decision(outputs[inside])
    return outputs, decided


def _parts_of_holdout(problem: Problem) -> Array:
    parts = seeded_parts(problem, min(HOLDOUT_PARTS, len(problem)))
    if len(np.unique(parts)) == 1:
        raise MismatchError(
            "blend: all scored rows are of one fold and one group, so no row is left to choose the weights on",
            remedy="Split the training rows into more folds, or leave the group column out.",
        )
    return parts


def _checked(
    P: Array,
    names: Sequence[str],
    combiner: str,
    metric: Metric,
    *,
    rows: Array | None = None,
    precise: bool = False,
) -> Array:
    """The members as the task, or each of its targets, wants them; for ranks, any numbers."""
    if metric.subtasks:
        check = partial(_checked, names=names, combiner=combiner, rows=rows, precise=precise)
        return each_target(P, metric.subtasks, lambda p, one: check(p, metric=one.metric))
    assert metric.task is not None
    domain: Task = "regression" if combiner == "rank_mean" else metric.task
    return checked_members(P, names, domain, rows=rows, precise=precise and metric.task == "regression")


def _check_shapes(P: Array, y: Array, fold: Array, names: Sequence[str], task: Task, groups: Array | None) -> None:
    if P.ndim != 3 or P.shape[0] == 0 or P.shape[0] != len(names):
        raise MismatchError(
            f"blend: predictions of shape {P.shape} for {len(names)} named members, expected (members, rows, outputs)"
        )
    lengths = {"truth": len(y), "folds": len(fold), "groups": P.shape[1] if groups is None else len(groups)}
    for what, length in lengths.items():
        if length != P.shape[1]:
            raise MismatchError(f"blend: {length} {what} beside predictions of {P.shape[1]} rows")
    scored = int((fold >= 0).sum())
    if scored < 2:
        raise MismatchError(
            f"blend: {scored} of {len(fold)} rows have an out-of-fold prediction, expected at least 2",
            remedy="Train the members on at least one fold first.",
        )
