"""The form of a contest's submission and of its scoring."""

from __future__ import annotations

from typing import Any

import pandas as pd

from outfold.contest import Contest
from outfold.contest_summary import (
    submission_form,
    submission_labels,
    untagged_share,
)
from outfold.ensemble.thresholds import rating_span
from outfold.hosts.host import Scoring
from outfold.submission import build


def submission_of(contest: Contest, outputs: pd.DataFrame, thresholds: Any) -> pd.DataFrame:
    """The submission that test predictions make, after the user's ``postprocess`` hook.

    Args:
        outputs: by id, (test rows, outputs).
        thresholds: of a metric on labels, as a manifest holds them; None for others.

    Raises:
        SubmissionError: the sample's columns fit no form, an id has no output, or an output is not finite.
        ConfigError: the hook fails.
    """
    frame = build(
        contest.sample,
        outputs,
        thresholds=thresholds,
        span=_span(contest),
        clip=contest.config.submission.clip or None,
        tag_list=contest.tag_list,
        **form_arguments(contest),
    )
    return contest.hooks.postprocess(frame)


def _span(contest: Contest) -> Any:
    """The ratings of the truth; of a multitask contest, by target."""
    if contest.task != "multitask":
        return rating_span(contest.y, contest.task)
    return {one.targets[0]: rating_span(one.y, one.task) for one in contest.questions}


def form_arguments(contest: Contest) -> dict[str, Any]:
    """Arguments of :func:`outfold.submission.build` and ``check`` that the contest tells."""
    return {
        "id_column": contest.id_column,
        "task": contest.task,
        "targets": contest.targets,
        "classes": contest.classes,
        "metric": contest.metric,
        "tag_separator": contest.config.tag_separator,
        "written": submission_labels(contest),
        "positive_is_said": contest.config.positive is not None,
        "file_format": contest.sample_format,
        "untagged": untagged_share(contest),
    }


def scoring_of(contest: Contest) -> Scoring:
    """How a local leaderboard scores a file of this contest."""
    return Scoring(
        id_column=contest.id_column,
        targets=contest.targets,
        classes=[str(c) for c in contest.classes or ()],
        task=contest.task,
        metric=contest.metric,
        tag_separator=contest.config.tag_separator,
        **_sample_column(contest),
        plain=contest.sample_format.plain,
    )


def _sample_column(contest: Contest) -> dict[str, Any]:
    """The sample's single column, and the classes that its other ways of writing them stand for."""
    names = [str(name) for name in contest.sample.columns if name != contest.id_column]
    if len(names) != 1:
        return {}
    form = submission_form(contest) if contest.task == "binary" else None
    binary = None if form is None else form.binary
    if binary is None:
        return {"column": names[0]}
    return {"column": names[0], "positive": binary.positive, "codes": binary.codes(contest.classes or ())}
