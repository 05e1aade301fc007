"""Rehearsal of the later stages without training, for ``check`` to find what they would refuse."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from outfold.config.pipeline import BlendConfig, ModelPipeline
from outfold.contest import Contest
from outfold.ensemble.blend import check_blend
from outfold.ensemble.decision import Decision
from outfold.folds import Folds
from outfold.hosts.registry import get_host
from outfold.learners.registry import make_learner
from outfold.learners.wrappers.per_fold import check_folds
from outfold.metrics import PER_CLASS
from outfold.progress import Reporter
from outfold.runs.compute import ANY
from outfold.runs.context import Context
from outfold.runs.output_form import form_arguments, scoring_of, submission_of
from outfold.runs.scoring import score_oof
from outfold.store.predictions import prediction_frame
from outfold.submission import check, csv_bytes

_MOST_SCORED = 50_000
"""Rows that the metric is tried on: a metric that fails does so on these, and more would take minutes."""
_SURE = 0.9
"""Probability of the right class in placeholder predictions."""


def rehearse_pipeline(context: Context, name: str, folds: Folds) -> ModelPipeline:
    """Check a pipeline's file, its model, and the training part of every fold.

    Returns:
        its configuration.

    Raises:
        OutfoldError: what would stop ``train``.
    """
    config = context.model_config(name)
    path = context.layout.pipeline_config(name)
    check_folds(config, folds, path)
    ANY.devices_for(config, str(path))
    learner = make_learner(context.contest, config, name, context.reporter)
    learner.check()
    for fold in folds.numbers():
        learner.check_fold(fold, folds.train(fold))
    return config


def rehearse_scores(context: Context, folds: Folds) -> None:
    """Score placeholder predictions with the contest's metric, as ``train`` scores each pipeline.

    Raises:
        ConfigError: the user's metric fails, or returns no number.
    """
    contest = context.contest
    score_oof(contest, _placeholder_oof(contest, folds), folds.numbers())


def rehearse_blend(context: Context, config: BlendConfig, folds: Folds) -> None:
    """Check the combiner against the task, the metric and the folds.

    Raises:
        ConfigError: the combiner does not go with the metric or the task.
        MismatchError: the folds leave no rows to choose weights on.
    """
    contest = context.contest
    scored = folds.frame.loc[folds.frame["fold"] >= 0].drop_duplicates("id")
    ids = pd.Index(scored["id"])
    groups = contest.groups(ids)
    check_blend(
        contest.truth(ids),
        scored["fold"].to_numpy(),
        task=contest.task,
        metric=contest.metric,
        combiner=config.combiner,
        groups=None if groups is None else groups.to_numpy(),
    )


def rehearse_submission(context: Context, folds: Folds) -> list[str]:
    """Build and check a submission of placeholder predictions; score it where the contest has a local solution.

    Returns:
        warnings of the check.

    Raises:
        SubmissionError: the sample's columns fit no form, or the host would refuse the file.
        ConfigError: the ``postprocess`` hook fails.
        DataError: the solution file cannot be read, or lacks rows.
    """
    contest = context.contest
    decision = _decision(contest, folds)
    truth = contest.y[_varied_rows(contest, len(contest.test))]
    outputs = pd.DataFrame(_placeholders(contest, truth), index=contest.test.index, columns=contest.outputs)
    frame = submission_of(contest, outputs, decision.facts())
    warnings = check(frame, contest.sample, **form_arguments(contest))
    if contest.config.host == "folder" and contest.config.solution is not None:
        with tempfile.TemporaryDirectory(prefix="outfold-") as folder:
            file = Path(folder) / "rehearsal.csv"
            file.write_bytes(csv_bytes(frame))
            host = get_host(contest.config, context.layout.root, context.layout.inputs, scoring_of(contest))
            host.submit(file, "", Reporter(), wait_s=0)
    return warnings


def _decision(contest: Contest, folds: Folds) -> Decision:
    """Thresholds tuned on placeholders of each row's own truth: those of another row's would mark every row alike."""
    ids = pd.concat([pd.Series(folds.valid(fold)) for fold in folds.numbers()]).drop_duplicates()[:_MOST_SCORED]
    truth = contest.truth(pd.Index(ids))
    return Decision.tuned(contest.metric, truth, _placeholders(contest, truth), task=contest.task)


def _placeholder_oof(contest: Contest, folds: Folds) -> pd.DataFrame:
    """Out-of-fold predictions that no model made: each row gets a sure prediction of another row's truth."""
    rng = np.random.default_rng(0)
    most = max(_MOST_SCORED // len(folds.numbers()), 1)
    frames = []
    for fold in folds.numbers():
        ids = folds.valid(fold)[:most]
        truth = contest.truth(ids)[rng.permutation(len(ids))]
        frames.append(_placeholder_frame(contest, ids, fold, truth))
    return pd.concat(frames, ignore_index=True)


def _placeholder_frame(contest: Contest, ids: pd.Index, fold: int, truth: np.ndarray) -> pd.DataFrame:
    values = _placeholders(contest, truth)
    return prediction_frame(ids, fold, "rehearsal", contest.outputs, values, contest.precise_outputs)


def _placeholders(contest: Contest, truth: np.ndarray) -> np.ndarray:
    """(n, outputs) predictions of this truth: a sure probability of the right class, or the value itself."""
    if contest.subtasks:
        parts = zip(contest.questions, contest.subtasks, strict=True)
        return np.hstack([_placeholders(question, subtask.truth_of(truth)) for question, subtask in parts])
    if contest.task == "regression":
        return np.asarray(truth, dtype=np.float64).reshape(len(truth), -1)
    if contest.task in PER_CLASS:
        classes = len(contest.outputs)
        return np.eye(classes)[truth] * (_SURE - (1 - _SURE) / (classes - 1)) + (1 - _SURE) / (classes - 1)
    return np.where(np.asarray(truth).reshape(len(truth), -1) == 1, _SURE, 1 - _SURE)


def _varied_rows(contest: Contest, rows: int) -> np.ndarray:
    """Positions of training rows that differ in their truth, as many as ``rows``: no submission is constant."""
    _, first = np.unique(contest.y.reshape(len(contest.y), -1)[:_MOST_SCORED], axis=0, return_index=True)
    return np.resize(np.sort(first), rows)
